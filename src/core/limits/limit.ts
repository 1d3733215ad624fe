import { checkNumber, outOfRange, wrongType } from '../base/check.ts';
import type { Kind } from './kind.ts';

// The limits that users write. A rule may be made of any limit that was checked.

/**
 * One rule that a key must keep. Written by hand it is a leaky bucket: `rate` calls per `interval` in the long run, `burst` at
 * one instant. `quota`, `perSecond` … `perDay` and `slidingWindow` make limits that are safe for "N per interval".
 */
export interface Limit {
  /**
   * How the calls are counted.
   * - `'leaky-bucket'`: the virtual scheduling form of the generic cell rate algorithm.
   * - `'quota'`: the same bucket, with its margin added to the window that it was made for.
   * - `'sliding-window'`: at most `rate` calls in any window of `interval`. Only `slidingWindow()` makes one: a literal is refused.
   * - `'learned'`: for keys whose server defines the limits, until it sends them. It is not for user code.
   * @default 'leaky-bucket'
   */
  readonly kind?: LimitKind;
  /** Calls per `interval`. Above 0. */
  readonly rate: number;
  /** Milliseconds. Above 0. It, `interval / rate` and `burst * interval / rate` may be at most 2^40 (34 years). */
  readonly interval: number;
  /**
   * The most calls that may go at one instant from rest, the first included. At least 1.
   * @default 1; of a sliding window, which lets all its calls go at once, `rate`
   */
  readonly burst?: number;
  /**
   * Milliseconds kept in reserve for calls that arrive closer together than they left; at least 0. `'auto'` or
   * undefined: the throttle's own margin.
   */
  readonly margin?: number | 'auto';
  /** Names the limit in costs, decisions and errors. Needed only if one key has several limits with different costs. */
  readonly name?: string;
}

/** How a limit counts calls. */
export type LimitKind = 'leaky-bucket' | 'quota' | 'sliding-window' | 'learned';

/** The longest span in the arithmetic of a bucket, in ms: 2^40, about 34 years. Longer ones would cost precision. */
export const longest: number = 2 ** 40;

/** An instant so long ago that any bucket is at rest; a number that JSON and Lua can hold too. */
export const longAgo: number = -longest;

/**
 * Checks one limit of a kind and returns it.
 * @param path what goes before the names of its options in messages
 */
export function checkLimit(limit: Limit, kind: Kind, path: string = ''): Limit {
  const { rate, interval, margin = 0, name } = limit;
  checkNumber(`${path}rate`, rate, { above: 0 });
  checkNumber(`${path}interval`, interval, { above: 0, to: longest });
  kind.check?.(limit, path);
  const burst = checkNumber(`${path}burst`, kind.burstOf(limit), { from: 1 });
  if ((burst * interval) / rate > longest)
    outOfRange(`${path}interval`, 'at most 2^40 ms (34 years) * rate / burst', interval);
  checkMargin(`${path}margin`, margin);
  if (name !== undefined && typeof name !== 'string') wrongType(`${path}name`, 'a string', name);
  return limit;
}

/** Checks a margin, of one limit or of the throttle, and returns it. */
export function checkMargin(name: string, margin: number | 'auto'): number | 'auto' {
  if (margin === 'auto') return margin;
  if (typeof margin === 'string') outOfRange(name, "a number of ms or 'auto'", margin);
  return checkNumber(name, margin, { from: 0, to: longest });
}

/** Adds the options that all kinds share, if they are given. */
export function withCommon(limit: Limit, { margin, name }: Pick<Limit, 'margin' | 'name'>): Limit {
  return {
    ...limit,
    ...(margin === undefined ? undefined : { margin }),
    ...(name === undefined ? undefined : { name }),
  };
}
