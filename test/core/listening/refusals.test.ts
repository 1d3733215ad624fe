import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { Refusals } from '../../../src/core/listening/refusals.ts';

const T = 70;
const plan = planOf({ rate: 1, interval: T, burst: 5 }, 0);

let now = 0;

/** Another refusal that counts: of a call that left after an answer came. */
function refuse(refusals: Refusals): void {
  refusals.noteAnswer(now);
  refusals.noteRefusal(now, ++now);
}

/** Whether the next refusal slows the key down. */
function isRemembered(refusals: Refusals): boolean {
  const before = refusals.nextAt;
  refuse(refusals);
  return refusals.nextAt > before;
}

/** What two refusals leave, with the answer between them. */
function slowed(): Refusals {
  const refusals = new Refusals();
  refuse(refusals);
  refuse(refusals);
  refusals.noteGrant(1000, plan);
  return refusals;
}

const answer = (refusals: Refusals, calls: number) => {
  for (let call = 0; call < calls; call++) refusals.noteAnswer(now);
};

describe('a pace', () => {
  test('holds nothing after one refusal, which is forgotten 1000 answered calls later', () => {
    for (const [answers, isKnown] of [
      [998, true],
      [999, false],
    ] as const) {
      const refusals = new Refusals();
      refuse(refusals);
      refusals.noteGrant(1000, plan);
      expect(refusals.holds).toBe(false);
      answer(refusals, answers);
      // The refusal that asks comes with an answer of its own.
      expect(isRemembered(refusals)).toBe(isKnown);
    }
  });

  test('counts one refusal of calls that were on their way together', () => {
    const refusals = slowed();
    const before = refusals.nextAt;
    refusals.noteRefusal(now - 1, now);
    refusals.noteRefusal(now, now);
    expect(refusals.nextAt).toBe(before);
  });

  test('is seven tenths of the rate after a second one, and of that after a third', () => {
    const refusals = slowed();
    expect(refusals.nextAt).toBeCloseTo(1000 + T / 0.7);
    refuse(refusals);
    expect(refusals.nextAt).toBeCloseTo(1000 + T / (0.7 * (0.7 + 1 / 2_000)));
  });

  test('is remembered for 1000 answered calls after the latest refusal', () => {
    for (const [answers, isKnown] of [
      [998, true],
      [999, false],
    ] as const) {
      const refusals = slowed();
      answer(refusals, 601);
      expect(refusals.holds).toBe(false);
      refuse(refusals);
      answer(refusals, answers);
      expect(refusals.holds).toBe(false);
      expect(isRemembered(refusals)).toBe(isKnown);
    }
  });

  test('is that of the slowest limit', () => {
    const several = planOf(
      [{ rate: 1, interval: T }, slidingWindow({ limit: 10, interval: 20 * T, name: 'window' })],
      0,
    );
    const refusals = slowed();
    refusals.noteGrant(1000, several);
    expect(refusals.nextAt).toBeCloseTo(1000 + (2 * T) / 0.7);
  });

  test('grows with each answered call until the limits alone hold', () => {
    const refusals = slowed();
    answer(refusals, 200);
    expect(refusals.nextAt).toBeCloseTo(1000 + T / 0.8);
    answer(refusals, 401);
    expect(refusals.holds).toBe(false);
  });

  test('never falls below a fiftieth, so that it always grows back', () => {
    const refusals = slowed();
    for (let refusal = 0; refusal < 100; refusal++) refuse(refusals);
    expect(refusals.nextAt).toBeCloseTo(1000 + 50 * T);
  });
});
