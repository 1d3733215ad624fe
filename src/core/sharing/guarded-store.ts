import { StoreError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import {
  type Answer,
  isPromise,
  type LocalStore,
  type Receipt,
  type Standing,
  type StoreNews,
  type StoreOperations,
  type TakeAnswer,
  type TakeRequest,
} from '../base/store.ts';
import { noteGranted, postpone, takeOnSlot } from '../bucket/moves.ts';
import type { Ceiling } from '../bucket/pool.ts';
import { joined } from '../bucket/receipts.ts';
import type { Cost } from '../limits/cost.ts';
import type { Limit } from '../limits/limit.ts';
import type { Plan } from '../limits/plan.ts';
import type { OnStoreError } from '../line/sharing.ts';
import { type Clock, wholeTicks } from '../time/clock.ts';
import { Deadlines } from './deadlines.ts';

/** How long one store operation may take, in ms. */
export const storePatience = 5_000;

/** How long a store that failed is left alone, in ms: at first, and at most after failing again and again. */
const firstRest = 1_000;
const longestRest = 30_000;

/** A look that comes so late, in ms, is that of a process that was frozen or asleep. */
const wokeAfter = 1_000;

/**
 * A store that fails as the throttle's user wants it to: operations end in time, and while the store is away a local bucket
 * under the same limits takes over, which has seen all that this process was granted.
 */
export class GuardedStore implements StoreOperations {
  readonly name: string;
  readonly shared: boolean;
  readonly hears: boolean;
  readonly #store: StoreOperations;
  readonly #local: LocalStore;
  readonly #onError: OnStoreError;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #deadlines: Deadlines;
  /** Until when keys are paused of whose pause the store knows nothing, on the monotonic clock. */
  readonly #untold = new Map<string, number>();
  #awayUntil = -Infinity;
  #rest = firstRest;

  /** @param local a store that answers on the spot, never fails and hands out its buckets */
  constructor(store: StoreOperations, local: LocalStore, onError: OnStoreError, clock: Clock, events: Events) {
    this.name = store.name;
    this.shared = store.shared;
    this.hears = store.hears ?? store.watch !== undefined;
    this.#store = store;
    this.#local = local;
    this.#onError = onError;
    this.#clock = clock;
    this.#events = events;
    this.#deadlines = new Deadlines(clock, storePatience);
  }

  take(key: string, request: TakeRequest): Answer<TakeAnswer> {
    const { instead, ...rest } = request;
    const ours = instead?.standIn ? rest : request;
    const theirs = instead !== undefined && !instead.standIn ? rest : request;
    return this.#do(
      key,
      (store) => (store === this.#local ? this.#takeHere(key, theirs) : store.take(key, ours)),
      (answer) => this.#remember(key, request.plan, answer),
      (answer) => void this.#returnLate(key, answer),
      markStandIn,
    );
  }

  giveBack(key: string, receipt: Receipt): Answer<void> {
    return this.#correct(key, receipt, (store) => store.giveBack(key, receipt));
  }

  settle(key: string, receipt: Receipt, cost: Cost): Answer<void> {
    return this.#correct(key, receipt, (store) => store.settle(key, receipt, cost));
  }

  postpone(key: string, receipt: Receipt, ms: number): Answer<void> {
    if (!receipt.standIn) return this.#correct(key, receipt, (store) => store.postpone?.(key, receipt, ms));
    const now = wholeTicks(this.#clock.monotonic());
    postpone(this.#local.bucket(key, receipt.plan, now), receipt, ms, now);
  }

  /** Corrects a call where it was granted. What the store cannot take is lost. */
  #correct(key: string, { standIn }: Receipt, correct: (store: StoreOperations) => Answer<void>): Answer<void> {
    if (standIn) return correct(this.#local);
    return this.#away ? undefined : this.#do(key, (store) => (store === this.#local ? undefined : correct(store)));
  }

  /** Takes from the local bucket, a slot of its own that has come included. */
  #takeHere(key: string, request: TakeRequest): TakeAnswer {
    const now = wholeTicks(this.#clock.monotonic());
    return takeOnSlot(this.#local.bucket(key, request.plan, now), request, now);
  }

  pause(key: string, ms: number, plan: Plan): Answer<void> {
    // The local bucket is paused as well, for it may have to take over before the pause ends.
    this.#local.pause(key, ms, plan);
    const until = this.#clock.monotonic() + ms;
    return this.#do(key, (store) =>
      store === this.#local ? this.#noteUntold(key, until) : store.pause(key, ms, plan),
    );
  }

  sync(key: string, said: Ceiling, plan: Plan): Answer<void> {
    this.#local.sync(key, said, plan);
    return this.#do(key, (store) => store.sync(key, said, plan));
  }

  peek(key: string, plan: Plan, without?: Receipt): Answer<Standing> {
    const ours = (store: StoreOperations) =>
      (without?.standIn ?? false) === (store === this.#local) ? without : undefined;
    const answer = this.#do(key, (store) => store.peek(key, plan, ours(store)));
    if (!this.#untold.has(key)) return answer;
    return isPromise(answer)
      ? answer.then((standing) => this.#withUntold(key, standing))
      : this.#withUntold(key, answer);
  }

  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Answer<void> {
    this.#local.override(key, limits, plan);
    return this.#do(key, (store) => store.override(key, limits, plan));
  }

  reset(key: string): Answer<void> {
    this.#local.reset(key);
    this.#untold.delete(key);
    return this.#do(key, (store) => store.reset(key));
  }

  watch(listener: (news: StoreNews) => void): () => void {
    return this.#store.watch?.(listener) ?? (() => {});
  }

  async close(): Promise<void> {
    this.#deadlines.missAll();
    await this.#store.close?.();
  }

  /** Whether the local bucket stands in. */
  get #away(): boolean {
    return this.#onError === 'memory' && this.#awayUntil > this.#clock.monotonic();
  }

  /** Does an operation on the store, or on the local bucket if the store is away or fails. */
  #do<T>(
    key: string,
    operation: (store: StoreOperations) => Answer<T>,
    succeeded: (answer: T) => void = () => {},
    late: (answer: T) => void = () => {},
    standIn: (answer: T) => T = (answer) => answer,
  ): Answer<T> {
    const fallBack = () => standIn(operation(this.#local) as T);
    if (this.#away) return fallBack();
    const failed = (error: unknown): T => {
      this.#noteFailure(key, error);
      if (this.#onError === 'reject') throw new StoreError(this.name, key, error);
      return fallBack();
    };
    const done = (answer: T): T => {
      this.#rest = firstRest;
      succeeded(answer);
      return answer;
    };
    let answer: Answer<T>;
    try {
      answer = operation(this.#store);
    } catch (error) {
      return failed(error);
    }
    return isPromise(answer) ? this.#inTime(answer, done, failed, late) : done(answer);
  }

  /** An answer that fails when it takes too long. */
  #inTime<T>(
    answer: Promise<T>,
    done: (answer: T) => T,
    failed: (error: unknown) => T,
    late: (answer: T) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let isExtended = false;
      const settle = (outcome: () => T) => {
        try {
          resolve(outcome());
        } catch (error) {
          reject(error);
        }
      };
      const miss = (by: number) => {
        if (isExtended || by < wokeAfter)
          return settle(() => failed(new Error(`No answer within ${storePatience} ms.`)));
        // Its answer may be about to arrive: this process was away, not the store.
        isExtended = true;
        meet = this.#deadlines.set(miss);
      };
      let meet = this.#deadlines.set(miss);
      answer.then(
        (value) => (this.#meets(meet) ? settle(() => done(value)) : late(value)),
        (error) => this.#meets(meet) && settle(() => failed(error)),
      );
    });
  }

  /** Whether an answer came in time. No timer stays behind the last one. */
  #meets(meet: () => boolean): boolean {
    if (!meet()) return false;
    this.#deadlines.close();
    return true;
  }

  #noteUntold(key: string, until: number): void {
    const now = this.#clock.monotonic();
    for (const [other, end] of this.#untold) if (end <= now) this.#untold.delete(other);
    this.#untold.set(key, Math.max(until, this.#untold.get(key) ?? until));
  }

  /** What the store answers, with the pause that it was away for. */
  #withUntold(key: string, standing: Standing): Standing {
    const left = (this.#untold.get(key) ?? 0) - this.#clock.monotonic();
    return left <= standing.pausedFor ? standing : { ...standing, pausedFor: left };
  }

  #noteFailure(key: string, error: unknown): void {
    this.#awayUntil = this.#clock.monotonic() + this.#rest;
    this.#rest = Math.min(this.#rest * 2, longestRest);
    if (this.#events.wants('store-error')) {
      this.#events.emit('store-error', { key, error, fallback: this.#onError === 'memory' });
    }
  }

  /** Lets the local bucket see what the store granted, so that it would not start empty. */
  #remember(key: string, plan: Plan, { now, granted, reserved }: TakeAnswer): void {
    if (this.#onError === 'reject') return;
    const monotonic = wholeTicks(this.#clock.monotonic());
    const bucket = this.#local.bucket?.(key, plan, monotonic);
    if (bucket === undefined) return;
    const receipts = reserved === undefined ? granted : [...granted, reserved];
    for (let index = 0; index < receipts.length; index++) {
      const { slot, cost } = receipts[index] as Receipt;
      // Calls that are alike are noted together.
      const first = index;
      while (typeof cost === 'number' && isAlike(receipts[index + 1], slot, cost)) index++;
      const { after } = receipts[index] as Receipt;
      const here = (instant: number) => monotonic + wholeTicks(instant - now);
      const calls = typeof cost === 'number' ? cost * (index - first + 1) : cost;
      noteGranted(bucket, calls, here(slot), after.map(here), monotonic);
    }
  }

  /** Gives back what came too late for anybody to use, the slot first. What the store cannot take back is lost. */
  async #returnLate(key: string, answer: TakeAnswer): Promise<void> {
    try {
      const { granted, reserved } = answer;
      if (reserved !== undefined) await this.#store.giveBack(key, reserved);
      for (const receipt of joined(granted)) await this.#store.settle(key, receipt, 0);
    } catch {
      // As above.
    }
  }
}

function isAlike(receipt: Receipt | undefined, slot: number, cost: number): boolean {
  return receipt !== undefined && receipt.slot === slot && receipt.cost === cost;
}

function markStandIn(answer: TakeAnswer): TakeAnswer {
  const mark = (receipt: Receipt): Receipt => ({ ...receipt, standIn: true });
  return { ...answer, granted: answer.granted.map(mark), reserved: answer.reserved && mark(answer.reserved) };
}
