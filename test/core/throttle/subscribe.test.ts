import {
  createThrottle,
  memoryStore,
  type Status,
  subscribe,
  type Throttle,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { latestStatus } from '../../../src/core/throttle/status-watch.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options });
  const looks = vi.spyOn(throttle, 'status');
  return { clock, throttle, looks };
}

/** Collects what a listener hears. */
function follow(throttle: Throttle, key?: string) {
  const heard: Status[] = [];
  const stop = subscribe(throttle, key, (status) => heard.push(status));
  return { heard, stop, last: () => heard.at(-1) };
}

const ignore = (call: Promise<unknown>) => void call.catch(() => {});

describe('subscribe', () => {
  test('reports the state of the key, soon', async () => {
    const { clock, throttle } = setup();
    const { heard } = follow(throttle);
    expect(heard).toEqual([]);
    await clock.advance(0);
    expect(heard).toEqual([await throttle.status()]);
  });

  test('tells of calls that wait, go and leave', async () => {
    const { clock, throttle } = setup();
    const { heard, last } = follow(throttle);
    const controller = new AbortController();
    for (let call = 0; call < 3; call++) ignore(throttle.wait('default', { signal: controller.signal }));
    await clock.advance(0);
    expect(last()).toMatchObject({ waiting: 2, nextAt: clock.now() + T, eta: clock.now() + 2 * T });
    await clock.advance(T);
    expect(last()).toMatchObject({ waiting: 1 });
    controller.abort();
    await clock.advance(20);
    expect(last()).toMatchObject({ waiting: 0, eta: undefined });
    expect(heard.map(({ waiting }) => waiting)).toEqual([2, 1, 0]);
  });

  test('tells of a pause and of its end, with nobody waiting', async () => {
    const { clock, throttle } = setup();
    const { heard } = follow(throttle);
    await throttle.pause('default', clock.now() + 10 * T);
    await clock.advance(20 * T);
    expect(heard.map(({ pausedUntil }) => pausedUntil !== undefined)).toEqual([true, false]);
    expect(clock.timers).toBe(0);
  });

  test('tells of what the server says', async () => {
    const { clock, throttle } = setup({ limits: { rate: 100, interval: 1_000, burst: 100 } });
    const { last } = follow(throttle);
    await clock.advance(0);
    const answer = new Response('', { headers: { 'ratelimit-remaining': '5', 'ratelimit-reset': '60' } });
    const slowly = () => new Promise<Response>((resolve) => clock.setTimeout(() => resolve(answer), 100));
    const call = throttleFetch(throttle, { key: 'default', fetch: slowly })('https://api.example.com/');
    await clock.advance(150);
    await call;
    expect(last()?.pool?.remaining).toBe(5);
  });

  test('reports each key separately', async () => {
    const { clock, throttle, looks } = setup();
    const amy = follow(throttle, 'amy');
    const george = follow(throttle, 'george');
    await clock.advance(0);
    for (let call = 0; call < 3; call++) ignore(throttle.wait('amy'));
    await clock.advance(T);
    expect(amy.last()).toMatchObject({ waiting: 1 });
    expect(george.heard).toHaveLength(1);
    expect(looks.mock.calls.filter(([key]) => key === 'george')).toHaveLength(1);
  });

  test('looks at most 60 times a second while a thousand calls wait', async () => {
    const { clock, throttle, looks } = setup({ limits: { rate: 1, interval: 1 } });
    const { heard } = follow(throttle);
    for (let call = 0; call < 1_001; call++) ignore(throttle.wait());
    for (let ms = 0; ms < 1_000; ms++) await clock.advance(1);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(60);
    expect(heard.length).toBeGreaterThan(50);
    await clock.advance(100);
    expect(heard.at(-1)).toMatchObject({ waiting: 0 });
  });

  test('reports nothing while nothing changes, even as time passes', async () => {
    const { clock, throttle, looks } = setup({ limits: { rate: 1, interval: 3_600_000, burst: 5 } });
    const { heard } = follow(throttle);
    for (let call = 0; call < 1_000; call++) ignore(throttle.wait());
    await clock.advance(50);
    heard.length = 0;
    for (let second = 0; second < 60; second++) await clock.advance(1_000);
    expect(heard).toEqual([]);
    // Once a second, since others may use the quota too.
    expect(looks.mock.calls.length).toBeLessThan(65);
  });

  test('has no timer and does not read while no call waits', async () => {
    const { clock, throttle, looks } = setup();
    const { heard } = follow(throttle);
    await throttle.wait();
    await clock.advance(100);
    const before = [looks.mock.calls.length, heard.length];
    await clock.advance(100_000);
    expect([looks.mock.calls.length, heard.length]).toEqual(before);
    expect(clock.timers).toBe(0);
  });

  test('reports what others take from a shared store while a call waits', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 1);
    const limits = { rate: 1, interval: 10_000 };
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const { last } = follow(throttle);
    for (let call = 0; call < 3; call++) ignore(throttle.wait());
    await clock.advance(100);
    const before = last()?.eta as number;
    const other = createThrottle({ margin: 0, limits, clock, store });
    ignore(other.reserve());
    await clock.advance(1_500);
    expect(last()?.eta).toBeGreaterThanOrEqual(before + 10_000);
  });

  test('gives all subscribers the same object, later ones too', async () => {
    const { clock, throttle, looks } = setup();
    const first = follow(throttle);
    await clock.advance(0);
    const second = follow(throttle);
    await clock.advance(0);
    expect(second.heard).toEqual(first.heard);
    expect(second.heard[0]).toBe(first.heard[0]);
    expect(looks).toHaveBeenCalledTimes(1);
  });

  test('gives a status once to one who subscribes while it is given to others', async () => {
    const { clock, throttle } = setup();
    let second: ReturnType<typeof follow> | undefined;
    subscribe(throttle, undefined, () => {
      second ??= follow(throttle);
    });
    await clock.advance(0);
    expect(second?.heard).toHaveLength(1);
  });

  test('stops, once for each listener', async () => {
    const { clock, throttle } = setup();
    const listener = vi.fn();
    const stops = [subscribe(throttle, undefined, listener), subscribe(throttle, undefined, listener)];
    await clock.advance(0);
    expect(listener).toHaveBeenCalledTimes(2);
    stops[0]?.();
    stops[0]?.();
    await throttle.wait();
    ignore(throttle.wait());
    await clock.advance(20);
    const calls = listener.mock.calls.length;
    expect(calls).toBeGreaterThan(2);
    stops[1]?.();
    ignore(throttle.wait());
    await clock.advance(1_000);
    expect(listener).toHaveBeenCalledTimes(calls);
    expect(latestStatus(throttle, 'default')).toBeUndefined();
    expect(linkedOf(throttle).lanes.events.wants('queued')).toBe(false);
  });

  test('can be stopped before its first report', async () => {
    const { clock, throttle, looks } = setup();
    const { heard, stop } = follow(throttle);
    stop();
    await clock.advance(0);
    expect([heard, looks.mock.calls]).toEqual([[], []]);
  });

  test('can be stopped before its next report', async () => {
    const { clock, throttle } = setup();
    follow(throttle);
    await clock.advance(0);
    const { heard, stop } = follow(throttle);
    stop();
    await clock.advance(0);
    expect(heard).toEqual([]);
  });

  test('reports nothing after an event that changed nothing', async () => {
    const { clock, throttle, looks } = setup();
    const { heard } = follow(throttle);
    await clock.advance(1_000);
    await expect(throttle.wait('default', { cost: 5 })).rejects.toThrow();
    await clock.advance(1_000);
    expect([looks.mock.calls.length, heard.length]).toEqual([2, 1]);
  });

  test('tells of what is used of a call', async () => {
    const { clock, throttle } = setup({ limits: { rate: 1, interval: T, burst: 10 } });
    const { heard } = follow(throttle);
    await clock.advance(40);
    for (const _ of [1, 2]) {
      await throttle.allow('default', { cost: 0.5 });
      await clock.advance(40);
    }
    expect(heard.map(({ limits }) => limits[0])).toEqual([
      { remaining: 10, resetAfter: 0 },
      { remaining: 9, resetAfter: T / 2 },
      { remaining: 9, resetAfter: T - 40 },
    ]);
  });

  test('sees what happens while it looks', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, (operation) => (operation === 'peek' ? 30 : 0));
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 60_000 }, clock, store });
    const { last } = follow(throttle);
    await throttle.pause('default', clock.now() + 60_000);
    await clock.advance(31);
    const { waiting } = last() as Status;
    ignore(throttle.wait());
    await clock.advance(10);
    ignore(throttle.wait());
    await clock.advance(100);
    expect([waiting, last()?.waiting]).toEqual([0, 2]);
  });

  test('distinguishes a failing store from a closed throttle', async () => {
    const { clock, throttle, looks } = setup({ limits: { rate: 1, interval: 60_000 } });
    const { heard, last } = follow(throttle);
    for (let call = 0; call < 3; call++) ignore(throttle.wait());
    await clock.advance(0);
    looks.mockRejectedValue(new Error('away'));
    await clock.advance(5_000);
    expect(heard).toHaveLength(1);
    looks.mockRestore();
    ignore(throttle.wait());
    await clock.advance(20);
    expect(last()).toMatchObject({ waiting: 3 });
  });

  test('removes its timer and its listeners when it stops', async () => {
    const { clock, throttle, looks } = setup();
    const { stop } = follow(throttle);
    await throttle.wait();
    ignore(throttle.wait());
    await clock.advance(1);
    expect(clock.timers).toBe(2);
    stop();
    // That of the line.
    expect(clock.timers).toBe(1);
    looks.mockClear();
    await clock.advance(10 * T);
    expect(looks).not.toHaveBeenCalled();
  });

  test('goes on after a listener that throws, and reports it', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { clock, throttle } = setup();
    subscribe(throttle, undefined, () => {
      throw new Error('mine');
    });
    const { heard } = follow(throttle);
    await clock.advance(0);
    expect(heard).toHaveLength(1);
    expect(reported).toHaveBeenCalledTimes(1);
    reported.mockRestore();
  });

  test('reads again while the store fails, and reports nothing in the meantime', async () => {
    const clock = new ManualClock();
    let isAway = true;
    const store = faultyStore(memoryStore({ clock }), () => (isAway ? { error: new Error('away') } : undefined));
    const throttle = createThrottle({ limits: { rate: 1, interval: 60_000 }, clock, store, onStoreError: 'reject' });
    const { heard } = follow(throttle);
    await clock.advance(2_500);
    expect(heard).toEqual([]);
    isAway = false;
    await clock.advance(10_000);
    expect(heard).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  test('reports that no call waits once the throttle is closed, and stops reading', async () => {
    const { clock, throttle, looks } = setup();
    const { last } = follow(throttle);
    for (let call = 0; call < 3; call++) ignore(throttle.wait());
    await clock.advance(0);
    await throttle.close();
    await clock.advance(100);
    expect(last()).toMatchObject({ waiting: 0, eta: undefined });
    looks.mockClear();
    await clock.advance(100_000);
    expect([looks.mock.calls.length, clock.timers]).toEqual([0, 0]);
  });

  test.each([
    ['a throttle that is none', () => subscribe({} as never, undefined, () => {})],
    ['a key that is no string', () => subscribe(setup().throttle, 5 as never, () => {})],
    ['a listener that is no function', () => subscribe(setup().throttle, 'key', undefined as never)],
  ])('refuses %s at once', (_, make) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(/^Expected `(throttle|key|listener)`/);
  });
});
