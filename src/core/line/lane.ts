import { CostExceedsBurstError, QueueFullError } from '../base/errors.ts';
import { CallGrant, HeldGrant } from '../base/grant.ts';
import type { Answer, Receipt, Standing, StoreOperations, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Cost, costIn } from '../limits/cost.ts';
import type { Plan } from '../limits/plan.ts';
import { tick } from '../time/clock.ts';
import { lineEndsAt } from './forecast.ts';
import type { Gate, Gates } from './gate.ts';
import type { InFlight } from './in-flight.ts';
import { type NextCall, type RoomHost, type Waiter, WaitingRoom, type WaitRequest } from './waiting-room.ts';

/** What a lane needs of its throttle. */
export interface LaneHost extends RoomHost {
  readonly store: StoreOperations;
  readonly gates: Gates;
  /** The limits of a key. Errors of the user's function pass through. */
  plan(key: string): Plan;
  /** How many calls of a key are in flight. */
  inFlight(key: string): number;
  /** Knows how many more may be in flight. */
  readonly places: InFlight;
  /** Compares the clocks, so that a jump of the wall clock is reported. */
  noteTime(): void;
  /** Reports that the lane is empty and may be forgotten. */
  retire(lane: Lane): void;
}

/** How late a timer may be before it counts against a call's maxWait, in ms. */
export const grace = 100;

/**
 * The waiting line of one key in one process: the common part of local and shared lanes.
 *
 * Invariant: one timer while time alone can let a waiting call go, otherwise none. `advance` may be called at any time.
 */
export abstract class Lane {
  readonly key: string;
  protected readonly host: LaneHost;
  protected readonly room: WaitingRoom;
  /** The places kept for calls that a shared store is being asked for. */
  readonly kept?: { readonly count: number };
  #advancing = false;
  #timer: { handle: unknown; at: number } | undefined;

  constructor(key: string, host: LaneHost) {
    this.key = key;
    this.host = host;
    this.room = new WaitingRoom(key, host, () => this.advance());
  }

  /**
   * One step. Returns undefined if there may be more to do, otherwise when to look again; Infinity means after the next
   * event.
   */
  protected abstract step(now: number): number | undefined;

  /** What is known about the next call; undefined if nothing is known yet. */
  protected abstract next(now: number): NextCall | undefined;

  /** The limits that the key is known to keep. Errors of the user's function pass through. */
  protected abstract knownPlan(now: number): Plan | undefined;

  /** When the next call of the line goes, on the monotonic clock; undefined if no call waits or it is not known yet. */
  abstract get nextDue(): number | undefined;

  /** Runs a change of the bucket; the line asks again afterwards, and not before it, if `isFirst`. */
  abstract renew(move: () => Answer<void>, isFirst?: boolean): Promise<void>;

  /**
   * Takes calls that do not wait. They pass waiting calls only if that delays none of them. Undefined if no call waits
   * for its limits: then the store takes them.
   */
  abstract take(request: TakeRequest): Answer<TakeAnswer> | undefined;

  /** Reads the bucket again, because others have changed it. */
  abstract look(): void;

  /** Forgets what it knew about its bucket, which was reset. */
  abstract restart(): void;

  /** The reservation that the line holds; undefined if it holds none. */
  get reservation(): Receipt | undefined {
    return undefined;
  }

  /** Whether it waits for an answer. */
  protected get isAsking(): boolean {
    return false;
  }

  get waiting(): number {
    return this.room.size;
  }

  /** How many calls of the key are in flight. */
  protected get inFlight(): number {
    return this.host.inFlight(this.key);
  }

  /** How many more may be in flight. */
  protected get free(): number {
    return this.host.places.free(this.key);
  }

  protected get gate(): Gate | undefined {
    return this.host.gates.find(this.key);
  }

  /** Whether a new call may go at once without passing a waiting one. */
  get open(): boolean {
    return this.room.size === 0 && !this.isAsking && !this.#advancing && this.free > 0;
  }

  /** Whether there is nothing left to keep this lane for. */
  get idle(): boolean {
    return this.room.size === 0 && !this.isAsking && this.reservation === undefined;
  }

  /** The cost of the first call in line, if it waits for its limits; undefined otherwise. */
  get headCost(): Cost | undefined {
    return this.nextDue === undefined ? undefined : this.room.first?.cost;
  }

  /** Puts a call into the line. The promise settles when the call may go or leaves. */
  wait(request: WaitRequest): Promise<CallGrant> {
    const since = this.host.clock.monotonic();
    const refusal = this.#refuse(request, since);
    if (refusal !== undefined) {
      this.room.tellRejected({ ...request, since }, refusal);
      this.#retire();
      return Promise.reject(refusal);
    }
    return this.join(request, since);
  }

  protected join(request: WaitRequest, since: number): Promise<CallGrant> {
    const [waiter, waiting] = this.room.join(request, since);
    // While the store is asked, only a deadline asks for more.
    if (!this.isAsking || waiter.ends !== undefined) this.advance();
    if (!this.isAsking && this.room.trim()) this.advance();
    if (waiter.rank !== undefined) this.room.tellQueued(request.cost, request.priority);
    return waiting;
  }

