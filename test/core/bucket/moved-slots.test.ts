import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { type Bucket, newBucket, note } from '../../../src/core/bucket/bucket.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { goneLater, postpone, takeOnSlot } from '../../../src/core/bucket/moves.ts';
import { settle, sync, take } from '../../../src/core/bucket/operations.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { every, T, table } from './step-table.ts';

const one = planOf(every(1), 0);

const ask = (key: Bucket, cost: Cost = 1) => ({ plan: key.plan, costs: [cost], ahead: Infinity });

/** A bucket from which one call went at 0, its receipt, and the receipts of the slots after it. */
function reserved(count: number, plan: Plan = one) {
  const key = newBucket(plan);
  const first = take(key, ask(key), 0).granted[0] as Receipt;
  return { key, first, slots: Array.from({ length: count }, () => take(key, ask(key), 0).reserved as Receipt) };
}

const arrive = (key: Bucket, instead: Receipt | undefined, now: number) =>
  takeOnSlot(key, { ...ask(key, instead?.cost), instead }, now);

describe('a reservation that comes along', () => {
  test('was missed by the smallest part of time if it does not say how late it may be', () => {
    const { key, slots } = reserved(2);
    expect(arrive(key, slots[0], T + 0.5).granted).toMatchObject([{ slot: T + 0.5 }]);
    expect(key.extras.moves).toEqual([{ after: T, ms: 0.5 }]);
    const part = reserved(1);
    const slot = { ...(part.slots[0] as Receipt), slot: T + 0.2 * tick };
    note(part.key, { latest: slot.slot });
    expect(arrive(part.key, slot, T + 0.3 * tick).granted).toMatchObject([{ slot: T + 0.3 * tick }]);
  });

  test('goes on its slot if it comes within the part of a ms by which it may be late', () => {
    const { key, slots } = reserved(1);
    const request = { ...ask(key), instead: slots[0], late: 0.75 };
    expect(takeOnSlot(key, request, T + 0.5).granted[0]).toBe(slots[0]);
  });

  test('that nobody asks for is given back, of whatever cost', () => {
    const named = planOf(every(1, 'calls'), 0);
    const { key } = reserved(0, named);
    const instead = take(key, ask(key, { calls: 1 }), 0).reserved;
    takeOnSlot(key, { ...ask(key), costs: [], instead }, T / 2);
    expect(key.states).toEqual([T]);
  });

  test('from before a refusal asks again, at the end of the pause or later', () => {
    const early = reserved(1);
    slowDown(early.key, 0, 1.5 * T, 0);
    expect(arrive(early.key, early.slots[0], 1.5 * T).granted[0]).not.toMatchObject({ before: [T] });
    const exact = reserved(1);
    slowDown(exact.key, 0, T, 0);
    expect(arrive(exact.key, exact.slots[0], T).granted[0]).toBe(exact.slots[0]);
  });

  test('stays where it is while what the server said before it holds', () => {
    const key = newBucket(one);
    sync(key, { remaining: 5, ms: 10 * T, isNewest: true }, 0);
    take(key, ask(key), 0);
    const slot = take(key, ask(key), 0).reserved;
    expect(arrive(key, slot, T).granted[0]).toBe(slot);
  });

  const both = [every(1, 'calls'), every(1, 'data')];
  const calls = { calls: 1, data: 0 };
  const data = { calls: 0, data: 1 };

  table('moves the others in the instant in which a slot that had to stay comes', both, [
    ['take', 0, calls, 0],
    ['take', 0.5, data, 0],
    ['reserve', 0.5, calls, 1, 1],
    ['reserve', 0.5, calls, 2, 2],
    ['fix', 0.5, data, 1.5],
    ['arrive', 1.5, calls, 0, 1],
    ['arrive', 2, calls, 0.5, 2],
  ]);

  table('asks anew as long as a slot that has to stay is to come', both, [
    ['take', 0, calls, 0],
    ['take', 0.5, data, 0],
    ['reserve', 0.5, calls, 1, 1],
    ['reserve', 0.5, calls, 2, 2],
    ['fix', 0.5, data, 1.5],
    ['arrive', 1.4, calls, 1.6, 1],
  ]);

  test('that was missed moves no limit that has leaked by its slot', () => {
    const key = newBucket(planOf(both, 0));
    take(key, ask(key, { calls: 1, data: 1 }), 0);
    const first = take(key, ask(key, calls), 0).reserved;
    take(key, ask(key, calls), 0);
    arrive(key, first, 1.5 * T);
    expect(key.states).toEqual([3.5 * T, T]);
  });

  test('that was missed by a ms moves later slots by as much', () => {
    const { key, slots } = reserved(2);
    arrive(key, slots[0], T + 1);
    expect([key.extras.moved, key.extras.latest, key.states]).toEqual([1, 2 * T + 1, [3 * T + 1]]);
  });

  test.each([
    [150, [5_100]],
    [150.5, [150.5, 5_100]],
  ])('that was missed at 5150 has moves forgotten that are five seconds old: one after %d', (after, left) => {
    const key = newBucket(one);
    note(key, { moved: 5, moves: [{ after, ms: 5 }] });
    take(key, ask(key), 5_000);
    const slot = take(key, ask(key), 5_000).reserved;
    take(key, ask(key), 5_000);
    arrive(key, slot, 5_150);
    expect(key.extras.moves?.map((move) => move.after)).toEqual(left);
  });
});

