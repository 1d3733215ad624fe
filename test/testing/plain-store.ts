import type { Ceiling, Cost, Limit, Receipt, Standing, StoreOperations, TakeAnswer, TakeRequest } from 'sluice';
import { adapt, type Bucket, copyOf, newBucket, note } from '../../src/core/bucket/bucket.ts';
import { hear, slowDown } from '../../src/core/bucket/explained.ts';
import { postpone, takeOnSlot } from '../../src/core/bucket/moves.ts';
import { giveBack, pause, peek, reset, settle } from '../../src/core/bucket/operations.ts';
import { type Plan, planOf } from '../../src/core/limits/plan.ts';

/** Makes all that a bucket has seen this many ms later. */
export function postponed(bucket: Bucket, ms: number): void {
  bucket.states = bucket.states.map((state) =>
    typeof state === 'number' ? state + ms : state.map((value, place) => (place % 2 === 1 ? value + ms : value)),
  );
}

export type Buckets = Map<string, Bucket>;

/** A store in its simplest form, sound as it is: each broken one below differs in one thing. */
export class PlainStore implements StoreOperations {
  readonly name: string = 'plain';
  readonly shared: boolean = true;
  constructor(
    readonly buckets: Buckets,
    readonly clock: () => number,
  ) {}

  at(key: string, plan: Plan): Bucket {
    const bucket = this.buckets.get(key) ?? newBucket(plan);
    this.buckets.set(key, bucket);
    adapt(bucket, plan, this.clock());
    return bucket;
  }
  take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
    return takeOnSlot(this.at(key, request.plan), request, this.clock());
  }
  giveBack(key: string, receipt: Receipt): void {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) giveBack(bucket, receipt);
  }
  settle(key: string, receipt: Receipt, cost: Cost): void | Promise<void> {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) settle(bucket, receipt, cost, this.clock());
  }
  postpone(key: string, receipt: Receipt, ms: number): void {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) postpone(bucket, receipt, ms, this.clock());
  }
  sync(key: string, said: Ceiling, plan: Plan): ReturnType<StoreOperations['sync']> {
    return hear(this.at(key, plan), said, this.clock());
  }

  pause(key: string, ms: number, plan: Plan, sentAgo?: number): void {
    if (sentAgo !== undefined) slowDown(this.at(key, plan), sentAgo, ms, this.clock());
    pause(this.at(key, plan), ms, this.clock());
  }
  peek(key: string, plan: Plan, without?: Receipt): Standing {
    const bucket = copyOf(this.buckets.get(key) ?? newBucket(plan));
    adapt(bucket, plan, this.clock());
    if (without !== undefined) giveBack(bucket, without);
    return peek(bucket, this.clock());
  }
  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
    const bucket = this.at(key, plan);
    note(bucket, { own: limits === undefined ? undefined : planOf(limits, plan.margin) });
    adapt(bucket, plan, this.clock());
  }
  reset(key: string): void {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) reset(bucket, this.clock());
  }
}

/** A store that breaks one sentence of the contract: what it does wrong, and a case that must see it. */
export type BrokenStore = readonly [
  what: string,
  seenBy: string,
  store: new (buckets: Buckets, clock: () => number) => PlainStore,
];
