import { describe, expect, test } from 'vitest';
import { adapt, conformsAt, grantAt, newBucket, restsAt } from '../../../src/core/bucket/bucket.ts';
import { hear } from '../../../src/core/bucket/explained.ts';
import { peek, take } from '../../../src/core/bucket/operations.ts';
import { learnedKind, learnedLimit } from '../../../src/core/limits/learned.ts';
import { type Limit, longAgo } from '../../../src/core/limits/limit.ts';
import { type Plan, planOf, samePlan } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';

const T = 1_000;
const plan = planOf(learnedLimit, 0);

/** How many calls a bucket lets go as soon as they may until an instant. */
function goneUntil(bucket: ReturnType<typeof newBucket>, end: number): number {
  let calls = 0;
  for (let now = conformsAt(bucket, 1, 0); now < end; now = conformsAt(bucket, 1, now)) {
    grantAt(bucket, 1, now, now);
    calls++;
  }
  return calls;
}

describe('an unknown limit', () => {
  test('begins at one call a second', () => {
    const { begins, mostAtOnce } = planOf(learnedLimit, 0);
    expect([begins, mostAtOnce]).toEqual([1 / T, 1]);
    const bucket = newBucket(plan);
    expect(peek(bucket, 0)).toMatchObject({ wait: 0, limits: [{ remaining: 1 }] });
    take(bucket, { plan, costs: [1], ahead: 0 }, 0);
    expect(conformsAt(bucket, 1, 0)).toBe(T);
  });

  test('leaves the time of calls to the pace alone, whatever the margin', () => {
    for (const margin of [0, 50]) {
      const [rule] = planOf(learnedLimit, margin).rules;
      expect(rule).toMatchObject({ emissionInterval: 2 ** -11, tolerance: 0, burst: 1_000_000 });
    }
    expect(goneUntil(newBucket(plan), 4 * T)).toBe(goneUntil(newBucket(planOf(learnedLimit, 50)), 4 * T));
    expect(goneUntil(newBucket(plan), 8 * T)).toBeGreaterThan(1_000);
  });

  test('cannot be replaced by a bucket of one leaky bucket', () => {
    expect(planOf(learnedLimit, 0).only).toBeUndefined();
    expect(samePlan(plan, planOf({ rate: 1, interval: T }, 0))).toBe(false);
    expect(samePlan(plan, planOf({ ...learnedLimit }, 0))).toBe(true);
  });

  test('is the only kind that begins, or that calls are not measured against what a server has left', () => {
    const others: Limit[] = [
      { rate: 1, interval: T },
      quota({ limit: 10, interval: T }),
      slidingWindow({ limit: 10, interval: T }),
    ];
    for (const limit of others) expect(planOf(limit, 0).begins).toBeUndefined();
    expect(learnedKind.level).toBeUndefined();
  });

  test('rests an interval after the latest call', () => {
    const bucket = newBucket(plan);
    expect(restsAt(bucket)).toBeLessThanOrEqual(0);
    grantAt(bucket, 1, 0, 0);
    expect(restsAt(bucket)).toBeGreaterThanOrEqual(T);
  });
});

describe('calls that went before the limits were told', () => {
  test('count as one within a minute, where nothing was told before', () => {
    const [rule] = plan.rules as [Plan['rules'][number]];
    expect(learnedKind.marksOf(rule, 5 * T, 5 * T, 65 * T - 1)).toEqual([longAgo, 5 * T, 1]);
    expect(learnedKind.marksOf(rule, 5 * T, 5 * T, 65 * T)).toEqual([longAgo]);
    const bucket = newBucket(plan);
    for (const at of [0, T, 1.5 * T]) grantAt(bucket, 1, at, at);
    adapt(bucket, planOf(slidingWindow({ limit: 10, interval: 10 * T }), 0), 2 * T);
    expect(peek(bucket, 2 * T).limits[0]?.remaining).toBe(9);
  });

  test('count one by one where the server told what is left meanwhile', () => {
    const bucket = newBucket(plan);
    const told = { limit: 10, remaining: 9, roundTrip: 0, keptBack: 0 };
    hear(bucket, { remaining: 9, ms: 10 * T, isNewest: true, told }, 0);
    for (const at of [0, T, 1.5 * T]) grantAt(bucket, 1, at, at);
    adapt(bucket, planOf(slidingWindow({ limit: 10, interval: 10 * T }), 0), 2 * T);
    expect(peek(bucket, 2 * T).limits[0]?.remaining).toBe(7);
  });
});
