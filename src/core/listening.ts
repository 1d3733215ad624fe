import { type Clock, tick } from './clock.ts';
import type { Events } from './events.ts';
import type { Plan, Rule } from './limit.ts';
import { type Paces, spacing } from './pace.ts';
import type { Ceiling } from './pool.ts';
import { type ServerSignal, sameInstant } from './server-signal.ts';

/** What listening to servers needs of its throttle. */
export interface ListeningHost {
  readonly clock: Clock;
  readonly events: Events;
  readonly paces: Paces;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  /** Whether tabs or processes of our own take from the same buckets: then nobody can tell their calls from those of others. */
  readonly isShared: boolean;
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
  /** The quota, as far as the server has told. */
  limit: number;
  /** What was left less the calls that were or got on their way since. */
  left: number;
  until: number;
  /** For so many answered calls yet somebody else counts as using the quota too. */
  shared: number;
  /** Whether it is sure to be somebody else, and not ourselves before this process began. */
  isSure: boolean;
  /** Whether the server gives calls back one by one: little was left when there was to be more. */
  isGradual: boolean;
  /** When this was first heard, and our calls since `countedFrom` and in the window before. */
  readonly since: number;
  countedFrom: number;
  own: number;
  ownBefore: number;
  /** When the latest call was let go. */
  wentAt: number;
}

/** The pause after a refusal that names no time: at first, and at most after many in a row, in ms. */
const firstBackOff = 1_000;
const longestBackOff = 60_000;

/** Where somebody else uses the quota too, calls slow down as soon as less than this part of it is left. */
const scarce = 1 / 8;

/** What of the rate is left to calls that find out whether there is more again: one in 16 calls' time, or in an eighth of a window. */
const leastShare = (limit: number): number => Math.min(1 / 16, 8 / limit);

