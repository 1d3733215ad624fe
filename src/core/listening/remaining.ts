import type { ServerSignal } from '../base/server-signal.ts';
import { isOurs, isTooHigh } from '../bucket/explained.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Plan } from '../limits/plan.ts';
import { tick } from '../time/clock.ts';
import { spacing } from './refusals.ts';

/** One answer that was heard. */
export interface Heard {
  readonly signal: ServerSignal;
  /** When its call left, on the monotonic clock. */
  readonly left: number;
  /** Now, on the monotonic clock and on the wall clock. */
  readonly now: number;
  readonly wall: number;
  /** Calls of this process that are on their way, this one not counted. */
  readonly inFlight: number;
  readonly plan: Plan;
  /** The longest that a server may stop us, in ms. */
  readonly maxPause: number;
}

/** What the server said is left that our own calls do not explain. Instants are on the monotonic clock. */
interface News {
  readonly remaining: number;
  readonly toldAt: number;
  /** A tick before it is over: the store reckons in whole ticks. */
  readonly until: number;
  /** Whether nothing comes back before then: the server counts from the beginning of a window. */
  readonly isFixed: boolean;
  readonly roundTrip: number;
  /** The time between calls at the rate of the limits then, in ms. */
  readonly spacing: number;
}

/** For so many answered calls, and so many windows at most, a server that refused a call is taken at its word. */
const strictAnswers = 1_000;
const strictWindows = 10;

/** How long the store may take to judge what was said, in ms. */
const judging = 1_000;

/**
 * Follows what a server says is left for one key: it can only slow calls down.
 *
 * Invariant: answers to calls that left before others say nothing against those; what is left matters only if our own calls do not
 * explain it, or if the server has refused a call of late.
 */
export class Remaining {
  #news: News | undefined;
  /** When the latest answer came that told what is left, what it told, and when the window ends that was seen to begin. */
  #toldAt = -Infinity;
  #told = Infinity;
  #windowEnd = -Infinity;
  /** Whether our limits let more go than the server says that it does. */
  #isTooHigh = false;
  /** Answers left until our own calls may explain what a server says again, and the latest instant when they may. */
  #strictFor = 0;
  #strictUntil = -Infinity;
  /** Refusals since the server is taken at its word, and when the latest came. */
  #refused = 0;
  #refusedAt = -Infinity;

