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
import type { Bucket } from '../bucket/bucket.ts';
import { hear, slowDown } from '../bucket/explained.ts';
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

/** How long a store that failed is not asked, in ms: at first, and at most after repeated failures. */
const firstRest = 1_000;
const longestRest = 30_000;

/** If a timer is this late, in ms, the process was frozen or asleep. */
const wokeAfter = 1_000;

/**
 * A store that follows the throttle's `onStoreError` when it fails. Operations end in time. While the store is away, a
 * local bucket under the same limits takes over, which has counted all grants of this process.
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
  /** The ends of pauses that the store does not know, on the monotonic clock. */
  readonly #untold = new Map<string, number>();
  #awayUntil = -Infinity;
  #rest = firstRest;

  /** @param local a store that answers synchronously, never fails and hands out its buckets */
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
    const { plan, instead } = request;
    return this.#do(
      key,
      (store) => {
        const asked = this.#knows(store, instead) ? request : { ...request, instead: undefined };
        if (store !== this.#local) return store.take(key, asked);
        return markStandIn(this.#here(key, plan, (bucket, now) => takeOnSlot(bucket, asked, now)));
      },
      (answer) => this.#remember(key, plan, answer),
      (answer) => void this.#returnLate(key, answer),
    );
  }

  giveBack(key: string, receipt: Receipt): Answer<void> {
    return this.#correct(key, receipt, (store) => store.giveBack(key, receipt));
  }

  settle(key: string, receipt: Receipt, cost: Cost): Answer<void> {
    return this.#correct(key, receipt, (store) => store.settle(key, receipt, cost));
  }

  postpone(key: string, receipt: Receipt, ms: number): Answer<void> {
    return this.#correct(key, receipt, (store) =>
      store === this.#local
        ? this.#here(key, receipt.plan, (bucket, now) => postpone(bucket, receipt, ms, now))
        : store.postpone?.(key, receipt, ms),
    );
  }

  /** Corrects a call where it was granted. If the store fails, the correction is lost. */
  #correct(key: string, receipt: Receipt, correct: (store: StoreOperations) => Answer<void>): Answer<void> {
    return receipt.standIn ? correct(this.#local) : this.#tell(key, correct);
  }

  /** Repeats an operation on the local bucket, which has to know it when it takes over. */
  #tellBoth(key: string, operation: (store: StoreOperations) => Answer<void>): Answer<void> {
    operation(this.#local);
    return this.#tell(key, operation);
  }

  /** Runs an operation on the store alone. */
  #tell(key: string, operation: (store: StoreOperations) => Answer<void>): Answer<void> {
    return this.#do(key, (store) => (store === this.#local ? undefined : operation(store)));
  }

  /** Works on the local bucket. */
  #here<T>(key: string, plan: Plan, work: (bucket: Bucket, now: number) => T): T {
    const now = wholeTicks(this.#clock.monotonic());
    return work(this.#local.bucket(key, plan, now), now);
  }

  /** Whether a reservation, if there is one, was made by a store. */
  #knows(store: StoreOperations, reservation: Receipt | undefined): boolean {
    return (reservation?.standIn ?? false) === (store === this.#local);
  }

  pause(key: string, ms: number, plan: Plan, sentAgo?: number): Answer<void> {
    // The local bucket is paused as well, because it may have to take over before the pause ends.
    if (sentAgo !== undefined) this.#here(key, plan, (bucket, now) => slowDown(bucket, sentAgo, ms, now));
    this.#local.pause(key, ms, plan);
    const until = this.#clock.monotonic() + ms;
    return this.#do(key, (store) =>
      store === this.#local ? this.#noteUntold(key, until) : store.pause(key, ms, plan, sentAgo),
    );
  }

  sync(key: string, said: Ceiling, plan: Plan): ReturnType<StoreOperations['sync']> {
    const here = this.#here(key, plan, (bucket, now) => hear(bucket, said, now));
    return this.#do(key, (store) => (store === this.#local ? here : store.sync(key, said, plan)));
  }

  peek(key: string, plan: Plan, without?: Receipt): Answer<Standing> {
    return this.#do(
      key,
      (store) => store.peek(key, plan, this.#knows(store, without) ? without : undefined),
      (standing) => this.#withUntold(key, standing),
    );
  }

  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Answer<void> {
    return this.#tellBoth(key, (store) => store.override(key, limits, plan));
  }

  reset(key: string): Answer<void> {
    this.#untold.delete(key);
    return this.#tellBoth(key, (store) => store.reset(key));
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

  /**
   * Runs an operation on the store, or on the local bucket if the store is away or fails.
   * @param inTime turns the store's answer into the result
   * @param late gets an answer that comes after the operation has failed
   */
  #do<T>(
    key: string,
    operation: (store: StoreOperations) => Answer<T>,
    inTime: (answer: T) => T = (answer) => answer,
    late: (answer: T) => void = () => {},
  ): Answer<T> {
    if (this.#away) return operation(this.#local);
    const failed = (error: unknown): Answer<T> => {
      this.#noteFailure(key, error);
      if (this.#onError === 'reject') throw new StoreError(this.name, key, error);
      return operation(this.#local);
    };
    const done = (answer: T): T => {
      this.#rest = firstRest;
      return inTime(answer);
    };
    let answer: Answer<T>;
    try {
      answer = operation(this.#store);
    } catch (error) {
      return failed(error);
    }
    return isPromise(answer) ? this.#within(answer, late).then(done, failed) : done(answer);
  }

  /** The same answer, or a failure if it takes too long. */
  #within<T>(answer: Promise<T>, late: (answer: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isExtended = false;
      const miss = (by: number) => {
        if (isExtended || by < wokeAfter) return reject(new Error(`No answer within ${storePatience} ms.`));
        // Its answer may be about to arrive: this process was away, not the store.
        isExtended = true;
        meet = this.#deadlines.set(miss);
      };
      let meet = this.#deadlines.set(miss);
      answer.then(
        (value) => (this.#meets(meet) ? resolve(value) : late(value)),
        (error) => this.#meets(meet) && reject(error),
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

  /** The store's answer, with the pause that began while it was away. */
  #withUntold(key: string, standing: Standing): Standing {
    const left = (this.#untold.get(key) ?? 0) - this.#clock.monotonic();
    return left <= standing.pausedFor ? standing : { ...standing, pausedFor: left };
  }

  #noteFailure(key: string, error: unknown): void {
    this.#awayUntil = this.#clock.monotonic() + this.#rest;
    this.#rest = Math.min(this.#rest * 2, longestRest);
    this.#events.emit('store-error', { key, error, fallback: this.#onError === 'memory' });
  }

  /** Counts the store's grants in the local bucket, so that it does not start empty. */
  #remember(key: string, plan: Plan, answer: TakeAnswer): TakeAnswer {
    const { now, granted, reserved } = answer;
    const receipts = reserved === undefined ? granted : [...granted, reserved];
    if (this.#onError === 'memory')
      this.#here(key, plan, (bucket, monotonic) => {
        const here = (instant: number) => monotonic + wholeTicks(instant - now);
        for (const { slot, cost, after } of joined(receipts))
          noteGranted(bucket, cost, here(slot), after.map(here), monotonic);
      });
    return answer;
  }

  /** Gives back what came too late for any caller, the slot first. If the store fails, it is lost. */
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

function markStandIn(answer: TakeAnswer): TakeAnswer {
  const mark = (receipt: Receipt): Receipt => ({ ...receipt, standIn: true });
  return { ...answer, granted: answer.granted.map(mark), reserved: answer.reserved && mark(answer.reserved) };
}
