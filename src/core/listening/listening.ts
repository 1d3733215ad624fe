import type { Events } from '../base/events.ts';
import { type ServerSignal, sameInstant } from '../base/server-signal.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Plan } from '../limits/plan.ts';
import { type Clock, tick } from '../time/clock.ts';
import { type Paces, spacing } from './pace.ts';

/** What listening to servers needs of its throttle. */
export interface ListeningHost {
  readonly clock: Clock;
  readonly events: Events;
  readonly paces: Paces;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  plan(key: string): Plan;
  /** Calls of this process that are on their way. */
  inFlight(key: string): number;
  /** Stops a key for everyone; one call goes first afterwards, whose answer is waited for longer if the server refused one. */
  stop(key: string, ms: number, isRefused: boolean): void;
  /** Lets no more go than the server says is left. */
  ceil(key: string, said: Ceiling): void;
  /** Takes the limits that a server tells of for those of the key, if they were left to it. */
  learn(key: string, signal: ServerSignal): void;
}

/** What was heard of one key. Instants are on the monotonic clock. */
interface Heard {
  /** Calls that were refused one after the other, each after the pause for the one before. */
  refusals: number;
  /** When the latest of them was refused. */
  refusedAt: number;
  /** What was left by that answer, or by a later one if less, and when it came. */
  remaining: number;
  toldAt: number;
  roundTrip: number;
  /** The time between calls at the rate of the limits then, in ms. */
  spacing: number;
  /** What was left less the calls that were or got on their way since. */
  left: number;
  until: number;
  /** For so many answered calls yet somebody else counts as using the quota too. */
  shared: number;
}

/** The pause after a refusal that names no time: at first, and at most after many in a row, in ms. */
const firstBackOff = 1_000;
const longestBackOff = 60_000;

/** So many keys are remembered before those that matter no more are forgotten. */
const keysKept = 1_000;

/** After this time, in ms, a refusal matters no more to the next one. */
const refusalsMatter = 600_000;

/**
 * Acts on what servers say: it can only slow calls down. A refusal stops the key for everyone, what is left becomes a ceiling.
 * Answers to calls that left before can lengthen a pause, not shorten it, and say nothing against newer ones.
 */
export class Listening {
  readonly #host: ListeningHost;
  readonly #heard = new Map<string, Heard>();
  /** How many keys to remember before looking again for some to forget. */
  #mostKeys = keysKept;

  constructor(host: ListeningHost) {
    this.#host = host;
  }

  /**
   * Takes note of one answer, while its call still counts as in flight.
   * @param left when its call left, on the monotonic clock
   * @param leastPause how long to pause at least where the server refused and named no time, in ms
   */
  listen(key: string, left: number, signal: ServerSignal, leastPause: number = firstBackOff): void {
    const { events, clock, paces } = this.#host;
    if (events.wants('signal')) events.emit('signal', { key, signal });
    const { remaining, retryAt, throttled } = signal;
    if (!throttled && remaining === undefined && retryAt === undefined && !this.#heard.has(key)) {
      this.#host.learn(key, signal);
      return;
    }
    const heard = this.#of(key);
    const wait = retryAt === undefined ? undefined : retryAt - clock.now();
    if (throttled) {
      // Of many that were on their way together one counts.
      if (left >= heard.refusedAt) {
        if (heard.refusals === 0) paces.noteRefusal(key);
        heard.refusals++;
        heard.refusedAt = clock.monotonic();
      }
      heard.shared = sharedFor(signal);
      this.#host.stop(key, wait ?? backOff(heard.refusals, leastPause), true);
    } else {
      if (left >= heard.refusedAt) heard.refusals = 0;
      if (heard.shared > 0) heard.shared--;
      paces.noteAnswer(key);
      if (wait !== undefined) this.#host.stop(key, wait, false);
    }
    this.#host.learn(key, signal);
    this.#noteLeft(key, heard, left, signal);
  }

  /** Until when what the server said is left holds, on the monotonic clock; Infinity if nothing does. */
  knowsUntil(key: string): number {
    const until = this.#heard.get(key)?.until ?? -Infinity;
    // The store reckons in whole ticks.
    return until > this.#host.clock.monotonic() ? until - tick : Infinity;
  }

