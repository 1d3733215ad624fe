import type { Call } from './site.ts';

/** Jain's index of how evenly something is shared: 1 if all have the same, 1/n if one has all. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share ** 2, 0);
  return sum ** 2 / (shares.length * squares);
}

/**
 * Jain's index of each whole `span` in which all tabs were waiting: from the first call until the first tab has sent its last.
 * @param span ms
 */
export function jainPerSpan(log: readonly Call[], span: number): number[] {
  const tabs = [...byTab(log).values()];
  const start = Math.min(...tabs.map((calls) => calls[0] as number));
  const end = Math.min(...tabs.map((calls) => calls.at(-1) as number));
  const spans = Math.floor((end - start) / span);
  return Array.from({ length: spans }, (_, index) => {
    const from = start + index * span;
    return jainIndex(tabs.map((calls) => calls.filter((at) => at >= from && at < from + span).length));
  });
}

/** The part of the quota that was used from the first call to the last. `limit`: calls per `interval` ms. */
export function shareUsed(log: readonly Call[], limit: number, interval: number): number {
  const took = (log.at(-1)?.at ?? 0) - (log[0]?.at ?? 0);
  return (log.length - 1) / ((limit * took) / interval);
}

/** The most by which a call came later after its slot than another, in ms: what the machine and its network bunched up. */
export function bunching(log: readonly Call[]): number {
  const late = log.map(({ at, slot }) => at - slot);
  return Math.max(...late) - Math.min(...late);
}

/** The longest time between two calls of one tab, in ms. */
export function longestGap(log: readonly Call[]): number {
  return Math.max(...[...byTab(log).values()].map(longestBetween));
}

/** The longest time between two neighbours, in ms; 0 for fewer than two. */
export function longestBetween(instants: readonly number[]): number {
  return Math.max(0, ...instants.slice(1).map((at, index) => at - (instants[index] as number)));
}

function byTab(log: readonly Call[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { tab, at } of log) found.set(tab, [...(found.get(tab) ?? []), at]);
  return found;
}
