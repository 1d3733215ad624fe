import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { copyOf, newBucket } from '../../../src/core/bucket/bucket.ts';
import { postpone } from '../../../src/core/bucket/moves.ts';
import { giveBack, take } from '../../../src/core/bucket/operations.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';

describe('slots that have become later', () => {
  const limits = [{ rate: 1, interval: 100 }, slidingWindow({ limit: 2, interval: 200 })];
  const plan = planOf(limits, 0);
  const ask = { plan, costs: [1], ahead: Infinity };

  /** A bucket with a call that was postponed after another had got the next slot. */
  function moved() {
    const bucket = newBucket(plan);
    const first = take(bucket, ask, 0).granted[0] as Receipt;
    const before = copyOf(bucket);
    const second = take(bucket, ask, 0).reserved as Receipt;
    for (const one of [before, bucket]) postpone(one, first, 10, 1);
    return { bucket, before, first, second };
  }

  test('can be given back with the earlier receipt', () => {
    const { bucket, before, second } = moved();
    expect(bucket.extras.latest).toBe(110);
    giveBack(bucket, second);
    expect(bucket.states).toEqual(before.states);
  });

  test('give nothing back for a call that has gone', () => {
    const { bucket, first, second } = moved();
    const states = copyOf(bucket).states;
    giveBack(bucket, first);
    giveBack(bucket, { ...second, before: undefined } as never);
    expect(bucket.states).toEqual(states);
  });
});
