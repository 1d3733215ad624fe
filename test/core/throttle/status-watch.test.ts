import { type Clock, createThrottle, memoryStore, type Status, subscribe, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
/** The shortest time between two looks. */
const rest = 17;

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options });
  const looks: number[] = [];
  const read = throttle.status.bind(throttle);
  throttle.status = (key) => {
    looks.push(clock.monotonic());
    return read(key);
  };
  const follow = (key?: string) => {
    const heard: Status[] = [];
    const stop = subscribe(throttle, key, (status) => heard.push(status));
    return { heard, stop };
  };
  /** An event that changes nothing. */
  const stir = (key?: string) => throttle.allow(key, { cost: 0 });
  return { clock, throttle, looks, follow, stir };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a watch looks', () => {
  test.each([
    { after: 0, at: rest },
    { after: rest - 0.5, at: rest },
    { after: rest, at: rest },
    { after: rest + 0.5, at: rest + 0.5 },
  ])('once, at $at ms, for an event $after ms after the last look', async ({ after, at }) => {
    const { clock, looks, follow, stir } = setup();
    follow();
    await clock.advance(after);
    await stir();
    await clock.advance(T);
    expect(looks).toEqual([0, at]);
    expect(clock.timers).toBe(0);
  });

  test.each([
    { pause: 5, times: [0, rest] },
    { pause: 300, times: [0, 301] },
    { pause: 2_500, times: [0, 1_000, 2_000, 2_501] },
  ])('once a second during a pause, and just after its end: $pause', async ({ pause, times }) => {
    const { clock, throttle, looks, follow } = setup();
    void throttle.pause('default', clock.now() + pause);
    const { heard } = follow();
    await clock.advance(10_000);
    expect(looks).toEqual(times);
    expect(heard.map(({ pausedUntil }) => pausedUntil !== undefined)).toEqual([true, false]);
  });

  test('once a second while one call waits', async () => {
    const { clock, throttle, looks, follow } = setup({ limits: { rate: 1, interval: 3_500 } });
    for (let call = 0; call < 2; call++) void throttle.wait();
    follow();
    await clock.advance(10_000);
    expect(looks).toEqual([0, 1_000, 2_000, 3_000, 3_500]);
  });

  /** On a store that needs 30 ms to tell what it saw at first. */
  function setupSlow() {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, (operation) =>
      operation === 'peek' ? { delay: 30, decidesAfter: 0 } : 0,
    );
    return setup({ store, limits: { rate: 1, interval: 60_000, burst: 9 } }, clock);
  }

  test('once at a time, and once more for what happened meanwhile', async () => {
    const { clock, throttle, looks, follow } = setupSlow();
    const { heard } = follow();
    await clock.advance(10);
    await throttle.allow();
    await clock.advance(10);
    await throttle.allow();
    await clock.advance(200);
    expect(looks).toHaveLength(2);
    expect(heard.map(({ limits }) => limits[0]?.remaining)).toEqual([9, 7]);
  });

  test('once for an event just when it may look again', async () => {
    const { clock, looks, follow, stir } = setupSlow();
    follow();
    await clock.advance(30 + rest);
    await stir();
    await clock.advance(200);
    expect(looks).toEqual([0, 30 + rest]);
  });

  test('no more once it has stopped while it looked', async () => {
    const { clock, throttle, looks, follow } = setupSlow();
    await throttle.pause('default', Number.MAX_SAFE_INTEGER);
    const { heard, stop } = follow();
    await clock.advance(10);
    stop();
    await clock.advance(50);
    expect(clock.timers).toBe(0);
    await clock.advance(10_000);
    expect([looks.length, heard]).toEqual([1, []]);
  });

  test('only once at a throttle that is closed, and tells nothing', async () => {
    const { clock, throttle, looks, follow } = setup();
    await throttle.close();
    const { heard } = follow();
    await clock.advance(10_000);
    expect([looks, heard, clock.timers]).toEqual([[0], [], 0]);
  });
});