  /**
   * The most calls in flight. Where somebody else uses the quota too, as many calls of what is left are kept back as he may make
   * until our next ones arrive; at the end ours go one by one, so that one at most is refused.
   */
  mostInFlight(key: string): number {
    const heard = this.#heard.get(key);
    if (heard === undefined || heard.shared === 0) return Infinity;
    const now = this.#host.clock.monotonic();
    if (heard.until <= now) return Infinity;
    const stale = now - heard.toldAt + 2 * heard.roundTrip;
    return Math.max(1, heard.remaining - 1 - Math.ceil(stale / heard.spacing));
  }

  /** Forgets what was heard of a key. */
  forget(key: string): void {
    this.#heard.delete(key);
  }

  /** Notes that a call leaves, which takes `calls` of what is left. */
  noteDeparture(key: string, calls: number): void {
    const heard = this.#heard.get(key);
    if (heard !== undefined) heard.left -= calls;
  }

  #noteLeft(key: string, heard: Heard, callLeft: number, signal: ServerSignal): void {
    const { clock, maxPause } = this.#host;
    const { remaining, resetAt, retryAt = Infinity, unit } = signal;
    if (remaining === undefined || resetAt === undefined || unit !== undefined) return;
    const now = clock.monotonic();
    // Retry-After wins over the reset, which is often that of the whole quota.
    const end = remaining === 0 ? Math.min(resetAt, retryAt) : resetAt;
    const ms = Math.min(end - clock.now(), maxPause);
    if (ms <= 0) return;
    const holds = heard.until > now;
    const isSame = holds && Math.abs(heard.until - now - ms) <= sameInstant;
    // All calls of our own are off already.
    if (holds && remaining < heard.left) heard.shared = sharedFor(signal);
    // Of answers whose calls were on their way together nobody knows which is newer: the one counts that leaves less.
    const isNewer = !holds || callLeft >= heard.toldAt;
    const counts = isNewer || remaining <= heard.remaining;
    const inFlight = Math.max(0, this.#host.inFlight(key) - 1);
    const left = Math.max(0, (counts ? remaining : heard.remaining) - inFlight);
    // Far from the end of it the limits are what counts, and so are small differences.
    const plan = this.#host.plan(key);
    if (!holds && left >= Math.min(...plan.rules.map((rule) => rule.kind.mostWithin(rule, ms)))) return;
    if (counts) {
      // Of two ends that are the same the earlier may be the one in the store.
      const until = isSame ? Math.min(heard.until, now + ms) : now + ms;
      Object.assign(heard, { remaining, until, toldAt: now, roundTrip: now - callLeft, spacing: spacing(plan) });
    }
    const isClose = isSame && Math.abs(left - heard.left) <= (left > 4 * (inFlight + 4) ? inFlight + 1 : 0);
    if (isClose) return;
    const isNewest = isNewer || left > heard.left;
    heard.left = left;
    const meant = end < resetAt ? { meantFor: Math.min(resetAt - clock.now(), maxPause) } : undefined;
    this.#host.ceil(key, { remaining: left, ms: heard.until - now, isNewest, ...meant });
  }

  #of(key: string): Heard {
    let heard = this.#heard.get(key);
    if (heard === undefined) {
      if (this.#heard.size >= this.#mostKeys) this.#forgetOld();
      heard = {
        refusals: 0,
        refusedAt: -Infinity,
        remaining: Infinity,
        toldAt: -Infinity,
        roundTrip: 0,
        spacing: 1,
        left: Infinity,
        until: -Infinity,
        shared: 0,
      };
      this.#heard.set(key, heard);
    }
    return heard;
  }

  #forgetOld(): void {
    const now = this.#host.clock.monotonic();
    for (const [key, { refusals, refusedAt, until }] of this.#heard) {
      if ((refusals === 0 || refusedAt <= now - refusalsMatter) && until <= now) this.#heard.delete(key);
    }
    this.#mostKeys = Math.max(keysKept, 2 * this.#heard.size);
  }
}

/** For how many answered calls somebody else who was seen counts as there: ten windows, and 10,000 calls at least. */
const sharedFor = ({ limit = 0 }: ServerSignal): number => Math.max(10_000, 10 * limit);

/** How long to pause where the server names no time: doubled with each refusal, and spread, so that not all come back at once. */
function backOff(refusals: number, least: number): number {
  const first = Math.max(firstBackOff, least);
  const doubled = first * 2 ** Math.min(refusals - 1, 16);
  return Math.min(doubled, Math.max(first, longestBackOff)) * (1 + Math.random() / 10);
}
