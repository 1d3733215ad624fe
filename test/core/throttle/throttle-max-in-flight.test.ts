import { createThrottle, keyValueStore, memoryStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { instants, outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const wide = { rate: 1, interval: 1, burst: 1_000 };

const onMap = () => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
};
const stores = {
  'the memory store': () => memoryStore(),
  'a store that answers at once': onMap,
  'a store that answers later': (clock: ManualClock) => slowStore(memoryStore(), clock, () => 3).store,
};

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits: wide, clock, ...options });
  const started: string[] = [];
  let inFlight = 0;
  let most = 0;
  const run = (key: string, ms = 10, more: Parameters<typeof throttle.run>[1] = {}) =>
    outcomeOf(
      throttle.run(
        async () => {
          started.push(key);
          most = Math.max(most, ++inFlight);
          await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
          inFlight--;
        },
        { key, ...more },
      ),
      clock,
    );
  return {
    clock,
    throttle,
    run,
    started,
    get most() {
      return most;
    },
  };
}

describe.each(Object.entries(stores))('maxInFlight on %s', (_, makeStore) => {
  const start = (options: Partial<ThrottleOptions>) => {
    const clock = new ManualClock();
    return setup({ store: makeStore(clock), ...options }, clock);
  };

  test.each([1, 2, 3, 7])('of %i holds for all keys together, and no place stays empty', async (maxInFlight) => {
    const setting = start({ maxInFlight });
    const { clock, run } = setting;
    const calls = Array.from({ length: 24 }, (_, index) => run(`${index % 5}`));
    await clock.advance(1_000);
    expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
    expect(setting.most).toBe(maxInFlight);
  });

  test('lets keys take turns, however many calls of one of them wait', async () => {
    const { clock, run, started } = start({ maxInFlight: 1 });
    for (const key of 'aaaaaa') run(key);
    await clock.advance(1);
    for (const key of 'bbcc') run(key);
    await clock.advance(1_000);
    // The key that holds the place when others come has stood in line for it longest.
    expect(started.join('')).toBe('aabcabcaaa');
  });

  test('gives the place that a key cannot use to another', async () => {
    const { clock, throttle, run, started } = start({ maxInFlight: 1 });
    run('a');
    await clock.advance(1);
    const paused = run('paused');
    const signal = new FakeSignal();
    const aborted = run('aborted', 10, { signal: signal.signal });
    const last = run('b');
    await clock.advance(1);
    void throttle.pause('paused', clock.now() + 5 * T);
    signal.abort('mine');
    await clock.advance(10 * T);
    expect([aborted.state, started.join()]).toEqual(['rejected', 'a,b,paused']);
    expect([last.at, paused.at].map((at = 0) => Math.floor(at / T))).toEqual([0, 5]);
  });

  test('gives the place of a key whose limits let nothing go to another', async () => {
    const limits = (key: string) => (key === 'slow' ? { rate: 1, interval: 5 * T } : wide);
    const { clock, run, started } = start({ maxInFlight: 1, limits });
    run('slow');
    await clock.advance(4);
    for (const key of ['slow', 'a', 'b', 'a', 'slow']) run(key);
    await clock.advance(20 * T);
    expect(started.join()).toBe('slow,a,b,a,slow,slow');
  });

  test('holds beside `concurrency`', async () => {
    const setting = start({ maxInFlight: 3, concurrency: 2 });
    const { clock, throttle, run } = setting;
    for (const key of 'aaaabb') run(key, T);
    await clock.advance(T / 2);
    const counts = ['a', 'b'].map((key) => outcomeOf(throttle.status(key), clock));
    await clock.advance(10);
    expect(counts.map(({ value }) => value?.inFlight)).toEqual([2, 1]);
    await clock.advance(10 * T);
    expect(setting.most).toBe(3);
  });

  test('lets `wait` wait for a place without holding one', async () => {
    const { clock, throttle, run } = start({ maxInFlight: 1 });
    run('a', T);
    await clock.advance(10);
    const waits = ['b', 'b', 'c'].map((key) => outcomeOf(throttle.wait(key), clock));
    await clock.advance(10 * T);
    for (const at of instants(waits)) expect(at).toBeGreaterThanOrEqual(T);
    for (const at of instants(waits)) expect(at).toBeLessThan(T + 20);
  });

  test('counts a call with `maxQueue` that waits for such a place', async () => {
    const { clock, run } = start({ maxInFlight: 1, maxQueue: 1 });
    run('a', T);
    await clock.advance(10);
    const calls = [run('b'), run('b'), run('c')];
    await clock.advance(10 * T);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

test('a place that many keys wait for costs one store operation of one of them', async () => {
  const clock = new ManualClock();
  const { store, asked } = slowStore(memoryStore(), clock, () => 3);
  const { run } = setup({ maxInFlight: 1, store }, clock);
  const calls = Array.from({ length: 40 }, (_, key) => run(`${key}`));
  await clock.advance(2_000);
  expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
  expect(asked).toEqual({ take: 40 });
});

test('ten thousand keys that wait for a place go on in time', async () => {
  const { clock, run } = setup({ maxInFlight: 5 });
  const calls = Array.from({ length: 10_000 }, (_, key) => run(`${key}`, 1));
  const started = performance.now();
  await clock.advance(2_001);
  expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
  expect(performance.now() - started).toBeLessThan(5_000);
});
