import { perMinute, perSecond } from 'sluice';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { Refusals, spacing } from '../../../src/core/listening/refusals.ts';

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

describe('a pause after refusals that name no time', () => {
  test('doubles with each in a row, up to a minute', () => {
    const refusals = new Refusals();
    const pauses = [];
    for (let now = 1; now <= 8; now++) {
      refusals.noteRefusal(now - 1, now - 0.5);
      pauses.push(refusals.pause() / 1_000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test('is a minute after any number of refusals in a row', () => {
    const refusals = new Refusals();
    for (let now = 1; now <= 2_000; now++) refusals.noteRefusal(now, now);
    expect([refusals.pause(), refusals.pause(90_000)]).toEqual([60_000, 90_000]);
  });

  test('counts refusals of calls in flight together as one', () => {
    const refusals = new Refusals();
    refusals.noteRefusal(0, 100);
    refusals.noteRefusal(99, 110);
    expect(refusals.pause()).toBe(1_000);
    refusals.noteRefusal(100, 120);
    expect(refusals.pause()).toBe(2_000);
  });

  test('starts again once a call that left after the latest refusal is answered', () => {
    const refusals = new Refusals();
    refusals.noteRefusal(0, 100);
    refusals.noteRefusal(100, 200);
    refusals.noteAnswer(199);
    expect(refusals.pause()).toBe(2_000);
    expect(refusals.isOver(300)).toBe(false);
    refusals.noteAnswer(200);
    expect(refusals.isOver(300)).toBe(true);
    refusals.noteRefusal(200, 300);
    expect(refusals.pause()).toBe(1_000);
  });

  test('is forgotten after ten minutes', () => {
    const refusals = new Refusals();
    refusals.noteRefusal(0, 100);
    expect([refusals.isOver(600_099), refusals.isOver(600_100)]).toEqual([false, true]);
  });

  test('is up to a tenth longer, and never below the least, even if that is above a minute', () => {
    const refusals = new Refusals();
    refusals.noteRefusal(0, 100);
    expect([refusals.pause(500), refusals.pause(5_000), refusals.pause(90_000)]).toEqual([1_000, 5_000, 90_000]);
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(refusals.pause()).toBe(1_050);
  });
});

test.each([
  ['first', [perMinute(60, { burst: 1, margin: 0 }), perSecond(10, { burst: 1, margin: 0 })]],
  ['last', [perSecond(10, { burst: 1, margin: 0 }), perMinute(60, { burst: 1, margin: 0 })]],
])('calls of several limits are as far apart as the slowest of them wants, which comes %s', (_, limits) => {
  expect(spacing(planOf(limits, 0))).toBe(1_000);
});
