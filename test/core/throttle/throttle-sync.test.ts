import { createThrottle, keyValueStore, memoryStore, sharedStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const limits = { rate: 1, interval: 1000, burst: 10 };

/** A storage that keeps what JSON keeps. */
function jsonStore() {
  const values = new Map<string, string>();
  return keyValueStore({
    name: 'json',
    update: async (key, change) => {
      const value = change(JSON.parse(values.get(key) ?? 'null') ?? undefined);
      values.set(key, JSON.stringify(value ?? null));
    },
  });
}

describe.each([
  ['the memory store', () => memoryStore()],
  ['a store that answers by promises', jsonStore],
])('sync on %s', (_, makeStore) => {
  function setUp(options: Partial<ThrottleOptions> = {}) {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits, clock, store: makeStore(), ...options });
    const remaining = async () => (await throttle.status('key')).pool?.remaining;
    return { clock, throttle, remaining };
  }

  test('grants at most what is left until there is more', async () => {
    const { clock, throttle } = setUp();
    await throttle.sync('key', { remaining: 2, resetAt: clock.now() + 5000 });
    expect((await throttle.status('key')).pool).toEqual({ remaining: 2, resetAt: clock.now() + 5000 });
    let gone = 0;
    for (let call = 0; call < 5; call++) void throttle.wait('key').then(() => gone++);
    await clock.advance(4999);
    expect(gone).toBe(2);
    await clock.advance(1);
    expect(gone).toBe(5);
    expect((await throttle.status('key')).pool).toBeUndefined();
  });

  test('holds for as long as the server said, whenever that was', async () => {
    const { clock, throttle } = setUp();
    await clock.advance(60_000);
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() + 5000 });
    expect(await throttle.allow('key')).toMatchObject({ allowed: false, wait: 5000 });
  });

  test('subtracts calls in flight', async () => {
    const { clock, throttle, remaining } = setUp();
    for (let call = 0; call < 3; call++) void throttle.run(() => new Promise(() => {}), { key: 'key' });
    await clock.advance(0);
    await throttle.sync('key', { remaining: 5, resetAt: clock.now() + 5000 });
    expect(await remaining()).toBe(2);
  });

  test('keeps the lower statement', async () => {
    const { clock, throttle, remaining } = setUp();
    await throttle.sync('key', { remaining: 2, resetAt: clock.now() + 5000 });
    await throttle.sync('key', { remaining: 9, resetAt: clock.now() + 5000 });
    expect(await remaining()).toBe(2);
  });

  test('keeps several statements about different instants', async () => {
    const { clock, throttle, remaining } = setUp({ limits: { rate: 1000, interval: 1000, burst: 100 } });
    const begin = clock.monotonic();
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() + 1000 });
    await throttle.sync('key', { remaining: 2, resetAt: clock.now() + 60_000 });
    expect(await remaining()).toBe(0);
    const at: number[] = [];
    for (let call = 0; call < 50; call++) void throttle.wait('key').then(() => at.push(clock.monotonic() - begin));
    await clock.advance(30_000);
    expect(at).toEqual([1000, 1000]);
    expect(await remaining()).toBe(0);
    await clock.advance(30_000);
    expect(at).toHaveLength(50);
    expect(at[2]).toBe(60_000);
    expect(await remaining()).toBeUndefined();
  });

  test('keeps them whatever their order', async () => {
    const { clock, throttle } = setUp();
    await throttle.sync('key', { remaining: 2, resetAt: clock.now() + 60_000 });
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() + 1000 });
    const waits = [];
    for (let call = 0; call < 3; call++) waits.push((await throttle.reserve('key')).wait);
    expect(waits).toEqual([1000, 1000, 60_000]);
  });

  test('takes calls from all of them', async () => {
    const { clock, throttle, remaining } = setUp();
    await throttle.sync('key', { remaining: 3, resetAt: clock.now() + 1000 });
    await throttle.sync('key', { remaining: 4, resetAt: clock.now() + 60_000 });
    for (let call = 0; call < 2; call++) await throttle.allow('key');
    expect(await remaining()).toBe(1);
    await clock.advance(1000);
    expect(await remaining()).toBe(2);
  });

  test('holds no longer than maxPause, and an instant in the past does nothing', async () => {
    const { clock, throttle, remaining } = setUp({ maxPause: 1000 });
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() });
    expect(await remaining()).toBeUndefined();
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() + 1e9 });
    await clock.advance(999);
    expect((await throttle.allow('key')).allowed).toBe(false);
    await clock.advance(1);
    expect((await throttle.allow('key')).allowed).toBe(true);
  });

  test('keeps its remaining time when the wall clock is set', async () => {
    const { clock, throttle, remaining } = setUp();
    await throttle.sync('key', { remaining: 3, resetAt: clock.now() + 5000 });
    clock.jump(-3_600_000);
    await clock.advance(4000);
    expect(await remaining()).toBe(3);
    await clock.advance(1000);
    expect(await remaining()).toBeUndefined();
  });

  test.each<[unknown, typeof TypeError, string]>([
    [undefined, TypeError, 'Expected `said` to be an object'],
    [{ remaining: -1, resetAt: 1e15 }, RangeError, 'Expected `remaining` to be a number of at least 0, got `-1`.'],
    [{ remaining: '1', resetAt: 1e15 }, TypeError, 'Expected `remaining` to be a number'],
    [{ remaining: 1 }, TypeError, 'Expected `resetAt` to be a finite number'],
    [{ remaining: 1, resetAt: Number.NaN }, RangeError, 'Expected `resetAt` to be a finite number'],
    [{ remaining: 1, resetAt: 1e15, key: 5 }, TypeError, 'Expected `key` to be a string, got `5`.'],
  ])('refuses %j', async (said, type, message) => {
    const { throttle, remaining } = setUp();
    const { key = 'key' } = (said ?? {}) as { key?: string };
    const syncing = throttle.sync(key, said as never);
    await expect(syncing).rejects.toThrow(type);
    await expect(syncing).rejects.toThrow(message);
    expect(await remaining()).toBeUndefined();
  });
});

