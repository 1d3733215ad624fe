import { checkMethods, checkOptions } from '../core/base/check.ts';
import type { LocalStore } from '../core/base/store.ts';
import { adapt, atRest, type Bucket, copyOf, newBucket, note } from '../core/bucket/bucket.ts';
import { bucketLeftBy, giveBack, pause, peek, reset, settle, sync, take } from '../core/bucket/operations.ts';
import { type Plan, planOf, samePlan } from '../core/limits/plan.ts';
import { type Clock, checkInstant, systemClock, wholeTicks } from '../core/time/clock.ts';

// Buckets of this process in a Map. Every operation is synchronous; code that moves slots works on the bucket itself.

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  /**
   * The source of time.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/** A bucket is forgotten after this time at rest, in ms: keys in regular use stay. */
const restBeforeForgetting = 10_000;
/** A look through all buckets costs time, so it waits this many ms more per bucket. */
const restPerBucket = 0.1;

/**
 * Makes a store that keeps its buckets in a Map of this process, on the monotonic clock. It is synchronous and never
 * fails. It is for one throttle: several throttles on one store keep the limits together, but their waiting calls do
 * not take turns. Buckets that have been at rest for 10 seconds are forgotten when any key is used after that.
 */
export function memoryStore(options: MemoryStoreOptions = {}): LocalStore {
  checkOptions('options', options);
  if (options.clock !== undefined) checkMethods('clock', options.clock, ['monotonic']);
  const buckets = new Map<string, Bucket>();
  let { clock } = options;
  /** When to look for buckets to forget, at the next use of any key. */
  let forgetAt = restBeforeForgetting;

  const instant = (): number => {
    clock ??= systemClock;
    return wholeTicks(checkInstant('monotonic', clock.monotonic()));
  };

  /** Forgets the buckets that have been at rest for long. */
  const forget = (now: number): void => {
    for (const [key, bucket] of buckets)
      if (bucket.extras.own === undefined && atRest(bucket, now - restBeforeForgetting)) buckets.delete(key);
    forgetAt = now + restBeforeForgetting + restPerBucket * buckets.size;
  };

  const bucketOf = (key: string, plan: Plan, now: number): Bucket => {
    if (now >= forgetAt) forget(now);
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      bucket = newBucket(plan);
      buckets.set(key, bucket);
    } else if (bucket.plan !== plan) {
      adapt(bucket, plan, now);
    }
    return bucket;
  };

  return {
    name: 'memory',
    shared: false,
    bucket: bucketOf,

    useClock(given) {
      clock ??= given;
    },

    take(key, request) {
      const now = instant();
      return take(bucketOf(key, request.plan, now), request, now);
    },

    giveBack(key, receipt) {
      const bucket = buckets.get(key);
      if (bucket !== undefined) giveBack(bucket, receipt);
    },

    settle(key, receipt, cost) {
      const now = instant();
      const known = buckets.get(key);
      const bucket = known ?? bucketLeftBy(receipt);
      settle(bucket, receipt, cost, now);
      if (known === undefined && !atRest(bucket, now)) buckets.set(key, bucket);
    },

    pause(key, ms, plan) {
      const now = instant();
      pause(bucketOf(key, plan, now), ms, now);
    },

    sync(key, said, plan) {
      const now = instant();
      return sync(bucketOf(key, plan, now), said, now);
    },

    peek(key, plan, without) {
      const now = instant();
      // A `peek` changes no limits, and gives nothing back.
      const copy = copyOf(buckets.get(key) ?? newBucket(plan));
      adapt(copy, plan, now);
      if (without !== undefined) giveBack(copy, without);
      return peek(copy, now);
    },

    adapt(before, after) {
      const now = instant();
      for (const [key, bucket] of buckets) {
        try {
          // Another throttle on this store may have limits of its own.
          if (samePlan(bucket.plan, before(key))) adapt(bucket, after(key), now);
        } catch {
          // The user's limits function threw. The next use of the key reports it.
        }
      }
    },

    override(key, limits, plan) {
      const now = instant();
      const bucket = bucketOf(key, plan, now);
      note(bucket, { own: limits && planOf(limits, plan.margin) });
      adapt(bucket, plan, now);
    },

    reset(key) {
      const bucket = buckets.get(key);
      if (bucket !== undefined) reset(bucket, instant());
    },
  };
}
