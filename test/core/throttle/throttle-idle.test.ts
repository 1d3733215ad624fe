import { ClosedError, createThrottle, keyValueStore, ThrottleError, type ThrottleOptions, whenIdle } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };
const onMap = () => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: async (key, change) => void values.set(key, change(values.get(key))) });
};
const stores: [string, Partial<ThrottleOptions>][] = [
  ['the memory store', {}],
  ['a store that answers by promises', { store: onMap() }],
];

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const wait = (key: string, options?: Parameters<typeof throttle.wait>[1]) =>
    outcomeOf(throttle.wait(key, options), clock);
  const run = (key: string, ms: number) =>
    outcomeOf(
      throttle.run(() => new Promise<string>((resolve) => clock.setTimeout(() => resolve(key), ms)), { key }),
      clock,
    );
  const idle = (key?: string) => outcomeOf(whenIdle(throttle, key), clock);
  return { clock, throttle, wait, run, idle };
}

describe.each(stores)('whenIdle on %s', (_, { store = undefined }) => {
  const start = () => setup(store === undefined ? {} : { store: onMap() });

  test('resolves at once where nothing waits and nothing is in flight', async () => {
    const { clock, throttle, idle } = start();
    await throttle.wait();
    await throttle.run(() => {}, { key: 'a' });
    const all = [idle(), idle('a'), idle('never seen')];
    await clock.advance(0);
    expect(all.map(({ at }) => at)).toEqual([0, 0, 0]);
  });

  test('waits for the last that waits or is in flight, of one key or of all', async () => {
    const { clock, run, wait, idle } = start();
    for (let call = 0; call < 3; call++) wait('a');
    run('b', 5 * T);
    for (let call = 0; call < 2; call++) run('c', T / 2);
    const all = [idle('a'), idle('b'), idle('c'), idle()];
    for (let step = 0; step < 20; step++) await clock.advance(T / 2);
    expect(all.map(({ at }) => at)).toEqual([2 * T, 5 * T, 1.5 * T, 5 * T]);
  });

  test('waits for calls that come meanwhile', async () => {
    const { clock, run, wait, idle } = start();
    run('a', T);
    const all = idle();
    await clock.advance(T / 2);
    wait('b');
    for (let call = 0; call < 3; call++) wait('b');
    await clock.advance(10 * T);
    expect(all.at).toBe(3.5 * T);
  });

  test('needs a throttle', async () => {
    for (const throttle of [undefined, null, 5, {}])
      await expect(whenIdle(throttle as never)).rejects.toThrow(
        'Expected `throttle` to be a throttle that createThrottle',
      );
  });

  test('counts a call that leaves the line as over', async () => {
    const { clock, throttle, wait, idle } = start();
    const signal = new FakeSignal();
    await throttle.wait('a');
    wait('a', { signal: signal.signal });
    const leaves = idle('a');
    await clock.advance(10);
    signal.abort('mine');
    await clock.advance(10);
    expect(leaves.at).toBe(10);
  });
});

describe('whenIdle', () => {
  test('comes after what the callers of run do at once with the last result', async () => {
    const { clock, throttle } = setup();
    const results: number[] = [];
    for (const one of [1, 2]) throttle.run(() => one).then((result) => results.push(result));
    const seen = whenIdle(throttle).then(() => [...results]);
    await clock.advance(T);
    expect(await seen).toEqual([1, 2]);
  });

  test('resolves when a closed throttle comes to rest', async () => {
    const { clock, throttle, run, idle } = setup();
    run('a', 5 * T);
    run('a', 1);
    const all = idle();
    await throttle.close();
    await clock.advance(10 * T);
    expect(all.at).toBe(5 * T);
  });

  test('takes few steps a call, however many keys there are', async () => {
    const { throttle } = setup();
    const ends: (() => void)[] = [];
    const keys = Array.from({ length: 20_000 }, (_, key) => `${key}`);
    const runs = keys.map((key) => throttle.run(() => new Promise<void>((resolve) => ends.push(resolve)), { key }));
    const idle = vi.fn();
    const all = whenIdle(throttle).then(idle);
    const started = performance.now();
    for (const [index, end] of ends.entries()) {
      if (index === keys.length - 1) expect(idle).not.toHaveBeenCalled();
      end();
      await runs[index];
    }
    await all;
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  test('refuses a value that is not a throttle, or not a key', async () => {
    await expect(whenIdle({} as never)).rejects.toThrow(TypeError);
    await expect(whenIdle(setup().throttle, 5 as never)).rejects.toThrow('Expected `key` to be a string, got `5`.');
  });
});

describe('keys', () => {
  test('are those with a call that waits or is in flight', async () => {
    const { clock, throttle, run, wait } = setup();
    expect(throttle.keys()).toEqual([]);
    await throttle.allow('asked');
    await throttle.reserve('reserved');
    wait('gone');
    run('in flight', T / 2);
    wait('waits');
    wait('waits');
    await clock.advance(1);
    expect(throttle.keys().sort()).toEqual(['in flight', 'waits']);
    await clock.advance(T);
    expect(throttle.keys()).toEqual([]);
  });
});

describe('clear', () => {
  test('rejects the waiting calls of one key, and leaves those in flight and other keys alone', async () => {
    const { clock, throttle, run, wait } = setup();
    const first = run('a', T);
    const calls = [wait('a'), wait('a', { priority: 1 }), run('a', 1)];
    wait('b');
    const other = wait('b');
    await clock.advance(1);
    throttle.clear('a');
    await clock.advance(0);
    for (const call of calls) {
      expect(call).toMatchObject({ state: 'rejected', at: 1 });
      expect(call.error).toBeInstanceOf(ThrottleError);
      expect(call.error).not.toBeInstanceOf(ClosedError);
    }
    const next = wait('a');
    await clock.advance(2 * T);
    expect([first.at, other.at, next.at]).toEqual([T, T, T]);
  });

  test.each([[new Error('mine')], ['text'], [null], [0]])('rejects those of every key with %s', async (reason) => {
    const { clock, throttle, wait } = setup();
    const rejected = vi.fn();
    throttle.on('rejected', rejected);
    const calls = ['a', 'b'].flatMap((key) => [wait(key), wait(key)]);
    throttle.clear(undefined, reason);
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect([calls[1]?.error, calls[3]?.error]).toEqual([reason, reason]);
    expect(rejected.mock.calls.map(([{ key, error }]) => [key, error])).toEqual([
      ['a', reason],
      ['b', reason],
    ]);
    expect(clock.timers).toBe(0);
  });

  test('gives the slot of a line back', async () => {
    const store = onMap();
    const { clock, throttle, wait } = setup({ store });
    const other = createThrottle({ margin: 0, limits, clock, store });
    for (let call = 0; call < 3; call++) wait('default');
    await clock.advance(0);
    throttle.clear();
    await clock.advance(0);
    expect((await other.allow()).wait).toBe(T);
  });

  test('does nothing where no call waits, and refuses an invalid key', async () => {
    const { throttle } = setup();
    throttle.clear();
    throttle.clear('a');
    expect(() => throttle.clear(5 as never)).toThrow('Expected `key` to be a string, got `5`.');
  });
});
