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

/** What `allow` answers. */
export interface Decision {
  /** Whether the call may go; if so it has been counted. */
  readonly allowed: boolean;
  /** Milliseconds until it could go; 0 if it may go now. */
  readonly wait: number;
  /** Where each limit stands afterwards. */
  readonly limits: readonly LimitStatus[];
}

/** A grant in the future. */
export interface Reservation extends Grant {
  /** Milliseconds from the answer to `at`; 0 if the call may go at once. */
  readonly wait: number;
  /** Gives the slot back, as far as no later grant was built on it. Does nothing once `at` is past, or the second time. */
  cancel(): Promise<void>;
  /** Cancels, for `await using`. Defined on platforms that have `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `status` answers. Instants are ms since the epoch. */
export interface Status {
  /** Where each limit stands. */
  readonly limits: readonly LimitStatus[];
  /** Calls that wait on this key in this process. */
  readonly waiting: number;
  /** Calls of `run` and the adapters that are on their way, on this key in this process. */
  readonly inFlight: number;
  /** When the next call goes, or could go if none waits. */
  readonly nextAt: number;
  /**
   * When the last of the waiting calls will go at the earliest, if nothing changes; undefined if none waits. Calls that wait in other tabs
   * and processes are not known here, and make it later.
   */
  readonly eta: number | undefined;
  /** Until when the key is paused; undefined if it is not. */
  readonly pausedUntil: number | undefined;
  /** What the server says is left in calls, and when it has more; undefined if it said nothing that still holds. */
  readonly pool: { readonly remaining: number; readonly resetAt: number } | undefined;
  /**
   * What was learned from the server: the limits that it told, where they are left to it, and the rate that a key keeps after refusals,
   * per second. Undefined if nothing was.
   */
  readonly learned: readonly Limit[] | undefined;
  /** Milliseconds kept in hand by limits without a margin of their own. */
  readonly margin: number;
  /**
   * What wakes waiting calls at the moment: `'plain'` timers of the platform or, in a hidden page, a `'worker'` or a `'hop'`; see
   * docs/pages.md. Undefined if the `clock` option does not say.
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
   * Takes the next free slot, now or in the future, past the calls that wait in line: a line that holds no slot goes on after
   * it. The caller sees to it that the call goes at `at`, or cancels. Most callers want `wait`.
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
   * Waits, runs the task and frees its place among the calls in flight when the task ends. With `concurrency`, a task that waits
   * for another `run` of its own key can wait for ever.
   * @param task gets the grant and, in `context`, the signal to hand on; what it returns or throws passes through untouched
   * @throws as `wait` does, before the task was started
   * @example
   * const controller = new AbortController();
   * const answer = await throttle.run((_, { signal }) => fetch('https://api.example.com', { signal }), {
   *   signal: controller.signal,
   * });
   */
  run<T>(task: (grant: Grant, context: RunContext) => T | PromiseLike<T>, options?: RunOptions<T>): Promise<T>;

  /**
   * Corrects the cost of a call that was granted, once it is known: tokens of a language model, points of a query. A higher cost
   * may leave the bucket in debt and delays the calls to come; a lower one gives back what has not leaked since, and brings
   * waiting calls forward at once.
   * @param grant of `wait`, `run` or `reserve` of this throttle
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  settle(grant: Grant, options: SettleOptions): Promise<void>;

  /**
   * Puts limits of its own on a key. They are kept in the store with the bucket, so that everyone who shares it sees them and a
   * restart keeps them. What was used stays used, counted in calls. They may have names of their own, which costs then go by.
   * @param limits undefined takes them off again
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  setLimits(key: string, limits: Limit | readonly Limit[] | undefined): Promise<void>;

  /**
   * Replaces options for all keys, in this throttle alone; those that are left out stay. Of limits, what was used stays used, counted in
   * calls, and limits of a key's own stay. Calls in flight beyond a lower `concurrency` or `maxInFlight` end as they would have.
   * @throws TypeError, RangeError for a wrong option; then everything stays as it is
   */
  configure(options: ConfigureOptions): Promise<void>;

  /**
   * Stops a key until an instant, here and for everyone who shares the store. It can lengthen a pause that is on, never
   * shorten it; `reset` ends it.
   * @param until ms since the epoch; an instant more than `maxPause` ahead counts as `maxPause` ahead, one in the past does nothing
   */
  pause(key: string, until: number): Promise<void>;

  /**
   * Lets no more go than the server says is left, here and for everyone who shares the store, on top of the limits. Adapters do it
   * by themselves. What leaves less holds until its `resetAt`.
   * @param said `remaining` in calls, at least 0, those that are on their way not yet taken off; `resetAt` in ms since the epoch, when
   * the server has more: more than `maxPause` ahead counts as `maxPause` ahead, an instant in the past does nothing
   * @throws TypeError, RangeError for a wrong argument; StoreError if `onStoreError` is `'reject'`
   */
  sync(key: string, said: SyncOptions): Promise<void>;

  /** Tells where a key stands. Changes nothing. */
  status(key?: string): Promise<Status>;

  /** Forgets what a key has used and ends its pause, for everyone who shares the store. Its waiting calls go on at once. */
  reset(key: string): Promise<void>;

  /** The keys with a call that waits or is in flight, in this process. */
  keys(): string[];

  /**
   * Rejects the waiting calls of one key, or of all. Calls in flight go on, and the slot that the line held goes back. An adapter's
   * call that waits to be sent again after a refusal ends with that answer, if there is no `reason`.
   * @param key names the bucket; all keys, if it is undefined
   * @param reason what they reject with; a ThrottleError by default
   * @example
   * throttle.clear('user:amy', new Error('Amy has left.'));
   */
  clear(key?: string, reason?: unknown): void;

  /**
   * Calls `listener` on every event of that name. A listener that throws disturbs nobody.
   * @returns a function that takes the listener off
   */
  on<Name extends ThrottleEvent>(event: Name, listener: ThrottleListener<Name>): () => void;

  /**
   * Rejects every waiting call with ClosedError, gives reservations back and frees everything. Calls in flight go on. The store is
   * closed too; one that others use opens itself again. With `drain`, new calls are refused at once, and the rest comes when those
   * that wait have gone and all in flight have ended: that takes as long as their limits and pauses do. `close()` puts an end to it.
   * @returns resolves when everything is freed
   * @example
   * setTimeout(() => throttle.close(), 10_000);
   * await throttle.close({ drain: true });
   */
  close(options?: CloseOptions): Promise<void>;

  /** Closes without `drain`, for `await using`. Defined on platforms that have `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}
