import { report, type ThrottleEvent } from '../base/events.ts';
import type { Clock } from '../time/clock.ts';
import { linkedOf } from './adapter-link.ts';
import type { Status, Throttle } from './throttle.ts';

/** Gets each new status. */
export type StatusListener = (status: Status) => void;

/** The events that may change the status of a key. */
const events = [
  'queued',
  'granted',
  'ended',
  'rejected',
  'paused',
  'resumed',
  'signal',
] as const satisfies ThrottleEvent[];

/** The shortest time between two readings, in ms: a screen shows at most 60 a second. */
const betweenLooks = 17;
/** The time between readings while calls wait or a pause lasts, in ms: other tabs and processes send no events. */
const pollEvery = 1_000;
/** Instants that differ by less are equal, in ms: they are sums of two clocks, one of which shows whole ms. */
const blur = 5;

/** A status, and the instant of its reading in ms since the epoch. */
interface Seen {
  readonly status: Status;
  readonly at: number;
}

/**
 * Follows the status of one key of a throttle.
 *
 * Invariant: it keeps one status object until something in it changes. It has a timer only after an event, and while
 * calls wait or a pause lasts.
 */
class StatusWatch {
  readonly listeners: Set<StatusListener> = new Set();
  readonly #throttle: Throttle;
  readonly #key: string;
  readonly #clock: Clock;
  #seen: Seen | undefined;
  /** When it may read again, on the monotonic clock. */
  #restsUntil = -Infinity;
  #isLooking = false;
  /** Whether something happened since the last reading. */
  #isStale = false;
  #timer: unknown;

  constructor(throttle: Throttle, key: string) {
    this.#throttle = throttle;
    this.#key = key;
    this.#clock = linkedOf(throttle).lanes.clock;
    this.note();
  }

  get latest(): Status | undefined {
    return this.#seen?.status;
  }

  /** Notes that something has happened. It reads after the current step is over, and not too often. */
  note(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    if (!this.#isLooking) this.#lookSoon();
  }

  stop(): void {
    this.#wait();
  }

  #lookSoon(): void {
    const ms = this.#restsUntil - this.#clock.monotonic();
    this.#wait(ms > 0 ? ms : undefined);
    // Not inside the code that emits the event.
    if (ms <= 0) void Promise.resolve().then(() => this.#look());
  }

  /** Reads after this time; never, if it is undefined. */
  #wait(ms?: number): void {
    this.#clock.clearTimeout(this.#timer);
    if (ms === undefined) return;
    this.#timer = this.#clock.setTimeout(() => void this.#look(), ms);
    // Without waiting calls it keeps no process open.
    if (ms > betweenLooks) (this.#timer as { unref?(): void } | undefined)?.unref?.();
  }

  async #look(): Promise<void> {
    if (this.listeners.size === 0) return;
    this.#isLooking = true;
    this.#isStale = false;
    const status = await this.#throttle.status(this.#key).catch(() => this.#lastStatus());
    this.#isLooking = false;
    if (this.listeners.size === 0) return;
    this.#restsUntil = this.#clock.monotonic() + betweenLooks;
    if (status !== undefined) this.#show({ status, at: this.#clock.now() });
    if (this.#isStale) this.#lookSoon();
    else this.#wait(this.#untilNextPoll());
  }

  /** The final status of a closed throttle; undefined while only the store has failed. */
  #lastStatus(): Status | undefined {
    const { latest } = this;
    if (latest === undefined || !this.#isClosed) return undefined;
    return { ...latest, waiting: 0, eta: undefined, pausedUntil: undefined };
  }

  get #isClosed(): boolean {
    return linkedOf(this.#throttle).isClosed();
  }

  /** In ms; undefined if an event has to come first. */
  #untilNextPoll(): number | undefined {
    // The store failed the first look.
    if (this.latest === undefined) return this.#isClosed ? undefined : pollEvery;
    const { waiting, pausedUntil } = this.latest;
    if (pausedUntil !== undefined)
      return Math.max(betweenLooks, Math.min(pollEvery, pausedUntil - this.#clock.now() + 1));
    return waiting > 0 ? pollEvery : undefined;
  }

  #show(seen: Seen): void {
    if (this.#seen !== undefined && isSame(this.#seen, seen)) return;
    this.#seen = seen;
    for (const listener of this.listeners) {
      try {
        listener(seen.status);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** Whether two readings are equal. */
function isSame(one: Seen, other: Seen): boolean {
  const [facts, instants] = [factsOf(one), instantsOf(one)];
  const [otherFacts, otherInstants] = [factsOf(other), instantsOf(other)];
  return (
    facts.length === otherFacts.length &&
    facts.every((fact, index) => fact === otherFacts[index]) &&
    instants.every((instant, index) => Math.abs(instant - (otherInstants[index] as number)) < blur)
  );
}

function factsOf({ status }: Seen): unknown[] {
  const { limits, waiting, inFlight, pool, margin, timer } = status;
  return [waiting, inFlight, pool?.remaining, margin, timer, ...limits.flatMap((each) => [each.name, each.remaining])];
}

/** The instants of a status, 0 for none. Past instants move on with the time and do not count. */
function instantsOf({ status, at }: Seen): number[] {
  const { limits, nextAt, eta = 0, pausedUntil = 0, pool } = status;
  const ahead = [nextAt, ...limits.map(({ resetAfter }) => at + resetAfter)];
  return [eta, pausedUntil, pool?.resetAt ?? 0, ...ahead.map((instant) => (instant > at + blur ? instant : 0))];
}

/** The watches of one throttle, by key. Each has one listener per event. */
interface Watches {
  readonly byKey: Map<string, StatusWatch>;
  readonly stops: readonly (() => void)[];
}

const watchesOf = new WeakMap<Throttle, Watches>();

/**
 * Calls `listener` with each new status of a key. All watchers of a key get the same object.
 * @returns how to stop
 */
export function watchStatus(throttle: Throttle, key: string, listener: StatusListener): () => void {
  let watches = watchesOf.get(throttle);
  if (watches === undefined) {
    const byKey = new Map<string, StatusWatch>();
    watches = { byKey, stops: events.map((name) => throttle.on(name, (event) => byKey.get(event.key)?.note())) };
    watchesOf.set(throttle, watches);
  }
  const { byKey, stops } = watches;
  const watch = byKey.get(key) ?? new StatusWatch(throttle, key);
  byKey.set(key, watch);
  // Each subscription wraps the listener, so that one listener can be added twice and removed once.
  const own: StatusListener = (status) => listener(status);
  watch.listeners.add(own);
  return () => {
    if (!watch.listeners.delete(own) || watch.listeners.size > 0) return;
    watch.stop();
    byKey.delete(key);
    if (byKey.size > 0) return;
    for (const stop of stops) stop();
    watchesOf.delete(throttle);
  };
}

/** The status of a key as its watchers have seen it; undefined before the first reading. */
export function latestStatus(throttle: Throttle, key: string): Status | undefined {
  return watchesOf.get(throttle)?.byKey.get(key)?.latest;
}