  /** Why a new call cannot wait; undefined if it can. */
  #refuse(request: WaitRequest, now: number): unknown {
    const { cost, maxWait } = request;
    const { gates, places } = this.host;
    const { maxQueue, whenFull } = places.bounds;
    let next: NextCall | undefined;
    let plan: Plan | undefined;
    try {
      plan = this.knownPlan(now);
      if (maxWait !== Infinity) next = this.next(now);
    } catch (error) {
      return error;
    }
    const exceeded = plan?.rules.find((rule) => costIn(rule, cost) > rule.burst);
    if (exceeded !== undefined)
      return new CostExceedsBurstError(this.key, costIn(exceeded, cost), exceeded.burst, exceeded.name);
    const paused = gates.pausedUntil(this.key);
    // While it is not known whether a call has to wait, the store is asked; calls that have to wait are counted
    // afterwards.
    const mustWait = paused > now || this.nextDue !== undefined || this.free <= 0;
    if (mustWait && this.room.size >= maxQueue && whenFull === 'reject') return new QueueFullError(this.key, maxQueue);
    if (maxWait === Infinity) return undefined;
    const due = this.room.earliest(next, request, paused);
    return due - now > maxWait + tick ? this.room.tooLong(due, maxWait, now) : undefined;
  }

  /** Lets a waiter go at `at`, an instant on the monotonic clock. */
  protected grant(waiter: Waiter, receipt: Receipt, at: number): void {
    const { clock, events } = this.host;
    this.room.part(waiter);
    const { cost, since, holdsPlace } = waiter;
    const grant = new (holdsPlace ? HeldGrant : CallGrant)(this.key, this.host, at, receipt);
    if (grant instanceof HeldGrant) {
      grant.since = since;
      this.host.places.hold(grant);
    }
    this.gate?.pass(grant, holdsPlace, clock.monotonic());
    waiter.resolve(grant);
    if (events.wants('granted'))
      events.emit('granted', { key: this.key, cost, wait: Math.max(0, clock.monotonic() - since) });
  }

  /** Rejects every waiter. Resolves when the store has got back what the line held. */
  async rejectAll(error: unknown): Promise<void> {
    this.room.rejectAll(error);
    this.advance();
  }

  /**
   * When the last call of the line will go, as known now, on the monotonic clock; undefined if no call waits.
   * @param first when the next one goes
   * @param standing of the bucket without the slot
   */
  lastDue(first: number, { plan, limits }: Standing, now: number): number | undefined {
    if (this.room.size === 0) return undefined;
    const tats = limits.map(({ resetAfter }) => now + resetAfter);
    return lineEndsAt(plan, tats, first, this.room.loadUnder(plan));
  }

  /** Moves the line on as far as possible now, and sets the timer for the rest. Safe to call at any time. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    let wakeAt: number | undefined;
    do wakeAt = this.step(this.host.clock.monotonic());
    while (wakeAt === undefined);
    this.#advancing = false;
    this.#wakeAt(wakeAt);
    this.host.places.note(this, this.room.size > 0);
    this.#retire();
  }

  /** Rests until `until` or the first deadline; undefined if one has come. */
  protected rest(now: number, until: number): number | undefined {
    return this.rejectOverdue(now, now) ? undefined : Math.min(until, this.room.deadline);
  }

  /** Rests while a store operation that began at `askedAt` is in flight. */
  protected restForAnswer(askedAt: number, now: number): number {
    if (this.room.deadline === Infinity) return Infinity;
    // It is not known yet which calls have to wait, so a maxWait of 0 waits for the answer.
    const inTime = askedAt + grace;
    if (inTime <= now) this.rejectOverdue(now, now);
    return Math.max(inTime, this.room.deadline);
  }

  /** Rejects the calls with a deadline up to `instant`. Returns whether there were any. */
  protected rejectOverdue(instant: number, now: number): boolean {
    if (this.room.deadline > instant) return false;
    return this.room.rejectOverdue(instant, Math.max(this.nextDue ?? now, this.host.gates.pausedUntil(this.key)));
  }

  /** Ends the lane, or lets it rest until the next call, if nothing is left to do. */
  #retire(): void {
    if (this.idle) this.host.retire(this);
  }

  #wakeAt(at: number): void {
    const { clock } = this.host;
    if (this.#timer !== undefined) {
      // A timer that fires early only causes an extra look.
      if (this.#timer.at <= at && at !== Infinity) return;
      clock.clearTimeout(this.#timer.handle);
      this.#timer = undefined;
    }
    if (at === Infinity) return;
    const wake = () => {
      this.#timer = undefined;
      this.host.noteTime();
      this.advance();
    };
    this.#timer = { at, handle: clock.setTimeout(wake, at - clock.monotonic()) };
  }
}
