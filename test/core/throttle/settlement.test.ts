import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { joined } from '../../../src/core/bucket/receipts.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { settlementOf } from '../../../src/core/throttle/settlement.ts';

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

describe('a settlement', () => {
  const two = planOf(
    [
      { rate: 1, interval: 100, burst: 20, name: 'calls' },
      { rate: 1, interval: 10, burst: 200, name: 'tokens' },
      { rate: 1, interval: 50, burst: 20 },
    ],
    0,
  );
  const taken = (cost: Receipt['cost'], after: readonly number[]): Receipt => ({ slot: 5, cost, plan: two, after });

  test.each<[string, Receipt['cost'], Receipt['cost'], Receipt['cost'], Receipt['cost'], readonly number[]]>([
    ['a number by a higher one', 1, 1.5, 1, 1.5, [155, 20, 80]],
    ['a number by a lower one', 1, 0.5, 0.5, 0.5, [105, 15, 55]],
    ['a number by the same', 1, 1, 1, 1, [105, 15, 55]],
    ['a number by names', 1, { tokens: 8 }, { calls: 1, tokens: 1 }, { calls: 1, tokens: 8 }, [105, 85, 55]],
    ['names by a number', { tokens: 8 }, 3, { calls: 1, tokens: 3 }, 3, [305, 85, 155]],
    [
      'names by some of them',
      { calls: 2, tokens: 8 },
      { tokens: 3 },
      { calls: 2, tokens: 3 },
      { calls: 2, tokens: 3 },
      [205, 85, 55],
    ],
  ])(
    'of %s knows the cost and the tats afterwards, and the lower cost if the store fails',
    (_, before, cost, lower, settled, after) => {
      const costs = typeof before === 'number' ? [before, before, before] : [before.calls ?? 1, before.tokens ?? 1, 1];
      const receipt = taken(
        before,
        [100, 10, 50].map((ms, index) => 5 + ms * (costs[index] as number)),
      );
      const settlement = settlementOf(receipt, cost);
      expect(settlement.cost).toEqual(settled);
      expect(settlement.done).toMatchObject({ cost: settled, after });
      expect(settlement.unsure.cost).toEqual(lower);
      expect(settlement.from.after).toEqual(receipt.after);
    },
  );
});
