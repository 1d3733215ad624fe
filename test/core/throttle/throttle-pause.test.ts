import { createThrottle, memoryStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { instants, outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** A throttle whose calls and pauses are counted from its start, in ms. */
function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const start = clock.now();
  const events: string[] = [];
  throttle.on('paused', ({ key, until }) => events.push(`${key} paused until ${until - start}`));
  throttle.on('resumed', ({ key }) => events.push(`${key} resumed at ${clock.monotonic()}`));
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  const pause = (until: number, key = 'default') => throttle.pause(key, start + until);
  const pausedUntil = async () => {
    const { pausedUntil } = await throttle.status();
    return pausedUntil === undefined ? undefined : pausedUntil - start;
  };
  return { clock, throttle, events, wait, pause, pausedUntil };
}

describe('a pause', () => {
  test('holds all calls until its end', async () => {
    const { clock, throttle, wait, pause } = setup({ limits: { ...limits, burst: 5 } });
    await pause(5 * T);
    const calls = [
      wait(),
      wait({}),
      wait({ priority: 1 }),
      outcomeOf(
        throttle.run(() => {}),
        clock,
      ),
    ];
    expect(await throttle.allow()).toMatchObject({ allowed: false, wait: 5 * T });
    expect(await throttle.reserve()).toMatchObject({ wait: 5 * T });
    await clock.advance(5 * T - 1);
    expect(calls.map((call) => call.state)).toEqual(calls.map(() => 'pending'));
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([5 * T, 5 * T, 5 * T, 5 * T]);
  });

  test('stops a call that already holds a slot', async () => {
    const { clock, wait, pause } = setup();
    const calls = [wait(), wait(), wait()];
    await clock.advance(T - 1);
    await pause(3.5 * T);
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, 3.5 * T, 4.5 * T]);
  });

  test('that is over already is none', async () => {
    const { clock, events, pause, pausedUntil } = setup();
    await clock.advance(T);
    await pause(T);
    await pause(T / 2);
    expect([events, await pausedUntil()]).toEqual([[], undefined]);
  });

  test('that ends before the slot changes nothing', async () => {
    const { clock, wait, pause } = setup();
    const calls = [wait(), wait(), wait()];
    await pause(T / 2);
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, T, 2 * T]);
  });

  test('stops calls that the store granted before it knew', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => ({ delay: 20 }));
    const { wait, pause, events } = setup({ limits: { ...limits, burst: 3 }, store }, clock);
    const calls = [wait(), wait(), wait(), wait()];
    await clock.advance(10);
    void pause(500);
    await clock.advance(2000);
    // What was granted has been given back: after the pause a burst goes, as soon as the store has said so.
    expect(instants(calls)).toEqual([520, 520, 520, 600]);
    expect(events).toEqual(['default paused until 500', 'default resumed at 520']);
  });

  test.each([
    { pauses: [300, 500], until: 500 },
    { pauses: [500, 300], until: 500 },
    { pauses: [500, -100, 0], until: 500 },
    { pauses: [300, 300], until: 300 },
    { pauses: [-1], until: 0 },
    { pauses: [Number.MAX_VALUE], until: 65 * 60_000 },
  ])('until $pauses lasts until $until', async ({ pauses, until }) => {
    const { clock, wait, pause, pausedUntil } = setup();
    for (const one of pauses) await pause(one);
    expect(await pausedUntil()).toBe(until === 0 ? undefined : until);
    const call = wait();
    await clock.advance(0);
    await clock.advance(2 * 65 * 60_000);
    expect(call.at).toBe(until);
  });

  test.each([
    { maxPause: 1000, until: 5000, lasts: 1000 },
    { maxPause: 1000, until: 900, lasts: 900 },
    { maxPause: 0, until: 900, lasts: undefined },
    { maxPause: Infinity, until: 1e12, lasts: 1e12 },
  ])('of at most $maxPause ms until $until lasts until $lasts', async ({ maxPause, until, lasts }) => {
    const { pause, pausedUntil } = setup({ maxPause });
    await pause(until);
    expect(await pausedUntil()).toBe(lasts);
  });

  test('is lengthened from where it is, not shortened by the wall clock', async () => {
    const { clock, wait, pause } = setup();
    await pause(10 * T);
    clock.jump(3_600_000);
    const call = wait();
    await pause(5 * T);
    await clock.advance(20 * T);
    expect(call.at).toBe(10 * T);
  });

  test('stops one key only', async () => {
    const { throttle, pause } = setup();
    await pause(5 * T, 'other');
    expect((await throttle.allow()).allowed).toBe(true);
    expect((await throttle.allow('other')).allowed).toBe(false);
  });

  test('lets one line go on where calls wait for its end, in order', async () => {
    const { clock, wait, pause } = setup();
    await pause(2 * T);
    const calls = [wait(), wait({ priority: 1 }), wait()];
    await clock.advance(20 * T);
    expect(instants(calls)).toEqual([3 * T, 2 * T, 4 * T]);
  });

  test('is reported when it begins, when it is lengthened and when the first call goes', async () => {
    const { clock, throttle, wait, pause, events } = setup();
    wait();
    wait();
    await pause(3 * T);
    await pause(2 * T);
    await pause(5 * T);
    await clock.advance(5 * T - 1);
    expect(events.splice(0)).toEqual([`default paused until ${3 * T}`, `default paused until ${5 * T}`]);
    await clock.advance(10 * T);
    expect(events.splice(0)).toEqual([`default resumed at ${5 * T}`]);
    await pause(20 * T, 'a');
    await clock.advance(20 * T);
    await throttle.wait('a');
    expect(events).toEqual([`a paused until ${20 * T}`, `a resumed at ${35 * T - 1}`]);
  });

  test('is over when allow lets a call go', async () => {
    const { clock, throttle, pause, events } = setup();
    await pause(T);
    await clock.advance(2 * T);
    await throttle.allow();
    expect(events).toEqual([`default paused until ${T}`, `default resumed at ${2 * T}`]);
  });

  test('needs one timer, or none if no call waits', async () => {
    const { clock, wait, pause } = setup();
    await pause(5 * T);
    expect(clock.timers).toBe(0);
    wait();
    wait();
    expect(clock.timers).toBe(1);
    await clock.advance(20 * T);
    expect(clock.timers).toBe(0);
  });

  test('tells allow the wait of a call of that cost', async () => {
    const { throttle, pause } = setup({ limits: { ...limits, burst: 5 } });
    await throttle.allow('default', { cost: 5 });
    await pause(2 * T);
    expect(await throttle.allow('default', { cost: 4 })).toMatchObject({ allowed: false, wait: 4 * T });
    await expect(throttle.allow('default', { cost: 6 })).rejects.toMatchObject({ name: 'CostExceedsBurstError' });
  });
});

