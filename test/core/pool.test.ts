import { describe, expect, test } from 'vitest';
import { atRest, conformsAt, grantAt, newBucket } from '../../src/core/bucket.ts';
import { planOf } from '../../src/core/limit.ts';
import { giveBack, peek, sync, take } from '../../src/core/operations.ts';
import { poolAfter, returnToPool } from '../../src/core/pool.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 5 }, 0);

/** A bucket of which the server says how many are left, until 1000. */
function pooled(left: number) {
  const bucket = newBucket(plan);
  sync(bucket, { remaining: left, ms: 1000, isNewest: false }, 0);
  return bucket;
}

describe('a pool', () => {
  test('puts off to its end what it has not left, and nothing else', () => {
    const bucket = pooled(2);
    expect([conformsAt(bucket, 2, 0), conformsAt(bucket, 3, 0), conformsAt(bucket, 6, 0)]).toEqual([0, 1000, Infinity]);
    expect([conformsAt(bucket, 3, 999), conformsAt(bucket, 3, 1000), conformsAt(bucket, 3, 1500)]).toEqual([
      1000, 1000, 1500,
    ]);
  });

  test('gives way to the limits when it ends, as they stand then', () => {
    const bucket = pooled(9);
    grantAt(bucket, 5, 0, 0);
    expect(bucket.pool).toEqual({ left: 4, until: 1000 });
    expect(conformsAt(bucket, 1, 0)).toBe(100);
    grantAt(bucket, 5, 1000, 1000);
    expect(bucket.pool).toBeUndefined();
    expect(conformsAt(bucket, 1, 1000)).toBe(1100);
  });

  test('is not used up by what goes after its end', () => {
    const bucket = pooled(1);
    const { reserved } = take(bucket, { plan, costs: [3], ahead: Infinity }, 0);
    expect([reserved?.slot, bucket.pool]).toEqual([1000, { left: 1, until: 1000 }]);
    giveBack(bucket, reserved as NonNullable<typeof reserved>);
    expect(bucket.pool).toEqual({ left: 1, until: 1000 });
  });

  test('keeps a bucket from rest until it ends', () => {
    const bucket = pooled(3);
    expect([atRest(bucket, 999), atRest(bucket, 1000)]).toEqual([false, true]);
  });

  test('of a time that is over changes nothing', () => {
    const bucket = newBucket(plan);
    sync(bucket, { remaining: 0, ms: 0, isNewest: true }, 5);
    expect([bucket.pool, peek(bucket, 5).pool]).toEqual([undefined, undefined]);
    const held = pooled(3);
    sync(held, { remaining: 0, ms: -1, isNewest: true }, 5);
    expect(held.pool).toEqual({ left: 3, until: 1000 });
  });

  test('that has ended holds nothing against one that leaves more', () => {
    const bucket = pooled(0);
    sync(bucket, { remaining: 2, ms: 500, isNewest: false }, 1000);
    expect(bucket.pool).toEqual({ left: 2, until: 1500 });
  });
});

describe('two pools', () => {
  test('of which the second leaves no less and is no newer: the first goes on to its own end', () => {
    const first = { left: 2, until: 1000 };
    for (const remaining of [2, 3]) expect(poolAfter(first, { remaining, ms: 2000, isNewest: false }, 0)).toBe(first);
    expect(poolAfter(first, { remaining: 1, ms: 2000, isNewest: false }, 0)).toEqual({ left: 1, until: 2000 });
    expect(poolAfter(first, { remaining: 3, ms: 2000, isNewest: true }, 0)).toEqual({ left: 3, until: 2000 });
  });

  test('do not get what was taken from the other', () => {
    expect(returnToPool({ left: 2, until: 1000 }, 3, 1000)).toEqual({ left: 5, until: 1000 });
    expect(returnToPool({ left: 2, until: 2000 }, 3, 1000)).toEqual({ left: 2, until: 2000 });
  });
});
