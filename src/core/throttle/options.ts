import type { BucketStore } from '../base/store.ts';
import type { Cost } from '../limits/cost.ts';
import type { WhenFull } from '../line/bounds.ts';
import type { OnStoreError } from '../line/sharing.ts';
import type { Clock } from '../time/clock.ts';
import type { Limits } from './plans.ts';

/** What `createThrottle` takes. */
export interface ThrottleOptions {
  /**
   * The limits of every key, or a function that tells them for each key; it should return the same objects again and again.
   * `'server'` learns them from the answers that adapters see: RateLimit-Policy and the like.
   */
  readonly limits: Limits;
  /**
   * Where the buckets live. A store that was written by hand goes through `sharedStore`.
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
   * The most calls in flight of all keys together, in this process. Keys whose calls wait for such a place take turns. Otherwise it is
   * as `concurrency`, which each key keeps besides. A whole number of at least 1.
   * @default Infinity
   */
  readonly maxInFlight?: number;
  /**
   * The longest a call may wait, in ms, unless it says otherwise; at least 0. It may be overrun by up to 100 ms where a timer or
   * the store is late.
   * @default Infinity
   */
  readonly maxWait?: number;
  /**
   * The most calls that may wait per key, in this process. A whole number, at least 0.
   * @default Infinity
   */
  readonly maxQueue?: number;
  /**
   * Who rejects with QueueFullError when one call more than `maxQueue` waits on a key: the new call, with `'reject'`; the one that has
   * waited longest, with `'drop-oldest'`; the one whose turn would come last, with `'drop-lowest'`: the newest of the lowest priority,
   * which may be the new call.
   * @default 'reject'
   */
  readonly whenFull?: WhenFull;
  /**
   * What happens when the store throws, does not answer within 5 seconds or is gone: `'memory'` throttles from a local bucket
   * under the same limits, tells the `store-error` listeners and goes back when the store does; `'reject'` rejects with `StoreError`.
   * @default 'memory'
   */
  readonly onStoreError?: OnStoreError;
  /**
   * The longest that a server, `pause` or `sync` may stop a key, in ms; at least 0.
   * @default 3_900_000 (65 minutes)
   */
  readonly maxPause?: number;
  /**
   * Milliseconds kept in hand, in limits without a margin of their own: half for timers that come late, half for calls that the
   * network bunches up. `'auto'` is 0 for `allow` and `reserve`, 20 from the first `wait` or `run` on, and 50 with an adapter; from
   * there it follows how much the round trips differ, from 8 to 100. See `status`. 0 is exact.
   * @default 'auto'
   */
  readonly margin?: number | 'auto';
  /**
   * The door to time.
   * @default the clock of this machine
   */
  readonly clock?: Clock;
}

/** What `allow` takes besides the key. */
export interface CostOptions {
  /**
   * What the call counts as: a number of calls, or one number per named limit. At least 0.
   * @default 1
   */
  readonly cost?: Cost;
}

/** What `reserve` takes besides the key. */
export interface ReserveOptions extends CostOptions {
  /**
   * The longest acceptable wait in ms; at least 0.
   * @default the throttle's `maxWait`
   */
  readonly maxWait?: number;
}

/** What `wait` takes besides the key. */
export interface WaitOptions extends ReserveOptions {
  /**
   * Calls of a higher priority go first; those of the same go in the order in which they came. A finite number.
   * @default 0
   */
  readonly priority?: number;
  /** Ends the wait with the signal's own reason as soon as it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** What `run` takes besides the task. `Result` is what the task gives. */
export interface RunOptions<Result = unknown> extends WaitOptions {
  /**
   * Names the bucket.
   * @default 'default'
   */
  readonly key?: string;
  /**
   * Reads the true cost from the result, for `settle`; undefined leaves the cost as it was. It is not asked when the task fails.
   * What it throws is what `run` rejects with, and so is a wrong cost.
   */
  readonly settle?: (result: Result) => Cost | undefined;
}

/** What the task of a `run` gets besides the grant. */
export interface RunContext {
  /** The `signal` option of the run; one that never aborts, if there is none. */
  readonly signal: AbortSignal;
}

/** What `settle` takes besides the grant. */
export interface SettleOptions {
  /** The true cost: a number of calls, or one number per named limit, where a limit that is not named keeps its cost. At least 0. */
  readonly cost: Cost;
}

/** What `sync` takes besides the key. */
export interface SyncOptions {
  /** Calls that the server says are left. At least 0. */
  readonly remaining: number;
  /** When it has more, in ms since the epoch. */
  readonly resetAt: number;
}

/** What `configure` takes. */
export interface ConfigureOptions {
  /** The limits from now on, instead of those that the throttle was made with. */
  readonly limits?: Limits;
  /** The most calls in flight per key from now on. A whole number of at least 1. */
  readonly concurrency?: number;
  /** The most calls in flight of all keys together from now on. A whole number of at least 1. */
  readonly maxInFlight?: number;
}

/** What `close` takes. */
export interface CloseOptions {
  /**
   * Whether the calls that wait go first, and those in flight end.
   * @default false
   */
  readonly drain?: boolean;
}
