import {
  type BucketStore,
  createThrottle,
  keyValueStore,
  memoryStore,
  perSecond,
  spaced,
  throttleCalls,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { fakeFetch } from '../../adapters/fake-fetch.ts';

/** A clock whose timers come late, each by the next of these ms. */
class LateClock extends ManualClock {
  #timers = 0;
  constructor(readonly late: readonly number[]) {
    super();
  }

  override setTimeout(callback: () => void, ms: number): unknown {
    return super.setTimeout(callback, ms + (this.late[this.#timers++ % this.late.length] ?? 0));
  }
}

const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((at, index) => Math.round((at - (times[index] as number)) * 1e6) / 1e6);

const stores: [string, () => BucketStore][] = [
  ['memory', memoryStore],
  [
    'a key-value store',
    () => {
      const values = new Map<string, unknown>();
      return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
    },
  ],
];

describe('spaced', () => {
  test('is a bucket of one call without a margin', () => {
    expect(spaced(50)).toEqual({ rate: 1, interval: 50, margin: 0 });
    expect(spaced(50, { name: 'apart' })).toEqual({ rate: 1, interval: 50, margin: 0, name: 'apart' });
  });

  test.each([
    [undefined, TypeError, 'got `undefined`'],
    ['50', TypeError, 'got `"50"`'],
    [0, RangeError, 'got `0`'],
    [-1, RangeError, 'got `-1`'],
    [Number.NaN, RangeError, 'got `NaN`'],
    [Infinity, RangeError, 'got `Infinity`'],
    [2 ** 41, RangeError, 'got `2199023255552`'],
  ])('refuses %s ms', (ms, kind, got) => {
    const message = `Expected \`ms\` to be a number above 0 and of at most 1099511627776, ${got}.`;
    expect(() => spaced(ms as number)).toThrow(new kind(message));
  });

  test('refuses an invalid name', () => {
    expect(() => spaced(50, { name: 5 as never })).toThrow(TypeError);
    expect(() => spaced(50, null as never)).toThrow(TypeError);
  });

  test('lets the other limits of its key count costs, if those are named', async () => {
    const throttle = createThrottle({
      limits: [perSecond(10, { burst: 10, name: 'calls' }), spaced(50)],
      clock: new ManualClock(),
    });
    expect(await throttle.allow('key', { cost: { calls: 4 } })).toMatchObject({ allowed: true });
    expect(await throttle.allow('key', { cost: { calls: 4 } })).toMatchObject({ allowed: false, wait: 50 });
  });
});

describe.each(stores)('calls of adapters that are spaced, on %s', (_, makeStore) => {
  test('leave exactly that many ms apart', async () => {
    const clock = new ManualClock();
    const { fetch, times } = fakeFetch(clock);
    const throttle = createThrottle({ limits: spaced(50), clock, store: makeStore() });
    const send = throttleFetch(throttle, { fetch });
    const call = throttleCalls((path: string) => fetch(`https://api.example.com/${path}`), throttle, {
      key: 'https://api.example.com',
    });
    for (let index = 0; index < 5; index++) void Promise.all([send('https://api.example.com/a'), call('b')]);
    await clock.advance(1_000);
    expect(gaps(times())).toEqual(Array.from({ length: 9 }, () => 50));
  });

  test('are never closer after late timers: a late call moves the later ones', async () => {
    const clock = new LateClock([0, 0.5, 0, 7, 30, 1, 0, 0]);
    const { fetch, times } = fakeFetch(clock);
    const send = throttleFetch(createThrottle({ limits: spaced(50), clock, store: makeStore() }), { fetch });
    for (let index = 0; index < 30; index++) void send('https://api.example.com/');
    await clock.advance(10_000);
    expect(times()).toHaveLength(30);
    const apart = gaps(times());
    expect(Math.min(...apart)).toBe(50);
    expect(Math.max(...apart)).toBeGreaterThan(55);
  });

  test('keep their distance in `wait` and `run` too', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: spaced(50), clock, store: makeStore() });
    const times: number[] = [];
    for (let index = 0; index < 5; index++) void throttle.run(() => void times.push(clock.monotonic()));
    await clock.advance(1_000);
    expect(gaps(times)).toEqual([50, 50, 50, 50]);
  });
});
