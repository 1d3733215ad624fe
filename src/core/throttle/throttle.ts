/// <reference lib="esnext.disposable" />
import type { ThrottleEvent, ThrottleListener } from '../base/events.ts';
import type { Grant } from '../base/grant.ts';
import type { LimitStatus } from '../base/store.ts';
import type { Limit } from '../limits/limit.ts';
import type { TimerSource } from '../time/page-timers.ts';
import type {
  CloseOptions,
  ConfigureOptions,
  CostOptions,
  ReserveOptions,
  RunContext,
  RunOptions,
  SettleOptions,
  SyncOptions,
  WaitOptions,
} from './options.ts';

/** The answer of `allow`. */
export interface Decision {
  /** Whether the call may go; if so, it has been counted. */
  readonly allowed: boolean;
  /** Milliseconds until it could go; 0 if it may go now. */
  readonly wait: number;
  /** The state of each limit afterwards. */
  readonly limits: readonly LimitStatus[];
}

/** A grant in the future. */
export interface Reservation extends Grant {
  /** Milliseconds from the answer to `at`; 0 if the call may go at once. */
  readonly wait: number;
  /**
   * Gives the slot back, except what later grants were built on. Does nothing once `at` is past, or the second time.
   */
  cancel(): Promise<void>;
  /** Cancels, for `await using`. Defined on platforms that have `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The answer of `status`. Instants are ms since the epoch. */
export interface Status {
  /** The state of each limit. */
  readonly limits: readonly LimitStatus[];
  /** Calls that wait on this key in this process. */
  readonly waiting: number;
  /** Calls of `run` and the adapters that are in flight, on this key in this process. */
  readonly inFlight: number;
  /** When the next call goes, or could go if no call waits. */
  readonly nextAt: number;
  /**
   * The earliest instant at which the last waiting call will go, if nothing changes; undefined if no call waits. Calls
   * that wait in other tabs and processes are not known here and make it later.
   */
  readonly eta: number | undefined;
  /** Until when the key is paused; undefined if it is not. */
  readonly pausedUntil: number | undefined;
  /** The number of calls that the server reports as left, and when it has more; undefined if no statement holds. */
  readonly pool: { readonly remaining: number; readonly resetAt: number } | undefined;
  /**
   * What was learned from the server: its limits, with `limits: 'server'`, and the rate after refusals, in calls per
   * second. Undefined if nothing was learned.
   */
  readonly learned: readonly Limit[] | undefined;
  /** The margin of limits without one of their own, in ms. */
  readonly margin: number;
  /**
   * What wakes waiting calls now: `'plain'` timers of the platform or, in a hidden page, `'worker'`, `'atomics'` or
   * `'hop'`; see docs/pages.md. Undefined if the `clock` option does not tell.
   */
  readonly timer: TimerSource | undefined;
}

/** Holds calls back so that every key keeps its limits. Made by `createThrottle`. */
export interface Throttle {
  /**
   * Asks for one call and takes it if it may go now; never waits. A refusal changes nothing.
   * @param key names the bucket
   * @returns whether the call may go, how long it would have to wait in ms, and where each limit stands
   * @throws TypeError, RangeError for a wrong argument; CostExceedsBurstError; StoreError if `onStoreError` is `'reject'`;
   * ClosedError
   */
  allow(key?: string, options?: CostOptions): Promise<Decision>;

  /**
   * Takes the next free slot, now or in the future. It passes the waiting calls of a line that has reserved no slot.
   * The caller must send the call at `at`, or cancel. Most callers want `wait`.
   * @param key names the bucket
   * @throws as `allow` does, and WaitTooLongError if the slot is further away than `maxWait`; then nothing was taken
   */
  reserve(key?: string, options?: ReserveOptions): Promise<Reservation>;

  /**
   * Waits until one call may go. This is what most callers want.
   * @param key names the bucket
   * @returns the grant, when the call may go
   * @throws as `reserve` does, and QueueFullError; the signal's own reason if it aborts. Then nothing was taken.
   * @example
   * await throttle.wait('user:amy');
   */
  wait(key?: string, options?: WaitOptions): Promise<Grant>;

