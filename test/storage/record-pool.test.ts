import { describe, expect, test } from 'vitest';
import { type Bucket, newBucket } from '../../src/core/bucket/bucket.ts';
import { sync } from '../../src/core/bucket/operations.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { fill } from '../../src/storage/reconcile.ts';
import { type BucketRecord, bucketOf, moved, recordIn, recordOf, sameBucket } from '../../src/storage/record.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 5 }, 0);
const stamp = { birth: 1, seq: 1, writer: 1 };

/** A bucket of which this many calls are left until an instant. */
function pooled(left: number, until: number) {
  const bucket = newBucket(plan);
  sync(bucket, { remaining: left, ms: until, isNewest: true }, 0);
  return bucket;
}
const record = recordOf(pooled(3, 1000), stamp, 0, 1000);

describe('a record of what the server says is left', () => {
  test('keeps it, as JSON keeps it', () => {
    const read = recordIn(JSON.parse(JSON.stringify(record))) as BucketRecord;
    expect(bucketOf(read, 0).extras.pools).toEqual([{ left: 3, until: 1000 }]);
    expect(sameBucket(read, recordOf(pooled(3, 1000), stamp, 5, 5))).toBe(true);
    expect(sameBucket(read, recordOf(pooled(2, 1000), stamp, 5, 5))).toBe(false);
  });

  test('moves with the clock', () => {
    expect(moved(record, 500).pools).toEqual([{ left: 3, until: 1500 }]);
  });

  test.each([
    null,
    5,
    {},
    { left: 3 },
    { left: -1, until: 5 },
    { left: 3, until: 1e300 },
    { left: Number.NaN, until: 5 },
  ])('is none of ours with %j', (pool) => {
    expect(recordIn({ ...record, pools: [pool] })).toBe(undefined);
  });

  test('is not a valid record without a statement, or with something other than a list of them', () => {
    for (const pools of [[], { left: 3, until: 1000 }, 5]) expect(recordIn({ ...record, pools })).toBe(undefined);
  });

  test('and one written at the same time leave what both leave, each statement as long as it holds', () => {
    const both = (...said: [left: number, until: number][]) => {
      const [bucket, other] = said.map(([left, until]) => pooled(left, until)) as [Bucket, Bucket];
      fill(bucket, other, 500);
      return bucket.extras.pools?.map(({ left, until }) => [left, until]);
    };
    expect(both([3, 1000], [1, 1000])).toEqual([[1, 1000]]);
    expect(both([1, 1000], [3, 1000])).toEqual([[1, 1000]]);
    expect(both([1, 400], [3, 1000])).toEqual([[3, 1000]]);
    expect(both([1, 700], [3, 1000])).toEqual([
      [1, 700],
      [3, 1000],
    ]);
    expect(both([1, 500], [3, 1000])).toEqual([[3, 1000]]);
    expect(both([1, 400], [3, 300])).toBe(undefined);
  });
});
