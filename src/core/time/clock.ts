import { outOfRange } from '../base/check.ts';
import { PageTimers, platformDelay, type TimerSource, type Timers } from './page-timers.ts';

/**
 * The only door to time. Everything that reads the time or waits does it through one of these, so that a test
 * (or a simulation) can put its own in its place: see `ManualClock` in `sluice/testing`.
 */
export interface Clock {
  /** Wall clock, ms since the Unix epoch: for records that are shared or kept. It may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back: for waiting, and for buckets of this process alone. */
  monotonic(): number;
  /** Calls `callback` once, after at least `ms` give or take the platform's rounding. Any `ms` is allowed. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Takes a timer back. */
  clearTimeout(handle: unknown): void;
  /** Where its timers come from at the moment, for `status` to tell. A clock need not say. */
  readonly timerSource?: TimerSource;
}

/** What vitest, Jest and Sinon leave at the timers they fake: the clock of these. */
interface Faked {
  readonly clock?: { readonly performance?: Pick<Performance, 'now'> };
}

// Under another name, as bundlers may make a `var` of it: in the classic script of a worker one named `performance` would stand
// before the platform's.
let steady: Pick<Performance, 'now'> = globalThis.performance;
/** What brings `steady` to the time that went by on those before it, in ms. */
let shift = 0;
/** The timers that `steady` belongs to. */
let timers = globalThis.setTimeout;

/** The monotonic clock that timers go by: the platform's, or that of a test that fakes the timers, whatever else it fakes. */
function monotonic(): number {
  if (setTimeout !== timers) follow();
  return steady.now() + shift;
}

/** Goes on with the clock of other timers. */
function follow(): void {
  timers = setTimeout;
  const { clock } = timers as Faked;
  const current = clock?.performance ?? globalThis.performance;
  if (current === steady) return;
  shift += steady.now() - current.now();
  // Instants of fake timers are whole: a fraction would make each of them a millisecond late.
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

/** The timers of this machine. They are looked for when they are needed: a module may be loaded where there is no page. */
function timersHere(): Timers {
  const page = typeof document === 'object' ? document : undefined;
  found ??= page?.defaultView ? new PageTimers(page, page.defaultView, plainTimers) : plainTimers;
  return found;
}

/** The clock of this machine. In a page its timers go on while that is hidden: see docs/pages.md. */
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
 * @throws RangeError if it is no instant: nothing could be told to be over
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

/** Writes an instant (ms since the epoch) as people and logs do: 2026-01-01T00:00:00.000Z. */
export const isoInstant = (ms: number): string => new Date(Math.min(ms, latestDate)).toISOString();

/** Reads a date in a form that all platforms read alike, in ms since the epoch; undefined if it is none. */
export function parsedDate(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
