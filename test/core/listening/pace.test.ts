import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { Pace } from '../../../src/core/listening/pace.ts';

const T = 70;
const plan = planOf({ rate: 1, interval: T, burst: 5 }, 0);

function slowed(): Pace {
  const pace = new Pace();
  pace.noteRefusal();
  pace.noteGrant(1000);
  return pace;
}

const answer = (pace: Pace, calls: number) => {
  for (let call = 0; call < calls; call++) pace.noteAnswer();
};

describe('a pace', () => {
  test('holds nothing after one refusal, and is over 1000 answered calls later', () => {
    const pace = new Pace();
    expect([pace.holds, pace.isOver]).toEqual([false, false]);
    answer(pace, 999);
    expect(pace.isOver).toBe(false);
    answer(pace, 1);
    expect(pace.isOver).toBe(true);
  });

  test('is seven tenths of the rate after a second one, and of that after a third', () => {
    const pace = slowed();
    expect(pace.nextAt(plan)).toBeCloseTo(1000 + T / 0.7);
    pace.noteRefusal();
    expect(pace.nextAt(plan)).toBeCloseTo(1000 + T / 0.49);
  });

  test('is remembered for 1000 answered calls after the latest refusal', () => {
    const pace = slowed();
    answer(pace, 601);
    expect([pace.holds, pace.isOver]).toEqual([false, false]);
    pace.noteRefusal();
    answer(pace, 999);
    expect([pace.holds, pace.isOver]).toEqual([false, false]);
    answer(pace, 1);
    expect(pace.isOver).toBe(true);
  });

  test('is that of the slowest limit', () => {
    const several = planOf(
      [{ rate: 1, interval: T }, slidingWindow({ limit: 10, interval: 20 * T, name: 'window' })],
      0,
    );
    expect(slowed().nextAt(several)).toBeCloseTo(1000 + (2 * T) / 0.7);
  });

  test('grows with each answered call until the limits alone hold', () => {
    const pace = slowed();
    answer(pace, 200);
    expect(pace.nextAt(plan)).toBeCloseTo(1000 + T / 0.8);
    answer(pace, 401);
    expect(pace.holds).toBe(false);
  });

  test('never falls below a fiftieth, so that it always grows back', () => {
    const pace = slowed();
    for (let refusal = 0; refusal < 100; refusal++) pace.noteRefusal();
    expect(pace.nextAt(plan)).toBeCloseTo(1000 + 50 * T);
  });
});
