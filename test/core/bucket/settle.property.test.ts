import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adapt } from '../../../src/core/bucket/bucket.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import {
  begins,
  buckets,
  type Call,
  everything,
  History,
  patience,
  runs,
  stepsOf,
  trueCost,
  wholeCost,
} from './bucket-history.ts';
import { bucketAllows, crowdedBefore, crowdedSpan, windowAllows } from './reference.ts';

const kinds = fc.constantFrom('leaky-bucket', 'quota') as fc.Arbitrary<'leaky-bucket' | 'quota'>;

describe('settle', { timeout: patience }, () => {
  test('never grants twice: the true costs keep the bound, whatever the margin was meanwhile', () => {
    const told = fc.record({
      limit: buckets(),
      kind: kinds,
      begin: begins,
      steps: stepsOf(50),
      margins: fc.array(fc.constantFrom(0, 0, 5, 50)),
    });
    fc.assert(
      fc.property(told, ({ limit, kind, begin, steps, margins }) => {
        const { burst, interval, rate } = limit;
        const history = new History({ ...limit, kind }, begin);
        let changes = 0;
        history.play(
          steps,
          everything,
          (number) => wholeCost(number, burst),
          (act, call) => {
            const last = { at: call.at, cost: call.cost as number };
            const granted = (act === 'take' || act === 'reserve') && call.cost !== 0;
            if (granted)
              expect(crowdedBefore(history.going(), last, bucketAllows(burst, interval / rate))).toBeUndefined();
            history.plan = planOf({ ...limit, kind }, margins[changes++ % 16] ?? 0);
            adapt(history.bucket, history.plan, history.now);
          },
          (number) => trueCost(number, burst),
        );
      }),
      { numRuns: runs(3000) },
    );
  });

  test('gives nothing back for a cancelled reservation, to a call that cost nothing meanwhile', () => {
    const limit = { rate: 1, interval: 1, burst: 2 };
    const history = new History(limit, 0);
    history.take(1);
    history.take(1);
    history.take(1, Infinity);
    const free = history.take(0);
    history.cancel(0);
    history.settle(history.calls.indexOf(free as Call), () => 1);
    const tat = history.bucket.states[0] as number;
    history.take(1, Infinity);
    history.settle(history.calls.indexOf(free as Call), () => 0);
    // One of the three that went at 0 cost nothing after all; what is reserved later was built on it.
    expect(history.bucket.states[0]).toBeGreaterThanOrEqual(tat);
  });

  test('never grants twice in one of several limits while others hold reservations back', () => {
    const told = fc.record({
      limits: fc.tuple(buckets(), fc.integer({ min: 1, max: 12 })),
      begin: begins,
      steps: stepsOf(50),
    });
    fc.assert(
      fc.property(told, ({ limits: [bucket, most], begin, steps }) => {
        const { burst, interval, rate } = bucket;
        const length = (interval / rate) * 3;
        const limits: Limit[] = [
          { ...bucket, name: 'calls' },
          { ...quota({ limit: burst + 2, interval, burst }), name: 'quota' },
          slidingWindow({ limit: most, interval: length, name: 'window' }),
        ];
        const history = new History(limits, begin);
        const cost = (number: number) => ({
          calls: wholeCost(number, burst),
          quota: wholeCost((number + 3) % 16, burst),
          window: wholeCost((number + 7) % 16, most),
        });
        const count = (name: string) => (cost: Cost) => (cost as Record<string, number>)[name] as number;
        history.play(
          steps,
          everything,
          cost,
          (act) => {
            if (act !== 'take' && act !== 'reserve') return;
            expect(crowdedSpan(history.going(count('calls')), bucketAllows(burst, interval / rate))).toBeUndefined();
            expect(crowdedSpan(history.going(count('quota')), windowAllows(burst + 2, interval))).toBeUndefined();
            expect(crowdedSpan(history.going(count('window')), windowAllows(most, length))).toBeUndefined();
          },
          // Down only: a debt of the future is nobody's fault.
          (number, estimate) => {
            const { calls, window } = estimate as ReturnType<typeof cost>;
            return { calls: Math.min(calls, number % 2), quota: 0, window: number % 3 === 0 ? window : 0 };
          },
        );
      }),
      { numRuns: runs(2000) },
    );
  });

  test('ignores a call of which no trace is left and counts its true cost', () => {
    const told = fc.record({ limit: buckets(true), begin: begins, cost: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(told, ({ limit, begin, cost }) => {
        const history = new History(limit, begin);
        const estimated = new History(limit, begin);
        history.take(0);
        estimated.take(1);
        history.settle(0, () => cost);
        estimated.settle(0, () => cost);
        expect(history.bucket.states).toEqual(estimated.bucket.states);
      }),
      { numRuns: runs(100) },
    );
  });
});