  /**
   * Waits, runs the task and frees its place among the calls in flight when the task ends. With `concurrency`, a task
   * that waits for another `run` of the same key can deadlock.
   * @param task gets the grant and, in `context`, the signal to pass on; its result or error passes through untouched
   * @throws as `wait` does, before the task was started
   * @example
   * const controller = new AbortController();
   * const answer = await throttle.run((_, { signal }) => fetch('https://api.example.com', { signal }), {
   *   signal: controller.signal,
   * });
   */
  run<T>(task: (grant: Grant, context: RunContext) => T | PromiseLike<T>, options?: RunOptions<T>): Promise<T>;

  /**
   * Corrects the cost of a granted call once it is known: tokens of a language model, points of a query. A higher cost
   * may leave the bucket in debt and delays later calls. A lower cost gives back what has not leaked since, and moves
   * waiting calls up at once.
   * @param grant of `wait`, `run` or `reserve` of this throttle
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  settle(grant: Grant, options: SettleOptions): Promise<void>;

  /**
   * Sets limits for one key. They are kept in the store with the bucket, so all sharers see them and a restart keeps
   * them. Used calls stay used, counted in calls. The limits may have names of their own, which costs then refer to.
   * @param limits undefined removes them
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  setLimits(key: string, limits: Limit | readonly Limit[] | undefined): Promise<void>;

  /**
   * Replaces options for all keys, in this throttle alone; omitted options stay. If limits change, used calls stay
   * used, counted in calls, and limits of single keys stay. A lower `concurrency` or `maxInFlight` ends no call in
   * flight.
   * @throws TypeError, RangeError for a wrong option; then everything stays as it is
   */
  configure(options: ConfigureOptions): Promise<void>;

  /**
   * Pauses a key until an instant, here and for all sharers of the store. It can lengthen a current pause, never
   * shorten it; `reset` ends it.
   * @param until ms since the epoch; an instant more than `maxPause` ahead counts as `maxPause` ahead, one in the past
   * does nothing
   */
  pause(key: string, until: number): Promise<void>;

  /**
   * Lets no more calls go than the server reports as left, here and for all sharers of the store, on top of the limits.
   * Adapters do this themselves. The lowest statement holds until its `resetAt`.
   * @param said `remaining` in calls, at least 0, with those in flight not yet subtracted; `resetAt` in ms since the
   * epoch, when the server has more: more than `maxPause` ahead counts as `maxPause` ahead, an instant in the past does
   * nothing
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  sync(key: string, said: SyncOptions): Promise<void>;

  /** Returns the status of a key. Changes nothing. */
  status(key?: string): Promise<Status>;

  /** Forgets what a key has used and ends its pause, for all sharers of the store. Its waiting calls go on at once. */
  reset(key: string): Promise<void>;

  /** The keys with a call that waits or is in flight, in this process. */
  keys(): string[];

  /**
   * Rejects the waiting calls of one key, or of all. Calls in flight go on, and the line's slot is given back. An
   * adapter's call that waits to be sent again after a refusal ends with that answer, if there is no `reason`.
   * @param key names the bucket; all keys, if it is undefined
   * @param reason the error they reject with; a ThrottleError by default
   * @example
   * throttle.clear('user:amy', new Error('Amy has left.'));
   */
  clear(key?: string, reason?: unknown): void;

  /**
   * Calls `listener` on every event of that name. A listener that throws affects nothing else.
   * @returns a function that removes the listener
   */
  on<Name extends ThrottleEvent>(event: Name, listener: ThrottleListener<Name>): () => void;

  /**
   * Rejects every waiting call with ClosedError, gives reservations back and frees everything. Calls in flight go on.
   * The store is closed too; if others use it, it opens itself again. With `drain`, new calls are rejected at once, and
   * the throttle closes after all waiting calls have gone and all calls in flight have ended. That takes as long as
   * limits and pauses require; `close()` without `drain` ends it.
   * @returns resolves when everything is freed
   * @example
   * setTimeout(() => throttle.close(), 10_000);
   * await throttle.close({ drain: true });
   */
  close(options?: CloseOptions): Promise<void>;

  /** Closes without `drain`, for `await using`. Defined on platforms that have `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}
