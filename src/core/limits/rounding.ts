import { tick } from '../time/clock.ts';

// Sums of instants and spans are exact while both are whole steps of a power of two. Rounding never loosens a limit.

/**
 * The step to which an emission interval is rounded, so that its sums are exact: a tick, or a finer power of two below
 * a thousand ticks. So at most a thousandth of the rate is lost.
 */
export const stepOf = (ms: number): number => Math.min(tick, 2 ** (Math.floor(Math.log2(ms)) - 10));

/** Rounds an emission interval up to whole steps. */
export const wholeSteps = (ms: number): number => wholeUp(ms, stepOf(ms));

/** Rounds a span up to whole ticks. */
export const wholeTicksUp = (ms: number): number => wholeUp(ms, tick);

const wholeUp = (ms: number, step: number): number => Math.ceil(ms / step) * step;

/** The part of a number that rounds it to the next larger double: just over half of its last place. */
const toNextDouble = 0.501 * Number.EPSILON;

/** An instant some ms later or earlier, rounded up where a double cannot hold it: with emission intervals below a tick. */
export function sum(instant: number, ms: number): number {
  const exact = instant + ms;
  return exact - instant < ms ? exact + Math.abs(exact) * toNextDouble : exact;
}
