import { sameInstant } from '../base/server-signal.ts';
import { type Cost, costInCalls } from '../limits/cost.ts';
import { wholeTicksUp } from '../limits/rounding.ts';

/**
 * A server's statement of what is left until an instant: a ceiling on top of the limits, which never raises them. After
 * that instant the limits alone hold again, unchanged.
 */
export interface Pool {
  /** Calls that may still go. At least 0. */
  readonly left: number;
  /** The instant at which the server has more, in ms on the clock of the store. */
  readonly until: number;
}

/** A server's statement about a quota in one answer. If the calls of all sharers explain it, it changes nothing. */
export interface Told {
  /** The most that the server allows in a window, or at once; undefined if it is not stated. */
  readonly limit?: number | undefined;
  /** What is left of it, as stated by the server. */
  readonly remaining: number;
  /** The window, in ms; undefined if it is not stated. */
  readonly window?: number | undefined;
  /** What is counted, if not calls. */
  readonly unit?: string | undefined;
  /** The round trip of the answered call, in ms. */
  readonly roundTrip: number;
  /**
   * 0 if our own calls may explain it. Otherwise the server is believed, and this number of calls is kept back for
   * others.
   */
  readonly keptBack: number;
}

/** A sharer's statement of what is left. */
export interface Ceiling {
  /** Calls that may still go, without those in flight. At least 0. */
  readonly remaining: number;
  /** For how long from now on, in ms. */
  readonly ms: number;
  /** Whether this is newer than an earlier statement about the same instant, so that it counts even if it is higher. */
  readonly isNewest: boolean;
  /**
   * The time for which the server meant it, in ms, if calls may go sooner. Statements that end at that time are
   * dropped.
   */
  readonly meantFor?: number;
  /** The server's own statement; without it, this is a ceiling even if our own calls explain it. */
  readonly told?: Told;
}

/** The most statements that a bucket keeps at the same time. */
export const mostPools = 8;

/**
 * When a call that conforms to everything else at `at` also conforms to all pools. The pools are in the order of their
 * ends.
 */
export function poolsAllowAt(pools: readonly Pool[], cost: Cost, at: number): number {
  let allowAt = at;
  for (const { left, until } of pools) if (allowAt < until && costInCalls(cost) > left) allowAt = until;
  return allowAt;
}

/** The pools after a call at `at`; undefined once none holds. */
export function grantInPools(pools: readonly Pool[], cost: Cost, at: number, now: number): Pool[] | undefined {
  const calls = costInCalls(cost);
  const holding = pools.filter(({ until }) => now < until);
  if (holding.length === 0) return undefined;
  return holding.map((pool) => (at >= pool.until ? pool : { ...pool, left: Math.max(0, pool.left - calls) }));
}

/** The pools after a call has given its slot back. `taken` lists the ends of the pools it was counted in. */
export function returnToPools(pools: readonly Pool[], cost: Cost, taken: readonly number[]): Pool[] {
  return pools.map((pool) => (taken.includes(pool.until) ? { ...pool, left: pool.left + costInCalls(cost) } : pool));
}

/** Merges the pools with a sharer's statement: statements about different instants hold at the same time. */
export function poolsAfter(pools: readonly Pool[] | undefined, said: Ceiling, now: number): Pool[] | undefined {
  const { remaining, ms, meantFor = ms } = said;
  let until = wholeTicksUp(now + ms);
  const ends = [until, now + meantFor];
  const holding = (pools ?? []).filter((pool) => now < pool.until);
  if (ms <= 0) return joinedPools(holding);
  const isReplaced = (pool: Pool) => said.isNewest && ends.some((end) => Math.abs(pool.until - end) <= sameInstant);
  const kept = holding.filter((pool) => !isReplaced(pool));
  // Servers round up to whole seconds. If two ends may be the same, the earlier one is closer, unless more is left now.
  for (const pool of holding) if (!kept.includes(pool) && pool.left >= remaining) until = Math.min(until, pool.until);
  return joinedPools([...kept, { left: remaining, until }]);
}

/** Pools in the order of their ends, without those that the others imply; undefined if there are none. */
export function joinedPools(pools: readonly Pool[]): Pool[] | undefined {
  const inOrder = [...pools].sort((a, b) => a.until - b.until || b.left - a.left);
  // A pool that leaves no less than a later one is implied by it.
  const telling = inOrder.filter(({ left }, index) => inOrder.slice(index + 1).every((later) => left < later.left));
  while (telling.length > mostPools) {
    const [first, second] = telling.splice(0, 2) as [Pool, Pool];
    telling.unshift({ left: first.left, until: second.until });
  }
  return telling.length === 0 ? undefined : telling;
}

/** The same statement, `late` ms later. */
export function aged(said: Ceiling, late: number): Ceiling {
  const { ms, meantFor } = said;
  return { ...said, ms: ms - late, ...(meantFor !== undefined && { meantFor: meantFor - late }) };
}
