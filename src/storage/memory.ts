import { adapt, atRest, type Bucket, newBucket } from '../core/bucket.ts';
import { checkMethods, checkOptions } from '../core/check.ts';
import { type Clock, systemClock, wholeTicks } from '../core/clock.ts';
import type { Cost } from '../core/cost.ts';
import { type Limit, type Plan, planOf } from '../core/limit.ts';
import { bucketLeftBy, giveBack, pause, peek, postpone, reset, settle, sync, take } from '../core/operations.ts';
import type { Ceiling } from '../core/pool.ts';
import type { BucketStore, Receipt, Standing, TakeAnswer, TakeRequest } from '../core/store.ts';

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
 * fails. Buckets that have been at rest for 10 seconds are forgotten as others are used.
 */
export function memoryStore(options: MemoryStoreOptions = {}): BucketStore {
  checkOptions('options', options);
  if (options.clock !== undefined) checkMethods('clock', options.clock, ['monotonic']);
  return new MemoryStore(options.clock);
}

/** Up to so many buckets are kept without asking whether they are at rest. */
const keptAnyway = 10_000;
/** A bucket is forgotten when it has been at rest for so long, in ms: keys that are used again and again stay. */
const restBeforeForgetting = 10_000;
/** While buckets are looked through, so many at each use of one. */
const looksPerUse = 4;

class MemoryStore implements BucketStore {
  readonly name = 'memory';
  readonly shared = false;
  readonly #buckets = new Map<string, Bucket>();
  #clock: Clock | undefined;
  /** What is left of the walk through all buckets that forgets those at rest; undefined when none is on. */
  #walk: Iterator<[string, Bucket]> | undefined;
  #walkAt = keptAnyway;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  useClock(clock: Clock): void {
    this.#clock ??= clock;
  }

  bucket(key: string, plan: Plan, now: number): Bucket {
    if (this.#walk !== undefined) this.#forget(this.#walk, now);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = newBucket(plan);
      this.#add(key, bucket);
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
    if (known === undefined && !atRest(bucket, now)) this.#add(key, bucket);
  }

  postpone(key: string, receipt: Receipt, ms: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) postpone(bucket, receipt, ms, this.#now());
  }

  pause(key: string, ms: number, plan: Plan): void {
    const now = this.#now();
    pause(this.bucket(key, plan, now), ms, now);
  }

  sync(key: string, said: Ceiling, plan: Plan): void {
    const now = this.#now();
    sync(this.bucket(key, plan, now), said, now);
  }

  peek(key: string, plan: Plan): Standing {
    const now = this.#now();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return peek(newBucket(plan), now);
    // Who only looks changes no limits.
    const copy = { ...bucket };
    adapt(copy, plan, now);
    return peek(copy, now);
  }

  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
    const now = this.#now();
    const bucket = this.bucket(key, plan, now);
    bucket.own = limits === undefined ? undefined : planOf(limits, plan.margin);
    adapt(bucket, plan, now);
  }

  reset(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return;
    reset(bucket, this.#now());
  }

  #add(key: string, bucket: Bucket): void {
    this.#buckets.set(key, bucket);
    if (this.#buckets.size === this.#walkAt) this.#walk = this.#buckets.entries();
  }

  #now(): number {
    this.#clock ??= systemClock;
    return wholeTicks(this.#clock.monotonic());
  }

  /** Looks at the next few buckets and forgets those long at rest. */
  #forget(walk: Iterator<[string, Bucket]>, now: number): void {
    for (let look = 0; look < looksPerUse; look++) {
      const { done, value } = walk.next();
      if (done) {
        this.#walk = undefined;
        this.#walkAt = Math.max(keptAnyway, 2 * this.#buckets.size);
        return;
      }
      const [key, bucket] = value;
      if (bucket.own === undefined && atRest(bucket, now - restBeforeForgetting)) this.#buckets.delete(key);
    }
  }
}
