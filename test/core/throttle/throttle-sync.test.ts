import { createThrottle, keyValueStore, memoryStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

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
  ])('refuses %j', async (said, type, message) => {
    const { throttle, remaining } = setUp();
    const syncing = throttle.sync('key', said as never);
    await expect(syncing).rejects.toThrow(type);
    await expect(syncing).rejects.toThrow(message);
    expect(await remaining()).toBeUndefined();
  });
});
