import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import type { Waiter } from '../../../src/core/line/waiting-room.ts';
import { Batch, requestFor } from '../../../src/core/sharing/take-request.ts';
import { tick } from '../../../src/core/time/clock.ts';

const plan = planOf({ rate: 1, interval: 100, burst: 10 }, 40);

describe('one operation carries', () => {
  test('one call more than could go at once, while nothing else is known', () => {
    expect(new Batch().sizeFor(plan)).toBe(plan.mostAtOnce + 1);
  });

  test('two calls after one that did not go, and four times as many after one in which all went', () => {
    const batch = new Batch();
    batch.noteAnswer(9, 10);
    expect(batch.sizeFor(plan)).toBe(2);
    batch.noteAnswer(2, 2);
    expect(batch.sizeFor(plan)).toBe(8);
    batch.noteAnswer(8, 8);
    expect(batch.sizeFor(plan)).toBe(32);
    batch.forget();
    expect(batch.sizeFor(plan)).toBe(plan.mostAtOnce + 1);
  });

  test('512 calls at most', () => {
    const batch = new Batch();
    batch.noteAnswer(512, 512);
    expect(batch.sizeFor(plan)).toBe(512);
  });
});

describe('a request', () => {
  const now = 1_000;
  const terms = { plan, now, reserves: true, instead: undefined, missedBy: 0, lateness: 20, answerTook: 0 };
  /** The request for calls that came at these instants and must go by these. */
  const request = (callers: [since: number, deadline?: number][], more: Partial<typeof terms> = {}) =>
    requestFor(
      callers.map(([since, deadline]) => ({ since, cost: 1, ends: deadline && { deadline } }) as Waiter),
      { ...terms, ...more },
    );

  test('may reserve as far ahead as the most patient call waits, rounded up to whole ticks', () => {
    expect(request([[now]]).ahead).toBe(Infinity);
    expect(request([[now, now + 50], [now, now + 70]]).ahead).toBe(70); // biome-ignore format: one row
    expect(request([[now, now + 50], [now]]).ahead).toBe(Infinity); // biome-ignore format: one row
    expect(request([[now, now + 50 + tick / 4]]).ahead).toBe(50 + tick);
    expect(request([[now, now - 50]]).ahead).toBe(0);
  });

  test('reserves nothing for a lane that wakes too late for its slots', () => {
    expect(request([[now]], { reserves: false }).ahead).toBe(0);
  });

  test('counts calls on slots that they missed while they waited, at most by their lateness', () => {
    const lateOf = (waited: number[], more: Partial<typeof terms> = {}) =>
      request(
        waited.map((ms) => [now - ms]),
        more,
      ).late;
    expect([0, 5, 20, 500].map((waited) => lateOf([waited]))).toEqual([0, 5, 20, 20]);
    expect(lateOf([5, 500])).toBe(5);
    // The call may go on its slot still when the next answer is there.
    expect(lateOf([500], { answerTook: 8 })).toBe(12);
    expect(lateOf([500], { answerTook: 30 })).toBe(0);
  });

  test('counts a reservation that is due on its slot, by how much it was missed', () => {
    const lateOf = (missedBy: number, waited: number) =>
      request([[now - waited]], { missedBy, lateness: 20, answerTook: 8 }).late;
    expect(lateOf(15, 500)).toBe(15);
    expect(lateOf(50, 500)).toBe(20);
    expect(lateOf(5, 500)).toBe(12);
    expect(lateOf(3, 1)).toBe(3);
  });
});
