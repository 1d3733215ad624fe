import { describe, expect, test } from 'vitest';
import { atRest, conformsAt, grantAt, newBucket } from '../../../src/core/bucket/bucket.ts';
import { giveBack, peek, sync, take } from '../../../src/core/bucket/operations.ts';
import {
  aged,
  grantInPools,
  joinedPools,
  mostPools,
  type Pool,
  poolsAfter,
  poolsAllowAt,
  returnToPools,
} from '../../../src/core/bucket/pool.ts';
import { planOf } from '../../../src/core/limits/plan.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 5 }, 0);

/** A bucket of which the server says how many are left, until 1000. */
function pooled(left: number) {
  const bucket = newBucket(plan);
  sync(bucket, { remaining: left, ms: 1000, isNewest: false }, 0);
  return bucket;
}

describe('a pool', () => {
  test('delays to its end what exceeds it, and nothing else', () => {
    const bucket = pooled(2);
    expect([conformsAt(bucket, 2, 0), conformsAt(bucket, 3, 0), conformsAt(bucket, 6, 0)]).toEqual([0, 1000, Infinity]);
    expect([conformsAt(bucket, 3, 999), conformsAt(bucket, 3, 1000), conformsAt(bucket, 3, 1500)]).toEqual([
      1000, 1000, 1500,
    ]);
  });

  test('leaves calls to the limits when it ends, as they stand then', () => {
    const bucket = pooled(9);
    grantAt(bucket, 5, 0, 0);
    expect(bucket.extras.pools).toEqual([{ left: 4, until: 1000 }]);
    expect(conformsAt(bucket, 1, 0)).toBe(100);
    grantAt(bucket, 5, 1000, 1000);
    expect(bucket.extras.pools).toBeUndefined();
    expect(conformsAt(bucket, 1, 1000)).toBe(1100);
  });

  test('is not used up by what goes after its end', () => {
    const bucket = pooled(1);
    const { reserved } = take(bucket, { plan, costs: [3], ahead: Infinity }, 0);
    expect([reserved?.slot, bucket.extras.pools]).toEqual([1000, [{ left: 1, until: 1000 }]]);
    giveBack(bucket, reserved as NonNullable<typeof reserved>);
    expect(bucket.extras.pools).toEqual([{ left: 1, until: 1000 }]);
  });

  test('keeps a bucket from rest until it ends', () => {
    const bucket = pooled(3);
    expect([atRest(bucket, 999), atRest(bucket, 1000)]).toEqual([false, true]);
  });

  test('of a time that is over changes nothing', () => {
    const bucket = newBucket(plan);
    sync(bucket, { remaining: 0, ms: 0, isNewest: true }, 5);
    expect([bucket.extras.pools, peek(bucket, 5).pool]).toEqual([undefined, undefined]);
    const held = pooled(3);
    sync(held, { remaining: 0, ms: -1, isNewest: true }, 5);
    expect(held.extras.pools).toEqual([{ left: 3, until: 1000 }]);
  });

  test('that has ended does not reduce one that leaves more', () => {
    const bucket = pooled(0);
    sync(bucket, { remaining: 2, ms: 500, isNewest: false }, 1000);
    expect(bucket.extras.pools).toEqual([{ left: 2, until: 1500 }]);
  });
});

