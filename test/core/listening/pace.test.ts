import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { Paces } from '../../../src/core/listening/pace.ts';

const T = 70;
const key = 'key';
const plan = planOf({ rate: 1, interval: T, burst: 5 }, 0);

function refusedTwice(): Paces {
  const paces = new Paces();
  paces.noteRefusal(key);
  paces.noteRefusal(key);
  paces.noteGrant(key, 1000);
  return paces;
}

const answer = (paces: Paces, calls: number) => {
  for (let call = 0; call < calls; call++) paces.noteAnswer(key);
};

describe('a pace', () => {
  test('is nothing to keep after one refusal, and 1000 answered calls later it never was', () => {
    const paces = new Paces();
    expect(paces.isIdle).toBe(true);
    paces.noteRefusal(key);
    expect([paces.isIdle, paces.nextAt(key, plan)]).toEqual([false, undefined]);
    answer(paces, 999);
    expect(paces.isIdle).toBe(false);
    answer(paces, 1);
    expect(paces.isIdle).toBe(true);
  });

  test('is seven tenths of the rate after a second one, and of that after a third', () => {
    const paces = refusedTwice();
    expect(paces.nextAt(key, plan)).toBeCloseTo(1000 + T / 0.7);
    paces.noteRefusal(key);
    expect(paces.nextAt(key, plan)).toBeCloseTo(1000 + T / 0.49);
    expect(paces.nextAt('other', plan)).toBeUndefined();
  });

  test('is remembered for 1000 answered calls after the latest refusal', () => {
    const paces = refusedTwice();
    answer(paces, 601);
    paces.noteRefusal(key);
    answer(paces, 999);
    expect(paces.nextAt(key, plan)).toBeUndefined();
    paces.noteRefusal(key);
    expect(paces.nextAt(key, plan)).toBeCloseTo(1000 + T / 0.7);
  });

  test('is that of the slowest limit', () => {
    const several = planOf(
      [{ rate: 1, interval: T }, slidingWindow({ limit: 10, interval: 20 * T, name: 'window' })],
      0,
    );
    expect(refusedTwice().nextAt(key, several)).toBeCloseTo(1000 + (2 * T) / 0.7);
  });

  test('grows with each answered call until the limits alone hold', () => {
    const paces = refusedTwice();
    answer(paces, 200);
    expect(paces.nextAt(key, plan)).toBeCloseTo(1000 + T / 0.8);
    answer(paces, 401);
    expect(paces.nextAt(key, plan)).toBeUndefined();
  });

  test('never falls below a fiftieth, so that it always grows back', () => {
    const paces = refusedTwice();
    for (let refusal = 0; refusal < 100; refusal++) paces.noteRefusal(key);
    expect(paces.nextAt(key, plan)).toBeCloseTo(1000 + 50 * T);
  });

  test('of a key that was refused long before 1000 others is forgotten', () => {
    const paces = refusedTwice();
    for (let other = 0; other < 1000; other++) paces.noteRefusal(`${other}`);
    expect(paces.nextAt(key, plan)).toBeUndefined();
  });

  test('is forgotten when told to', () => {
    const paces = refusedTwice();
    paces.forget(key);
    expect(paces.isIdle).toBe(true);
  });
});
