import { CostExceedsBurstError, QueueFullError, WaitTooLongError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { CallGrant } from '../base/grant.ts';
import type { TakeAnswer } from '../base/store.ts';
import { type Cost, costIn, sameCost } from '../limits/cost.ts';
import type { Rule } from '../limits/kind.ts';
import { type Plan, samePlan } from '../limits/plan.ts';
import type { Clock } from '../time/clock.ts';
import { ignoreAbort, onAbort, reasonOf } from './abort-signals.ts';
import type { Bounds } from './bounds.ts';
import { lineEndsAt } from './forecast.ts';
import { Heap } from './heap.ts';
import { type InLine, Line, type Rank } from './line.ts';

/** What a caller asks of a lane. */
export interface WaitRequest {
  readonly cost: Cost;
  readonly priority: number;
  readonly maxWait: number;
  readonly signal: AbortSignal | undefined;
  /** Whether its call counts as in flight from its grant on. */
  readonly holdsPlace: boolean;
}

/** One call that waits. It has few fields, as there may be a million. */
export interface Waiter extends InLine<Waiter> {
  readonly cost: Cost;
  readonly holdsPlace: boolean;
  readonly arrival: number;
  /** When it came, on the monotonic clock. */
  readonly since: number;
  resolve: (grant: CallGrant | PromiseLike<never>) => void;
  /** What may end its wait before its turn; undefined if nothing may. */
  readonly ends: Ends | undefined;
}

/** What may end the wait of a call. */
interface Ends {
  waiter: Waiter | undefined;
  /** When it must have gone, on the monotonic clock; Infinity for whenever. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** Its place in the heap of deadlines; -1 outside. */
  place: number;
}

/** What a waiting room needs of its throttle. */
export interface RoomHost {
  readonly clock: Clock;
  readonly events: Events;
  readonly places: { readonly bounds: Bounds };
}

/** What the next call is, when it goes, and where the bucket stands before it. */
export interface NextCall {
  readonly cost: Cost | undefined;
  /** On the monotonic clock. */
  readonly due: number;
  readonly plan: Plan;
  /** Per limit the tat before it, on the monotonic clock. */
  readonly tats: readonly number[];
}

/** Why a call can never go. */
type Exceeded = NonNullable<TakeAnswer['exceeded']>;

/** What a waiter's promise has not replaced yet. */
const unset = () => {};

/**
 * Where the calls of one key wait: their order, their deadlines, their signals, and what they count as together.
 *
 * Invariant: a waiter stands in all of these or in none, and holds nothing that anybody else could use.
 */
export class WaitingRoom {
  readonly #key: string;
  readonly #host: RoomHost;
  readonly #line = new Line<Waiter>();
  /** Those who have a deadline; made for the first of them. */
  #deadlines: Heap<Ends> | undefined;
  #arrivals = 0;
  #lowestPriority = Infinity;
  /** Per limit what all waiters together count as; undefined while nobody asked. */
  #load: { readonly plan: Plan; readonly calls: number[] } | undefined;
  /** Goes on when a waiter has left by its own will. */
  readonly #onLeft: () => void;

  /** @param onLeft called when a waiter's signal took it out of the line */
  constructor(key: string, host: RoomHost, onLeft: () => void) {
    this.#key = key;
    this.#host = host;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#line.size;
  }

  /** The waiter whose turn comes first; undefined if there is none. */
  get first(): Waiter | undefined {
    return this.#line.first;
  }

  /** Those who wait, in their order. */
  get line(): Line<Waiter> {
    return this.#line;
  }

  /** The earliest deadline, on the monotonic clock; Infinity if there is none. */
  get deadline(): number {
    return this.#deadlines?.first?.deadline ?? Infinity;
  }

  /**
   * Puts a call into the line.
   * @param since when it came
   */
  join({ cost, priority, maxWait, signal, holdsPlace }: WaitRequest, since: number): [Waiter, Promise<CallGrant>] {
    const isFree = maxWait === Infinity && signal === undefined;
    const ends: Ends | undefined = isFree
      ? undefined
      : { waiter: undefined, deadline: since + maxWait, signal, onAbort: undefined, place: -1 };
    const waiter: Waiter = {
      cost,
      holdsPlace,
      arrival: this.#arrivals++,
      since,
      resolve: unset,
      ends,
      rank: undefined,
      previous: undefined,
      next: undefined,
    };
    // One resolving function a waiter instead of two keeps a long line small.
    const waiting = new Promise<CallGrant>((resolve) => {
      waiter.resolve = resolve;
    });
    this.#line.add(waiter, priority);
    this.#lowestPriority = this.size === 1 ? priority : Math.min(this.#lowestPriority, priority);
    this.#count(waiter, 1);
    if (ends !== undefined) this.#watch(waiter, ends);
    return [waiter, waiting];
  }

  #watch(waiter: Waiter, ends: Ends): void {
    ends.waiter = waiter;
    const { deadline, signal } = ends;
    if (deadline !== Infinity) {
      this.#deadlines ??= new Heap((a, b) => a.deadline < b.deadline, 'place');
      this.#deadlines.add(ends);
    }
    if (signal === undefined) return;
    ends.onAbort = () => {
      this.reject(waiter, reasonOf(signal));
      this.#onLeft();
    };
    onAbort(signal, ends.onAbort);
  }

  /** Takes a waiter out of the line, with everything that hung on it. */
  part(waiter: Waiter): void {
    this.#line.remove(waiter);
    this.#count(waiter, -1);
    const { ends } = waiter;
    if (ends === undefined) return;
    if (ends.place !== -1) this.#deadlines?.remove(ends);
    if (ends.signal !== undefined && ends.onAbort !== undefined) ignoreAbort(ends.signal, ends.onAbort);
  }

  /** Takes a waiter out of the line and rejects it, if it still waits. */
  reject(waiter: Waiter, error: unknown): void {
    if (waiter.rank === undefined) return;
    this.part(waiter);
    waiter.resolve(Promise.reject(error));
    this.tellRejected(waiter, error);
  }

  rejectAll(error: unknown): void {
    for (const waiter of [...this.#line]) this.reject(waiter, error);
  }

  /** Rejects those who give way if more wait than may. Tells whether there were any. */
  trim(): boolean {
    const { maxQueue } = this.#host.places.bounds;
    if (this.size <= maxQueue) return false;
    while (this.size > maxQueue) this.reject(this.#surplus, new QueueFullError(this.#key, maxQueue));
    return true;
  }

  /** Who gives way if more wait than may: the newest, the oldest, or the one whose turn comes last. */
  get #surplus(): Waiter {
    const { whenFull } = this.#host.places.bounds;
    const isOldest = whenFull === 'drop-oldest';
    const worth = ({ first, last, priority }: Rank<Waiter>) =>
      whenFull === 'drop-lowest' ? priority : isOldest ? (first as Waiter).arrival : -(last as Waiter).arrival;
    const { first, last } = this.#line.ranks.entries.reduce((least, rank) =>
      worth(rank) < worth(least) ? rank : least,
    );
    return (isOldest ? first : last) as Waiter;
  }

  /**
   * Rejects those who should have gone by `instant`. Tells whether there were any.
   * @param due when the next call goes
   */
  rejectOverdue(instant: number, due: number): boolean {
    let some = false;
    for (let ends = this.#deadlines?.first; ends !== undefined; ends = this.#deadlines?.first) {
      if (ends.deadline > instant) break;
      some = true;
      this.rejectTooLate(ends.waiter as Waiter, due);
    }
    return some;
  }

  /** Rejects a waiter that would go after its deadline. Tells whether it did. */
  rejectIfLate(waiter: Waiter, due: number): boolean {
    const isLate = (waiter.ends?.deadline ?? Infinity) < due;
    if (isLate) this.rejectTooLate(waiter, due);
    return isLate;
  }

  /** Rejects a waiter that costs more than a limit ever lets go. */
  rejectExceeding(waiter: Waiter, { cost, burst, limitName }: Exceeded): void {
    this.reject(waiter, new CostExceedsBurstError(this.#key, cost, burst, limitName));
  }

  /** Rejects a waiter because of its deadline. */
  rejectTooLate(waiter: Waiter, due: number): void {
    const deadline = waiter.ends?.deadline ?? Infinity;
    this.reject(waiter, this.tooLong(due, deadline - waiter.since, waiter.since));
  }

  /** The error of a call that came at `since` and could go at `due` at the earliest. */
  tooLong(due: number, maxWait: number, since: number): WaitTooLongError {
    // Takes the rounding errors of sums with the clock off again.
    const exact = (ms: number) => Math.round(ms * 1e6) / 1e6;
    const { clock } = this.#host;
    const now = clock.monotonic();
    const from = Math.max(now, due);
    return new WaitTooLongError(this.#key, exact(from - since), clock.now() + exact(from - now), exact(maxWait));
  }

  tellQueued(cost: Cost, priority: number): void {
    const { events } = this.#host;
    if (events.wants('queued')) events.emit('queued', { key: this.#key, cost, priority, waiting: this.size });
  }

  /** @param call its cost, and when it came on the monotonic clock */
  tellRejected({ cost, since }: Pick<Waiter, 'cost' | 'since'>, error: unknown): void {
    const { clock, events } = this.#host;
    if (events.wants('rejected'))
      events.emit('rejected', { key: this.#key, cost, wait: clock.monotonic() - since, error });
  }

  /**
   * When a further call could go at the earliest, as far as can be foreseen; on the monotonic clock.
   * @param next undefined if it is not known when the next call goes
   * @param paused until when the key is paused
   */
  earliest(next: NextCall | undefined, { cost, priority }: WaitRequest, paused: number): number {
    if (next === undefined) return paused;
    const from = Math.max(paused, next.due);
    // One that passes others may be the next, but not before the slot, unless it is smaller.
    if (priority > this.#lowestPriority) return next.cost !== undefined && sameCost(cost, next.cost) ? from : paused;
    const { plan, tats } = next;
    // Who gives way to the call counts no more.
    const gone = this.size < this.#host.places.bounds.maxQueue ? 0 : this.#surplus.cost;
    const calls = this.loadUnder(plan).map((waiting, index) => {
      const rule = plan.rules[index] as Rule;
      return waiting + costIn(rule, cost) - costIn(rule, gone);
    });
    return lineEndsAt(plan, tats, from, calls);
  }

  /** Per limit what all waiters together count as. */
  loadUnder(plan: Plan): readonly number[] {
    if (this.#load === undefined || !samePlan(this.#load.plan, plan)) {
      const calls = plan.rules.map((rule) => [...this.#line].reduce((sum, { cost }) => sum + costIn(rule, cost), 0));
      this.#load = { plan, calls };
    }
    return this.#load.calls;
  }

  #count(waiter: Waiter, sign: 1 | -1): void {
    if (this.size === 0) this.#load = undefined;
    if (this.#load === undefined) return;
    const { plan, calls } = this.#load;
    for (const [index, rule] of plan.rules.entries())
      calls[index] = (calls[index] as number) + sign * costIn(rule, waiter.cost);
  }
}
