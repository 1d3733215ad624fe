import { type BucketStore, createThrottle, keyValueStore, memoryStore, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';
import { outcomeOf } from './outcome.ts';

/** A clock whose timers come late by this many ms, as all real ones do. */
class LateClock extends ManualClock {
  constructor(readonly late: number) {
    super();
  }

  override setTimeout(callback: () => void, ms: number): unknown {
    return super.setTimeout(callback, ms + this.late);
  }
}

/** The same clock with timers that come in time, for what is no timer of ours. */
const punctual = (clock: ManualClock): ManualClock =>
  Object.create(clock, {
    setTimeout: { value: (...args: [() => void, number]) => ManualClock.prototype.setTimeout.apply(clock, args) },
  });

const map = (): BucketStore => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
};

const stores: [string, (clock: ManualClock) => BucketStore][] = [
  ['the memory store', () => memoryStore()],
  ['a key-value store', map],
  ['a slow store', (clock) => slowStore(memoryStore({ clock }), punctual(clock), () => 0.7).store],
];

/** When the calls of several throttles on one store went, those of each and all together. */
async function departures(
  clock: ManualClock,
  throttles: ReturnType<typeof createThrottle>[],
  calls: number,
  ms: number,
) {
  const each = throttles.map((throttle) => Array.from({ length: calls }, () => outcomeOf(throttle.wait(), clock)));
  await clock.advance(ms);
  const went = each.map((some) => some.flatMap(({ state, at }) => (state === 'fulfilled' ? [at as number] : [])));
  return { went, all: went.flat().sort((a, b) => a - b) };
}

test('calls go on after the limits have changed, though every timer comes late', async () => {
  const clock = new LateClock(0.5);
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 1000 }, clock });
  await throttle.wait();
  await throttle.setLimits('default', { rate: 10, interval: 1000 });
  const calls = Array.from({ length: 20 }, () => outcomeOf(throttle.wait('default', {}), clock));
  await clock.advance(0);
  await clock.advance(3_000);
  expect(calls.filter(({ state }) => state === 'fulfilled')).toHaveLength(20);
});

describe.each(stores)('timers that come late by up to half the margin, on %s', (_, makeStore) => {
  test.each([0, 0.5, 1, 4])('cost no quota: %s ms', async (late) => {
    const clock = new LateClock(late);
    // The margin of 10 makes 10.1 ms of an emission interval of 10.
    const limits = { kind: 'quota', rate: 100, interval: 1000 } as const;
    const throttle = createThrottle({ limits, margin: 10, clock, store: makeStore(clock) });
    const { all } = await departures(clock, [throttle], 100, 2_000);
    expect(all).toHaveLength(100);
    expect((all.at(-1) as number) - (all[0] as number)).toBeLessThanOrEqual(99 * 10.11 + late + 2);
  });

  test.each([0.5, 4])('cost no quota where slots come faster than timers: %s ms', async (late) => {
    const clock = new LateClock(late);
    const limits = { kind: 'quota', rate: 1000, interval: 1000 } as const;
    const throttle = createThrottle({ limits, margin: 10, clock, store: makeStore(clock) });
    const { all } = await departures(clock, [throttle], 500, 2_000);
    expect((all.at(-1) as number) - (all[0] as number)).toBeLessThanOrEqual(499 * 1.02 + 2 * late + 10);
  });
});

describe('a margin of 0, with timers that come 1 ms late', () => {
  test.each([1, 2, 4])('keeps calls apart, uses 90 percent and starves none of %i sharers', async (sharers) => {
    const clock = new LateClock(1);
    const store = map();
    const limits = { rate: 100, interval: 1000 };
    const throttles = Array.from({ length: sharers }, () => createThrottle({ limits, margin: 0, clock, store }));
    const { went, all } = await departures(clock, throttles, 400 / sharers, 2_000);
    const gaps = all.slice(1).map((at, index) => at - (all[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(10 - 1e-6);
    expect(all.length).toBeGreaterThanOrEqual(0.9 * 200);
    for (const own of went) expect(own.length).toBeGreaterThan((0.7 * all.length) / sharers);
  });

  test('keeps calls apart after a pause too', async () => {
    const clock = new LateClock(1);
    const store = map();
    const limits = slidingWindow({ limit: 1, interval: 1000 });
    const throttles = [1, 2].map(() => createThrottle({ limits, margin: 0, clock, store }));
    const went = departures(clock, throttles, 4, 500);
    await throttles[0]?.pause('default', clock.now() + 1_700.3);
    await went;
    const { all } = await departures(clock, throttles, 4, 30_000);
    const gaps = all.slice(1).map((at, index) => at - (all[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000 - 1e-6);
  });

  test('counts as 0 in a limit of its own, whatever the throttle keeps', async () => {
    const clock = new LateClock(24);
    const store = map();
    const limits = slidingWindow({ limit: 1, interval: 1000, margin: 0 });
    const throttles = [1, 2].map(() => createThrottle({ limits, margin: 50, clock, store }));
    const { all } = await departures(clock, throttles, 5, 15_000);
    expect(all).toHaveLength(10);
    const gaps = all.slice(1).map((at, index) => at - (all[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000 - 1e-6);
  });
});

test('a call that waited for a place, not for its slot, counts from when it goes', async () => {
  const clock = new ManualClock();
  const throttle = createThrottle({
    limits: slidingWindow({ limit: 1, interval: 1000 }),
    margin: 40,
    concurrency: 1,
    clock,
  });
  const took: number[] = [];
  for (const ms of [3_000, 0, 0])
    void throttle.run(() => {
      took.push(clock.monotonic());
      return new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    });
  await clock.advance(10_000);
  expect(took).toEqual([0, 3_000, 4_040]);
});

describe("a margin of 'auto'", () => {
  const limits = slidingWindow({ limit: 100, interval: 1000 });

  test('is 0 for allow and reserve, and 20 ms from the first wait or run on', async () => {
    for (const use of ['wait', 'run'] as const) {
      const throttle = createThrottle({ limits, clock: new ManualClock() });
      await throttle.allow();
      await (await throttle.reserve()).cancel();
      expect((await throttle.status()).margin).toBe(0);
      await (use === 'wait' ? throttle.wait() : throttle.run(() => {}));
      expect((await throttle.status()).margin).toBe(20);
      throttleFetch(throttle, { fetch: async () => new Response() });
      expect((await throttle.status()).margin).toBe(50);
    }
  });

  test.each([
    [{ rate: 1, interval: 100 }, 110],
    [{ rate: 1, interval: 1000 }, 1020],
    [{ kind: 'quota', rate: 1, interval: 100 } as const, 120],
  ])('stretches %o to %i ms at most', async (limit, apart) => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: limit, clock });
    const { all } = await departures(clock, [throttle], 4, 10_000);
    expect((all[3] as number) - (all[0] as number)).toBeCloseTo(3 * apart, 1);
  });
});
