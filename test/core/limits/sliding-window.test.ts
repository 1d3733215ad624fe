import { describe, expect, test } from 'vitest';
import type { Rule, TakenCall } from '../../../src/core/limits/kind.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
import { type Marks, mostMarks } from '../../../src/core/limits/marks.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow, slidingWindowKind } from '../../../src/core/limits/sliding-window.ts';

/** A window of which a mark holds the calls of 10 ms, if there are more calls than marks. */
const length = 310;
const ruleOf = (limit: number): Rule => planOf(slidingWindow({ limit, interval: length }), 0).rules[0] as Rule;
const few = ruleOf(3);
const many = ruleOf(mostMarks + 1);

const call = (slot: number, refunded = 0, calls = 1): TakenCall => ({
  slot,
  calls,
  before: undefined,
  after: slot,
  refunded,
});
const grant = (rule: Rule, marks: Marks, at: number, now = at, calls = 1) =>
  slidingWindowKind.grant(rule, marks, calls, at, now);

describe('a call in a window', () => {
  test('drops marks that are older than the window, and keeps until when they counted', () => {
    expect(grant(few, [longAgo, 10, 1], 319)).toEqual([longAgo, 10, 1, 319, 1]);
    expect(grant(few, [longAgo, 10, 1], 320)).toEqual([320, 320, 1]);
    expect(grant(few, [longAgo, 10, 1, 20, 2, 300, 1], 340)).toEqual([330, 300, 1, 340, 1]);
    // A margin that has become smaller shortens no time that was noted before.
    expect(grant(few, [2_000, 10, 1], 2_000)).toEqual([2_000, 2_000, 1]);
  });

  test('keeps the marks from before a reservation for the time after it is given back', () => {
    expect(grant(few, [longAgo, 10, 1], 400, 10)).toEqual([longAgo, 10, 1, 400, 1]);
  });

  test.each([
    ['the call before it in its cell', [3, 1], 7, [7, 2]],
    ['no call of the cell before', [3, 1], 10, [3, 1, 10, 1]],
    ['the call at the begin of its cell', [10, 1], 13, [13, 2]],
    ['the call at the end of its cell', [10.1, 1], 19.9, [19.9, 2]],
    ['no call of the next cell, however close', [19.5, 1], 20.2, [19.5, 1, 20.2, 1]],
  ])('shares a mark with %s, which is as late as the later', (_, marks, at, expected) => {
    expect(grant(many, [longAgo, ...marks], at)).toEqual([longAgo, ...expected]);
  });

  test('has a mark of its own where each call can have one, or when it is reserved', () => {
    expect(grant(ruleOf(mostMarks), [longAgo, 3, 1], 7)).toEqual([longAgo, 3, 1, 7, 1]);
    expect(grant(many, [longAgo, 3, 1], 7, 3)).toEqual([longAgo, 3, 1, 7, 1]);
  });

  test('makes marks of one cell one when there are more than are kept, with all of their calls', () => {
    const rule = ruleOf(mostMarks);
    const calls = Array.from({ length: mostMarks + 1 }, (_, index) => ({ at: 4 * index, cost: (index + 1) / 64 }));
    const cells = new Map<number, { at: number; cost: number }>();
    for (const { at, cost } of calls) {
      const cell = Math.floor(at / 10);
      cells.set(cell, { at, cost: cost + (cells.get(cell)?.cost ?? 0) });
    }
    let marks: Marks = [longAgo];
    for (const { at, cost } of calls.slice(0, mostMarks)) marks = grant(rule, marks, at, at, cost);
    expect(marks).toHaveLength(1 + 2 * mostMarks);
    const { at, cost } = calls.at(-1) as (typeof calls)[0];
    expect(grant(rule, marks, at, at, cost)).toEqual([
      longAgo,
      ...[...cells.values()].flatMap((mark) => [mark.at, mark.cost]),
    ]);
  });

  test('that is told late shares the mark of the next or the previous call in its cell', () => {
    const { charge } = slidingWindowKind;
    expect(charge(many, [longAgo, 8, 1], call(4), 2, 0, 9)).toEqual([longAgo, 8, 3]);
    expect(charge(many, [longAgo, 12, 1, 25, 1], call(14), 2, 0, 30)).toEqual([longAgo, 14, 3, 25, 1]);
    expect(charge(many, [longAgo, 5, 1, 25, 1], call(14), 2, 0, 30)).toEqual([longAgo, 5, 1, 14, 2, 25, 1]);
  });
});

describe('a call whose cost is corrected in a window', () => {
  const charged = (marks: Marks, now: number) => slidingWindowKind.charge(few, marks, call(10), 1, 0, now);
  const refunded = (marks: Marks, now: number, before = 0) => {
    expect(slidingWindowKind.refund(few, marks, call(10, before), 1, 0, 0, now)).toBe(0);
    return marks;
  };

  test('counts more until it has left the window', () => {
    expect(charged([longAgo, 10, 1], 319)).toEqual([longAgo, 10, 2]);
    expect(charged([longAgo, 10, 1], 320)).toEqual([longAgo, 10, 1]);
  });

  test('counts less until it has left the window, also in a mark with later calls', () => {
    expect(refunded([longAgo, 10, 2], 319)).toEqual([longAgo, 10, 1]);
    expect(refunded([longAgo, 10, 2], 320)).toEqual([longAgo, 10, 2]);
    expect(refunded([longAgo, 15, 2], 20)).toEqual([longAgo, 15, 1]);
  });

  test('changes nothing once its mark was dropped', () => {
    expect(charged([319, 200, 1], 250)).toEqual([319, 10, 1, 200, 1]);
    expect(charged([320, 200, 1], 250)).toEqual([320, 200, 1]);
    expect(refunded([319, 200, 2], 250)).toEqual([319, 200, 1]);
    expect(refunded([320, 200, 2], 250)).toEqual([320, 200, 2]);
  });

  test('counts no less where its receipt is void', () => {
    expect(refunded([longAgo, 10, 2], 20, 0.5)).toEqual([longAgo, 10, 2]);
    expect(slidingWindowKind.giveBack(few, [longAgo, 10, 1], call(10, 0.5))).toBeUndefined();
  });

  test('is given back also out of a mark with later calls', () => {
    expect(slidingWindowKind.giveBack(few, [longAgo, 15, 1], call(10))).toEqual([longAgo]);
  });

  test('has the tat that it had, as a window has none', () => {
    expect(slidingWindowKind.tatCharged(7, 5, 3, 100)).toBe(7);
  });
});

describe('a call that moves in a window', () => {
  const { moveCall, isVoid } = slidingWindowKind.moves!;

  test('leaves the mark in which it counts, and only that of its own instant where its receipt is void', () => {
    expect(moveCall(few, [longAgo, 15, 2], call(10), 20, 30)).toEqual([longAgo, 15, 1, 20, 1]);
    expect(moveCall(few, [longAgo, 15, 2], call(10, 0.5), 20, 30)).toEqual([longAgo, 15, 2, 20, 1]);
    expect(moveCall(few, [longAgo, 10, 2], call(10, 0.5), 20, 30)).toEqual([longAgo, 10, 1, 20, 1]);
    expect([isVoid(call(10)), isVoid(call(10, 0.5))]).toEqual([false, true]);
  });
});

test('a line of calls ends as many windows after its first call as it fills', () => {
  const ends = [1, 3, 4, 6, 7].map((calls) => slidingWindowKind.lineEndsAt(few, 0, 50, calls));
  expect(ends).toEqual([50, 50, 50 + length, 50 + length, 50 + 2 * length]);
});
