import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { newBucket } from '../../../src/core/bucket/bucket.ts';
import { bucketLeftBy, callIn, receiptOf, take } from '../../../src/core/bucket/operations.ts';
import { joined, plainReceipt, withCost } from '../../../src/core/bucket/receipts.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { every, T } from './step-table.ts';

const plan = planOf(every(9), 0);
const at = (slot: number, cost: Cost, after = slot): Receipt => ({ slot, cost, plan, after: [after], moved: 0 });

describe('receipts of calls', () => {
  const told = (receipts: readonly Receipt[]) =>
    joined(receipts).map(({ slot, cost, after }) => [slot, cost, after[0]]);

  test('that went at one instant become one, with the state after the last of them', () => {
    expect(told([at(5, 1, 10), at(5, 2, 20), at(5, 0.5, 30), at(6, 1, 40), at(7, 2, 50), at(7, 3, 60)])).toEqual([
      [5, 3.5, 30],
      [6, 1, 40],
      [7, 5, 60],
    ]);
    expect(joined([])).toEqual([]);
  });

  test('of a cost by name stay apart, before and behind others', () => {
    const named = { calls: 1 };
    expect(told([at(5, 1, 1), at(5, named, 2), at(5, named, 3), at(5, 1, 4), at(5, 2, 5)])).toEqual([
      [5, 1, 1],
      [5, named, 2],
      [5, named, 3],
      [5, 3, 5],
    ]);
  });

  test('that are alone stay the same object', () => {
    const alone = at(5, 1);
    expect(joined([alone])[0]).toBe(alone);
  });

  test('that have gone keep no more than is needed to settle them', () => {
    const receipt = { ...at(5, 1), before: [0], latest: 3, pools: [9], refunds: [2] };
    expect(plainReceipt(receipt)).toStrictEqual({ ...at(5, 1), refunds: [2], standIn: false });
    const { moved: _, ...older } = at(5, 1);
    expect(withCost({ ...older, standIn: true }, 4)).toStrictEqual({
      ...at(5, 4),
      refunds: undefined,
      standIn: true,
    });
  });
});

describe('a bucket as a call left it', () => {
  test('has the tats of its receipt, and windows at rest', () => {
    const both = planOf([every(3), slidingWindow({ limit: 3, interval: 10 * T })], 0);
    const key = newBucket(both);
    const { granted } = take(key, { plan: both, costs: [2], ahead: 0 }, 5);
    expect(bucketLeftBy(granted[0] as Receipt)).toEqual({ ...newBucket(both), states: [5 + 2 * T, [longAgo]] });
  });
});

describe('a call in one limit', () => {
  test('was refunded by what came off since', () => {
    const key = newBucket(plan);
    const before = receiptOf(key, 1, 0);
    key.extras = { ...key.extras, refunds: [7] };
    expect([callIn(key, 0, before).refunded, callIn(key, 0, receiptOf(key, 1, 0)).refunded]).toEqual([7, 0]);
  });
});
