import type { Bucket, SlotMove } from '../bucket/bucket.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Cost } from '../limits/cost.ts';
import type { Limit } from '../limits/limit.ts';
import type { Plan } from '../limits/plan.ts';
import type { Clock } from '../time/clock.ts';

/** A value, or a promise of it. A store may answer with either; an answer without a promise is used at once. */
export type Answer<T> = T | Promise<T>;

/**
 * The operations of a store. If your storage has one atomic update, use `keyValueStore` instead. If it has its own
 * clock or scripting language, write these by hand and pass the object to `sharedStore`. `bucketStoreContract` in
 * `sluice/testing` proves it.
 *
 * Every method is one atomic operation: it sees the bucket while no other operation changes it, and either all of it
 * happens or nothing. `docs/algorithm.md` gives the arithmetic; `operations.ts` and `moves.ts` in `src/core/bucket` are
 * that arithmetic as functions of a bucket, for stores that can run JavaScript inside their critical section.
 *
 * A store owns its clock. Instants in receipts are on that clock and mean nothing elsewhere. Waits are always
 * durations, counted from the moment of the answer.
 *
 * Methods may throw or reject; the throttle then follows its `onStoreError` option. They must not answer twice, and
 * should answer soon, because callers wait.
 */
export interface StoreOperations {
  /** Names the store in errors and events. */
  readonly name: string;
  /** Whether others (tabs, processes, machines) take from the same buckets. */
  readonly shared: boolean;
  /**
   * Whether `watch` reports a pause, a reset or new limits as soon as others make them. A lane also looks for them
   * about once a second, and, if this is false, just before each slot.
   * @default whether there is a `watch`
   */
  readonly hears?: boolean;
  /**
   * Grants calls in order as long as they conform now, and may reserve a slot for the next one. A refusal changes
   * nothing.
   */
  take(key: string, request: TakeRequest): Answer<TakeAnswer>;
  /** Gives back a reservation, except what later grants were built on. */
  giveBack(key: string, receipt: Receipt): Answer<void>;
  /**
   * Corrects the cost of a granted call. What has not leaked since comes back; a debt delays later calls. Calls granted
   * in one instant may go back as one, with the sum of their costs and the state after the last of them.
   */
  settle(key: string, receipt: Receipt, cost: Cost): Answer<void>;
  /**
   * Counts a granted call as if it had gone `ms` later than it was granted. It may have reached the server as late as
   * that, and later calls must keep their distance. Slots reserved after it move by as much; `moved` reports that to
   * their holders. Only a store that hands its buckets out may leave this out: callers then work on the bucket.
   */
  postpone?(key: string, receipt: Receipt, ms: number): Answer<void>;
  /**
   * Lets nothing go for `ms` from now on. It can lengthen a current pause, never shorten it.
   * @param sentAgo how long ago the refused call left, in ms, if calls should go slower afterwards; not for a store
   * that hands its buckets out
   */
  pause(key: string, ms: number, plan: Plan, sentAgo?: number): Answer<void>;
  /**
   * Lets no more calls go than the server reports as left, until the reported instant, on top of the limits. Statements
   * about different instants hold at the same time. If several are about one instant, the lowest holds, unless a newer
   * one is higher. `told` sets no ceiling if the calls of all sharers explain it. Returns for how many ms it holds
   * calls back: 0 if it changes nothing, negative if our own calls explain it and calls are only kept back for others
   * (`told.keptBack`). A store that hands its buckets out is not asked: the reader of the answer works on the bucket.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: stores that were written before answer nothing, which counts as news.
  sync(key: string, said: Ceiling, plan: Plan): Answer<number | void>;
  /**
   * Returns the state of the bucket and changes nothing.
   * @param without a reservation that should not count
   */
  peek(key: string, plan: Plan, without?: Receipt): Answer<Standing>;
  /** Sets limits for this key alone, kept with the bucket and seen by every sharer; undefined removes them. */
  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Answer<void>;
  /** Empties the bucket and ends its pause; limits of its own stay. */
  reset(key: string): Answer<void>;
  /** Calls `listener` with news of other sharers and of problems. Returns a function that stops it. */
  watch?(listener: (news: StoreNews) => void): () => void;
  /**
   * Takes the throttle's clock, unless the store was created with one. Called once by each throttle, before anything
   * else.
   */
  useClock?(clock: Clock): void;
  /** Frees what the store holds: connections, listeners. */
  close?(): Answer<void>;
}

/** A store that keeps its buckets in this process, uses the throttle's monotonic clock, and never fails. */
export interface LocalStore extends StoreOperations {
  /** The bucket itself, brought to `plan` and `now`. */
  bucket(key: string, plan: Plan, now: number): Bucket;
  /** Moves the buckets under the throttle's limits to the limits it has from now on. */
  adapt(before: (key: string) => Plan, after: (key: string) => Plan): void;
}

// A registered symbol works between two copies of the package too.
/** Where a store carries what a throttle needs to share it. */
export const sharing: unique symbol = Symbol.for('sluice.sharing') as typeof sharing;

/** A store that others take from too, or that answers with a delay. Made by `sharedStore`. */
export interface SharedStore extends StoreOperations {
  readonly [sharing]: object;
  readonly bucket?: undefined;
}

