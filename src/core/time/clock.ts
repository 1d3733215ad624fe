import { outOfRange } from '../base/check.ts';
import { PageTimers, platformDelay, type TimerSource, type Timers } from './page-timers.ts';

/**
 * The only source of time. All code reads the time and waits through a clock, so that a test or a simulation can
 * replace it: see `ManualClock` in `sluice/testing`.
 */
export interface Clock {
  /** Wall clock, ms since the Unix epoch: for records that are shared or kept. It may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back: for waiting, and for buckets of this process alone. */
  monotonic(): number;
  /** Calls `callback` once, after at least `ms`, apart from the platform's rounding. Any `ms` is allowed. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Cancels a timer. */
  clearTimeout(handle: unknown): void;
  /** Where its timers come from now, for `status`. Optional. */
  readonly timerSource?: TimerSource;
}

/** The clock that vitest, Jest and Sinon attach to the timers they fake. */
interface Faked {
  readonly clock?: { readonly performance?: Pick<Performance, 'now'> };
}

// Under another name, because bundlers may turn it into a `var`: in a classic worker script, one named `performance`
// would hide the platform's.
let steady: Pick<Performance, 'now'> = globalThis.performance;
/** Added to `steady`: the time that went by on the timers before it, in ms. */
let shift = 0;
/** The timers that `steady` belongs to. */
let timers = globalThis.setTimeout;

/** The monotonic clock of the timers: the platform's, or that of a test that fakes the timers. */
function monotonic(): number {
  if (setTimeout !== timers) follow();
  return steady.now() + shift;
}

/** Continues with the clock of other timers. */
function follow(): void {
  timers = setTimeout;
  const { clock } = timers as Faked;
  const current = clock?.performance ?? globalThis.performance;
  if (current === steady) return;
  shift += steady.now() - current.now();
  // Fake timers use whole instants: a fraction would make each of them a millisecond late.
  if (clock) shift = Math.ceil(shift);
  steady = current;
}

const plainTimers: Timers = {
  timerSource: 'plain',
  monotonic,
  setTimeout: (callback, ms) => setTimeout(callback, platformDelay(ms)),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

let found: Timers | undefined;

/** The timers of this machine. They are looked up when needed, because a module may be loaded without a page. */
function timersHere(): Timers {
  const page = typeof document === 'object' ? document : undefined;
  found ??= page?.defaultView ? new PageTimers(page, page.defaultView, plainTimers) : plainTimers;
  return found;
}

/** The clock of this machine. Its timers also work in a hidden page: see docs/pages.md. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic,
  setTimeout: (callback, ms) => timersHere().setTimeout(callback, ms),
  clearTimeout: (handle) => timersHere().clearTimeout(handle),
  get timerSource() {
    return timersHere().timerSource as TimerSource;
  },
};

/**
 * Checks what a clock shows.
 * @throws RangeError if it is not a finite number, because nothing could ever expire then
 */
export function checkInstant(name: keyof Clock, instant: number): number {
  return Number.isFinite(instant) ? instant : outOfRange(`clock.${name}()`, 'a finite number', instant);
}

/**
 * The smallest step of time in a bucket, in ms: about half a microsecond. It is a power of two, so that instants since the
 * epoch and their sums are exact in a double until the year 2109, and no rounding error can add up to a call too many.
 */
export const tick: number = 2 ** -11;

/** Rounds an instant down to a whole tick. */
export const wholeTicks = (ms: number): number => Math.floor(ms * 2048) / 2048;

/** The latest instant that a Date can hold, in ms since the epoch: in the year 275760. */
const latestDate = 8.64e15;

/** Formats an instant (ms since the epoch) as 2026-01-01T00:00:00.000Z. */
export const isoInstant = (ms: number): string => new Date(Math.min(ms, latestDate)).toISOString();

/**
 * Parses a date in a form that all platforms read in the same way, in ms since the epoch; undefined if it is not one.
 */
export function parsedDate(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
