import {
  type BucketStore,
  createThrottle,
  keyValueStore,
  type Limit,
  memoryStore,
  perSecond,
  quota,
  slidingWindow,
  type Throttle,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { dice, onMap, withDelays } from '../../storage/storages.ts';
import { mostThrough } from '../bucket/limits-in-force.ts';

/** Stores of processes that share their buckets. */
const stores: Record<string, () => () => BucketStore> = {
  'the memory store': () => {
    const store = memoryStore();
    return () => store;
  },
  'a key-value store': () => {
    const values = new Map();
    return () => keyValueStore(onMap(values));
  },
  'a slow key-value store': () => {
    const values = new Map();
    const make = withDelays(dice(1));
    return () => keyValueStore(make(values));
  },
};

/** Puts calls in line and notes when they go, in ms from now on. */
function wait(throttle: Throttle, clock: ManualClock, count: number, into: number[] = []): number[] {
  const begin = clock.monotonic();
  for (let call = 0; call < count; call++) void throttle.wait('key').then(() => into.push(clock.monotonic() - begin));
  return into;
}

/** The most calls in any half-open window of `interval` ms. */
function mostIn(at: readonly number[], interval: number): number {
  return Math.max(...at.map((end) => at.filter((one) => one > end - interval && one <= end).length));
}

const allowed = (limits: readonly Limit[], interval: number): number =>
  Math.max(...limits.map((limit) => mostThrough(limit, interval)));

const kinds: Record<string, Limit> = {
  'a window': slidingWindow({ limit: 10, interval: 1000 }),
  'a shorter window': slidingWindow({ limit: 10, interval: 900 }),
  'a quota of one burst': quota({ limit: 10, interval: 1000, burst: 10 }),
  'a quota without bursts': quota({ limit: 10, interval: 1000, burst: 1 }),
  'a leaky bucket': { rate: 10, interval: 1000, burst: 3 },
  'a slow leaky bucket': { rate: 5, interval: 1000 },
};
const pairs = Object.entries(kinds).flatMap(([first, before]) =>
  Object.entries(kinds).flatMap(([second, after]) =>
    first === second ? [] : [[first, second, before, after] as const],
  ),
);

describe.each(Object.entries(stores))('limits that change on %s', (name, makeStores) => {
  function setUp(limits: Limit) {
    const clock = new ManualClock();
    const storeOfOne = makeStores();
    const join = (of: Limit) => createThrottle({ margin: 0, limits: of, clock, store: storeOfOne() });
    return { clock, throttle: join(limits), join };
  }

  test('from a full window to a quota grant no more in any second', async () => {
    const { clock, throttle } = setUp(slidingWindow({ limit: 100, interval: 1000 }));
    const at = wait(throttle, clock, 400);
    await clock.advance(0);
    expect(at).toHaveLength(100);
    await throttle.configure({ limits: perSecond(100) });
    await clock.advance(10_000);
    expect(at).toHaveLength(400);
    expect(mostIn(at, 1000)).toBe(100);
    // The hundred of before leave the window at once, and 96 per second go after.
    expect(Math.max(...at)).toBeLessThanOrEqual(1000 + 300 * (1000 / 96) + 1000);
  });

  test('from a quota of one burst to one without let no more go in any second', async () => {
    const { clock, throttle } = setUp(quota({ limit: 100, interval: 1000, burst: 100 }));
    const at = wait(throttle, clock, 400);
    await clock.advance(0);
    expect(at).toHaveLength(100);
    await throttle.configure({ limits: quota({ limit: 100, interval: 1000, burst: 1 }) });
    await clock.advance(10_000);
    expect(at).toHaveLength(400);
    expect(mostIn(at, 1000)).toBe(100);
  });

  test.each(pairs)('from %s to %s and back let no more go than the larger', async (_, __, before, after) => {
    for (const every of [30, 170, 1300]) {
      const { clock, throttle } = setUp(before);
      const at = wait(throttle, clock, 500);
      for (let time = 0; time < 10_000; time += every) {
        await clock.advance(every);
        await throttle.configure({ limits: (time / every) % 2 === 0 ? after : before });
      }
      for (const { interval } of [before, after])
        expect(mostIn(at, interval), `every ${every} ms`).toBeLessThanOrEqual(allowed([before, after], interval));
      expect(at.length, `every ${every} ms`).toBeGreaterThanOrEqual(25);
    }
  });

  test.each(pairs)('in one process, %s, and not in the other, %s: both go on', async (_, __, before, after) => {
    const { clock, throttle, join } = setUp(before);
    const both = [throttle, join(after)].map((one) => wait(one, clock, 200));
    await clock.advance(10_000);
    const at = both.flat();
    for (const { interval } of [before, after])
      expect(mostIn(at, interval)).toBeLessThanOrEqual(allowed([before, after], interval));
    // The smaller of them would let 50 go in that time.
    expect(at.length).toBeGreaterThanOrEqual(50);
    // What the memory store frees at an instant goes to who wakes first.
    if (name !== 'the memory store') for (const one of both) expect(one.length).toBeGreaterThanOrEqual(5);
  });

  test('keep their margin where two processes alternate', async () => {
    const margin = 25;
    const clock = new ManualClock();
    const storeOfOne = makeStores();
    const at: number[] = [];
    for (const burst of [1, 2]) {
      const limits = { rate: 10, interval: 2000, burst };
      wait(createThrottle({ margin, limits, clock, store: storeOfOne() }), clock, 100, at);
    }
    await clock.advance(20_000);
    expect(at.length).toBeGreaterThanOrEqual(85);
    // Half of the margin is for timers that come late.
    expect(mostIn(at, 2000 + margin / 2)).toBeLessThanOrEqual(11);
  });

  test('of an idle key change when they change, not when it is used next', async () => {
    const { clock, throttle } = setUp({ rate: 100, interval: 1000, burst: 100 });
    for (let call = 0; call < 100; call++) await throttle.allow('key');
    await throttle.configure({ limits: { rate: 100, interval: 3_600_000, burst: 100 } });
    await clock.advance(1000);
    const { limits } = await throttle.status('key');
    expect(limits[0]?.remaining).toBe(0);
    expect(await throttle.allow('key')).toMatchObject({ allowed: false, wait: 35_000 });
  });

  test('of a key do not change for another process that uses it with the old ones', async () => {
    const { clock, throttle, join } = setUp(slidingWindow({ limit: 10, interval: 1000 }));
    await throttle.allow('key');
    const other = join(slidingWindow({ limit: 10, interval: 1000 }));
    await throttle.configure({ limits: slidingWindow({ limit: 10, interval: 1001 }) });
    await clock.advance(5000);
    for (let call = 0; call < 10; call++) expect((await other.allow('key')).allowed).toBe(true);
    expect((await throttle.allow('key')).allowed).toBe(false);
  });
});
