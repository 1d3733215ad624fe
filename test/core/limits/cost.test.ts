import { describe, expect, test } from 'vitest';
import { checkCost, checkNames, costIn, isStrange } from '../../../src/core/limits/cost.ts';
import { planOf } from '../../../src/core/limits/plan.ts';

const plan = planOf(
  [
    { rate: 1, interval: 100, name: 'calls' },
    { rate: 1, interval: 100 },
  ],
  0,
);

describe('a cost', () => {
  test.each([[0], [0.5], [3], [{}], [{ calls: 0, tokens: 2.5 }]])('of %j is taken as it is', (cost) => {
    expect(checkCost(cost as never)).toEqual(cost);
  });

  test('by name is copied, so that its object may change', () => {
    const cost = { calls: 2 };
    const checked = checkCost(cost);
    cost.calls = 3;
    expect(checked).toEqual({ calls: 2 });
  });

  const kinds = 'Expected `cost` to be a number, or one number per named limit, got';
  test.each<[unknown, Error]>([
    [-1, new RangeError('Expected `cost` to be a number of at least 0, got `-1`.')],
    [{ calls: -0.5 }, new RangeError('Expected `cost.calls` to be a number of at least 0, got `-0.5`.')],
    [{ calls: 1, data: '2' }, new TypeError('Expected `cost.data` to be a number of at least 0, got `"2"`.')],
    ['1', new TypeError(`${kinds} \`"1"\`.`)],
    [null, new TypeError(`${kinds} \`null\`.`)],
    [undefined, new TypeError(`${kinds} \`undefined\`.`)],
  ])('of %j is refused', (cost, error) => {
    expect(() => checkCost(cost as never)).toThrow(error);
  });

  test('that names a limit that is not there is refused, with the names that there are', () => {
    for (const cost of [2, {}, { calls: 2 }]) {
      expect(isStrange(cost, plan)).toBe(false);
      expect(() => checkNames(cost, plan)).not.toThrow();
    }
    expect(isStrange({ calls: 2, tokens: 1 }, plan)).toBe(true);
    expect(() => checkNames({ calls: 2, tokens: 1 }, plan)).toThrow(
      new RangeError('Expected `cost` to be one number per named limit (calls, –), got `"tokens"`.'),
    );
  });

  test('is 1 in a limit that it does not name, whatever its object inherits', () => {
    const { rules } = plan;
    expect(rules.map((rule) => costIn(rule, 4))).toEqual([4, 4]);
    expect(rules.map((rule) => costIn(rule, { calls: 0 }))).toEqual([0, 1]);
    expect(rules.map((rule) => costIn(rule, { undefined: 5 }))).toEqual([1, 1]);
    expect(costIn({ name: 'toString' }, {})).toBe(1);
  });
});
