import type { ServerSignal } from '../base/server-signal.ts';
import { isOurs, isTooHigh } from '../bucket/explained.ts';
import type { Ceiling, Told } from '../bucket/pool.ts';
import type { Plan } from '../limits/plan.ts';
import { tick } from '../time/clock.ts';
import { spacing } from './refusals.ts';

/** One answer. */
export interface Heard {
  readonly signal: ServerSignal;
  /** When its call left, on the monotonic clock. */
  readonly left: number;
  /** Now, on the monotonic clock and on the wall clock. */
  readonly now: number;
  readonly wall: number;
  /** Calls of this process that are in flight, without this one. */
  readonly inFlight: number;
  readonly plan: Plan;
  /** The longest pause that a server may cause, in ms. */
  readonly maxPause: number;
}

/** A statement of an answer, for the store to judge. */
export interface Statement extends Ceiling {
  readonly told: Told;
}

/** A statement that our own calls do not explain. Instants are on the monotonic clock. */
interface News {
  readonly remaining: number;
  readonly toldAt: number;
  /** One tick before its end, because the store counts in whole ticks. */
  readonly until: number;
  /** Whether nothing comes back before then, because the server's window has a fixed start. */
  readonly isFixed: boolean;
  readonly roundTrip: number;
  /** The time between calls at the rate of the limits at that time, in ms. */
  readonly spacing: number;
}

/** Answers left until our own calls may explain statements again, after a refusal; and the most windows for that. */
const strictAnswers = 1_000;
const strictWindows = 10;

/** How long the store may take to judge what was said, in ms. */
const judging = 1_000;

/**
 * Follows the statements of a server for one key: they can only slow calls down.
 *
 * Invariant: the answer to an earlier call does not overrule that to a later one; what is left matters only if our own
 * calls do not explain it, or if the server refused a call recently.
 */
export class Remaining {
  #news: News | undefined;
  /** The instant of the latest statement, its value, and the end of the window if its start was seen. */
  #toldAt = -Infinity;
  #told = Infinity;
  #windowEnd = -Infinity;
  /** Whether our limits let more go than the server states. */
  #isTooHigh = false;
  /** Answers left until our own calls may explain statements again, and the latest instant for that. */
  #strictFor = 0;
  #strictUntil = -Infinity;
  /** Refusals that showed others, since the server is believed. */
  #refused = 0;

