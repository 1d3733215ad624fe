import { tick } from '../time/clock.ts';

// Sums of instants and spans are exact as long as both are whole steps of a power of two. Rounding never makes a limit laxer.

/**
 * The steps in which an emission interval is measured, so that sums of it are exact: ticks, and below a thousand of them finer
 * powers of two, so that never more than a thousandth of the rate is lost.
 */
export const stepOf = (ms: number): number => Math.min(tick, 2 ** (Math.floor(Math.log2(ms)) - 10));

/** Rounds an emission interval up to whole steps of its own. */
export const wholeSteps = (ms: number): number => wholeUp(ms, stepOf(ms));

/** Rounds a span up to whole ticks. */
export const wholeTicksUp = (ms: number): number => wholeUp(ms, tick);

const wholeUp = (ms: number, step: number): number => Math.ceil(ms / step) * step;

/** What part of a number takes it to the next double above, once rounded: just over half of its last place. */
const toNextDouble = 0.501 * Number.EPSILON;

/** An instant some ms later or earlier, rounded up where a double cannot hold it: with emission intervals below a tick. */
export function sum(instant: number, ms: number): number {
  const exact = instant + ms;
  return exact - instant < ms ? exact + Math.abs(exact) * toNextDouble : exact;
}
