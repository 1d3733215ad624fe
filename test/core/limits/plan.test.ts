import { type Limit, perMinute, perSecond, slidingWindow } from 'sluice';
import { describe, expect, test } from 'vitest';
import { type Cost, sameCost } from '../../../src/core/limits/cost.ts';
import { isMadeOf, planOf, samePlan } from '../../../src/core/limits/plan.ts';

const limit: Limit = { rate: 10, interval: 1_000, burst: 2, margin: 0, name: 'requests' };
const others: readonly [string, Limit][] = [
  ['rate', { ...limit, rate: 11 }],
  ['interval', { ...limit, interval: 1_001 }],
  ['burst', { ...limit, burst: 3 }],
  ['name', { ...limit, name: 'tokens' }],
  ['kind', { ...slidingWindow({ limit: 10, interval: 1_000, name: 'requests' }), burst: 10 }],
];

describe('a plan', () => {
  test.each(others)('is different where one of several limits has another %s', (_, other) => {
    for (const [one, two] of [
      [limit, perMinute(600)],
      [perMinute(600), limit],
    ] as const) {
      const changed = [one, two].map((each) => (each === limit ? other : each));
      const plan = planOf([one, two], 0);
      expect(isMadeOf(plan, [one, two])).toBe(true);
      expect(isMadeOf(plan, changed)).toBe(false);
      expect(samePlan(plan, planOf([{ ...one }, { ...two }], 0))).toBe(true);
      expect(samePlan(plan, planOf(changed, 0))).toBe(false);
    }
  });

  test('is another with more limits, or fewer', () => {
    const one = planOf([limit], 0);
    const two = planOf([limit, perMinute(600)], 0);
    expect([isMadeOf(one, two.limits), isMadeOf(two, one.limits)]).toEqual([false, false]);
    expect([samePlan(one, two), samePlan(two, one)]).toEqual([false, false]);
  });

  test('is the same with another margin, though it is not made of that limit', () => {
    const other = { ...limit, margin: 5 };
    expect(samePlan(planOf([limit], 0), planOf([other], 0))).toBe(true);
    expect(isMadeOf(planOf([limit], 0), [other])).toBe(false);
  });

  test('keeps the fields of a limit that were given, and no others', () => {
    const given = { rate: 1, interval: 1_000, burst: undefined, extra: 5 } as never;
    expect(planOf([given], 0).limits).toStrictEqual([{ rate: 1, interval: 1_000 }]);
  });

  test('is not made of a list with a missing limit', () => {
    expect(isMadeOf(planOf([limit], 0), [undefined as never])).toBe(false);
  });

  test('has no two limits of one name, whatever else is without one', () => {
    expect(() => planOf([perSecond(1), perMinute(1), limit, limit], 0)).toThrow('limits with different names');
    expect(() => planOf([perSecond(1), perMinute(1)], 0)).not.toThrow();
  });

  test('lets its burst go within some time, and what leaks in it', () => {
    const [rule] = planOf(limit, 0).rules;
    expect([0, 100, 1_000].map((ms) => rule?.kind.mostWithin(rule, ms))).toEqual([2, 3, 12]);
  });

  test('uses the short way for a single limit that is not a window', () => {
    expect(planOf([perSecond(10)], 0).only).toBeDefined();
    expect(planOf([perSecond(10), perMinute(60)], 0).only).toBeUndefined();
    expect(planOf([slidingWindow({ limit: 3, interval: 1_000 })], 0).only).toBeUndefined();
  });
});

test.each<[Cost, Cost, boolean]>([
  [1, 1, true],
  [1, 2, false],
  [1, { requests: 1 }, false],
  [{ requests: 1 }, 1, false],
  [1, {}, false],
  [{}, 1, false],
  [{ requests: 1, tokens: 5 }, { tokens: 5, requests: 1 }, true],
  [{ requests: 1, tokens: 5 }, { requests: 1, tokens: 6 }, false],
  [{ requests: 1 }, { requests: 1, tokens: 5 }, false],
  [{ requests: 1 }, { tokens: 1 }, false],
])('%j and %j cost the same: %s', (one, other, isSame) => {
  expect(sameCost(one, other)).toBe(isSame);
});
