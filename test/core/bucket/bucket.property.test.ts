import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adapt,
  type Bucket,
  conformsAt,
  copyOf,
  grantAt,
  grantNow,
  newBucket,
} from '../../../src/core/bucket/bucket.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { sync, take } from '../../../src/core/bucket/operations.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import {
  anyCost,
  begins,
  buckets,
  cancelling,
  History,
  margins,
  patience,
  runs,
  stepsOf,
  wholeCost,
} from './bucket-history.ts';
import { bucketAllows, crowdedSpan, SlowBucket, windowAllows } from './reference.ts';

/** A leaky bucket, with a margin or without, and what happens to it. */
const leaky = buckets().chain((limit) =>
  fc.record({
    limit: fc.constant(limit),
    margin: margins(limit.interval / limit.rate),
    begin: begins,
    steps: stepsOf(40),
  }),
);

/** A quota and what happens to it. */
const quotas = fc
  .record({ limit: fc.integer({ min: 1, max: 24 }), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .chain(({ limit, part }) =>
    fc.record({
      limit: fc.constant(limit),
      burst: fc.constantFrom(1, Math.ceil(limit / 10), 1 + Math.floor((limit - 1) * part), limit),
      interval: fc.constantFrom(1, 100, 333.3, 1000, 60_000),
      margin: fc.constantFrom(0, 0, 20),
      begin: begins,
      steps: stepsOf(60),
    }),
  );

describe('a leaky bucket', { timeout: patience }, () => {
  test('grants no more than the bound, in any window of any length', () => {
    fc.assert(
      fc.property(leaky, ({ limit, margin, begin, steps }) => {
        const history = new History(limit, begin, margin);
        history.play(steps, cancelling, (number) => anyCost(number, limit.burst));
        const allowed = bucketAllows(limit.burst, limit.interval / limit.rate);
        expect(crowdedSpan(history.going(), allowed)).toBeUndefined();
      }),
      { numRuns: runs(2000) },
    );
  });

  test('keeps the bound on a clock that goes back repeatedly', () => {
    fc.assert(
      fc.property(leaky, ({ limit, margin, begin, steps }) => {
        const history = new History(limit, begin, margin);
        for (const step of steps) {
          if (step[3] % 4 === 0) history.now -= Math.floor((history.span * step[3]) / 8 / tick) * tick;
          history.play([step], cancelling, (number) => wholeCost(number, limit.burst));
        }
        const allowed = bucketAllows(limit.burst, limit.interval / limit.rate);
        expect(crowdedSpan(history.going(), allowed)).toBeUndefined();
      }),
      { numRuns: runs(1000) },
    );
  });

  test('answers like a model that leaks in small steps', () => {
    const history = fc.record({ limit: buckets(true), begin: begins, steps: stepsOf(40) });
    fc.assert(
      fc.property(history, ({ limit, begin, steps }) => {
        const history = new History(limit, begin);
        const slow = new SlowBucket(limit.burst, limit.interval / limit.rate);
        for (const [act, time, number] of steps) {
          const cost = wholeCost(number, limit.burst);
          history.pass(time, cost);
          const at = slow.allowAt(cost, history.now);
          expect(conformsAt(history.bucket, cost, history.now)).toBe(at);
          const call = history.take(cost, act % 3 === 0 ? Infinity : 0);
          expect(call !== undefined).toBe(act % 3 === 0 || at <= history.now);
          if (call !== undefined) slow.pour(cost, call.at);
        }
      }),
      { numRuns: runs(2000) },
    );
  });

  test('grants the same in the short way and in the long way', () => {
    fc.assert(
      fc.property(leaky, ({ limit, margin, begin, steps }) => {
        const history = new History(limit, begin, margin);
        const short = newBucket(history.plan);
        for (const [, time] of steps) {
          history.pass(time, 1);
          expect(grantNow(short, history.now)).toBe(history.take(1) !== undefined);
          expect(short).toEqual(history.bucket);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  test('that is held back by more than itself grants in the short way what it grants in the long way', () => {
    const ways: readonly ((bucket: Bucket, now: number) => void)[] = [
      (bucket, now) => sync(bucket, { remaining: 3, ms: 500, isNewest: true }, now),
      (bucket, now) => slowDown(bucket, 0, 100, now),
      (bucket, now) => {
        grantAt(bucket, 1, now, now);
        adapt(bucket, planOf(slidingWindow({ limit: 5, interval: 1000 }), 0), now);
        adapt(bucket, planOf({ rate: 1, interval: 10, burst: 20 }, 0), now);
      },
    ];
    const limits = [
      { rate: 1, interval: 10, burst: 20 },
      [{ rate: 1, interval: 10, burst: 20 }, quota({ limit: 9, interval: 300 })],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...limits), fc.constantFrom(...ways), fc.array(fc.nat(60)), (limit, hold, waits) => {
        const short = newBucket(planOf(limit, 0));
        let now = 0;
        hold(short, now);
        const long = copyOf(short);
        for (const wait of waits) {
          now += wait;
          const went = take(long, { plan: long.plan, costs: [1], ahead: 0 }, now).granted.length > 0;
          expect(grantNow(short, now)).toBe(went);
          expect(short).toEqual(long);
        }
      }),
    );
  });
});

describe('a quota', { timeout: patience }, () => {
  test('grants at most its limit in any window, and in any that is longer by the margin', () => {
    fc.assert(
      fc.property(quotas, ({ limit, interval, burst, margin, begin, steps }) => {
        const history = new History(quota({ limit, interval, burst, margin }), begin);
        history.play(steps, cancelling, (number) => wholeCost(number, burst));
        expect(crowdedSpan(history.going(), windowAllows(limit, interval + margin))).toBeUndefined();
      }),
      { numRuns: runs(3000) },
    );
  });

  test.each([
    [3, 1000, 1],
    [7, 1000, 3],
    [10, 1000, 10],
    [999, 1000, 99],
    [2100, 1000, 210],
    [5005, 1000, 1],
    [5005, 1000, 500],
    [12_000, 1000, 1],
    [12_000, 1000, 12_000],
    [20_000, 1001.3, 7],
    [500, 0.1, 3],
    [1_000, 60_000, 100],
  ])('of %i per %d ms with burst %i holds at full speed, at any instant', (limit, interval, burst) => {
    for (const begin of [0, 1e9 + 0.5, 1.8e12]) {
      const plan = planOf(quota({ limit, interval, burst }), 0);
      const bucket = newBucket(plan);
      const slots: number[] = [];
      for (
        let now = begin;
        slots.length < 1.2 * limit + 10;
        now = Math.ceil(conformsAt(bucket, 1, now) / tick) * tick
      ) {
        const { granted } = take(bucket, { plan, costs: new Array<number>(256).fill(1), ahead: 0 }, now);
        for (const { slot } of granted) slots.push(slot);
      }
      const first = slots.findIndex((slot, index) => (slots[index + limit] ?? Infinity) - slot < interval);
      expect(first, `from ${begin}: more than ${limit} calls in a window`).toBe(-1);
    }
  });
});
