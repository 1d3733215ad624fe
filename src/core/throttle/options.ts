import type { BucketStore } from '../base/store.ts';
import type { Cost } from '../limits/cost.ts';
import type { WhenFull } from '../line/bounds.ts';
import type { OnStoreError } from '../line/sharing.ts';
import type { Clock } from '../time/clock.ts';
import type { Limits } from './plans.ts';

/** Options of `createThrottle`. */
export interface ThrottleOptions {
  /**
   * The limits of every key, or a function that returns those of each key; it should return the same objects each time.
   * `'server'` learns them from the answers that adapters see: from RateLimit-Policy and similar fields.
   */
  readonly limits: Limits;
  /**
   * The store that keeps the buckets. Pass a hand-written store through `sharedStore`.
   * @default memoryStore()
   */
  readonly store?: BucketStore;
  /**
   * The most calls in flight per key, in this process. `run` and the adapters hold a place until their call ends; `wait` waits
   * for a free place and holds none. A `run` or `wait` inside the task of a `run` of the same key deadlocks once outer calls hold
   * all places: put `run` around one request, see docs/limits.md. A whole number of at least 1.
   * @default Infinity
   */
  readonly concurrency?: number;
  /**
   * The most calls in flight of all keys together, in this process. Keys whose calls wait for such a place take turns.
   * Otherwise it works like `concurrency`, which each key keeps too. A whole number of at least 1.
   * @default Infinity
   */
  readonly maxInFlight?: number;
  /**
   * The longest a call may wait, in ms, unless the call has its own `maxWait`; at least 0. It may be exceeded by up to
   * 100 ms if a timer or the store is late.
   * @default Infinity
   */
  readonly maxWait?: number;
  /**
   * The most calls that may wait per key, in this process. A whole number, at least 0.
   * @default Infinity
   */
  readonly maxQueue?: number;
  /**
   * Which call is rejected with QueueFullError if one more than `maxQueue` waits on a key. `'reject'`: the new call.
   * `'drop-oldest'`: the one that has waited longest. `'drop-lowest'`: the last in line, which is the newest of the
   * lowest priority and may be the new call.
   * @default 'reject'
   */
  readonly whenFull?: WhenFull;
  /**
   * What happens when the store throws, does not answer within 5 seconds or is gone: `'memory'` throttles from a local
   * bucket under the same limits, emits `store-error` and returns to the store when that works again; `'reject'`
   * rejects with `StoreError`.
   * @default 'memory'
   */
  readonly onStoreError?: OnStoreError;
  /**
   * The longest that a server, `pause` or `sync` may stop a key, in ms; at least 0.
   * @default 3_900_000 (65 minutes)
   */
  readonly maxPause?: number;
  /**
   * Milliseconds kept in reserve, in limits without a margin of their own: half for late timers, half for calls that
   * arrive closer together than they left. `'auto'` is 0 for `allow` and `reserve`, 20 from the first `wait` or `run`
   * on, and 50 with an adapter; from there it follows how much the round trips differ, from 8 to 100. See `status`. 0
   * is exact.
   * @default 'auto'
   */
  readonly margin?: number | 'auto';
  /**
   * The source of time.
   * @default the clock of this machine
   */
  readonly clock?: Clock;
}

/** Options of `allow`. */
export interface CostOptions {
  /**
   * The cost of the call: a number of calls, or one number per named limit. At least 0.
   * @default 1
   */
  readonly cost?: Cost;
}

/** Options of `reserve`. */
export interface ReserveOptions extends CostOptions {
  /**
   * The longest acceptable wait in ms; at least 0.
   * @default the throttle's `maxWait`
   */
  readonly maxWait?: number;
}

/** Options of `wait`. */
export interface WaitOptions extends ReserveOptions {
  /**
   * Calls of a higher priority go first; within a priority, first come, first served. A finite number.
   * @default 0
   */
  readonly priority?: number;
  /** Ends the wait when it aborts: the call rejects with the signal's own reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `run`. `Result` is the result of the task. */
export interface RunOptions<Result = unknown> extends WaitOptions {
  /**
   * Names the bucket.
   * @default 'default'
   */
  readonly key?: string;
  /**
   * Reads the true cost from the result, for `settle`; undefined leaves the cost as it was. It is not called if the
   * task fails. If it throws or returns an invalid cost, `run` rejects.
   */
  readonly settle?: (result: Result) => Cost | undefined;
}

/** The second argument of the task of a `run`. */
export interface RunContext {
  /** The `signal` option of the run; without one, a signal that never aborts. */
  readonly signal: AbortSignal;
}

/** The correction for `settle`. */
export interface SettleOptions {
  /**
   * The true cost: a number of calls, or one number per named limit; limits that are not named keep their cost. At
   * least 0.
   */
  readonly cost: Cost;
}

/** The statement for `sync`. */
export interface SyncOptions {
  /** Calls that the server reports as left. At least 0. */
  readonly remaining: number;
  /** When more will be available, in ms since the epoch. */
  readonly resetAt: number;
}

/** Options of `configure`. */
export interface ConfigureOptions {
  /** The limits from now on, in place of the present ones. */
  readonly limits?: Limits;
  /** The most calls in flight per key from now on. A whole number of at least 1. */
  readonly concurrency?: number;
  /** The most calls in flight of all keys together from now on. A whole number of at least 1. */
  readonly maxInFlight?: number;
}

/** Options of `close`. */
export interface CloseOptions {
  /**
   * Whether to let the waiting calls go first, and those in flight end.
   * @default false
   */
  readonly drain?: boolean;
}
