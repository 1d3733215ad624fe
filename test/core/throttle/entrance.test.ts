import { createThrottle, memoryStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const tokens = { name: 'tokens', rate: 1, interval: 100, burst: 10 };
const points = { ...tokens, name: 'points' };

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const { store, asked } = slowStore(memoryStore(), clock, () => 20);
  const throttle = createThrottle({ limits: tokens, margin: 0, clock, store, ...options });
  return { clock, throttle, asked };
}

describe('a cost that names a limit', () => {
  test('is checked without the store, if all keys have that limit', async () => {
    const { clock, throttle, asked } = setup();
    const call = outcomeOf(throttle.wait('default', { cost: { tokens: 2 } }), clock);
    await clock.advance(20);
    expect(call.state).toBe('fulfilled');
    expect(asked.peek).toBeUndefined();
  });

  test('may name one that only other keys have, if the limits depend on the key', async () => {
    const { clock, throttle } = setup({ limits: (key) => (key === 'amy' ? tokens : points) });
    const calls = ['amy', 'george'].map((key) => outcomeOf(throttle.wait(key, { cost: { tokens: 5 } }), clock));
    await clock.advance(50);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
  });

  describe('that the store has to be asked for', () => {
    async function asking(options: Parameters<ReturnType<typeof setup>['throttle']['wait']>[1] = {}) {
      const { clock, throttle } = setup();
      void throttle.setLimits('default', points);
      await clock.advance(50);
      const call = outcomeOf(throttle.wait('default', { cost: { points: 2 }, ...options }), clock);
      await clock.advance(10);
      expect(call.state).toBe('pending');
      return { clock, throttle, call };
    }

    test('is taken once it is known', async () => {
      const { clock, throttle, call } = await asking();
      await clock.advance(50);
      expect(call.state).toBe('fulfilled');
      const status = outcomeOf(throttle.status(), clock);
      await clock.advance(50);
      expect(status.value?.limits[0]).toMatchObject({ name: 'points', remaining: 8 });
    });

    test('is not taken if the call aborts meanwhile', async () => {
      const controller = new AbortController();
      const { clock, throttle, call } = await asking({ signal: controller.signal });
      controller.abort('enough');
      await clock.advance(50);
      expect([call.state, call.error]).toEqual(['rejected', 'enough']);
      const status = outcomeOf(throttle.status(), clock);
      await clock.advance(50);
      expect(status.value?.limits[0]).toMatchObject({ name: 'points', remaining: 10 });
    });

    test('is not taken if the throttle closes meanwhile', async () => {
      const { clock, throttle, call } = await asking();
      void throttle.close();
      await clock.advance(50);
      expect(call.error).toMatchObject({ name: 'ClosedError' });
      expect(clock.timers).toBe(0);
    });
  });
});
