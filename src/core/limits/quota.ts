import { checkNumber, checkOptions } from '../base/check.ts';
import type { Kind } from './kind.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { checkLimit, type Limit, withCommon } from './limit.ts';
import { wholeSteps, wholeTicksUp } from './rounding.ts';

// A leaky bucket that is safe for "N per interval". Its margin lengthens the window that its rate is computed for.

/** The arithmetic of quotas. */
export const quotaKind: Kind<number> = /* @__PURE__ */ Object.assign({}, leakyBucket, {
  name: 'quota',
  level: undefined,
  mostKept: () => Infinity,
  numbersOf(limit, kept) {
    const { rate, interval } = limit;
    const emissionInterval = wholeSteps((interval + kept) / rate);
    const span = Math.max(wholeTicksUp(interval) + kept, emissionInterval);
    return { ...leakyBucket.numbersOf(limit, 0), span, emissionInterval };
  },
} satisfies Partial<Kind<number>>);

/** Options of `quota`. */
export interface QuotaOptions {
  /** Calls per `interval` that the server allows. A whole number, at least 1. */
  readonly limit: number;
  /** Length of the server's window in ms. Above 0, at most 2^40 (34 years). */
  readonly interval: number;
  /**
   * How many of them may go at one instant. A whole number from 1 to `limit`.
   * @default a twentieth of `limit`, at least 1
   */
  readonly burst?: number;
  /** See `Limit.margin`. */
  readonly margin?: number | 'auto';
  /** See `Limit.name`. */
  readonly name?: string;
}

/**
 * Makes a leaky bucket that lets at most `limit` calls through in any window of `interval` ms, wherever the window
 * begins.
 *
 * The bucket leaks `limit - burst + 1` calls per `interval + margin`: a larger burst answers sooner from rest and
 * leaves less for the long run. The bound holds for costs in whole calls.
 * @throws TypeError, RangeError if an option is missing or out of range.
 * @see docs/algorithm.md for the bound.
 * @example
 * quota({ limit: 100, interval: 60_000 }).rate //=> 96
 */
export function quota(options: QuotaOptions): Limit {
  checkOptions('options', options);
  const limit = checkNumber('limit', options.limit, { from: 1, whole: true });
  const { burst = Math.max(1, Math.floor(limit / 20)) } = options;
  checkNumber('burst', burst, { from: 1, to: limit, whole: true });
  const { interval } = options;
  return checkLimit(withCommon({ kind: 'quota', rate: limit - burst + 1, interval, burst }, options), quotaKind);
}

/** Options of `perSecond`, `perMinute`, `perHour` and `perDay`. */
export type PerOptions = Omit<QuotaOptions, 'limit' | 'interval'>;

/** Makes a `quota` of `limit` calls per second, spread evenly: a twentieth of them may go at once. */
export const perSecond = (limit: number, options: PerOptions = {}): Limit => per(limit, 1_000, options);
/** Makes a `quota` of `limit` calls per minute, spread evenly: a twentieth of them may go at once. */
export const perMinute = (limit: number, options: PerOptions = {}): Limit => per(limit, 60_000, options);
/** Makes a `quota` of `limit` calls per hour, spread evenly: a twentieth of them may go at once. */
export const perHour = (limit: number, options: PerOptions = {}): Limit => per(limit, 3_600_000, options);
/** Makes a `quota` of `limit` calls per 24 hours, spread evenly: a twentieth of them may go at once. */
export const perDay = (limit: number, options: PerOptions = {}): Limit => per(limit, 86_400_000, options);

function per(limit: number, interval: number, options: PerOptions): Limit {
  checkOptions('options', options);
  return quota({ ...options, limit, interval });
}