  /**
   * Notes that the server refused a call.
   * @param showsOthers whether that shows that others use the quota: then more calls are kept back for them
   */
  noteRefusal(showsOthers: boolean, now: number, plan: Plan): void {
    if (!this.#isStrict(now)) this.#refused = 0;
    if (showsOthers) this.#refused++;
    // Limits that are too high explain it, and the server states the right ones.
    if (!this.#isTooHigh) this.distrust(now, plan);
  }

  /** Believes the server from now on: others use the quota too, or the limits are wrong. */
  distrust(now: number, { rules }: Plan): void {
    this.#strictFor = strictAnswers;
    this.#strictUntil = now + strictWindows * Math.max(...rules.map(({ span }) => span));
  }

  /** Notes that the server accepted a call. */
  noteAnswer(): void {
    this.#strictFor--;
  }

  /** Whether it no longer has an effect. */
  isOver(now: number): boolean {
    return (this.#news?.until ?? -Infinity) <= now && !this.#isStrict(now);
  }

  /** Whether a refusal states that nothing is left, and the limits are right: then the rate need not fall. */
  explains({ remaining, unit }: ServerSignal): boolean {
    return remaining === 0 && unit === undefined && !this.#isTooHigh;
  }

  #isStrict(now: number): boolean {
    return this.#strictFor > 0 && now < this.#strictUntil;
  }

  /** Until when the latest statement holds, on the monotonic clock; Infinity if there is none. */
  get until(): number {
    return this.#news?.until ?? Infinity;
  }

  /** Forgets the latest statement. */
  forget(): void {
    this.#news = undefined;
  }

  /**
   * The most calls in flight. As many calls are kept back as others may make until our next ones arrive. The last calls
   * go one by one, and the very last one stays unused if nothing comes back before the end of the window.
   */
  mostInFlight(now: number): number {
    if (this.#news === undefined) return Infinity;
    const { remaining, toldAt, isFixed, roundTrip, spacing } = this.#news;
    const stale = now - toldAt + 2 * roundTrip;
    return Math.max(isFixed && remaining <= 1 ? 0 : 1, remaining - 1 - Math.ceil(stale / spacing));
  }

  /** Reads the statements of an answer, for the store to judge. */
  statements({ signal, left: callLeft, now, wall, inFlight, plan, maxPause }: Heard): Statement[] {
    const isNewest = callLeft >= this.#toldAt;
    const roundTrip = now - callLeft;
    const keptBack = this.#isStrict(now) ? 2 + Math.floor(this.#refused / 3) : 0;
    const said: Statement[] = [];
    this.#noteBinding(signal, roundTrip, isNewest, now, plan);
    for (const { limit, remaining, resetAt, window, unit } of signal.buckets) {
      if (remaining === undefined) continue;
      // Retry-After wins over the reset, which is often that of the whole quota.
      const end = Math.min(resetAt ?? Infinity, remaining === 0 ? (signal.retryAt ?? Infinity) : Infinity);
      const ms = end === Infinity ? 0 : Math.max(0, Math.min(end - wall, maxPause));
      const left = Math.max(0, remaining - inFlight);
      // Far from the end of the quota, only the limits count.
      if (unit === undefined && ms > 0 && this.isOver(now) && left >= mostUntil(plan, ms)) continue;
      const meant =
        resetAt !== undefined && end < resetAt ? { meantFor: Math.min(resetAt - wall, maxPause) } : undefined;
      const told = { limit, remaining, window, unit, roundTrip, keptBack };
      said.push({ remaining: left, ms, isNewest, ...meant, told });
    }
    if (said.length > 0) this.#toldAt = now;
    return said;
  }

  /** Notes what is left of the quota that binds. If that is much more than before, a window has begun. */
  #noteBinding(signal: ServerSignal, roundTrip: number, isNewest: boolean, now: number, plan: Plan): void {
    const { remaining, limit = 0, window, unit } = signal;
    if (remaining === undefined || unit !== undefined) return;
    if (isNewest) {
      if (remaining > this.#told + limit / 4)
        this.#windowEnd = now + (window ?? Math.min(...plan.rules.map(({ interval }) => interval)));
      this.#told = remaining;
      this.#isTooHigh = plan.begins !== undefined || (limit > 0 && isTooHigh(plan, limit));
    }
    // Until the store has judged it, it counts as unexplained.
    if ((this.#news ?? this.#isStrict(now)) && (isNewest || remaining < (this.#news?.remaining ?? Infinity)))
      this.#note(remaining, this.#news?.until ?? now + judging, roundTrip, now, plan);
  }

  /**
   * Notes that the store holds calls back for `ms` after the statement of `now`. It is negative if the calls of all
   * sharers explain the statement: that does not prolong the time for which the server is believed.
   */
  noteNews(said: Statement, ms: number, now: number, plan: Plan): void {
    const { told, isNewest } = said;
    // Another quota's rest tells nothing about ours.
    if (ms > 0 && isOurs(plan, said)) this.distrust(now, plan);
    // Overlapping answers have no known order: the lowest counts.
    const left = Math.min(told.remaining, isNewest ? Infinity : (this.#news?.remaining ?? Infinity));
    this.#note(left, now + Math.abs(ms), told.roundTrip, now, plan);
  }

  #note(remaining: number, end: number, roundTrip: number, now: number, plan: Plan): void {
    const isFixed = this.#windowEnd > now;
    const until = Math.min(end, isFixed ? this.#windowEnd : Infinity) - tick;
    this.#news = { remaining, toldAt: now, until, isFixed, roundTrip, spacing: spacing(plan) };
  }
}

/** The most calls of cost 1 that the limits could let go within `ms`. */
function mostUntil({ rules }: Plan, ms: number): number {
  return Math.min(...rules.map((rule) => rule.kind.mostWithin(rule, ms)));
}
