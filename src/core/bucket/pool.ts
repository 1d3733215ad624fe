import { sameInstant } from '../base/server-signal.ts';
import { type Cost, costInCalls } from '../limits/cost.ts';
import { wholeTicksUp } from '../limits/rounding.ts';

/**
 * What the server says is left until an instant: a ceiling on top of the limits, never a raise. When the instant has come the
 * limits alone hold again, just as they stand.
 */
export interface Pool {
  /** Calls that may go yet. At least 0. */
  readonly left: number;
  /** The instant at which the server has more, in ms on the clock of the store. */
  readonly until: number;
}

/** What a server said of a quota in one answer: what the calls of all sharers explain is no news. */
export interface Told {
  /** The most that the server allows in a window, or at once; undefined if it did not say. */
  readonly limit?: number | undefined;
  /** What is left of it, as the server said it. */
  readonly remaining: number;
  /** The window, in ms; undefined if it did not say. */
  readonly window?: number | undefined;
  /** What is counted where it is not calls. */
  readonly unit?: string | undefined;
  /** How long the call that was answered was on its way, in ms. */
  readonly roundTrip: number;
  /** 0 if our own calls may explain it; else the server is taken at its word, and so many calls are kept back for others. */
  readonly keptBack: number;
}

/** What a sharer says is left. */
export interface Ceiling {
  /** Calls that may go yet, those in flight taken off. At least 0. */
  readonly remaining: number;
  /** For how long from now on, in ms. */
  readonly ms: number;
  /** Whether this is newer than what was said before of the same instant, so that it counts even if it leaves more. */
  readonly isNewest: boolean;
  /** For how long what it says was meant, in ms, if the server lets calls go sooner: statements that end then are over. */
  readonly meantFor?: number;
  /** The words of the server; without, this is a ceiling whatever explains it. */
  readonly told?: Told;
}

/** The most statements that a bucket keeps side by side. */
export const mostPools = 8;

/** When a call that conforms to all else at `at` conforms to all pools too. The pools come in the order of their ends. */
export function poolsAllowAt(pools: readonly Pool[], cost: Cost, at: number): number {
  let allowAt = at;
  for (const { left, until } of pools) if (allowAt < until && costInCalls(cost) > left) allowAt = until;
  return allowAt;
}

/** The pools after a call at `at`; undefined once none holds any more. */
export function grantInPools(pools: readonly Pool[], cost: Cost, at: number, now: number): Pool[] | undefined {
  const calls = costInCalls(cost);
  const holding = pools.filter(({ until }) => now < until);
  if (holding.length === 0) return undefined;
  return holding.map((pool) => (at >= pool.until ? pool : { ...pool, left: Math.max(0, pool.left - calls) }));
}

/** The pools after a call has given its slot back. `taken` says from which it was taken, by their ends. */
export function returnToPools(pools: readonly Pool[], cost: Cost, taken: readonly number[]): Pool[] {
  return pools.map((pool) => (taken.includes(pool.until) ? { ...pool, left: pool.left + costInCalls(cost) } : pool));
}

/** What holds of the pools and of what a sharer says: statements about different instants hold side by side. */
export function poolsAfter(pools: readonly Pool[] | undefined, said: Ceiling, now: number): Pool[] | undefined {
  const { remaining, ms, meantFor = ms } = said;
  let until = wholeTicksUp(now + ms);
  const ends = [until, now + meantFor];
  const holding = (pools ?? []).filter((pool) => now < pool.until);
  if (ms <= 0) return joinedPools(holding);
  const isReplaced = (pool: Pool) => said.isNewest && ends.some((end) => Math.abs(pool.until - end) <= sameInstant);
  const kept = holding.filter((pool) => !isReplaced(pool));
  // Whole seconds are rounded up: of two ends that may be the same the earlier is closer, unless there is more by now.
  for (const pool of holding) if (!kept.includes(pool) && pool.left >= remaining) until = Math.min(until, pool.until);
  return joinedPools([...kept, { left: remaining, until }]);
}

/** Pools in the order of their ends, without those that say nothing besides the others; undefined if there are none. */
export function joinedPools(pools: readonly Pool[]): Pool[] | undefined {
  const inOrder = [...pools].sort((a, b) => a.until - b.until || b.left - a.left);
  // One that leaves no less than a later one is kept by that one already.
  const telling = inOrder.filter(({ left }, index) => inOrder.slice(index + 1).every((later) => left < later.left));
  while (telling.length > mostPools) {
    const [first, second] = telling.splice(0, 2) as [Pool, Pool];
    telling.unshift({ left: first.left, until: second.until });
  }
  return telling.length === 0 ? undefined : telling;
}

/** What was said, so many ms later. */
export function aged(said: Ceiling, late: number): Ceiling {
  const { ms, meantFor } = said;
  return { ...said, ms: ms - late, ...(meantFor !== undefined && { meantFor: meantFor - late }) };
}
