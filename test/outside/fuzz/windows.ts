import type { Cost, Limit } from 'sluice';
import { costIn, instant } from './limits.ts';
import type { Departure, Log } from './log.ts';
import { hasSettled, ms } from './terms.ts';

/** What a call counted as when another left. What was told in doubt counts as the less. */
export function costSeenBy(one: Departure, other: Departure, log: Log): Cost {
  let { cost } = one.call;
  for (const { to, at, appliedAt } of one.settled) {
    const isLess = sizeOf(to) < sizeOf(cost);
    if (isLess ? at <= other.at : isKnown(appliedAt, other, log)) cost = to;
  }
  return cost;
}

export const sizeOf = (cost: Cost) => (typeof cost === 'number' ? cost : (cost.tokens ?? 1));

/** Whether the slot of a call was taken after something was applied. A sharer holds one slot that may be older. */
export function isKnown(appliedAt: number, { call, at, askedAt }: Departure, { setup, departures }: Log): boolean {
  if (call.by === 'reserve') return appliedAt < askedAt;
  if (setup.store === 'memory') return appliedAt < at;
  const { before, after } = setup.storeTakes;
  const since = appliedAt + before + after + 1;
  return departures.some((one) => one.call.sharer === call.sharer && one.at > since && one.at < at);
}

export interface Placed {
  readonly departure: Departure;
  readonly at: number;
}

export const byDeparture = ({ departures }: Log): Placed[] =>
  departures.map((departure) => ({ departure, at: departure.at }));

export const byArrival = ({ departures }: Log): Placed[] =>
  departures.map((departure) => ({ departure, at: departure.arrivesAt })).sort((a, b) => a.at - b.at);

/** Finds a half-open window that sees more than it may. */
export function tooMany(
  log: Log,
  placed: readonly Placed[],
  limit: Limit,
  window: number,
  most: number,
): string | undefined {
  if (window <= 0) return undefined;
  const settles = hasSettled(log.setup);
  let first = 0;
  let count = 0;
  for (let last = 0; last < placed.length; last++) {
    const { departure, at } = placed[last] as Placed;
    count += costIn(limit, departure.call.cost);
    for (; at - (placed[first] as Placed).at >= window; first++)
      count -= costIn(limit, (placed[first] as Placed).departure.call.cost);
    let seen = count;
    if (settles) {
      seen = costIn(limit, departure.call.cost);
      for (let index = first; index < last; index++)
        seen += costIn(limit, costSeenBy((placed[index] as Placed).departure, departure, log));
      // Who costs nothing goes whatever the others have used.
      if (costIn(limit, departure.call.cost) === 0) continue;
    }
    if (seen > most + 1e-9) {
      const from = (placed[first] as Placed).at;
      return `${seen} calls within ${ms(at - from)} ms, from ${ms(from)} to ${ms(at)} (call ${departure.call.id} is too much); ${ms(window)} ms may see ${most}`;
    }
  }
  return undefined;
}

/** Finds a call that a leaky bucket refuses, however many it took before. */
export function tooSoon(
  log: Log,
  placed: readonly Placed[],
  limit: Limit,
  spacing: number,
  tolerance: number,
): string | undefined {
  const settles = hasSettled(log.setup);
  let tat = -Infinity;
  for (const [index, { departure, at }] of placed.entries()) {
    const calls = costIn(limit, departure.call.cost);
    if (settles) {
      tat = -Infinity;
      for (const other of placed.slice(0, index))
        tat = Math.max(tat, other.at) + costIn(limit, costSeenBy(other.departure, departure, log)) * spacing;
    }
    const allowAt = tat + (calls - 1) * spacing - tolerance;
    if (calls > 0 && at < allowAt - instant)
      return `call ${departure.call.id} at ${ms(at)} is ${ms(allowAt - at)} ms too early for a bucket of 1 per ${ms(spacing)} ms and a tolerance of ${ms(tolerance)}`;
    tat = Math.max(tat, at) + calls * spacing;
  }
  return undefined;
}
