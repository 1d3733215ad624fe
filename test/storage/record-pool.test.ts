import { describe, expect, test } from 'vitest';
import { newBucket } from '../../src/core/bucket.ts';
import { planOf } from '../../src/core/limit.ts';
import { sync } from '../../src/core/operations.ts';
import { fill } from '../../src/storage/reconcile.ts';
import { bucketOf, isRecord, moved, recordOf, textOf, textOfRecord } from '../../src/storage/record.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 5 }, 0);
const stamp = { birth: 1, seq: 1, writer: 1 };

/** A bucket of which so many calls are left until an instant. */
function pooled(left: number, until: number) {
  const bucket = newBucket(plan);
  sync(bucket, { remaining: left, ms: until, isNewest: true }, 0);
  return bucket;
}
const record = recordOf(pooled(3, 1000), stamp, 0, 1000);

describe('a record with a pool', () => {
  test('keeps it, as JSON keeps it', () => {
    const read = JSON.parse(JSON.stringify(record));
    expect(isRecord(read)).toBe(true);
    expect(bucketOf(read, 0).pool).toEqual({ left: 3, until: 1000 });
    expect(textOfRecord(read)).toBe(textOf(pooled(3, 1000)));
  });

  test('moves with the clock', () => {
    expect(moved(record, 500).pool).toEqual({ left: 3, until: 1500 });
  });

  test.each([
    null,
    5,
    {},
    { left: 3 },
    { left: -1, until: 5 },
    { left: 3, until: 1e300 },
    { left: Number.NaN, until: 5 },
  ])('is none of ours with a pool of %j', (pool) => {
    expect(isRecord({ ...record, pool })).toBe(false);
  });

  test('and one that was written at the same time leave what the lower of both does, as long as it holds', () => {
    const leftOf = (first: number, second: number, until = 1000) => {
      const bucket = pooled(first, until);
      fill(bucket, pooled(second, 1000), 500);
      return bucket.pool?.left;
    };
    expect([leftOf(3, 1), leftOf(1, 3), leftOf(1, 3, 400)]).toEqual([1, 1, 3]);
  });
});