describe('reset', () => {
  test('forgets what was used', async () => {
    const { throttle } = setup({ limits: { ...limits, burst: 3 } });
    for (let call = 0; call < 3; call++) await throttle.wait();
    expect((await throttle.allow()).allowed).toBe(false);
    await throttle.reset('default');
    expect((await throttle.status()).limits).toEqual([{ remaining: 3, resetAfter: 0 }]);
  });

  test('lets waiting calls go at once', async () => {
    const { clock, throttle, wait } = setup({ limits: { ...limits, burst: 2 } });
    const calls = [wait(), wait(), wait(), wait(), wait()];
    await clock.advance(T / 2);
    await throttle.reset('default');
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, 0, T / 2, T / 2, 1.5 * T]);
  });

  test('ends a pause, and says so', async () => {
    const { clock, throttle, wait, pause, events, pausedUntil } = setup();
    await pause(50 * T);
    const call = wait();
    await clock.advance(T / 2);
    await throttle.reset('default');
    await clock.advance(0);
    expect([call.at, await pausedUntil(), clock.timers]).toEqual([T / 2, undefined, 0]);
    expect(events).toEqual([`default paused until ${50 * T}`, `default resumed at ${T / 2}`]);
  });

  test('of an unknown key does nothing', async () => {
    const { throttle, events } = setup();
    await throttle.reset('never seen');
    expect(events).toEqual([]);
  });

  test('leaves other keys alone', async () => {
    const { throttle } = setup();
    await throttle.allow('a');
    await throttle.allow('b');
    await throttle.reset('a');
    expect([(await throttle.allow('a')).allowed, (await throttle.allow('b')).allowed]).toEqual([true, false]);
  });

  test('leaves the places of running tasks taken', async () => {
    const { clock, throttle } = setup({ concurrency: 1 });
    const task = throttle.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, T)));
    await clock.advance(0);
    await throttle.reset('default');
    const next = outcomeOf(
      throttle.run(() => {}),
      clock,
    );
    await clock.advance(5 * T);
    await task;
    expect(next.at).toBe(T);
  });
});

test('after a pause by another sharer, one call goes first and the others after its end', async () => {
  const clock = new ManualClock();
  const store = memoryStore({ clock });
  const made = () =>
    createThrottle({
      margin: 0,
      limits: { ...limits, burst: 9 },
      clock,
      store: slowStore(store, clock, () => 1).store,
    });
  const [here, there] = [made(), made()];
  void there.pause('default', clock.now() + 5 * T);
  await clock.advance(1);
  const began: number[] = [];
  for (let call = 0; call < 3; call++)
    void here.run(() => {
      began.push(clock.monotonic());
      return new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
    });
  await clock.advance(20 * T);
  const [first = 0, ...others] = began;
  expect(first).toBeGreaterThanOrEqual(5 * T);
  expect(others).toHaveLength(2);
  for (const at of others) expect(at - first).toBeGreaterThanOrEqual(50);
});
