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

/** The request of a caller to a lane. */
export interface WaitRequest {
  readonly cost: Cost;
  readonly priority: number;
  readonly maxWait: number;
  readonly signal: AbortSignal | undefined;
  /** Whether its call counts as in flight from its grant on. */
  readonly holdsPlace: boolean;
}

/** One call that waits. It has few fields, because there may be a million. */
export interface Waiter extends InLine<Waiter> {
  readonly cost: Cost;
  readonly holdsPlace: boolean;
  readonly arrival: number;
  /** When it came, on the monotonic clock. */
  readonly since: number;
  resolve: (grant: CallGrant | PromiseLike<never>) => void;
  /** What may end its wait before its turn; undefined if nothing can. */
  readonly ends: Ends | undefined;
}

/** What may end the wait of a call. */
interface Ends {
  waiter: Waiter | undefined;
  /** When it must have gone, on the monotonic clock; Infinity for no deadline. */
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

/** The next call, when it goes, and the state of the bucket before it. */
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

/** Stands in until a waiter's promise replaces it. */
const unset = () => {};

/**
 * The waiting calls of one key: their order, their deadlines, their signals, and their total cost.
 *
 * Invariant: a waiter is in all of these or in none, and holds nothing that others could use.
 */
export class WaitingRoom {
  readonly #key: string;
  readonly #host: RoomHost;
  readonly #line = new Line<Waiter>();
  /** The waiters with a deadline; created for the first of them. */
  #deadlines: Heap<Ends> | undefined;
  #arrivals = 0;
  #lowestPriority = Infinity;
  /** Per limit the cost of all waiters together; undefined until it is needed. */
  #load: { readonly plan: Plan; readonly calls: number[] } | undefined;
  /** Called when a waiter has left through its signal. */
  readonly #onLeft: () => void;

  /** @param onLeft called when a waiter's signal has taken it out of the line */
  constructor(key: string, host: RoomHost, onLeft: () => void) {
    this.#key = key;
    this.#host = host;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#line.size;
  }

  /** The first waiter; undefined if there is none. */
  get first(): Waiter | undefined {
    return this.#line.first;
  }

  /** The waiters, in their order. */
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

  /** Takes a waiter out of the line, with its deadline and its signal. */
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

  /** Rejects calls if more than `maxQueue` wait. Returns whether there were any. */
  trim(): boolean {
    const { maxQueue } = this.#host.places.bounds;
    if (this.size <= maxQueue) return false;
    while (this.size > maxQueue) this.reject(this.#surplus, new QueueFullError(this.#key, maxQueue));
    return true;
  }

  /** The call to reject if more than `maxQueue` wait: the newest, the oldest, or the last in line. */
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
   * Rejects the calls with a deadline up to `instant`. Returns whether there were any.
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

  /** Rejects a waiter that would go after its deadline. Returns whether it did. */
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

  /** The error of a call that came at `since` and could not go before `due`. */
  tooLong(due: number, maxWait: number, since: number): WaitTooLongError {
    // Removes rounding errors of sums with the clock.
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
   * The earliest instant at which a further call could go, as known now; on the monotonic clock.
   * @param next undefined if it is not known when the next call goes
   * @param paused until when the key is paused
   */
  earliest(next: NextCall | undefined, { cost, priority }: WaitRequest, paused: number): number {
    if (next === undefined) return paused;
    const from = Math.max(paused, next.due);
    // A call that passes others may be the next, but not before the slot, unless it costs less.
    if (priority > this.#lowestPriority) return next.cost !== undefined && sameCost(cost, next.cost) ? from : paused;
    const { plan, tats } = next;
    // A call that the new one replaces does not count.
    const gone = this.size < this.#host.places.bounds.maxQueue ? 0 : this.#surplus.cost;
    const calls = this.loadUnder(plan).map((waiting, index) => {
      const rule = plan.rules[index] as Rule;
      return waiting + costIn(rule, cost) - costIn(rule, gone);
    });
    return lineEndsAt(plan, tats, from, calls);
  }

  /** Per limit the cost of all waiters together. */
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
