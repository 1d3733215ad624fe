import type { Limit } from '../../../src/core/limits/limit.ts';

// The slow and obvious judge of limits that change. It knows what a limit lets through from its definition alone.

/** Sums of shares of costs may be off by less than this. */
const hair = 1e-6;

/** The most whole calls that a limit lets through in any half-open window of `length` ms. */
export function mostThrough({ kind, rate, interval, burst = 1 }: Limit, length: number): number {
  if (kind === 'sliding-window') return rate * Math.ceil(length / interval - 1e-9);
  return burst - 1 + Math.ceil((length * rate) / interval - 1e-9);
}

/** A call as the judge sees it. */
export interface Gone {
  readonly at: number;
  readonly cost: number;
  /** The limit that it went under. */
  readonly under: Limit;
}

/**
 * Says what is wrong with a call that was granted last, as one limit counts it; undefined if nothing is. For each limit under which
 * calls went in a half-open window of its length that holds the call: the window holds no more calls than the largest of all the
 * limits that were in force lets through in that length. A call is seen until it is as old as the interval of the limit that it went
 * under: nobody has to remember it for longer.
 * @param sees for how many ms a call is seen
 */
export function overLimits(
  calls: readonly Gone[],
  last: Gone,
  inForce: readonly Limit[],
  sees: (call: Gone) => number = ({ under }) => under.interval,
): string | undefined {
  if (last.cost === 0) return undefined;
  for (const limit of inForce) {
    const { interval } = limit;
    const most = Math.max(...inForce.map((one) => mostThrough(one, interval)));
    for (const end of calls) {
      if (end.at < last.at || end.at - last.at >= interval) continue;
      const inside = calls.filter((call) => {
        const age = end.at - call.at;
        return call.cost > 0 && age >= 0 && age < interval && age < sees(call);
      });
      const count = inside.reduce((sum, { cost }) => sum + cost, 0);
      if (count > most + hair && inside.some(({ under }) => under === limit))
        return `${count} calls in the ${interval} ms that end at ${end.at}, where at most ${most} may go`;
    }
  }
  return undefined;
}

/** How long a limit takes to come to rest when all that may go at once has gone, in ms. */
export function restOf({ kind, rate, interval, burst = 1 }: Limit): number {
  return kind === 'sliding-window' ? interval : (burst * interval) / rate;
}
