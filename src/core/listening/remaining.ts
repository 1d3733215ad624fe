import type { ServerSignal } from '../base/server-signal.ts';
import { sameInstant } from '../base/server-signal.ts';
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

/** What the server said is left, and how it said so. Instants are on the monotonic clock. */
interface Statement {
  readonly remaining: number;
  readonly until: number;
  readonly toldAt: number;
  readonly roundTrip: number;
  /** The time between calls at the rate of the limits then, in ms. */
  readonly spacing: number;
}

const unheard: Statement = { remaining: Infinity, until: -Infinity, toldAt: -Infinity, roundTrip: 0, spacing: 1 };

/**
 * Follows what a server says is left for one key: it can only slow calls down.
 *
 * Invariant: answers to calls that left before others say nothing against those; what is left becomes a ceiling only if the limits
 * could let more go.
 */
export class Remaining {
  #latest = unheard;
  /** What was left less the calls that were or got on their way since. */
  #left = Infinity;
  /** Answers left until we assume that nobody else uses the quota. */
  #sharedFor = 0;

  /** Notes that a call leaves, which takes `calls` of what is left. */
  noteDeparture(calls: number): void {
    this.#left -= calls;
  }

  /** Notes that the server refused a call: somebody else uses the quota. */
  noteRefusal(signal: ServerSignal): void {
    this.#sharedFor = sharedFor(signal);
  }

  /** Notes that the server took a call. */
  noteAnswer(): void {
    if (this.#sharedFor > 0) this.#sharedFor--;
  }

  /** Whether it says nothing any more. */
  isOver(now: number): boolean {
    return this.#latest.until <= now;
  }

  /** Until when what the server said holds, on the monotonic clock; Infinity if nothing does. */
  knowsUntil(now: number): number {
    const { until } = this.#latest;
    // The store reckons in whole ticks.
    return until > now ? until - tick : Infinity;
  }

  /**
   * The most calls in flight. Where somebody else uses the quota too, as many calls of what is left are kept back as he may make
   * until our next ones arrive; at the end ours go one by one, so that one at most is refused.
   */
  mostInFlight(now: number): number {
    const { remaining, until, toldAt, roundTrip, spacing } = this.#latest;
    if (this.#sharedFor === 0 || until <= now) return Infinity;
    const stale = now - toldAt + 2 * roundTrip;
    return Math.max(1, remaining - 1 - Math.ceil(stale / spacing));
  }

  /** Takes note of what an answer says is left; returns the ceiling that it makes, if it makes one. */
  note({ signal, left: callLeft, now, wall, inFlight, plan, maxPause }: Heard): Ceiling | undefined {
    const { remaining, resetAt, retryAt = Infinity, unit } = signal;
    if (remaining === undefined || resetAt === undefined || unit !== undefined) return undefined;
    // Retry-After wins over the reset, which is often that of the whole quota.
    const end = remaining === 0 ? Math.min(resetAt, retryAt) : resetAt;
    const ms = Math.min(end - wall, maxPause);
    if (ms <= 0) return undefined;
    const known = this.#latest;
    const holds = known.until > now;
    const isSame = holds && Math.abs(known.until - now - ms) <= sameInstant;
    // All calls of our own are off already.
    if (holds && remaining < this.#left) this.#sharedFor = sharedFor(signal);
    // Overlapping answers have no known order; the lowest `remaining` wins.
    const isNewer = !holds || callLeft >= known.toldAt;
    const counts = isNewer || remaining <= known.remaining;
    const left = Math.max(0, (counts ? remaining : known.remaining) - inFlight);
    // Far from the end of it the limits are what counts, and so are small differences.
    if (!holds && left >= mostUntil(plan, ms)) return undefined;
    if (counts) {
      // Of two ends that are the same the earlier may be the one in the store.
      const until = isSame ? Math.min(known.until, now + ms) : now + ms;
      this.#latest = { remaining, until, toldAt: now, roundTrip: now - callLeft, spacing: spacing(plan) };
    }
    if (isSame && Math.abs(left - this.#left) <= (left > 4 * (inFlight + 4) ? inFlight + 1 : 0)) return undefined;
    const isNewest = isNewer || left > this.#left;
    this.#left = left;
    const meant = end < resetAt ? { meantFor: Math.min(resetAt - wall, maxPause) } : undefined;
    return { remaining: left, ms: this.#latest.until - now, isNewest, ...meant };
  }
}

/** For how many answered calls somebody else who was seen counts as there: ten windows, and 10,000 calls at least. */
const sharedFor = ({ limit = 0 }: ServerSignal): number => Math.max(10_000, 10 * limit);

/** The most calls of cost 1 that limits could let go within `ms`. */
function mostUntil({ rules }: Plan, ms: number): number {
  return Math.min(...rules.map((rule) => rule.kind.mostWithin(rule, ms)));
}
