import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adapt, conformsAt } from '../../../src/core/bucket/bucket.ts';
import type { Marks } from '../../../src/core/limits/marks.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { storedWindow } from '../../../src/storage/stored-limits.ts';
import {
  anyCost,
  begins,
  cancelling,
  everything,
  History,
  patience,
  runs,
  stepsOf,
  taking,
  trueCost,
  wholeCost,
} from '../bucket/bucket-history.ts';
import { crowdedBefore, crowdedSpan, SlowWindow, windowAllows } from '../bucket/reference.ts';

/** A sliding window and what happens to it: below and above the limit up to which every call has a mark of its own. */
const told = (most = 120) =>
  fc.record({
    limit: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: most })),
    interval: fc.constantFrom(1, 100, 333, 1000, 60_000),
    begin: begins,
    tiny: fc.constantFrom(true, false, false),
    steps: stepsOf(80),
  });

/**
 * Costs that fill a large window within a history, or fractions of a call that fill a small one with more of them than there
 * are marks.
 */
const costOf =
  ({ limit, tiny }: { limit: number; tiny: boolean }) =>
  (number: number): number =>
    tiny && number < 13 ? 1 / 16 : Math.min(limit, anyCost(number, limit) * Math.ceil(limit / 16));

describe('a sliding window', { timeout: patience }, () => {
  test('holds no more than its limit, in any window, by the true costs as far as they are known', () => {
    fc.assert(
      fc.property(
        told(),
        fc.array(fc.constantFrom(0, 0, 20, 50)),
        ({ limit, interval, tiny, begin, steps }, margins) => {
          const cost = costOf({ limit, tiny });
          const length = slidingWindow({ limit, interval });
          const history = new History(length, begin);
          const allowed = windowAllows(limit, interval);
          let changes = 0;
          history.play(
            steps,
            everything,
            cost,
            (act, call) => {
              const { times, costs } = storedWindow(history.bucket.states[0] as Marks);
              expect(times.length).toBeLessThanOrEqual(32);
              expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
              expect(costs.every((cost) => cost > 0)).toBe(true);
              const granted = (act === 'take' || act === 'reserve') && call.cost !== 0;
              if (granted)
                expect(crowdedBefore(history.going(), call as { at: number; cost: number }, allowed)).toBeUndefined();
              // The margin follows the network.
              const margin = margins[changes++ % 16] ?? 0;
              history.plan = planOf(length, margin);
              adapt(history.bucket, history.plan, history.now);
            },
            (number) => trueCost(number, limit),
          );
        },
      ),
      { numRuns: runs(2000) },
    );
  });

  test('holds no more than its limit on a clock that goes back again and again', () => {
    fc.assert(
      fc.property(told(), ({ limit, interval, tiny, begin, steps }) => {
        const history = new History(slidingWindow({ limit, interval }), begin);
        for (const step of steps) {
          if (step[3] % 4 === 0) history.now -= Math.floor((interval * step[3]) / 16 / tick) * tick;
          history.play([step], cancelling, costOf({ limit, tiny }));
        }
        expect(crowdedSpan(history.going(), windowAllows(limit, interval))).toBeUndefined();
      }),
      { numRuns: runs(1000) },
    );
  });

  test('as long as marks are not merged, answers as one that keeps a log', () => {
    fc.assert(
      fc.property(told(31), ({ limit, interval, begin, steps }) => {
        const history = new History(slidingWindow({ limit, interval }), begin);
        const slow = new SlowWindow(limit, interval);
        for (const [act, time, number] of steps) {
          const cost = wholeCost(number, limit);
          history.pass(time, cost);
          expect(conformsAt(history.bucket, cost, history.now)).toBe(slow.allowAt(cost, history.now));
          const call = history.take(cost, taking[act % 3] === 'reserve' ? Infinity : 0);
          if (call !== undefined) slow.pour(cost, call.at);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  test('wastes no more than the width of a mark', () => {
    fc.assert(
      fc.property(told(), ({ limit, interval, tiny, begin, steps }) => {
        const history = new History(slidingWindow({ limit, interval }), begin);
        const slow = new SlowWindow(limit, interval + Math.ceil(interval / 31 / tick) * tick);
        for (const [act, time, number] of steps) {
          const cost = costOf({ limit, tiny })(number);
          history.pass(time, cost);
          expect(conformsAt(history.bucket, cost, history.now)).toBeLessThanOrEqual(
            slow.allowAt(cost, history.now) + tick,
          );
          const call = history.take(cost, taking[act % 3] === 'reserve' ? Infinity : 0);
          if (call !== undefined) slow.pour(cost, call.at);
        }
        expect(crowdedSpan(history.going(), windowAllows(limit, interval))).toBeUndefined();
      }),
      { numRuns: runs(1000) },
    );
  });
});
