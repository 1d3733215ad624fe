import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { copyOf, newBucket } from '../../../src/core/bucket/bucket.ts';
import { postpone } from '../../../src/core/bucket/moves.ts';
import { giveBack, take } from '../../../src/core/bucket/operations.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { every, T, table } from './step-table.ts';

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

  test('are given back by whoever holds the receipt from before', () => {
    const { bucket, before, second } = moved();
    expect(bucket.extras.latest).toBe(110);
    giveBack(bucket, second);
    expect(bucket.states).toEqual(before.states);
  });

  test('are given back no call that has gone', () => {
    const { bucket, first, second } = moved();
    const states = copyOf(bucket).states;
    giveBack(bucket, first);
    giveBack(bucket, { ...second, before: undefined } as never);
    expect(bucket.states).toEqual(states);
  });
});

describe('a reservation whose slot has come', () => {
  table('goes on its slot', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['arrive', 1, 1, 0, 1],
    ['take', 1, 1, 1],
  ]);

  table('waits on if it comes too early', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['arrive', 0.75, 1, 0.25, 1],
    ['arrive', 1, 1, 0, 1],
    ['take', 1, 1, 1],
  ]);

  table('goes now if it was missed, and all later slots become as much later', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['reserve', 0, 1, 3, 3],
    ['arrive', 1.5, 1, 0, 1],
    ['arrive', 2, 1, 0.5, 2],
    ['arrive', 2.5, 1, 0, 2],
    ['arrive', 3.5, 1, 0, 3],
    ['take', 3.5, 1, 1],
  ]);

  table('goes now if it was the latest, and what comes then is as much later', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['arrive', 1.5, 1, 0, 1],
    ['take', 1.5, 1, 1],
    ['reserve', 1.5, 1, 2.5],
  ]);

  table('becomes later by each move that it has not seen, and by none twice', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['reserve', 0, 1, 3, 3],
    ['reserve', 0, 1, 4, 4],
    ['arrive', 1.25, 1, 0, 1],
    ['arrive', 1.25, 1, 2, 3],
    ['arrive', 2.5, 1, 0, 2],
    ['arrive', 3, 1, 0.5, 3],
    ['arrive', 3.75, 1, 0, 3],
    ['arrive', 4, 1, 0.75, 4],
    ['cancel', 4, 4],
    ['take', 4, 1, 0.75],
    ['reserve', 4, 1, 4.75, 5],
    ['arrive', 4.75, 1, 0, 5],
  ]);

  table('stays where it is when a later one moves', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['reserve', 0, 1, 3, 3],
    ['arrive', 2.5, 1, 0, 2],
    ['cancel', 2.5, 1],
    ['arrive', 3, 1, 0.5, 3],
    ['arrive', 1, 1, 0, 1],
  ]);

  table('goes on its slot if it is no later than a call may be', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['arrive', 1.5, 1, 0, 1, 0.5],
    ['arrive', 2, 1, 0, 2],
    ['take', 2, 1, 1],
  ]);

  table('asks anew when the next slot may have been used', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['arrive', 2, 1, 1, 1],
    ['arrive', 2, 1, 0, 2],
    ['arrive', 3, 1, 0, 1],
  ]);

  table('asks anew when it was missed while a later one stays where it is', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['fix', 0, 1, 2],
    ['arrive', 1.5, 1, 1.5, 1],
  ]);

  table('moves the others once the slot that had to stay is over', every(1), [
    ['take', 0, 1, 0],
    ['fix', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['reserve', 0, 1, 3, 3],
    ['arrive', 1, 1, 0, 1],
    ['arrive', 2.5, 1, 0, 2],
    ['arrive', 3, 1, 0.5, 3],
  ]);

  table('is given back while all is paused', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['pause', 0.5, 2],
    ['arrive', 1, 1, 1.5, 1],
    ['arrive', 2.5, 1, 0, 1],
    ['take', 2.5, 1, 1],
  ]);

  table('goes when the pause ends in that instant', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['pause', 0.5, 0.5],
    ['arrive', 1, 1, 0, 1],
    ['arrive', 2, 1, 0, 2],
  ]);

  table('is given back for a call of another cost', every(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 1, 1],
    ['arrive', 1, 2, 1, 1],
    ['arrive', 2, 2, 0, 1],
  ]);

  table('is unknown to a bucket that was reset', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reset', 0.5],
    ['take', 0.5, 1, 0],
    ['arrive', 1, 1, 0.5, 1],
  ]);

  table('asks anew under other limits, and is known again under its own', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['change', 0, every(3)],
    ['arrive', 1, 1, 1, 1],
    ['change', 1, every(1)],
    ['arrive', 2, 1, 0, 2],
  ]);

  table(
    'knows no limits that its call passes by',
    [every(1, 'calls'), every(1, 'data')],
    [
      ['take', 0, { calls: 1, data: 0 }, 0],
      ['reserve', 0, { calls: 1, data: 0 }, 1, 1],
      ['reserve', 0, { calls: 1, data: 0 }, 2, 2],
      ['take', 0, { calls: 0, data: 1 }, 0],
      ['arrive', 1.5, { calls: 1, data: 0 }, 0, 1],
      ['take', 1.5, { calls: 0, data: 1 }, 0],
      ['arrive', 2, { calls: 1, data: 0 }, 0.5, 2],
      ['arrive', 2.5, { calls: 1, data: 0 }, 0, 2],
    ],
  );

  table(
    'that was missed moves as far as the most even of its limits asks for',
    [every(1), { rate: 1, interval: 2 * T, burst: 10 }],
    [
      ['take', 0, 1, 0],
      ['reserve', 0, 1, 1, 1],
      ['reserve', 0, 1, 2, 2],
      ['arrive', 1.5, 1, 0, 1],
      ['arrive', 2, 1, 0.5, 2],
      ['left', 2, 0, 7],
      ['arrive', 2.5, 1, 0, 2],
    ],
  );

  const window = slidingWindow({ limit: 2, interval: 10 * T });

  table('of a window goes now while its call would count', window, [
    ['take', 0, 2, 0],
    ['reserve', 0, 2, 10, 1],
    ['reserve', 0, 2, 20, 2],
    ['arrive', 12, 2, 0, 1],
    ['arrive', 20, 2, 2, 2],
    ['arrive', 22, 2, 0, 2],
    ['take', 31, 1, 1],
  ]);

  table('of a window moves none that was not built on it', window, [
    ['take', 0, 1, 0],
    ['take', 4, 1, 0],
    ['reserve', 4, 1, 10, 1],
    ['reserve', 4, 1, 14, 2],
    ['arrive', 12, 1, 0, 1],
    ['arrive', 14, 1, 0, 2],
    ['take', 20, 1, 2],
  ]);

  table('of a window asks anew once its call would not count any more', window, [
    ['take', 0, 2, 0],
    ['reserve', 0, 2, 10, 1],
    ['reserve', 0, 2, 20, 2],
    ['arrive', 20, 2, 10, 1],
    ['arrive', 20, 2, 0, 2],
  ]);
});
