import type { Bucket, SlotMove } from '../bucket/bucket.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Cost } from '../limits/cost.ts';
import type { Limit } from '../limits/limit.ts';
import type { Plan } from '../limits/plan.ts';
import type { Clock } from '../time/clock.ts';

/** A value, or a promise of it: what a store may answer with. A store that answers without a promise is asked on the spot. */
export type Answer<T> = T | Promise<T>;

/**
 * What a store does. Write your own with `keyValueStore` if your storage has one atomic update; write this by hand if it
 * has a clock or a scripting language of its own, and hand it to `sharedStore`. `bucketStoreContract` in `sluice/testing` proves it.
 *
 * Every method is one whole operation: it sees the bucket as no other operation is changing it, and either all of it
 * happens or nothing. `docs/algorithm.md` gives the arithmetic; `operations.ts` and `moves.ts` in `src/core/bucket` are that arithmetic as
 * functions of a bucket, for stores that can run JavaScript inside their critical section.
 *
 * A store owns its clock. Instants in receipts are on that clock and mean nothing elsewhere; what a caller waits for is always
 * a duration, counted from the moment the answer is given.
 *
 * Methods may throw or reject; the throttle then does what its `onStoreError` says. They must not answer twice, and they
 * should answer soon: callers are waiting.
 */
export interface StoreOperations {
  /** Names the store in errors and events. */
  readonly name: string;
  /** Whether others (tabs, processes, machines) take from the same buckets. */
  readonly shared: boolean;
  /**
   * Whether `watch` tells of a pause, a reset or new limits as soon as others make them. A lane looks for them about once a second
   * besides; if this is false, also just before each slot.
   * @default whether there is a `watch`
   */
  readonly hears?: boolean;
  /** Grants calls in order as far as they conform now, and may reserve a slot for the next. A refusal changes nothing. */
  take(key: string, request: TakeRequest): Answer<TakeAnswer>;
  /** Gives back a reservation as far as no later grant was built on it. */
  giveBack(key: string, receipt: Receipt): Answer<void>;
  /**
   * Corrects the cost of a granted call. What has not leaked since comes back; a debt delays the calls to come. Calls that were
   * granted in one instant may go back as one, with the sum of their costs and what the last of them left behind.
   */
  settle(key: string, receipt: Receipt, cost: Cost): Answer<void>;
  /**
   * Counts a granted call as if it had gone `ms` later than it was granted: it may have reached the server as late as that, and what
   * goes now must keep its distance. Slots that were reserved after it become as much later; `moved` tells their holders. Only a
   * store that hands its buckets out may leave it out: whoever postpones works on the bucket.
   */
  postpone?(key: string, receipt: Receipt, ms: number): Answer<void>;
  /**
   * Lets nothing go for `ms` from now on. It can lengthen a pause that is on, never shorten it.
   * @param sentAgo how long ago a call left that the server refused, in ms, if calls are to go slower afterwards; not for a store that
   * hands its buckets out
   */
  pause(key: string, ms: number, plan: Plan, sentAgo?: number): Answer<void>;
  /**
   * Lets no more go than the server says is left, for as long as it says, on top of the limits. Statements about different instants
   * hold side by side. Of those about one instant the one that leaves less holds, unless a newer one leaves more. What `told` says is
   * no ceiling if the calls of all sharers explain it. Answers for how many ms it holds calls back; 0 if it is no news. A store that hands its buckets out
   * need not ask: whoever hears a server works on the bucket.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: stores that were written before answer nothing, which counts as news.
  sync(key: string, said: Ceiling, plan: Plan): Answer<number | void>;
  /**
   * Tells where the bucket stands and changes nothing.
   * @param without a reservation that is not to count
   */
  peek(key: string, plan: Plan, without?: Receipt): Answer<Standing>;
  /** Puts limits of its own on a key, kept with the bucket, seen by every sharer; undefined takes them off. */
  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Answer<void>;
  /** Makes the bucket as good as new, the pause and what it used included; limits of its own stay. */
  reset(key: string): Answer<void>;
  /** Calls `listener` with what it should know and did not ask for. Returns how to stop. */
  watch?(listener: (news: StoreNews) => void): () => void;
  /** Takes the throttle's clock, unless the store was given one. Called once by each throttle, before anything else. */
  useClock?(clock: Clock): void;
  /** Frees what the store holds: connections, listeners. */
  close?(): Answer<void>;
}

/** A store whose buckets live in this process, whose clock is the throttle's monotonic one, and which never fails. */
export interface LocalStore extends StoreOperations {
  /** The bucket itself, ready for `plan` and `now`. */
  bucket(key: string, plan: Plan, now: number): Bucket;
  /** Moves the buckets that stand under the throttle's limits over to those it has from now on. */
  adapt(before: (key: string) => Plan, after: (key: string) => Plan): void;
}

// A registered symbol works between two copies of the package too.
/** Where a store carries what a throttle needs to share it. */
export const sharing: unique symbol = Symbol.for('sluice.sharing') as typeof sharing;

