import { checkMethods, checkOptions } from '../core/base/check.ts';
import type { BucketStore, Receipt, Standing, TakeAnswer, TakeRequest } from '../core/base/store.ts';
import { adapt, atRest, type Bucket, copyOf, newBucket, note } from '../core/bucket/bucket.ts';
import { bucketLeftBy, giveBack, pause, peek, reset, settle, sync, take } from '../core/bucket/operations.ts';
import type { Ceiling } from '../core/bucket/pool.ts';
import type { Cost } from '../core/limits/cost.ts';
import type { Limit } from '../core/limits/limit.ts';
import { type Plan, planOf, samePlan } from '../core/limits/plan.ts';
import { type Clock, checkInstant, systemClock, wholeTicks } from '../core/time/clock.ts';

/** What `memoryStore` takes. */
export interface MemoryStoreOptions {
  /**
   * The door to time.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/**
 * Makes a store that keeps its buckets in a Map of this process, on the monotonic clock. It answers on the spot and never
 * fails. It is for one throttle: several on one store keep the limits together, but their waiting calls do not take turns.
 * Buckets that have been at rest for 10 seconds are forgotten when any key is used after that.
 */
export function memoryStore(options: MemoryStoreOptions = {}): BucketStore {
  checkOptions('options', options);
  if (options.clock !== undefined) checkMethods('clock', options.clock, ['monotonic']);
  return new MemoryStore(options.clock);
}

/** A bucket is forgotten when it has been at rest for so long, in ms: keys that are used again and again stay. */
const restBeforeForgetting = 10_000;
/** To look through all buckets costs time, so it waits for so many ms more per bucket. */
const restPerBucket = 0.1;

class MemoryStore implements BucketStore {
  readonly name = 'memory';
  readonly shared = false;
  readonly #buckets = new Map<string, Bucket>();
  #clock: Clock | undefined;
  /** When to look for buckets to forget, at the next use of any. */
  #forgetAt = restBeforeForgetting;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  useClock(clock: Clock): void {
    this.#clock ??= clock;
  }

  bucket(key: string, plan: Plan, now: number): Bucket {
    if (now >= this.#forgetAt) this.#forget(now);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = newBucket(plan);
      this.#buckets.set(key, bucket);
    } else if (bucket.plan !== plan) {
      adapt(bucket, plan, now);
    }
    return bucket;
  }

  take(key: string, request: TakeRequest): TakeAnswer {
    const now = this.#now();
    return take(this.bucket(key, request.plan, now), request, now);
  }

  giveBack(key: string, receipt: Receipt): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) giveBack(bucket, receipt);
  }

  settle(key: string, receipt: Receipt, cost: Cost): void {
    const now = this.#now();
    const known = this.#buckets.get(key);
    const bucket = known ?? bucketLeftBy(receipt);
    settle(bucket, receipt, cost, now);
    if (known === undefined && !atRest(bucket, now)) this.#buckets.set(key, bucket);
  }

  pause(key: string, ms: number, plan: Plan): void {
    const now = this.#now();
    pause(this.bucket(key, plan, now), ms, now);
  }

  sync(key: string, said: Ceiling, plan: Plan): void {
    const now = this.#now();
    sync(this.bucket(key, plan, now), said, now);
  }

  peek(key: string, plan: Plan, without?: Receipt): Standing {
    const now = this.#now();
    // Who only looks changes no limits, and gives nothing back.
    const copy = copyOf(this.#buckets.get(key) ?? newBucket(plan));
    adapt(copy, plan, now);
    if (without !== undefined) giveBack(copy, without);
    return peek(copy, now);
  }

  adapt(before: (key: string) => Plan, after: (key: string) => Plan): void {
    const now = this.#now();
    for (const [key, bucket] of this.#buckets) {
      try {
        // Another throttle on this store may have limits of its own.
        if (samePlan(bucket.plan, before(key))) adapt(bucket, after(key), now);
      } catch {
        // The user's limits function threw. Whoever uses the key next is told.
      }
    }
  }

  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
    const now = this.#now();
    const bucket = this.bucket(key, plan, now);
    note(bucket, { own: limits === undefined ? undefined : planOf(limits, plan.margin) });
    adapt(bucket, plan, now);
  }

  reset(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return;
    reset(bucket, this.#now());
  }

  #now(): number {
    this.#clock ??= systemClock;
    return wholeTicks(checkInstant('monotonic', this.#clock.monotonic()));
  }

  /** Forgets the buckets that have been at rest for long. */
  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets)
      if (bucket.extras.own === undefined && atRest(bucket, now - restBeforeForgetting)) this.#buckets.delete(key);
    this.#forgetAt = now + restBeforeForgetting + restPerBucket * this.#buckets.size;
  }
}
