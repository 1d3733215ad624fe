import type { Cost } from './cost.ts';

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

/** What a sharer says is left. */
export interface Ceiling {
  /** Calls that may go yet, those in flight taken off. At least 0. */
  readonly remaining: number;
  /** For how long from now on, in ms. */
  readonly ms: number;
  /** Whether this is newer than all that was said before, so that it counts even if it leaves more. */
  readonly isNewest: boolean;
}

/** What a call takes from a pool: one with a number per named limit is one call. */
export const costInPool = (cost: Cost): number => (typeof cost === 'number' ? cost : 1);

/** When a call that conforms to all else at `at` conforms to the pool too. */
export function poolAllowsAt({ left, until }: Pool, cost: Cost, at: number): number {
  return at < until && costInPool(cost) > left ? until : at;
}

/** The pool after a call at `at`; undefined once it holds no more. */
export function grantInPool(pool: Pool, cost: Cost, at: number, now: number): Pool | undefined {
  if (now >= pool.until) return undefined;
  return at >= pool.until ? pool : { ...pool, left: Math.max(0, pool.left - costInPool(cost)) };
}

/** The pool after a call that was taken from it has given its slot back. `until` says which pool that was. */
export function returnToPool(pool: Pool, cost: Cost, until: number): Pool {
  return pool.until === until ? { ...pool, left: pool.left + costInPool(cost) } : pool;
}

/** What holds of a pool and of what a sharer says. */
export function poolAfter(pool: Pool | undefined, said: Ceiling, now: number): Pool | undefined {
  const next = { left: said.remaining, until: Math.ceil((now + said.ms) * 2048) / 2048 };
  const holds = pool !== undefined && now < pool.until;
  if (said.ms <= 0) return holds ? pool : undefined;
  return holds && !said.isNewest && pool.left <= next.left ? pool : next;
}
