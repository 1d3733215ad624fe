import { createThrottle, memoryStore, StoreError, slidingWindow, type ThrottleOptions, WaitTooLongError } from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { instants, outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  return { clock, throttle, start: clock.now() };
}

describe('reserve', () => {
  test('takes the next slot, now or in the future', async () => {
    const { throttle, start } = setup();
    const slots = [await throttle.reserve(), await throttle.reserve(), await throttle.reserve('default', {})];
    expect(slots.map(({ key, at, wait }) => [key, at - start, wait])).toEqual([
      ['default', 0, 0],
      ['default', T, T],
      ['default', 2 * T, 2 * T],
    ]);
  });

  test('returns the wait as of the answer, whole ticks or not', async () => {
    const { clock, throttle, start } = setup();
    await throttle.reserve();
    await clock.advance(33.3);
    const { at, wait } = await throttle.reserve();
    expect(wait).toBeCloseTo(66.7, 2);
    expect(33.3 + wait).toBeGreaterThanOrEqual(T);
    expect(at - start).toBeGreaterThanOrEqual(T);
  });

  test.each([
    { maxWait: 0, taken: 1 },
    { maxWait: T - 1, taken: 1 },
    { maxWait: T, taken: 2 },
    { maxWait: 5 * T, taken: 6 },
    { maxWait: Infinity, taken: 8 },
  ])('takes nothing further away than a maxWait of $maxWait', async ({ maxWait, taken }) => {
    const { clock, throttle } = setup();
    const tries = Array.from({ length: 8 }, () => outcomeOf(throttle.reserve('default', { maxWait }), clock));
    await clock.advance(0);
    expect(tries.filter(({ state }) => state === 'fulfilled')).toHaveLength(taken);
    for (const { error } of tries.slice(taken)) {
      expect(error).toBeInstanceOf(WaitTooLongError);
      expect(error).toMatchObject({ key: 'default', wait: taken * T, at: clock.now() + taken * T, maxWait });
    }
    expect((await throttle.allow()).wait).toBe(taken * T);
  });

  test('uses the maxWait of the throttle by default', async () => {
    const { throttle } = setup({ maxWait: T });
    await throttle.reserve();
    await throttle.reserve();
    await expect(throttle.reserve()).rejects.toBeInstanceOf(WaitTooLongError);
    await throttle.reserve('default', { maxWait: 10 * T });
  });

  test('goes before the calls that wait in line', async () => {
    const { clock, throttle } = setup();
    const calls = [1, 2, 3].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    // Waiting calls hold no slot: the next free one is the reservation's.
    expect((await throttle.reserve()).wait).toBe(T);
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, 2 * T, 3 * T]);
  });

  test('refuses a cost that can never pass', async () => {
    const { throttle } = setup({ limits: { ...limits, burst: 3 } });
    await expect(throttle.reserve('default', { cost: 4 })).rejects.toMatchObject({
      name: 'CostExceedsBurstError',
      cost: 4,
      burst: 3,
      key: 'default',
    });
    expect((await throttle.reserve('default', { cost: 3 })).wait).toBe(0);
  });

  test('waits for the end of a pause', async () => {
    const { throttle, start } = setup();
    await throttle.pause('default', start + 5 * T);
    expect((await throttle.reserve()).wait).toBe(5 * T);
    expect((await throttle.reserve()).wait).toBe(6 * T);
  });
});

