import { describe, expect, test } from 'vitest';
import type { Rule } from '../../../src/core/limits/kind.ts';
import { charge, leakyBucket } from '../../../src/core/limits/leaky-bucket.ts';
import { type Limit, longAgo } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { tick } from '../../../src/core/time/clock.ts';

const T = 100;
const ruleOf = (limit: Limit): Rule => planOf(limit, 0).rules[0] as Rule;
const five = ruleOf({ rate: 1, interval: T, burst: 5 });

describe('a leaky bucket', () => {
  test('is charged whole ticks for a part of a call, never too few, and no more than for a whole one', () => {
    expect(charge(T, 3)).toBe(3 * T);
    const third = charge(T, 1 / 3);
    expect(third % tick).toBe(0);
    expect(third).toBeGreaterThanOrEqual(T / 3);
    expect(third).toBeLessThan(T / 3 + tick);
    expect(charge(tick / 4, 0.5)).toBe(tick / 4);
  });

  test('bears with no more than its burst, in whole ticks', () => {
    const { tolerance } = ruleOf({ rate: 1, interval: T, burst: 4 / 3 });
    expect(tolerance % tick).toBe(0);
    expect(tolerance).toBeLessThanOrEqual(T / 3);
    expect(tolerance).toBeGreaterThan(T / 3 - tick);
  });

  test('ends a line of calls when the last of them conforms', () => {
    const { lineEndsAt } = leakyBucket;
    // The burst has gone at 50 already: the fifth of a line from 60 on leaves 4 T after the first.
    expect(lineEndsAt(five, 60 + 4 * T, 60, 1)).toBe(60);
    expect(lineEndsAt(five, 60 + 4 * T, 60, 5)).toBe(60 + 4 * T);
    expect(lineEndsAt(five, longAgo, 60, 7)).toBe(60 + 2 * T);
  });

  test('that takes the place of another is full until the calls of the other have leaked', () => {
    const other = ruleOf({ rate: 1, interval: 2 * T, burst: 5 });
    const carried = (state: number, latest: number, now: number) =>
      leakyBucket.carryOver(other, [longAgo], { rule: five, state, latest }, now);
    // Two calls that take twice as long.
    expect(carried(10 + 2 * T, longAgo, 10)).toBe(10 + 4 * T);
    expect(carried(10, longAgo, 10)).toBe(longAgo);
    // What is reserved for later has not leaked before its slot.
    expect(carried(10 + 2 * T, 10 + T, 10)).toBe(10 + T + 2 * T);
    expect(carried(10 + T, 10 + 5 * T, 10)).toBe(10 + T);
  });
});