describe('sync while calls wait for a shared store', () => {
  /** Takes are quick, statements slow. */
  function setUp(burst = 10) {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore(), clock, (operation) => (operation === 'sync' ? 20 : 10));
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst }, clock, store: slow.store });
    const wait = () => outcomeOf(throttle.wait('key'), clock);
    return { clock, throttle, wait, asked: slow.asked, linked: linkedOf(throttle) };
  }

  test('comes before the calls that the store has not been asked for yet', async () => {
    const { clock, throttle, wait } = setUp();
    const first = wait();
    await clock.advance(5);
    const second = wait();
    void throttle.sync('key', { remaining: 0, resetAt: clock.now() + 5_000 });
    await clock.advance(4_999);
    expect([first.at, second.state]).toEqual([10, 'pending']);
    await clock.advance(100);
    // The second stands behind the statement, which is counted from when it was made.
    expect(second.at).toBeGreaterThanOrEqual(5_005);
    expect(second.at).toBeLessThanOrEqual(5_030);
  });

  test('comes first even right after another change', async () => {
    const { clock, throttle, wait } = setUp();
    const first = wait();
    await clock.advance(5);
    const second = wait();
    void throttle.setLimits('key', { ...limits, burst: 9 });
    // The limits change from 10 to 20 ms.
    await clock.advance(10);
    void throttle.sync('key', { remaining: 0, resetAt: clock.now() + 5_000 });
    await clock.advance(500);
    expect([first.at, second.state]).toEqual([10, 'pending']);
  });

  const told = (remaining: number) => ({ limit: 1, remaining, window: 1_000, roundTrip: 5, keptBack: 0 });

  test('of a server costs the line its slot only if it is news', async () => {
    const { clock, wait, asked, linked } = setUp(1);
    const [first, second] = [wait(), wait()];
    await clock.advance(50);
    expect(first.at).toBe(10);
    const takes = asked.take;
    const known = outcomeOf(linked.sync('key', { remaining: 0, ms: 900, isNewest: true, told: told(0) }), clock);
    await clock.advance(50);
    expect(known.value).toBe(0);
    expect([asked.take, asked.giveBack]).toEqual([takes, undefined]);
    const news = outcomeOf(
      linked.sync('key', { remaining: 0, ms: 3_000, isNewest: true, told: { ...told(0), keptBack: 1 } }),
      clock,
    );
    await clock.advance(100);
    // Negative, as only what is kept back for others is missing.
    expect([news.value, asked.giveBack]).toEqual([-1_000, 1]);
    await clock.advance(2_000);
    // It would have gone at 1,010 by the calls that were made.
    expect(second.at).toBeGreaterThan(2_000);
  });

  /** Statements are answered with `news`, the time for which they hold calls back, after 15 ms. */
  function setUpAnswering(news: number) {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore(), clock, () => 10);
    const sync = async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 15));
      return news;
    };
    const store = sharedStore({ ...slow.store, sync });
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 1 }, clock, store });
    const wait = () => outcomeOf(throttle.wait('key'), clock);
    const tell = () =>
      outcomeOf(linkedOf(throttle).sync('key', { remaining: 0, ms: 900, isNewest: true, told: told(0) }), clock);
    return { clock, throttle, wait, tell, asked: slow.asked };
  }

  test.each([
    { news: 0, slots: 0 },
    { news: 0.5, slots: 1 },
    { news: -0.5, slots: 1 },
  ])('of a server that holds calls back for $news ms costs $slots slots', async ({ news, slots }) => {
    const { clock, wait, tell, asked } = setUpAnswering(news);
    wait();
    wait();
    await clock.advance(50);
    tell();
    await clock.advance(100);
    expect(asked.giveBack ?? 0).toBe(slots);
  });

  test('of a server that is news while the bucket is being changed costs no slot that was reserved since', async () => {
    const { clock, throttle, wait, tell, asked } = setUpAnswering(5_000);
    wait();
    const said = tell();
    await clock.advance(5);
    wait();
    void throttle.setLimits('key', { ...limits, burst: 1 });
    await clock.advance(200);
    // The change lasts from 10 to 20 ms, the answer comes at 15.
    expect([said.at !== undefined, asked.override, asked.giveBack]).toEqual([true, 1, undefined]);
  });

  test('about an instant that is over does not reach the store', async () => {
    const { clock, throttle, asked } = setUp();
    await clock.advance(1_000);
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() });
    await throttle.sync('key', { remaining: 0, resetAt: clock.now() - 500 });
    expect(asked.sync).toBeUndefined();
    void throttle.sync('key', { remaining: 0, resetAt: clock.now() + 0.5 });
    await clock.advance(20);
    expect(asked.sync).toBe(1);
  });

  test('of the user costs the line its slot once', async () => {
    const { clock, throttle, wait, asked } = setUp(1);
    wait();
    wait();
    await clock.advance(50);
    void throttle.sync('key', { remaining: 0, resetAt: clock.now() + 5_000 });
    await clock.advance(100);
    expect(asked.giveBack).toBe(1);
  });

  test('tells for how long it holds calls back, also for a store that does not', async () => {
    const clock = new ManualClock();
    const store = sharedStore({ ...slowStore(memoryStore(), clock).store, sync: async () => {} });
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const holding = outcomeOf(linkedOf(throttle).sync('key', { remaining: 0, ms: 700, isNewest: false }), clock);
    await clock.advance(0);
    expect(holding.value).toBe(700);
  });
});