describe('cancel', () => {
  test('gives a slot back', async () => {
    const { throttle } = setup();
    await throttle.reserve();
    const second = await throttle.reserve();
    await second.cancel();
    expect((await throttle.reserve()).wait).toBe(T);
  });

  test('gives slots back in any order, as far as no later one was built on them', async () => {
    const { throttle } = setup();
    const [, second, third] = [await throttle.reserve(), await throttle.reserve(), await throttle.reserve()];
    await third.cancel();
    await second.cancel();
    expect((await throttle.allow()).wait).toBe(T);
    const [a, b] = [await throttle.reserve(), await throttle.reserve()];
    await a.cancel();
    expect((await throttle.allow()).wait).toBe(3 * T);
    await b.cancel();
    expect((await throttle.allow()).wait).toBe(2 * T);
  });

  test('does nothing the second time', async () => {
    const { throttle } = setup();
    await throttle.reserve();
    const second = await throttle.reserve();
    await second.cancel();
    await throttle.reserve();
    await second.cancel();
    await Promise.all([second.cancel(), second.cancel()]);
    expect((await throttle.allow()).wait).toBe(2 * T);
  });

  test('does nothing once the slot has come', async () => {
    const { clock, throttle } = setup();
    const first = await throttle.reserve();
    await first.cancel();
    expect((await throttle.allow()).allowed).toBe(false);
    const second = await throttle.reserve();
    await clock.advance(T);
    await second.cancel();
    expect((await throttle.allow()).wait).toBe(T);
  });

  test('in an exact window gives the slot back', async () => {
    const { throttle } = setup({ limits: slidingWindow({ limit: 2, interval: 10 * T }) });
    await throttle.reserve();
    await throttle.reserve();
    const third = await throttle.reserve();
    const fourth = await throttle.reserve();
    expect([third.wait, fourth.wait]).toEqual([10 * T, 10 * T]);
    expect((await throttle.allow()).wait).toBe(20 * T);
    await third.cancel();
    expect((await throttle.allow()).wait).toBe(10 * T);
    await fourth.cancel();
    const again = [await throttle.reserve(), await throttle.reserve(), await throttle.reserve()];
    expect(again.map(({ wait }) => wait)).toEqual([10 * T, 10 * T, 20 * T]);
  });

  test('gives back the true cost, if that is known', async () => {
    const { throttle } = setup({ limits: { ...limits, burst: 9 } });
    await throttle.reserve('default', { cost: 9 });
    const second = await throttle.reserve('default', { cost: 5 });
    await throttle.settle(second, { cost: 3 });
    expect((await throttle.allow('default', { cost: 9 })).wait).toBe(12 * T);
    await second.cancel();
    expect((await throttle.allow('default', { cost: 9 })).wait).toBe(9 * T);
  });

  test('moves a waiting call up at once', async () => {
    const { clock, throttle } = setup();
    await throttle.reserve();
    const second = await throttle.reserve();
    const waiting = outcomeOf(throttle.wait(), clock);
    await clock.advance(T / 2);
    expect(await throttle.status()).toMatchObject({ nextAt: clock.now() + 1.5 * T });
    await second.cancel();
    await clock.advance(5 * T);
    expect(waiting.at).toBe(T);
  });

  test('and `close` cost no more after a thousand earlier reservations', async () => {
    const { clock, throttle } = setup({ limits: { rate: 1, interval: 1 } });
    const looks = vi.spyOn(clock, 'monotonic');
    const looksOf = async () => {
      looks.mockClear();
      await (await throttle.reserve()).cancel();
      await clock.advance(1);
      return looks.mock.calls.length;
    };
    await looksOf();
    const before = await looksOf();
    for (let one = 0; one < 1_000; one++) await looksOf();
    expect(await looksOf()).toBe(before);
    looks.mockClear();
    await throttle.close();
    expect(looks.mock.calls.length).toBeLessThan(10);
  });

  test('tells of a store that cannot take it back', async () => {
    let isDown = false;
    const error = new Error('gone');
    const store = faultyStore(memoryStore(), () => (isDown ? { error } : undefined));
    const { throttle } = setup({ store, onStoreError: 'reject' });
    await throttle.reserve();
    const second = await throttle.reserve();
    isDown = true;
    const failure = await second.cancel().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ cause: error, key: 'default' });
    await expect(second.cancel()).resolves.toBeUndefined();
  });
});