describe('a watch tells of', () => {
  test('another end of a pause, if it differs by five milliseconds', async () => {
    const { clock, throttle, follow } = setup();
    const start = clock.now();
    const { heard } = follow();
    for (const ms of [5_000, 5_004, 5_005, 5_009]) {
      await throttle.pause('default', start + ms);
      await clock.advance(50);
    }
    expect(heard.map(({ pausedUntil = 0 }) => pausedUntil - start)).toEqual([5_000, 5_005]);
  });

  test('other limits, though the calls left are the same', async () => {
    const limit = { rate: 1, interval: T, burst: 5 };
    const { clock, throttle, follow, stir } = setup({ limits: limit });
    const { heard } = follow();
    await clock.advance(50);
    for (const limits of [limit, { ...limit, name: 'calls' }, [{ ...limit, name: 'calls' }, limit]]) {
      await throttle.configure({ limits });
      await stir();
      await clock.advance(50);
    }
    expect(heard.map(({ limits }) => limits.map(({ name }) => name))).toEqual([
      [undefined],
      ['calls'],
      ['calls', undefined],
    ]);
  });

  test('another instant at which the server has more', async () => {
    const { clock, throttle, follow, stir } = setup({ limits: { rate: 1, interval: T, burst: 9 } });
    const start = clock.now();
    const { heard } = follow();
    await throttle.sync('default', { remaining: 3, resetAt: start + 20_000 });
    await stir();
    await clock.advance(50);
    await throttle.reset('default');
    await throttle.sync('default', { remaining: 3, resetAt: start + 40_000 });
    await stir();
    await clock.advance(50);
    expect(heard.map(({ pool }) => (pool?.resetAt ?? start) - start)).toEqual([20_000, 40_000]);
  });

  test('nothing when a limit that was nearly unused becomes unused', async () => {
    const { clock, throttle, follow, stir } = setup({ limits: { rate: 1, interval: T, burst: 1.5 } });
    await throttle.allow('default', { cost: 0.05 });
    const { heard } = follow();
    await clock.advance(50);
    await stir();
    await clock.advance(50);
    expect(heard.map(({ limits }) => limits)).toEqual([[{ remaining: 1, resetAfter: 5 }]]);
  });
});

describe('the watches of several keys', () => {
  test('stop and start one by one', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { clock, throttle, follow } = setup();
    const [amy, george, anna] = [follow('amy'), follow('george'), follow('anna')];
    await clock.advance(50);
    amy.stop();
    anna.stop();
    for (const key of ['amy', 'george', 'nobody']) await throttle.allow(key);
    await clock.advance(50);
    expect([amy, george].map(({ heard }) => heard.length)).toEqual([1, 2]);
    george.stop();
    const again = follow('george');
    await clock.advance(50);
    await throttle.wait('george');
    await clock.advance(50);
    expect(again.heard).toHaveLength(2);
    expect(reported).not.toHaveBeenCalled();
  });

  test('may stop before their first look', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { clock, follow } = setup();
    const amy = follow('amy');
    const george = follow('george');
    george.stop();
    await clock.advance(50);
    expect([amy.heard.length, george.heard.length]).toEqual([1, 0]);
    expect(reported).not.toHaveBeenCalled();
  });
});

describe('the timer of a watch', () => {
  test.each([
    ['a platform that can let a process end', true],
    ['one whose timers have no handle', false],
  ])('keeps no process open for a look later than the next frame, on %s', async (_, hasHandles) => {
    const manual = new ManualClock();
    const unref = vi.fn();
    const set: number[] = [];
    const clock: Clock = {
      now: () => manual.now(),
      monotonic: () => manual.monotonic(),
      setTimeout: (callback, ms) => {
        set.push(ms);
        const handle = manual.setTimeout(callback, ms);
        return hasHandles ? { handle, unref: () => unref(ms) } : undefined;
      },
      clearTimeout: (timer) => manual.clearTimeout((timer as { handle?: unknown } | undefined)?.handle),
    };
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock });
    subscribe(throttle, undefined, () => {});
    await manual.advance(0);
    await throttle.pause('default', clock.now() + 60_000);
    await manual.advance(rest);
    expect(set).toEqual([rest, 1_000]);
    expect(unref.mock.calls).toEqual(hasHandles ? [[1_000]] : []);
  });
});
