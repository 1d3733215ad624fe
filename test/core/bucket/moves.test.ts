import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { copyOf, newBucket, note } from '../../../src/core/bucket/bucket.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { asMoved, goneLater, noteGranted, postpone, spacingOf, takeOnSlot } from '../../../src/core/bucket/moves.ts';
import { giveBack, settle, sync, take } from '../../../src/core/bucket/operations.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
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

describe('a reservation that comes along', () => {
  const plan = planOf(every(1), 0);
  const ask = { plan, costs: [1], ahead: Infinity };

  /** A bucket from which one call went, and so many slots are reserved. */
  function reserved(count: number) {
    const key = newBucket(plan);
    take(key, ask, 0);
    return { key, slots: Array.from({ length: count }, () => take(key, ask, 0).reserved as Receipt) };
  }

  test('is for the first call alone: the others ask', () => {
    const { key, slots } = reserved(1);
    const answer = takeOnSlot(key, { ...ask, costs: [1, 1, 1], instead: slots[0] }, T);
    expect(answer).toMatchObject({ granted: [{ slot: T }], reserved: { slot: 2 * T }, wait: T });
    expect(takeOnSlot(key, { ...ask, costs: [1, 1], instead: answer.reserved }, T)).toMatchObject({
      granted: [],
      reserved: { slot: 2 * T },
      wait: T,
    });
  });

  test('is given back where nobody asks for a call', () => {
    const { key, slots } = reserved(1);
    takeOnSlot(key, { ...ask, costs: [], instead: slots[0] }, T / 2);
    expect(key.states).toEqual([T]);
  });

  test('is none if it is the receipt of a call that went', () => {
    const { key, slots } = reserved(2);
    const { before: _, ...gone } = slots[0] as Receipt;
    expect(takeOnSlot(key, { ...ask, instead: gone }, T).wait).toBe(2 * T);
  });

  test('is given back after a refusal, and stays if it comes after the pause', () => {
    const { key, slots } = reserved(2);
    slowDown(key, 0, 1.5 * T, 0);
    expect(takeOnSlot(key, { ...ask, instead: slots[1] }, 2 * T)).toMatchObject({ granted: [slots[1]] });
    expect(takeOnSlot(key, { ...ask, instead: slots[0] }, 2 * T).granted).toEqual([]);
    const exact = reserved(1);
    slowDown(exact.key, 0, T, 0);
    expect(takeOnSlot(exact.key, { ...ask, instead: exact.slots[0] }, T).granted).toHaveLength(1);
  });

  test('is given back once a server has said what is left, unless that is over or was known', () => {
    const { key, slots } = reserved(2);
    sync(key, { remaining: 0, ms: 1.5 * T, isNewest: true }, 0);
    expect(takeOnSlot(key, { ...ask, instead: slots[1] }, 1.5 * T)).toMatchObject({ wait: T / 2, granted: [] });
    expect(takeOnSlot(key, { ...ask, instead: slots[0] }, T).granted).toEqual([]);
    const known = newBucket(plan);
    sync(known, { remaining: 5, ms: 10 * T, isNewest: true }, 0);
    take(known, ask, 0);
    const slot = take(known, ask, 0).reserved;
    expect(takeOnSlot(known, { ...ask, instead: slot }, T).granted).toHaveLength(1);
  });

  test('is known through the latest moves, for as long as they are told', () => {
    const receipt = reserved(1).slots[0] as Receipt;
    expect(receipt.slot).toBe(T);
    const moves = [
      { after: 0, ms: 5 },
      { after: T + 5, ms: 3 },
      { after: T, ms: 2 },
    ];
    expect(asMoved(receipt, {})).toBe(receipt);
    expect(asMoved({ ...receipt, moved: undefined } as never, { moved: 10, moves })).toMatchObject({
      slot: T + 7,
      moved: 10,
    });
    expect(asMoved({ ...receipt, slot: T + 6, moved: 5 }, { moved: 10, moves })).toMatchObject({ slot: T + 11 });
    expect(asMoved({ ...receipt, moved: 8 }, { moved: 10, moves })).toMatchObject({ slot: T });
    // Moves that are forgotten, and a bucket that knows of fewer.
    expect(asMoved(receipt, { moved: 11, moves })).toBeUndefined();
    expect(asMoved(receipt, { moved: 0.5 })).toBeUndefined();
    expect(asMoved({ ...receipt, moved: 8 }, { moved: 9, moves })).toEqual({ ...receipt, moved: 8 });
    expect(asMoved({ ...receipt, moved: 12 }, { moved: 10, moves })).toMatchObject({ slot: T, moved: 12 });
  });

  test('moved later moves the call before it too, and leaves out one from long ago', () => {
    const moves = [{ after: 0, ms: 5 }];
    const receipt = { slot: T, cost: 1, plan, before: [longAgo], after: [2 * T], latest: longAgo };
    expect(asMoved(receipt, { moved: 5, moves })).toEqual({
      ...receipt,
      slot: T + 5,
      after: [2 * T + 5],
      moved: 5,
    });
    const other = { ...receipt, before: [T], latest: T / 2 };
    expect(asMoved(other, { moved: 5, moves })).toMatchObject({ before: [T + 5], latest: T / 2 + 5 });
  });

  test('makes a move forgotten that is five seconds old, with the next call or slot', () => {
    const { key, slots } = reserved(2);
    takeOnSlot(key, { ...ask, instead: slots[0] }, 1.5 * T);
    expect(key.extras.moves).toEqual([{ after: T, ms: T / 2 }]);
    const look = { ...ask, costs: [] };
    const over = T + 5_000;
    takeOnSlot(key, look, over);
    takeOnSlot(key, ask, over - 0.5);
    expect(key.extras.moves).toHaveLength(1);
    const byGrant = copyOf(key);
    takeOnSlot(byGrant, ask, over + T);
    const byGivenBack = copyOf(key);
    takeOnSlot(byGivenBack, { ...look, instead: slots[1] }, over);
    const bySlot = copyOf(key);
    takeOnSlot(bySlot, ask, over);
    const { granted } = takeOnSlot(copyOf(key), { ...ask, ahead: 0 }, over);
    expect(granted).toEqual([]);
    expect([byGrant, byGivenBack, bySlot].map(({ extras }) => extras.moves)).toEqual([undefined, undefined, undefined]);
  });

  test('that was missed has its receipt say when it went', () => {
    const { key, slots } = reserved(1);
    expect(takeOnSlot(key, { ...ask, instead: slots[0] }, 1.5 * T).granted).toMatchObject([
      { slot: 1.5 * T, after: [2.5 * T], moved: 0 },
    ]);
    const two = reserved(2);
    expect(takeOnSlot(two.key, { ...ask, instead: two.slots[0] }, 1.5 * T).granted).toMatchObject([
      { slot: 1.5 * T, after: [2.5 * T], moved: T / 2 },
    ]);
  });
});

