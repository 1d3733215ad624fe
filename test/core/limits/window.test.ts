import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { atRest, newBucket, note } from '../../../src/core/bucket/bucket.ts';
import { giveBack, take } from '../../../src/core/bucket/operations.ts';
import type { Rule } from '../../../src/core/limits/kind.ts';
import { type Limit, longAgo } from '../../../src/core/limits/limit.ts';
import { callsAfter, type Marks, marksAllowAt, mostMarks } from '../../../src/core/limits/marks.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow, slidingWindowKind } from '../../../src/core/limits/sliding-window.ts';
import { storedWindow } from '../../../src/storage/stored-limits.ts';
import { T, table } from '../bucket/step-table.ts';

/** At most `limit` calls in any 10 T. */
const inTen = (limit: number, name?: string): Limit =>
  slidingWindow({ limit, interval: 10 * T, ...(name === undefined ? undefined : { name }) });

describe('a sliding window', () => {
  table('lets all its calls go at once, and again when they have left it', inTen(3), [
    ['left', 0, 3],
    ['take', 0, 3, 0],
    ['left', 0, 0],
    ['take', 0, 1, 10],
    ['take', 9.99, 1, 0.01],
    ['take', 10, 3, 0],
    ['take', 10, 1, 10],
  ]);

  table('lets calls go as others leave it', inTen(3), [
    ['take', 0, 1, 0],
    ['take', 4, 2, 0],
    ['take', 5, 1, 5],
    ['take', 5, 2, 9],
    ['take', 5, 3, 9],
    ['take', 10, 1, 0],
    ['left', 10, 0],
    ['take', 14, 2, 0],
    ['take', 14, 1, 6],
    ['left', 20, 1],
  ]);

  table('passes calls of cost 0 by and never lets one above its limit go', inTen(2), [
    ['take', 0, 2, 0],
    ['take', 0, 0, 0],
    ['take', 0, 2.5, Infinity],
    ['take', 0, 0.5, 10],
  ]);

  table(
    'is longer by its margin',
    inTen(1),
    [
      ['take', 0, 1, 0],
      ['take', 10, 1, 0.5],
      ['take', 10.5, 1, 0],
    ],
    0.5 * T,
  );

  table('reserves in order, and nothing goes before a slot', inTen(2), [
    ['take', 0, 1, 0],
    ['take', 1, 1, 0],
    ['reserve', 2, 2, 11, 1],
    // One call would fit in before, but order is kept.
    ['left', 10, 0],
    ['take', 10, 1, 11],
    ['cancel', 10, 1],
    ['take', 10, 1, 0],
  ]);

  table('keeps the others of a slot of which one is given back', inTen(4), [
    ['take', 0, 4, 0],
    ['reserve', 0, 1, 10, 1],
    ['reserve', 0, 2, 10, 2],
    ['cancel', 0, 1],
    ['take', 10, 3, 10],
    ['take', 10, 2, 0],
    ['take', 10, 1, 10],
  ]);

  table('of many calls keeps the others of a slot of which one is given back', inTen(400), [
    ['take', 0, 200, 0],
    ['take', 0.5, 200, 0],
    ['reserve', 1, 200, 10, 1],
    ['reserve', 1, 200, 10.5, 2],
    ['reserve', 1, 200, 20, 3],
    ['cancel', 1, 2],
    ['take', 10.1, 200, 9.9],
    ['cancel', 10.2, 3],
    ['take', 10.2, 200, 0.3],
    ['take', 10.5, 200, 0],
    ['take', 10.5, 1, 9.5],
  ]);

  table('has a reservation given back as if it had never been', inTen(400), [
    ['take', 0, 100, 0],
    ['pause', 0, 0.2],
    // Close enough to be one mark with the calls before, were it not a reservation.
    ['reserve', 0, 100, 0.2, 1],
    ['cancel', 0, 1],
    ['take', 9.9, 400, 0.1],
    ['take', 10, 400, 0],
  ]);

  table('from before a reset gives nothing back', inTen(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 10, 1],
    ['reset', 0],
    ['take', 5, 1, 0],
    ['pause', 5, 7],
    ['reserve', 5, 1, 12],
    ['cancel', 5, 1],
    ['take', 12, 1, 3],
  ]);
});