describe('a call that went later', () => {
  test('leaves limits alone that it passes by', () => {
    const plan = planOf([every(1, 'calls'), slidingWindow({ limit: 9, interval: 10 * T, name: 'window' })], 0);
    const key = newBucket(plan);
    const receipt = take(key, ask(key, { calls: 1, window: 0 }), 0).granted[0] as Receipt;
    expect(goneLater(receipt, 5)).toMatchObject({ slot: 5, after: [T + 5, longAgo] });
    postpone(key, receipt, T, T / 2);
    expect(key.states).toEqual([2 * T, [longAgo]]);
    const leaky = planOf([every(1, 'calls'), every(1, 'data')], 0);
    const skips = { slot: 0, cost: { calls: 1, data: 0 }, plan: leaky, after: [T, longAgo] };
    expect(goneLater(skips, 5).after).toEqual([T + 5, longAgo]);
    const other = newBucket(leaky);
    postpone(other, { ...skips, after: [T, 9 * T] }, 5, 1);
    expect(other.states).toEqual([T + 5, longAgo]);
  });

  test('counts no later where the bucket was not at rest', () => {
    const plan = planOf(every(5), 0);
    const deep = { slot: 0, cost: 1, plan, after: [5 * T] };
    expect(goneLater(deep, T).after).toEqual([5 * T]);
    expect(goneLater({ ...deep, after: [T] }, T).after).toEqual([2 * T]);
    expect(goneLater({ ...deep, after: [1.25 * T] }, T).after).toEqual([2 * T]);
  });

  test('by no time changes nothing, even in a bucket that was forgotten', () => {
    const { first } = reserved(0);
    const forgotten = newBucket(one);
    for (const ms of [0, tick / 2, -1]) postpone(forgotten, first, ms, 0);
    expect(forgotten).toEqual(newBucket(one));
    postpone(forgotten, first, tick, 0);
    expect(forgotten.states).toEqual([T + tick]);
  });

  test('moves later slots by less if they have moved since the call was granted', () => {
    const moved = (before: number | undefined, total: number) => {
      const { key, first } = reserved(1);
      note(key, { moved: total });
      const { moved: _, ...receipt } = first;
      postpone(key, { ...receipt, ...(before !== undefined && { moved: before }) }, 30, 0);
      return key.extras.moved - total;
    };
    expect([moved(0, 0), moved(5, 5), moved(0, 10), moved(5, 15)]).toEqual([30, 30, 20, 20]);
    // A receipt without the number is from before the first move.
    expect([moved(undefined, 0), moved(undefined, 10)]).toEqual([30, 20]);
  });

  test('notes no move where no slot moves', () => {
    const { key, first } = reserved(1);
    postpone(key, first, 30, 0);
    const { extras } = key;
    // Another call that was late together with it.
    postpone(key, first, 30, 0);
    expect([key.extras.moves, key.extras.moved]).toEqual([extras.moves, 30]);
  });

  test('moves the latest slot only if that is to come', () => {
    const { key, first } = reserved(0);
    postpone(key, first, 30, 0);
    expect(key.extras.latest).toBe(longAgo);
    const due = reserved(1);
    postpone(due.key, due.first, 30, T);
    expect(due.key.extras.latest).toBe(T);
    const ahead = reserved(1);
    postpone(ahead.key, ahead.first, 30, T - tick);
    expect(ahead.key.extras.latest).toBe(T + 30);
  });

  test('stays in the windows beside a limit from which it came back', () => {
    const plan = planOf([every(1, 'calls'), slidingWindow({ limit: 9, interval: 10 * T, name: 'window' })], 0);
    const key = newBucket(plan);
    const receipt = take(key, ask(key, { calls: 1, window: 2 }), 0).granted[0] as Receipt;
    settle(key, receipt, { calls: 0, window: 2 }, 0);
    postpone(key, receipt, T, T / 2);
    expect(key.states[1]).toEqual([longAgo, T, 2]);
  });
});
