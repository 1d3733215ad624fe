import { perSecond, slidingWindow } from 'sluice';
import { describe, expect, test } from 'vitest';
import type { TakenCall } from '../../../src/core/limits/kind.ts';
import { leakyBucket } from '../../../src/core/limits/leaky-bucket.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
import {
  addMark,
  callsAfter,
  laterMarks,
  type Marks,
  marksAllowAt,
  mostMarks,
  takeOff,
  younger,
} from '../../../src/core/limits/marks.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindowKind } from '../../../src/core/limits/sliding-window.ts';

/** Two calls at 10 and three at 20. */
const marks = (): Marks => [longAgo, 10, 2, 20, 3];
const changed = (change: (marks: Marks) => void): Marks => {
  const all = marks();
  change(all);
  return all;
};

describe('marks', () => {
  test.each([
    [9, 5],
    [10, 3],
    [19, 3],
    [20, 0],
  ])('tell how many calls went after %i', (instant, calls) => {
    expect(callsAfter(marks(), instant)).toBe(calls);
    expect(younger(marks(), instant)).toHaveLength(1 + 2 * Math.ceil(calls / 3));
  });

  test('count two calls of one instant as one mark, and keep others in their order', () => {
    expect(changed((all) => addMark(all, 20, 1))).toEqual([longAgo, 10, 2, 20, 4]);
    expect(changed((all) => addMark(all, 15, 1))).toEqual([longAgo, 10, 2, 15, 1, 20, 3]);
    expect(changed((all) => addMark(all, 25, 1))).toEqual([longAgo, 10, 2, 20, 3, 25, 1]);
  });

  test('lose calls at the first instant that is not before theirs, as calls that are compacted count later', () => {
    expect(changed((all) => takeOff(all, 10, 1, false))).toEqual([longAgo, 10, 1, 20, 3]);
    expect(changed((all) => takeOff(all, 11, 1, false))).toEqual([longAgo, 10, 2, 20, 2]);
    expect(changed((all) => takeOff(all, 11, 3, false))).toEqual([longAgo, 10, 2]);
    expect(changed((all) => takeOff(all, 21, 1, false))).toEqual(marks());
  });

  test('lose calls of an instant only where a mark has exactly that instant', () => {
    expect(changed((all) => takeOff(all, 20, 1, true))).toEqual([longAgo, 10, 2, 20, 2]);
    expect(changed((all) => takeOff(all, 11, 1, true))).toEqual(marks());
  });

  test('move to later instants without their number of calls, and those up to an instant stay', () => {
    expect(laterMarks([0, 1, 5, 2, 5], 1, 100)).toEqual([0, 1, 5, 102, 5]);
  });

  test('grant a call once it and those of the last interval are within the limit, and not before the latest', () => {
    expect(marksAllowAt(marks(), 100, 6, 1)).toBe(20);
    expect(marksAllowAt(marks(), 100, 5, 1)).toBe(110);
    expect(marksAllowAt(marks(), 100, 5, 2)).toBe(110);
    expect(marksAllowAt(marks(), 100, 5, 3)).toBe(120);
    expect(marksAllowAt([150, 10, 2], 100, 6, 1)).toBe(150);
  });
});

describe('the marks of a leaky bucket', () => {
  const [rule] = planOf([perSecond(1_000)], 0).rules;

  test.each([
    [10, 10],
    [31, 31],
    [62, 31],
    [63, 21],
  ])('of %i calls that may have gone are %i', (calls, count) => {
    const even = { ...rule!, even: 1, span: calls + 1 };
    const made = leakyBucket.marksOf(even, 1_000, 1_000, 1_000);
    expect(made).toHaveLength(1 + 2 * count);
    expect(callsAfter(made, 0)).toBe(calls);
    expect(made.at(-2)).toBeLessThan(1_000);
  });

  test('are as many as are kept at most, and those of calls that can only have gone last are one', () => {
    const made = leakyBucket.marksOf({ ...rule!, even: 1, span: 500 }, 1_100, 1_000, 1_000);
    // 499 calls by 17, and the last.
    expect(made).toHaveLength(1 + 2 * (30 + 1));
    expect(made.length).toBeLessThanOrEqual(1 + 2 * mostMarks);
    expect(made.slice(-2)).toEqual([1_000, 100]);
    expect(callsAfter(made, 0)).toBe(599);
  });
});

describe('a sliding window of 3 per second', () => {
  const [rule] = planOf([slidingWindow({ limit: 3, interval: 1_000 })], 0).rules;
  const call = (slot: number): TakenCall => ({ slot, calls: 1, before: undefined, after: slot, refunded: 0 });
  const { giveBack, mostWithin } = slidingWindowKind;
  const moves = slidingWindowKind.moves!;

  test.each([
    [0, 3],
    [1, 6],
    [1_000, 6],
    [1_001, 9],
  ])('lets at most the calls of each window that begins within %i ms go', (ms, calls) => {
    expect(mostWithin(rule!, ms)).toBe(calls);
  });

  test('gives back all of a call only if no other went at its slot or later', () => {
    expect(giveBack(rule!, [longAgo, 10, 1], call(10))).toEqual([longAgo]);
    expect(giveBack(rule!, [longAgo, 10, 2], call(10))).toBeUndefined();
    expect(giveBack(rule!, [longAgo, 10, 1, 20, 1], call(10))).toBeUndefined();
  });

  test('makes a slot late by a late call only if the slot comes when that call leaves the window', () => {
    expect(moves.lateness(rule!, call(10), 5, 1_009)).toBe(0);
    expect(moves.lateness(rule!, call(10), 5, 1_010)).toBe(5);
  });

  test('forgets a late call that has left the window, and moves one that has not', () => {
    expect(moves.moveCall(rule!, [longAgo, 10, 1], call(10), 15, 1_015)).toEqual([longAgo, 10, 1]);
    expect(moves.moveCall(rule!, [longAgo, 10, 1], call(10), 15, 1_014)).toEqual([longAgo, 15, 1]);
  });
});