describe('settle in a sliding window', () => {
  table('counts the true cost from the instant of the call', inTen(5), [
    ['take', 0, 3, 0, 1],
    ['settle', 4, 1, 1],
    ['left', 4, 4],
    ['take', 4, 4, 0, 2],
    ['settle', 4, 2, 9],
    ['take', 5, 1, 9],
    ['take', 14, 5, 0],
  ]);

  table('takes no other call back when the call has left the window', inTen(5), [
    ['take', 0, 5, 0, 1],
    ['take', 11, 5, 0],
    ['settle', 11, 1, 0],
    ['take', 11, 1, 10],
  ]);

  table('takes no other call back when the mark of the call is gone', inTen(5), [
    ['take', 0, 1, 0, 1],
    ['settle', 0, 1, 0],
    ['left', 0, 5],
    ['take', 1, 5, 0],
    ['take', 1, 1, 10],
  ]);

  table('counts a call that was estimated at nothing', inTen(5), [
    ['take', 0, 0, 0, 1],
    ['settle', 1, 1, 5],
    ['take', 1, 1, 9],
    ['take', 10, 5, 0],
  ]);

  table('changes a call among others of its mark', inTen(500), [
    ['take', 0, 100, 0],
    ['take', 0.1, 100, 0, 1],
    ['take', 0.2, 100, 0],
    ['settle', 0.2, 1, 300],
    ['left', 0.2, 0],
    ['take', 0.2, 1, 10],
  ]);
});

describe('the marks of a sliding window', () => {
  const length = 310;
  const limit = 1000;

  const { grant } = slidingWindowKind;
  const ruleOf = (most: number) => planOf(slidingWindow({ limit: most, interval: length }), 0).rules[0] as Rule;

  /** A window in which a call went each `step` ms. */
  function used(calls: number, step: number, most = limit, cost = 1): Marks {
    let marks: Marks = [longAgo];
    for (let call = 0; call < calls; call++) marks = grant(ruleOf(most), marks, cost, call * step, call * step);
    return marks;
  }

  test('are no more than 32, each as late as the latest of its calls', () => {
    const marks = used(1000, 1);
    const { times } = storedWindow(marks);
    expect(times.length).toBeLessThanOrEqual(mostMarks);
    expect(times.at(-1)).toBe(999);
    expect(times.slice(0, -1).every((time) => time % 10 === 9)).toBe(true);
    expect(callsAfter(marks, 999 - length)).toBeGreaterThanOrEqual(310);
    expect(callsAfter(marks, 999 - length)).toBeLessThan(310 + 10);
  });

  test('are one for each call where the limit is 32 or less', () => {
    const marks = used(32, 1, 32);
    expect(storedWindow(marks).times).toEqual(Array.from({ length: 32 }, (_, call) => call));
    expect(marksAllowAt(marks, length, 32, 3)).toBe(2 + length);
  });

  test('of fractions of a call are merged too', () => {
    const marks = used(64, 4, 4, 1 / 16);
    const { times, costs } = storedWindow(marks);
    expect(times.length).toBeLessThanOrEqual(mostMarks);
    expect(costs.reduce((sum, cost) => sum + cost, 0)).toBe(4);
    expect(marksAllowAt(marks, length, 4, 1 / 16)).toBeLessThanOrEqual(length + 10);
    // The first three went at 0, 4 and 8.
    expect(marksAllowAt(marks, length, 4, 3 / 16)).toBe(length + 8);
  });

  test('are removed when they no longer count, and hold calls back if they count again', () => {
    const rule = ruleOf(32);
    let marks = used(31, 10, 32);
    marks = grant(rule, marks, 1, 305, 305);
    marks = grant(rule, marks, 1, 600, 305);
    expect(storedWindow(marks).times).toEqual([300, 305, 600]);
    expect(marksAllowAt(marks, length, 32, 1)).toBe(600);
    slidingWindowKind.giveBack(rule, marks, { slot: 600, calls: 1, before: 305, after: 600, refunded: 0 });
    // The call of 290 leaves at 600.
    expect(marksAllowAt(marks, length, 32, 1)).toBe(600);
  });

  test('keep a bucket from rest while they may count, dropped or not', () => {
    const plan = planOf(slidingWindow({ limit: 32, interval: length }), 0);
    const bucket = newBucket(plan);
    const ask = (now: number, ahead: number) => take(bucket, { plan, costs: [1], ahead }, now);
    for (let call = 0; call < 32; call++) ask(call * 9, 0);
    note(bucket, { gate: 1000 });
    const { reserved } = ask(280, Infinity);
    note(bucket, { gate: 0 });
    expect(atRest(bucket, 1000)).toBe(false);
    giveBack(bucket, reserved as Receipt);
    expect(atRest(bucket, 31 * 9 + length - 1)).toBe(false);
    expect(atRest(bucket, 31 * 9 + length)).toBe(true);
  });
});