/** The part of a window for which none goes after a refusal where calls are given back one by one. */
const restAfterRefusal = 1 / 4;

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
      this.#noteOthers(heard, sharedFor(signal), true);
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
    const heard = this.#heardBesideOthers(key);
    if (heard === undefined) return Infinity;
    const now = this.#host.clock.monotonic();
    if (heard.until <= now && !heard.isGradual) return 1;
    const stale = now - heard.toldAt + 2 * heard.roundTrip;
    return Math.max(1, heard.remaining - 1 - Math.ceil(stale / heard.spacing));
  }

  /**
   * When the next call may go where somebody else uses the quota too, on the monotonic clock; undefined where the limits say so.
   * The less is left, the slower: so it stays above what his calls may differ by, which goes with the root of the quota.
   */
  nextAt(key: string): number | undefined {
    const heard = this.#host.isShared ? undefined : this.#heardBesideOthers(key);
    if (heard === undefined || !heard.isSure) return undefined;
    const { until, isGradual, limit, spacing, wentAt, refusedAt } = heard;
    // A window that has ended is full again.
    if (!isGradual && until <= this.#host.clock.monotonic()) return undefined;
    const kept = Math.sqrt(limit) / 2;
    const share = Math.min(1, (heard.left - kept) / (scarce * limit));
    // He may take half of the quota until then.
    if (share > 0 && heard.left - 1 / (2 * share) > kept / 2) return wentAt + spacing / share;
    if (!isGradual) return until;
    const { maxPause } = this.#host;
    return Math.max(
      wentAt + Math.min(spacing / leastShare(limit), maxPause),
      refusedAt + Math.min(restAfterRefusal * limit * spacing, maxPause),
    );
  }

  /** What was heard of a key that somebody else uses too, unless that is over and longer ago than a window. */
  #heardBesideOthers(key: string): Heard | undefined {
    const heard = this.#heard.get(key);
    if (heard === undefined || heard.shared === 0) return undefined;
    const { until, toldAt, limit, spacing } = heard;
    const now = this.#host.clock.monotonic();
    return until > now || now - toldAt < limit * spacing ? heard : undefined;
  }

  /** Notes that a call is let go. */
  noteGrant(key: string): void {
    const heard = this.#heardBesideOthers(key);
    if (heard !== undefined) heard.wentAt = this.#host.clock.monotonic();
  }

  /** Forgets what was heard of a key. */
  forget(key: string): void {
    this.#heard.delete(key);
  }

  /** Notes that a call leaves, which takes `calls` of what is left. */
  noteDeparture(key: string, calls: number): void {
    const heard = this.#heard.get(key);
    if (heard === undefined) return;
    heard.left -= calls;
    const now = this.#host.clock.monotonic();
    const window = heard.limit * heard.spacing;
    if (now - heard.countedFrom >= window) {
      heard.ownBefore = now - heard.countedFrom < 2 * window ? heard.own : 0;
      heard.own = 0;
      heard.countedFrom = now;
    }
    heard.own += calls;
  }

  #noteLeft(key: string, heard: Heard, callLeft: number, signal: ServerSignal): void {
    const { clock, maxPause } = this.#host;
    // A reset that is over by the time the answer is here is none.
    const { remaining, resetAt = clock.now(), unit } = signal;
    if (remaining === undefined || unit !== undefined) return;
    const now = clock.monotonic();
    const ms = Math.min(resetAt - clock.now(), maxPause);
    // Where it does not tell its quota, what it says is left shows that, as far as the limits of the key go.
    const plan = this.#host.plan(key);
    const shown = Math.min(remaining, mostUntil(plan, Math.max(ms, ...plan.rules.map(({ limit }) => limit.interval))));
    heard.limit = signal.limit === undefined ? Math.max(heard.limit, shown) : Math.max(signal.limit, remaining);
    this.#lookForOthers(heard, remaining, signal);
    if (heard.toldAt !== -Infinity && callLeft >= heard.until)
      heard.isGradual = remaining < heard.limit * (heard.isGradual ? 3 / 4 : 1 / 4);
    if (ms <= 0 && heard.shared === 0) return;
    const holds = heard.until > now;
    const isSame = holds && Math.abs(heard.until - now - ms) <= sameInstant;
    // Of answers whose calls were on their way together nobody knows which is newer: the one counts that leaves less.
    const isNewer = !holds || callLeft >= heard.toldAt;
    const counts = isNewer || remaining <= heard.remaining;
    const inFlight = Math.max(0, this.#host.inFlight(key) - 1);
    const left = Math.max(0, (counts ? remaining : heard.remaining) - inFlight);
    // Far from the end of it the limits are what counts, and so are small differences.
    if (!holds && heard.shared === 0 && left >= mostUntil(plan, ms)) return;
    if (counts) {
      // Of two ends that are the same the earlier may be the one in the store.
      const until = isSame ? Math.min(heard.until, now + ms) : now + ms;
      Object.assign(heard, { remaining, until, toldAt: now, roundTrip: now - callLeft, spacing: spacing(plan) });
    }
    const isClose = isSame && Math.abs(left - heard.left) <= (left > 4 * (inFlight + 4) ? inFlight + 1 : 0);
    if (isClose) return;
    const isNewest = isNewer || left > heard.left;
    heard.left = left;
    if (heard.until > now) this.#host.ceil(key, { remaining: left, ms: heard.until - now, isNewest });
  }

  /** Somebody else shows by less being left than our own calls explain, whatever they are counted in: all of them are off already. */
  #lookForOthers(heard: Heard, remaining: number, signal: ServerSignal): void {
    if (heard.toldAt !== -Infinity && remaining < heard.left) {
      this.#noteOthers(heard, sharedFor(signal), true);
    } else if (
      !this.#host.isShared &&
      signal.limit !== undefined &&
      remaining < signal.limit - heard.own - heard.ownBefore
    ) {
      // What was on its way when counting began may have counted for more than one call.
      const hasCounted = this.#host.clock.monotonic() - heard.since >= 2 * heard.limit * heard.spacing;
      this.#noteOthers(heard, hasCounted ? sharedFor(signal) : Math.max(heard.shared, signal.limit), hasCounted);
    }
  }

  #noteOthers(heard: Heard, calls: number, isSure: boolean): void {
    heard.shared = calls;
    heard.isSure ||= isSure;
    this.#host.paces.othersShow = true;
  }

  #of(key: string): Heard {
    let heard = this.#heard.get(key);
    if (heard === undefined) {
      if (this.#heard.size >= this.#mostKeys) this.#forgetOld();
      const now = this.#host.clock.monotonic();
      heard = {
        refusals: 0,
        refusedAt: -Infinity,
        remaining: Infinity,
        toldAt: -Infinity,
        roundTrip: 0,
        spacing: spacing(this.#host.plan(key)),
        limit: 0,
        left: Infinity,
        until: -Infinity,
        shared: 0,
        isSure: false,
        isGradual: false,
        since: now,
        countedFrom: now,
        own: this.#host.inFlight(key),
        ownBefore: 0,
        wentAt: -Infinity,
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

/** The most calls of cost 1 that limits could let go within `ms`. */
function mostUntil({ rules }: Plan, ms: number): number {
  const most = ({ window, burst, emissionInterval }: Rule) =>
    window === 0 ? burst + ms / emissionInterval : burst * (1 + Math.ceil(ms / window));
  return Math.min(...rules.map(most));
}
