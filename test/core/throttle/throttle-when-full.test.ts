import {
  createThrottle,
  keyValueStore,
  memoryStore,
  QueueFullError,
  type ThrottleOptions,
  WaitTooLongError,
  type WhenFull,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const onMap = () => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
};
const stores = { 'the memory store': memoryStore, 'a store that others share': onMap };

/** A throttle whose bucket was used up just now. */
async function busy(options: Partial<ThrottleOptions>) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options });
  await throttle.wait();
  const wait = async (options?: Parameters<typeof throttle.wait>[1]) => {
    const call = outcomeOf(throttle.wait('default', options), clock);
    await clock.advance(0);
    return call;
  };
  return { clock, throttle, wait };
}

describe.each(Object.entries(stores))('whenFull on %s', (_, makeStore) => {
  test.each<[WhenFull, number[], string]>([
    // Priorities as they come; then which of them go, in which order.
    ['reject', [0, 0, 0, 0], '01'],
    ['reject', [0, 0, 9], '01'],
    ['drop-oldest', [0, 0, 0, 0], '23'],
    ['drop-oldest', [9, 0, 0], '12'],
    ['drop-oldest', [0, 5, -1], '12'],
    ['drop-lowest', [0, 0, 0], '01'],
    ['drop-lowest', [0, 0, 1], '20'],
    ['drop-lowest', [3, 1, 2, 0, 2], '02'],
    ['drop-lowest', [1, 1, 1, 2, 2], '34'],
  ])('of %s keeps those of the priorities %j that are to go', async (whenFull, priorities, gone) => {
    const { clock, throttle, wait } = await busy({ store: makeStore(), maxQueue: 2, whenFull });
    const calls = [];
    for (const priority of priorities) calls.push(await wait({ priority }));
    expect((await throttle.status()).waiting).toBe(2);
    for (const { state, error, at } of calls) {
      if (state === 'pending') continue;
      expect(error).toBeInstanceOf(QueueFullError);
      expect(error).toMatchObject({ key: 'default', maxQueue: 2 });
      expect(at).toBe(0);
    }
    await clock.advance(10 * T);
    const order = calls.map((call, index) => ({ ...call, index })).filter(({ state }) => state === 'fulfilled');
    order.sort((a, b) => (a.at as number) - (b.at as number));
    expect(order.map(({ index }) => index).join('')).toBe(gone);
    expect(order.map(({ at }) => at)).toEqual([T, 2 * T]);
    expect(clock.timers).toBe(0);
  });

  test('removes the listeners of a call that was dropped, and reports it', async () => {
    const { clock, throttle, wait } = await busy({ store: makeStore(), maxQueue: 1, whenFull: 'drop-oldest' });
    const rejected = vi.fn();
    throttle.on('rejected', rejected);
    const signal = new FakeSignal();
    await wait({ signal: signal.signal, maxWait: 50 * T });
    await clock.advance(T / 4);
    await wait();
    expect(signal.listeners).toBe(0);
    expect(rejected.mock.calls).toMatchObject([[{ key: 'default', cost: 1, wait: T / 4 }]]);
  });

  test('of drop-oldest keeps the latest of a fast caller', async () => {
    const { clock, wait } = await busy({ store: makeStore(), maxQueue: 1, whenFull: 'drop-oldest' });
    const calls = [];
    for (let call = 0; call < 35; call++) {
      calls.push(await wait());
      await clock.advance(T / 10);
    }
    await clock.advance(10 * T);
    const gone = calls.filter(({ state }) => state === 'fulfilled').map(({ at }) => at);
    expect(gone).toEqual([T, 2 * T, 3 * T, 4 * T]);
  });

  test('does not count dropped calls when it computes the wait of a new call', async () => {
    const { clock, wait } = await busy({ store: makeStore(), maxQueue: 2, whenFull: 'drop-oldest' });
    await wait();
    const stays = await wait();
    const fits = await wait({ maxWait: 2 * T });
    const late = await wait({ maxWait: 2 * T - 1 });
    expect(late.error).toBeInstanceOf(WaitTooLongError);
    await clock.advance(10 * T);
    expect([stays.at, fits.at]).toEqual([T, 2 * T]);
  });

  test('of 0 waiting calls rejects the new one', async () => {
    for (const whenFull of ['reject', 'drop-oldest', 'drop-lowest'] as const) {
      const { wait } = await busy({ store: makeStore(), maxQueue: 0, whenFull });
      for (const options of [{}, { maxWait: T }]) expect((await wait(options)).error).toBeInstanceOf(QueueFullError);
    }
  });
});

test.each(['drop-oldest', 'drop-lowest'] as const)(
  'a full line of 50,000 calls costs %s a step each',
  async (whenFull) => {
    const { clock, throttle } = await busy({ maxQueue: 50_000, whenFull });
    const started = performance.now();
    for (let call = 0; call < 100_000; call++) throttle.wait('default', { priority: call % 10 }).catch(() => {});
    await clock.advance(0);
    expect((await throttle.status()).waiting).toBe(50_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  },
);