/** A store: it keeps the buckets. */
export type BucketStore = LocalStore | SharedStore;

/** The request of a lane, `allow` or `reserve` to a store. */
export interface TakeRequest {
  /** The limits that the key must keep, unless the store has limits for this key alone. */
  readonly plan: Plan;
  /** Costs of the calls, in the order in which they may go. */
  readonly costs: readonly Cost[];
  /** How far ahead the first call that does not conform now may be reserved, in ms; 0 for not at all. */
  readonly ahead: number;
  /**
   * A reservation that is due. The first call goes on it if it fits, or learns how much later the slot has become. A
   * slot that was missed by more than `late` moves to now, and all later slots by as much, unless the next one may have
   * been used already or a later one is `fixed`. A reservation that does not fit or has expired is given back first. A
   * store that hands its buckets out never gets one.
   */
  readonly instead?: Receipt | undefined;
  /** Whether the caller goes at the reserved slot, even if other slots move. */
  readonly fixed?: boolean;
  /**
   * How long the calls have waited, in ms; at most the time that a call may leave after its slot. A call that conformed
   * that long ago goes on the slot that it had then, so that a late timer loses nothing. A store may ignore this, which
   * wastes some of the quota.
   * @default 0
   */
  readonly late?: number;
  /** Whether to return the state of each limit afterwards. */
  readonly report?: boolean;
}

/** What a store answers to `take`. */
export interface TakeAnswer {
  /** The instant of the decision on the store's clock, in ms. */
  readonly now: number;
  /** One for each call that may go now, in the order of the request. */
  readonly granted: readonly Receipt[];
  /** The slot of the next call, `wait` ms from now, or past if that is below 0; undefined if none was reserved. */
  readonly reserved: Receipt | undefined;
  /**
   * Milliseconds until the first call that was not granted conforms; 0 if all were granted; Infinity if it never does.
   */
  readonly wait: number;
  /** Milliseconds until the pause of the key ends; absent if it is not paused. */
  readonly pausedFor?: number;
  /** Why `wait` is Infinity. */
  readonly exceeded?: { readonly cost: number; readonly burst: number; readonly limitName?: string };
  /** The state of each limit, if requested. */
  readonly limits?: readonly LimitStatus[];
}

/**
 * Proof of a grant or a reservation, needed to give it back or to settle it. Its fields may be getters; a copy by `{
 * ...receipt }` and JSON leave them out.
 */
export interface Receipt {
  /** The instant of the grant on the store's clock, in ms. */
  readonly slot: number;
  readonly cost: Cost;
  /** The limits under which it was taken. */
  readonly plan: Plan;
  /** Per limit the tat before. Kept only for reservations. */
  readonly before?: readonly number[];
  /** Per limit the tat afterwards. */
  readonly after: readonly number[];
  /** Per limit how much its tat had been lowered until then, in ms; undefined if it never was. */
  readonly refunds?: readonly number[] | undefined;
  /** The latest instant that was reserved before. Kept only for reservations. */
  readonly latest?: number | undefined;
  /** The server's statements that it was counted in, by the instants when they end. Kept only for reservations. */
  readonly pools?: readonly number[];
  /** How far the slots of the bucket had been moved in total until then, in ms. 0 if absent. */
  readonly moved?: number;
  /** Whether it was taken from the throttle's own bucket while the store was away. */
  readonly standIn?: boolean;
}

/** The state of one limit. */
export interface LimitStatus {
  /** The limit's name, if it has one. */
  readonly name?: string;
  /** Calls of cost 1 that this limit would let go now. A whole number. */
  readonly remaining: number;
  /** Milliseconds until this limit is unused again. */
  readonly resetAfter: number;
}

/** The state of a bucket. */
export interface Standing {
  readonly limits: readonly LimitStatus[];
  /** Milliseconds until a call of cost 1 conforms; 0 now. */
  readonly wait: number;
  /** Milliseconds until the pause of the key ends; 0 if it is not paused. */
  readonly pausedFor: number;
  /** The limits that the key keeps: its own or those it was asked with. */
  readonly plan: Plan;
  /** How far reserved slots have been moved in total, in ms; absent if they never were. See `Receipt.moved`. */
  readonly moved?: number;
  /** The latest of those moves, the oldest first. */
  readonly moves?: readonly SlotMove[] | undefined;
  /** The rate that was learned from refusals, in calls per ms; absent if there were no recent refusals. */
  readonly learned?: number;
  /**
   * The number of calls that the server reports as left, and for how many ms that holds; absent if no statement holds.
   */
  readonly pool?: { readonly remaining: number; readonly resetAfter: number };
}

/** Whether an answer is still to come. */
export function isPromise<T>(answer: Answer<T>): answer is Promise<T> {
  return typeof answer === 'object' && answer !== null && typeof (answer as Promise<T>).then === 'function';
}

/** News from a store: another sharer has paused, reset or overridden a key, or there is a problem. */
export interface StoreNews {
  readonly key: string;
  /** The problem, if there is one, such as an unreadable record. The store goes on. */
  readonly trouble?: unknown;
}