/** A store that others take from too, or that takes its time to answer: made by `sharedStore`. */
export interface SharedStore extends StoreOperations {
  readonly [sharing]: object;
  readonly bucket?: undefined;
}

/** Where buckets live. */
export type BucketStore = LocalStore | SharedStore;

/** What a lane, `allow` or `reserve` asks of a store. */
export interface TakeRequest {
  /** The limits that the key must keep unless the store holds limits of its own for it. */
  readonly plan: Plan;
  /** Costs of the calls, in the order in which they may go. */
  readonly costs: readonly Cost[];
  /** How far ahead the first call that does not conform now may be reserved, in ms; 0 for not at all. */
  readonly ahead: number;
  /**
   * A reservation whose slot has come: the first call goes on it if it fits, or is told when the slot has become later. A slot that
   * was missed by more than `late` moves to now, and all later slots as much, unless the next one may have been used by now or a
   * later one is `fixed`. What does not fit, or is over, is given back first. A store that hands its buckets out is never asked with one.
   */
  readonly instead?: Receipt | undefined;
  /** Whether the caller goes at the slot that is reserved, even if others become later. */
  readonly fixed?: boolean;
  /**
   * For how long the calls have waited, in ms, at most as much as a call may leave after its slot: one that conformed that long ago
   * goes on the slot that it had then, so that a late timer loses nothing. A store may leave it out, which wastes some of the quota.
   * @default 0
   */
  readonly late?: number;
  /** Whether to tell where each limit stands afterwards. */
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
  /** Milliseconds until the first call that was not granted conforms; 0 if all were; Infinity if it never does. */
  readonly wait: number;
  /** Milliseconds for which the key is paused yet; absent if it is not. */
  readonly pausedFor?: number;
  /** Why `wait` is Infinity. */
  readonly exceeded?: { readonly cost: number; readonly burst: number; readonly limitName?: string };
  /** Where each limit stands, if asked for. */
  readonly limits?: readonly LimitStatus[];
}

/**
 * Proof of a grant or a reservation: what is needed to give it back or to settle it. Its fields may be getters, which a copy by
 * `{ ...receipt }` and JSON leave out.
 */
export interface Receipt {
  /** The instant of the grant on the store's clock, in ms. */
  readonly slot: number;
  readonly cost: Cost;
  /** The limits that it was taken under. */
  readonly plan: Plan;
  /** Per limit the tat before. Kept only for reservations. */
  readonly before?: readonly number[];
  /** Per limit the tat afterwards. */
  readonly after: readonly number[];
  /** Per limit how much its tat had gone down until then, in ms; undefined if it never had. */
  readonly refunds?: readonly number[] | undefined;
  /** The latest instant that was reserved before. Kept only for reservations. */
  readonly latest?: number | undefined;
  /** Which of the server's statements it was taken from, by the instants when they end. Kept only for reservations. */
  readonly pools?: readonly number[];
  /** How much later the slots of the bucket had become until then, in ms, all together. 0 if absent. */
  readonly moved?: number;
  /** Whether it was taken from the throttle's own bucket while the store was away. */
  readonly standIn?: boolean;
}

/** Where one limit stands. */
export interface LimitStatus {
  /** The limit's name, if it has one. */
  readonly name?: string;
  /** Calls of cost 1 that this limit would let go now. A whole number. */
  readonly remaining: number;
  /** Milliseconds until this limit is as good as new. */
  readonly resetAfter: number;
}

/** Where a bucket stands. */
export interface Standing {
  readonly limits: readonly LimitStatus[];
  /** Milliseconds until a call of cost 1 conforms; 0 now. */
  readonly wait: number;
  /** Milliseconds for which the key is paused yet; 0 if it is not. */
  readonly pausedFor: number;
  /** The limits that the key keeps: its own or those it was asked with. */
  readonly plan: Plan;
  /** How much later reserved slots have become, in ms, all together; absent if they never have. See `Receipt.moved`. */
  readonly moved?: number;
  /** The latest of those moves, the oldest first. */
  readonly moves?: readonly SlotMove[] | undefined;
  /** The rate that was learned from refusals, in calls per ms; absent if there was none of late. */
  readonly learned?: number;
  /** What the server says is left in calls, and for how many ms that holds; absent if it said nothing that still holds. */
  readonly pool?: { readonly remaining: number; readonly resetAfter: number };
}

/** Whether an answer is still to come. */
export function isPromise<T>(answer: Answer<T>): answer is Promise<T> {
  return typeof answer === 'object' && answer !== null && typeof (answer as Promise<T>).then === 'function';
}

/** What a store says unasked: that another sharer has paused, reset or overridden a key, or that something is wrong. */
export interface StoreNews {
  readonly key: string;
  /** What is wrong, if anything is: a record that cannot be read, say. The store goes on. */
  readonly trouble?: unknown;
}
