import type { Arrival } from './servers/quota-server.ts';

// What the table says comes from here and not from the servers' own bookkeeping: nothing but the times in a log, so that
// a mistake in an algorithm shows instead of vouching for itself.

/** Calls per time slice of a log. */
export interface Timeline {
  /** ms per slice. */
  readonly slice: number;
  readonly answered: readonly number[];
  readonly refused: readonly number[];
}

/** @returns ms from the first arrival to the last, refused ones included; 0 for none. */
export function timeTaken(log: readonly Pick<Arrival, 'at'>[]): number {
  const first = log[0];
  const last = log[log.length - 1];
  return first && last ? last.at - first.at : 0;
}

/**
 * @param costOf what a call counts as; 1 if nothing is said.
 * @returns the most that accepted calls count as in any half-open window of `interval` ms.
 */
export function mostInAnyWindow<Call extends Pick<Arrival, 'at' | 'accepted'>>(
  log: readonly Call[],
  interval: number,
  costOf: (call: Call) => number = () => 1,
): number {
  const calls = log.filter((call) => call.accepted);
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const call of calls) {
    for (let left = calls[first] as Call; call.at - left.at >= interval; left = calls[first] as Call) {
      sum -= costOf(left);
      first++;
    }
    sum += costOf(call);
    most = Math.max(most, sum);
  }
  return most;
}

/**
 * What a quota allows in a time: its steady rate times that time, plus what may go at once at the start.
 *
 * @param time ms.
 * @returns calls.
 */
export function allowedCalls(
  { limit, interval, burst }: { readonly limit: number; readonly interval: number; readonly burst: number },
  time: number,
): number {
  return (limit / interval) * time + burst;
}

/**
 * The most accepted calls that a bucket can show in any half-open window: `burst` at its start, then one per emission
 * interval; the one that would fall on its end is outside.
 */
export function bucketWindowBound(
  { limit, interval, burst }: { readonly limit: number; readonly interval: number; readonly burst: number },
  window: number,
): number {
  return burst - 1 + Math.ceil((window * limit) / interval);
}

/**
 * Counts a log's calls in `slices` equal parts of `span`, from its own first arrival on.
 *
 * @param span ms. What arrives later is counted in the last slice.
 */
export function timeline(log: readonly Arrival[], span: number, slices: number): Timeline {
  const slice = span / slices;
  const answered = new Array<number>(slices).fill(0);
  const refused = new Array<number>(slices).fill(0);
  const start = log[0]?.at ?? 0;
  for (const { at, accepted } of log) {
    const index = slice > 0 ? Math.min(slices - 1, Math.floor((at - start) / slice)) : 0;
    const row = accepted ? answered : refused;
    row[index] = (row[index] as number) + 1;
  }
  return { slice, answered, refused };
}