  /** Notes that the server refused a call that left at `left`. */
  noteRefusal(left: number, now: number, plan: Plan): void {
    if (!this.#isStrict(now)) this.#refused = 0;
    // Of calls that were on their way together one counts.
    if (left >= this.#refusedAt) this.#refused++;
    this.#refusedAt = now;
    // Limits that are too high explain it, and the server says how far they go.
    if (!this.#isTooHigh) this.distrust(now, plan);
  }

  /** Takes the server at its word from now on: somebody else uses the quota, or the limits are wrong. */
  distrust(now: number, { rules }: Plan): void {
    this.#strictFor = strictAnswers;
    this.#strictUntil = now + strictWindows * Math.max(...rules.map(({ span }) => span));
  }

  /** Notes that the server took a call. */
  noteAnswer(): void {
    if (this.#strictFor > 0) this.#strictFor--;
  }

  /** Whether it says nothing any more. */
  isOver(now: number): boolean {
    return (this.#news?.until ?? -Infinity) <= now && !this.#isStrict(now);
  }

  /** Whether a refusal tells that nothing is left, of limits that are right: who is told that need not go slower. */
  explains({ remaining, unit }: ServerSignal): boolean {
    return remaining === 0 && unit === undefined && !this.#isTooHigh;
  }

  #isStrict(now: number): boolean {
    return this.#strictFor > 0 && now < this.#strictUntil;
  }

  /** Until when the latest news holds, on the monotonic clock; Infinity if there is none. */
  get until(): number {
    return this.#news?.until ?? Infinity;
  }

  /** Forgets the latest news. */
  forget(): void {
    this.#news = undefined;
  }

  /**
   * The most calls in flight. As many calls of what is left are kept back as somebody else may make until our next ones arrive; then
   * they go one by one, and the last one stays where nothing comes back.
   */
  mostInFlight(now: number): number {
    if (this.#news === undefined) return Infinity;
    const { remaining, toldAt, isFixed, roundTrip, spacing } = this.#news;
    const stale = now - toldAt + 2 * roundTrip;
    return Math.max(isFixed && remaining <= 1 ? 0 : 1, remaining - 1 - Math.ceil(stale / spacing));
  }

  /** Reads an answer: what it says is left of each quota, for the store to judge. */
  statements({ signal, left: callLeft, now, wall, inFlight, plan, maxPause }: Heard): Ceiling[] {
    const isNewest = callLeft >= this.#toldAt;
    const roundTrip = now - callLeft;
    const keptBack = this.#isStrict(now) ? 2 + Math.floor(this.#refused / 3) : 0;
    const said: Ceiling[] = [];
    this.#noteBinding(signal, roundTrip, isNewest, now, plan);
    for (const { limit, remaining, resetAt, window, unit } of signal.buckets) {
      if (remaining === undefined) continue;
      // Retry-After wins over the reset, which is often that of the whole quota.
      const end = Math.min(resetAt ?? Infinity, remaining === 0 ? (signal.retryAt ?? Infinity) : Infinity);
      const ms = end === Infinity ? 0 : Math.max(0, Math.min(end - wall, maxPause));
      const left = Math.max(0, remaining - inFlight);
      // Far from the end of it the limits are what counts.
      if (unit === undefined && ms > 0 && this.isOver(now) && left >= mostUntil(plan, ms)) continue;
      const meant =
        resetAt !== undefined && end < resetAt ? { meantFor: Math.min(resetAt - wall, maxPause) } : undefined;
      const told = { limit, remaining, window, unit, roundTrip, keptBack };
      said.push({ remaining: left, ms, isNewest, ...meant, told });
    }
    if (said.length > 0) this.#toldAt = now;
    return said;
  }

  /** Notes what is left of the quota that binds. Where that is much more than before, a window has begun. */
  #noteBinding(signal: ServerSignal, roundTrip: number, isNewest: boolean, now: number, plan: Plan): void {
    const { remaining, limit = 0, window, unit } = signal;
    if (remaining === undefined || unit !== undefined) return;
    if (isNewest) {
      if (remaining > this.#told + limit / 4)
        this.#windowEnd = now + (window ?? Math.min(...plan.rules.map(({ interval }) => interval)));
      this.#told = remaining;
      this.#isTooHigh = plan.begins !== undefined || (limit > 0 && isTooHigh(plan, limit));
    }
    // Until the store has judged it, it counts as news.
    if ((this.#news ?? this.#isStrict(now)) && (isNewest || remaining < (this.#news?.remaining ?? Infinity)))
      this.#note(remaining, this.#news?.until ?? now + judging, roundTrip, now, plan);
  }

  /** Notes that the store holds calls back for `ms`, for what was said at `now`: the calls of all sharers do not explain it. */
  noteNews(said: Ceiling, ms: number, now: number, plan: Plan): void {
    const { remaining, told, isNewest } = said;
    // What is left of another quota says nothing about ours.
    if (isOurs(plan, said)) this.distrust(now, plan);
    // Overlapping answers have no known order: the lowest counts.
    const left = Math.min(told?.remaining ?? remaining, isNewest ? Infinity : (this.#news?.remaining ?? Infinity));
    this.#note(left, now + ms, told?.roundTrip ?? 0, now, plan);
  }

  #note(remaining: number, end: number, roundTrip: number, now: number, plan: Plan): void {
    const isFixed = this.#windowEnd > now;
    const until = Math.min(end, isFixed ? this.#windowEnd : Infinity) - tick;
    this.#news = { remaining, toldAt: now, until, isFixed, roundTrip, spacing: spacing(plan) };
  }
}

/** The most calls of cost 1 that limits could let go within `ms`. */
function mostUntil({ rules }: Plan, ms: number): number {
  return Math.min(...rules.map((rule) => rule.kind.mostWithin(rule, ms)));
}
