import { createThrottle, memoryStore, QueueFullError, type ThrottleOptions, WaitTooLongError } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { tick } from '../../../src/core/time/clock.ts';
import { slowStore } from '../sharing/slow-store.ts';
import { outcomeOf } from './outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };
/** No test begins at 0, where sums and differences with the clock are the same. */
const start = 1_234;

async function made(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  await clock.advance(start);
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  return { clock, throttle, wait };
}

/** The same with a bucket of which `burst` calls were just used up. */
async function busy(options: Partial<ThrottleOptions> = {}, burst = 1) {
  const all = await made(options);
  await all.throttle.wait('default', { cost: burst });
  return all;
}

describe('a full line', () => {
  test('is the reason for a refusal while the key is paused, whatever the maxWait', async () => {
    const { clock, throttle, wait } = await made({ maxQueue: 0 });
    await throttle.pause('default', clock.now() + 5 * T);
    const call = wait({ maxWait: 1 });
    await clock.advance(0);
    expect(call.error).toBeInstanceOf(QueueFullError);
  });

  test('of 0 calls lets a call go at the very end of a pause', async () => {
    const { clock, throttle, wait } = await made({ maxQueue: 0 });
    await throttle.pause('default', clock.now() + T);
    await clock.advance(T);
    const call = wait();
    await clock.advance(0);
    expect(call).toMatchObject({ state: 'fulfilled', at: start + T });
  });

  test('of 0 calls lets a call take the last place in flight', async () => {
    const { clock, wait } = await made({ maxQueue: 0, concurrency: 1, limits: { ...limits, burst: 2 } });
    const call = wait({ cost: 2 });
    await clock.advance(0);
    expect(call.state).toBe('fulfilled');
  });

  test('refuses at once while all places are taken, though the store has yet to answer another operation', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 50);
    const throttle = createThrottle({
      margin: 0,
      limits: { ...limits, burst: 9 },
      clock,
      store,
      concurrency: 1,
      maxQueue: 1,
    });
    void throttle.run((grant) => {
      void throttle.settle(grant, { cost: 2 });
      return new Promise<void>((resolve) => clock.setTimeout(resolve, 10 * T));
    });
    await clock.advance(40);
    await clock.advance(10);
    const first = outcomeOf(throttle.wait(), clock);
    await clock.advance(10);
    const second = outcomeOf(throttle.wait(), clock);
    await clock.advance(0);
    expect([first.state, second.state, second.at]).toEqual(['pending', 'rejected', 60]);
    expect(second.error).toBeInstanceOf(QueueFullError);
  });
});

test('a pause that is longer than the maxWait by a rounding error alone refuses no call at once', async () => {
  const { clock, throttle, wait } = await made();
  await throttle.pause('default', clock.now() + T + tick);
  const [call, late] = [wait({ maxWait: T }), wait({ maxWait: T - tick })];
  await clock.advance(0);
  expect([call.state, late.state]).toEqual(['pending', 'rejected']);
});

/** A key with limits that throw while they are broken. */
async function breakable() {
  const state = { isBroken: false };
  const made = await busy({
    limits: () => {
      if (state.isBroken) throw new Error('broken');
      return limits;
    },
  });
  return { ...made, state };
}

test('limits that throw when a call comes reject that call at once, and no waiting one', async () => {
  const { clock, wait, state } = await breakable();
  const first = wait();
  state.isBroken = true;
  const second = wait();
  await clock.advance(0);
  state.isBroken = false;
  expect(second).toMatchObject({ state: 'rejected', at: start, error: new Error('broken') });
  await clock.advance(T);
  expect(first).toMatchObject({ state: 'fulfilled', at: start + T });
});

test('limits are not asked for between two slots, so a call that leaves then does not read them', async () => {
  const { clock, wait, state } = await breakable();
  const first = wait();
  const controller = new AbortController();
  wait({ signal: controller.signal });
  state.isBroken = true;
  controller.abort();
  state.isBroken = false;
  await clock.advance(T);
  expect(first).toMatchObject({ state: 'fulfilled', at: start + T });
});

describe('a maxWait', () => {
  test('counts the calls in line from the end of a pause on', async () => {
    const { clock, throttle, wait } = await busy();
    wait();
    await throttle.pause('default', clock.now() + 1.5 * T);
    wait();
    const [late, inTime] = [wait({ maxWait: 3.4 * T }), wait({ maxWait: 3.5 * T })];
    await clock.advance(0);
    expect(late).toMatchObject({ state: 'rejected', at: start });
    await clock.advance(10 * T);
    expect(inTime).toMatchObject({ state: 'fulfilled', at: start + 3.5 * T });
  });

  test('that ends behind other calls tells when the first of those goes', async () => {
    const { clock, wait } = await busy();
    wait();
    const call = wait({ maxWait: 2.5 * T });
    wait({ priority: 1 });
    wait({ priority: 1 });
    await clock.advance(10 * T);
    expect(call).toMatchObject({ state: 'rejected', at: start + 2.5 * T });
    expect(call.error).toMatchObject({ wait: 3 * T, maxWait: 2.5 * T });
  });

  test('is kept by a call that comes while a store is asked for one without', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 4 * T);
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const calls = [{}, { maxWait: 2 * T }].map((options) => outcomeOf(throttle.wait('default', options), clock));
    await clock.advance(3 * T);
    expect(calls.map(({ state, at }) => [state, at])).toEqual([
      ['pending', undefined],
      ['rejected', 2 * T],
    ]);
  });

  test('refuses no call that passes one of the lowest priority, because those before it may leave', async () => {
    const { clock, wait } = await busy();
    const controller = new AbortController();
    wait({ priority: 0 });
    wait({ priority: 5, signal: controller.signal });
    const call = wait({ priority: 1, maxWait: 1.5 * T });
    await clock.advance(1);
    controller.abort();
    await clock.advance(T);
    expect(call).toMatchObject({ state: 'fulfilled', at: start + T });
  });

  test('refuses a call behind others at once, though one of lower priority waited earlier', async () => {
    const { clock, wait } = await busy();
    wait({ priority: -5 });
    await clock.advance(T);
    wait();
    const call = wait({ maxWait: 1.5 * T });
    await clock.advance(0);
    expect(call).toMatchObject({ state: 'rejected', at: start + T });
  });

  test('refuses a call that passes some at once where even the next slot is too late', async () => {
    const { clock, wait } = await busy();
    wait({ priority: 0 });
    wait({ priority: 2 });
    const call = wait({ priority: 1, maxWait: T / 2 });
    await clock.advance(0);
    expect(call).toMatchObject({ state: 'rejected', at: start });
    expect(call.error).toBeInstanceOf(WaitTooLongError);
  });

  test('of 0 lets a small call pass a large one that waits', async () => {
    const { clock, wait } = await made({ limits: { ...limits, burst: 5 } });
    const calls = [wait({ cost: 4 }), wait({ cost: 5 }), wait({ priority: 1, maxWait: 0 })];
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'fulfilled']);
  });

  test('that ends the wait of a large call lets a small one behind it go on its own slot', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 5 } }, 5);
    wait();
    const large = wait({ cost: 5, maxWait: 6.5 * T });
    const small = wait();
    wait({ priority: 1 });
    await clock.advance(20 * T);
    expect(large).toMatchObject({ state: 'rejected', at: start + 2 * T });
    expect(small).toMatchObject({ state: 'fulfilled', at: start + 3 * T });
  });
});
