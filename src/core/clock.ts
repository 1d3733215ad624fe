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
}

/** The longest delay a platform timer takes; a longer one fires at once in browsers and in Node. */
const longestTimer = 2 ** 31 - 1;

// The global one is behind a getter in Node, which costs as much as reading it.
const { performance } = globalThis;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Fractions of a millisecond are cut off by the platforms, which makes a timer early; a delay that is too long for one
  // timer ends early too. Who waits looks at the clock again and sets another timer for the rest.
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(Math.ceil(ms), longestTimer)),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

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
