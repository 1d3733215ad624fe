import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { joined } from '../../../src/core/bucket/receipts.ts';
import { planOf } from '../../../src/core/limits/plan.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 20, name: 'calls' }, 0);

const receipt = (slot: number, cost: Receipt['cost'], tat: number): Receipt => ({
  slot,
  cost,
  plan,
  after: [tat],
  refunds: [7],
  moved: 0,
  standIn: true,
});

describe('receipts that go back together', () => {
  test('become one with their total cost and the bucket state of the last', () => {
    expect(joined([receipt(5, 1, 105), receipt(5, 2.5, 355), receipt(5, 0, 355)])).toEqual([receipt(5, 3.5, 355)]);
  });

  test.each([
    ['of different instants', [receipt(105, 1, 205), receipt(5, 1, 105)]],
    ['one of which costs by name', [receipt(5, 1, 105), receipt(5, { calls: 1 }, 205), receipt(5, 1, 305)]],
  ])('are not joined: those %s', (_, receipts) => {
    expect(joined(receipts)).toEqual(receipts);
  });

  test('may be one or none, and one is itself', () => {
    const one = receipt(5, 1, 105);
    expect(joined([one])[0]).toBe(one);
    expect(joined([])).toEqual([]);
  });
});