describe('the next slot after a reservation', () => {
  const receiptOf = (limits: Parameters<typeof planOf>[0], after: readonly number[], cost: Receipt['cost'] = 1) => ({
    slot: T,
    cost,
    plan: planOf(limits, 0),
    after,
  });
  const window = slidingWindow({ limit: 2, interval: 10 * T });

  test.each([
    ['of a leaky bucket comes an emission interval later', receiptOf(every(1), [2 * T]), T],
    ['of a burst comes when that leaves', receiptOf(every(3), [3.5 * T]), T / 2],
    ['of a burst may come at once', receiptOf(every(3), [3 * T]), Infinity],
    ['of a window may come at once, for as long as the call counts', receiptOf(window, [T]), 10 * T],
    ['of both is that of the bucket', receiptOf([window, every(1)], [T, T + 0.5]), 0.5],
    [
      'asks no limit that the call passed by',
      receiptOf([every(1, 'calls'), every(1, 'data')], [2 * T, 9 * T], { calls: 1, data: 0 }),
      T,
    ],
  ])('%s', (_, receipt, spacing) => expect(spacingOf(receipt)).toBe(spacing));
});

describe('a call that went later', () => {
  test('fills a bucket later only as far as that was at rest', () => {
    const receipt = {
      slot: T,
      cost: 1,
      plan: planOf([every(1), every(3), every(3, 'data')], 0),
      after: [2 * T, 2.5 * T, 9 * T],
    };
    expect(goneLater({ ...receipt, cost: { data: 0 } }, T)).toMatchObject({
      slot: 2 * T,
      after: [3 * T, 3 * T, 9 * T],
    });
  });

  test('is moved among what the limits from before count, and so is what was built on it', () => {
    const plan = planOf(every(1), 0);
    const key = newBucket(plan);
    const ask = { plan, costs: [1], ahead: Infinity };
    const marks = [longAgo];
    note(key, { past: [{ marks, limits: [], until: Infinity }] });
    const first = take(key, ask, 0).granted[0] as Receipt;
    take(key, ask, 0);
    expect(key.extras.past?.[0]?.marks).toEqual([longAgo, 0, 1, T, 1]);
    postpone(key, first, T / 2, T / 2);
    expect(key.extras.past?.[0]?.marks).toEqual([longAgo, T / 2, 1, 1.5 * T, 1]);
    note(key, { past: [undefined] });
    postpone(key, first, T, T / 2);
    expect(key.extras.past).toEqual([undefined]);
  });

  test('raises no limit that it passed by, and is in no window from which it came back', () => {
    const plan = planOf([every(1, 'calls'), slidingWindow({ limit: 9, interval: 10 * T, name: 'window' })], 0);
    const key = newBucket(plan);
    const receipt = take(key, { plan, costs: [{ calls: 1, window: 2 }], ahead: 0 }, 0).granted[0] as Receipt;
    settle(key, receipt, { calls: 0, window: 2 }, 0);
    postpone(key, receipt, T, T / 2);
    expect(key.states[1]).toEqual([longAgo, T, 2]);
  });

  test('counts from then on though its bucket was forgotten', () => {
    const plan = planOf([every(1, 'calls'), every(1, 'data')], 0);
    const key = newBucket(plan);
    const receipt = take(key, { plan, costs: [{ calls: 1, data: 0 }], ahead: 0 }, 0).granted[0] as Receipt;
    const forgotten = newBucket(plan);
    postpone(forgotten, receipt, 2 * T, T);
    expect(forgotten.states).toEqual([3 * T, longAgo]);
  });
});

describe('a call that was granted elsewhere', () => {
  test('is noted as there, and no earlier than what is noted here', () => {
    const plan = planOf([every(3), slidingWindow({ limit: 9, interval: 10 * T })], 0);
    const key = newBucket(plan);
    noteGranted(key, 1, 5, [4 * T, 5], 5);
    expect(key.states).toEqual([4 * T, [longAgo, 5, 1]]);
    noteGranted(key, 1, 3, [T, 3], 5);
    expect(key.states).toEqual([5 * T, [longAgo, 5, 2]]);
    noteGranted(key, 1, 6, [], 6);
    expect(key.states).toEqual([6 * T, [longAgo, 5, 2, 6, 1]]);
  });
});
