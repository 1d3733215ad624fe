import { ManualClock } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Events } from '../../../src/core/base/events.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { EarGate } from '../../../src/core/listening/ear-gate.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { told } from './told.ts';

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const plan = planOf({ rate: 1, interval: 10, burst: 10_000 }, 0);
const gateOf = () => new EarGate('key', { clock: new ManualClock(), events: new Events() });

describe('the gate of a key with an adapter', () => {
  test('opens when what is left ends, if as many calls as that allows are in flight', async () => {
    const { clock, gate, most, leave, answer } = told();
    await answer(leave(1), 9);
    expect(most()).toBe(8);
    const opensAt = [7, 8, 9].map((inFlight) => gate().opensAt(clock.monotonic(), inFlight));
    expect(opensAt).toEqual([-Infinity, 60_000 - tick, 60_000 - tick]);
  });

  test('is kept for ten minutes after a refusal, and as long as the key is paused', () => {
    const gate = gateOf();
    gate.noteRefusal(0, 0, plan);
    expect([599_999, 600_000].map((now) => gate.isIdle(now))).toEqual([false, true]);
    gate.pause(700_000);
    expect([699_999, 700_000].map((now) => gate.isIdle(now))).toEqual([false, true]);
  });

  test('is kept while a server is believed, until 1,000 answers have come', () => {
    const gate = gateOf();
    gate.noteRefusal(0, 0, planOf({ rate: 1, interval: 3_600_000 }, 0));
    for (let answer = 1; answer < 1_000; answer++) gate.noteAnswer(0);
    expect(gate.isIdle(1)).toBe(false);
    gate.noteAnswer(0);
    expect(gate.isIdle(1)).toBe(true);
  });

  test('forgets refusals, what is left, pauses and the call that goes alone when the key is reset', async () => {
    const { gate, most, leave, answer } = told();
    await answer(leave(1), 9, { throttled: true });
    gate().pause(10_000);
    expect([most(), gate().goesAlone, gate().pausedUntil]).toEqual([8, true, 10_000]);
    gate().reset();
    expect([most(), gate().goesAlone, gate().pausedUntil]).toEqual([Infinity, false, -Infinity]);
    gate().noteRefusal(0, 0, plan);
    expect(gate().backOff(undefined)).toBe(1_000);
  });

  test('keeps back no more calls for others after refusals in an outage, one after the other', () => {
    const keptBackAfter = (refusals: number, isAnswered: boolean) => {
      const gate = gateOf();
      for (let at = 0; at < refusals; at++) {
        gate.noteRefusal(at, at, plan);
        if (isAnswered) gate.noteAnswer(at);
      }
      const buckets = [{ limit: 10, remaining: 5, resetAt: 60_000, window: 60_000 }];
      const signal = { ...buckets[0], buckets, throttled: false, clamped: false, ignored: [] } as never;
      const heard = { signal, left: 50, now: 60, wall: 60, inFlight: 0, plan, maxPause: 60_000 };
      return gate.remaining.statements(heard)[0]?.told.keptBack;
    };
    expect([1, 2, 3, 4, 40].map((refusals) => keptBackAfter(refusals, false))).toEqual([2, 2, 3, 3, 3]);
    expect([1, 2, 3, 4, 40].map((refusals) => keptBackAfter(refusals, true))).toEqual([2, 2, 3, 3, 15]);
  });
});