describe('several pools', () => {
  const pool = (left: number, until: number): Pool => ({ left, until });
  const said = (remaining: number, ms: number, isNewest = false) => ({ remaining, ms, isNewest });

  test('hold at the same time, whatever their order, in the order of their ends', () => {
    const both = [pool(0, 1000), pool(2, 60_000)];
    expect(poolsAfter([pool(0, 1000)], said(2, 60_000), 0)).toEqual(both);
    expect(poolsAfter([pool(2, 60_000)], said(0, 1000), 0)).toEqual(both);
    expect(poolsAfter([pool(2, 60_000)], said(0, 1000, true), 0)).toEqual(both);
  });

  test('delay a call to the end of the last that has too little left', () => {
    const pools = [pool(0, 1000), pool(2, 60_000)];
    expect([1, 2, 3].map((cost) => poolsAllowAt(pools, cost, 0))).toEqual([1000, 1000, 60_000]);
    expect(poolsAllowAt(pools, { data: 50 }, 0)).toBe(1000);
    expect(poolsAllowAt(pools, 0, 0)).toBe(0);
  });

  test('are left out where another that ends later leaves no more', () => {
    expect(joinedPools([pool(2, 1000), pool(2, 2000)])).toEqual([pool(2, 2000)]);
    expect(joinedPools([pool(3, 1000), pool(2, 2000), pool(5, 3000)])).toEqual([pool(2, 2000), pool(5, 3000)]);
    expect(joinedPools([pool(3, 1000), pool(1, 1000)])).toEqual([pool(1, 1000)]);
    expect(joinedPools([])).toBeUndefined();
  });

  test('give way to the newest about the same instant, which ends within a second of theirs', () => {
    const pools = [pool(1, 1000), pool(2, 9000)];
    expect(poolsAfter(pools, said(6, 2000, true), 0)).toEqual([pool(2, 9000)]);
    expect(poolsAfter(pools, said(6, 10_000, true), 0)).toEqual([pool(1, 1000), pool(6, 10_000)]);
    expect(poolsAfter(pools, said(6, 10_001, true), 0)).toEqual([...pools, pool(6, 10_001)]);
    expect(poolsAfter(pools, said(6, 8000, true), 0)).toEqual([pool(1, 1000), pool(6, 8000)]);
    expect(poolsAfter(pools, said(6, 9000), 0)).toEqual(pools);
    expect(poolsAfter(pools, said(0, 9000), 0)).toEqual([pool(0, 9000)]);
  });

  test('about one instant end at the earlier of their ends, as whole seconds are rounded up, unless the newer leaves more', () => {
    expect(poolsAfter([pool(4, 9000)], said(3, 9600, true), 0)).toEqual([pool(3, 9000)]);
    expect(poolsAfter([pool(4, 9000)], said(4, 9600, true), 0)).toEqual([pool(4, 9000)]);
    expect(poolsAfter([pool(4, 9000)], said(3, 8600, true), 0)).toEqual([pool(3, 8600)]);
    expect(poolsAfter([pool(4, 9000)], said(5, 9600, true), 0)).toEqual([pool(5, 9600)]);
  });

  test('give way to the newest about the instant that it was meant for', () => {
    const meant = { ...said(0, 1000, true), meantFor: 8000 };
    expect(poolsAfter([pool(5, 9000), pool(9, 60_000)], meant, 1000)).toEqual([pool(0, 2000), pool(9, 60_000)]);
    expect(poolsAfter([pool(5, 9000)], { ...meant, isNewest: false }, 1000)).toEqual([pool(0, 2000), pool(5, 9000)]);
  });

  test('hold for any time above 0', () => {
    expect(poolsAfter(undefined, said(0, 1), 0)).toEqual([pool(0, 1)]);
    expect(poolsAfter(undefined, said(0, 0), 0)).toBeUndefined();
  });

  test('tell for how long they hold from now on, if that is less than was said', () => {
    const bucket = newBucket(plan);
    expect(sync(bucket, said(4, 8500), 500)).toBe(8500);
    expect(sync(bucket, said(4, 9000, true), 600)).toBe(8400);
  });

  test('show whole calls', () => {
    const bucket = newBucket(plan);
    sync(bucket, said(2.5, 1000), 0);
    expect(peek(bucket, 0).pool?.remaining).toBe(2);
  });

  test('of which one is over when a reservation is given back get nothing', () => {
    const bucket = newBucket(plan);
    sync(bucket, said(9, 1000), 0);
    grantAt(bucket, 5, 0, 0);
    const { reserved } = take(bucket, { plan, costs: [1], ahead: Infinity }, 0);
    expect(reserved?.pools).toEqual([1000]);
    take(bucket, { plan, costs: [0], ahead: 0 }, 1000);
    expect(bucket.extras.pools).toBeUndefined();
    giveBack(bucket, reserved as NonNullable<typeof reserved>);
    expect([bucket.extras.pools, bucket.states]).toEqual([undefined, [500]]);
  });

  test('are taken from as long as they hold when the call goes', () => {
    const pools = [pool(1, 1000), pool(4, 2000)];
    expect(grantInPools(pools, 2, 500, 0)).toEqual([pool(0, 1000), pool(2, 2000)]);
    expect(grantInPools(pools, 2, 1000, 0)).toEqual([pool(1, 1000), pool(2, 2000)]);
    expect(grantInPools(pools, 2, 1000, 1000)).toEqual([pool(2, 2000)]);
    expect(grantInPools(pools, 2, 2000, 2000)).toBeUndefined();
  });

  test('get refunds of what was taken from them, and nothing else', () => {
    expect(returnToPools([pool(2, 1000), pool(3, 2000), pool(4, 3000)], 3, [1000, 3000])).toEqual([
      pool(5, 1000),
      pool(3, 2000),
      pool(7, 3000),
    ]);
  });

  test('both get back a reservation that was taken from them', () => {
    const bucket = newBucket(plan);
    sync(bucket, said(1, 1000), 0);
    sync(bucket, said(3, 2000), 0);
    grantAt(bucket, 1, 0, 0);
    const { reserved } = take(bucket, { plan, costs: [1], ahead: Infinity }, 0);
    expect([reserved?.slot, bucket.extras.pools]).toEqual([1000, [pool(0, 1000), pool(1, 2000)]]);
    giveBack(bucket, reserved as NonNullable<typeof reserved>);
    expect(bucket.extras.pools).toEqual([pool(0, 1000), pool(2, 2000)]);
  });

  test('show the one that leaves the least', () => {
    const bucket = newBucket(plan);
    sync(bucket, said(3, 2000), 0);
    sync(bucket, said(1, 1000), 0);
    expect(peek(bucket, 0)).toMatchObject({ pool: { remaining: 1, resetAfter: 1000 }, limits: [{ remaining: 1 }] });
    expect(peek(bucket, 1000)).toMatchObject({ pool: { remaining: 3, resetAfter: 1000 }, limits: [{ remaining: 3 }] });
    expect(peek(bucket, 2000).pool).toBeUndefined();
  });

  test('merge the first two where there would be too many: the lower value holds for the longer time', () => {
    const pools = Array.from({ length: mostPools }, (_, index) => pool(index + 1, 10_000 * (index + 1)));
    const more = poolsAfter(pools, said(mostPools + 1, 10_000 * (mostPools + 1)), 0);
    expect(more).toEqual([pool(1, 20_000), ...pools.slice(2), pool(mostPools + 1, 10_000 * (mostPools + 1))]);
  });
});

test('a statement that comes late holds for as much less, and so does what it was meant for', () => {
  const said = { remaining: 3, ms: 1000, isNewest: true };
  expect(aged(said, 400)).toStrictEqual({ ...said, ms: 600 });
  expect(aged({ ...said, meantFor: 9000 }, 400)).toStrictEqual({ ...said, ms: 600, meantFor: 8600 });
});
