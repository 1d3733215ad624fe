import fc from 'fast-check';
import { createThrottle, keyValueStore, perSecond, slidingWindow, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/time/clock.ts';
import { instants, outcomeOf } from '../line/outcome.ts';
import { keepsBucket, mostInWindow, oddClock } from './odd-clock.ts';

const T = 100;
const limits = { rate: 1, interval: T };
const hour = 3_600_000;

/** A throttle on a clock whose timers come when `delay` says. */
function setup(options: Partial<ThrottleOptions> = {}, delay = (ms: number) => ms) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock: oddClock(clock, delay), ...options });
  const go = () => outcomeOf(throttle.wait(), clock);
  const goMany = (count: number) => Array.from({ length: count }, go);
  return { clock, throttle, go, goMany };
}

describe('a timer that comes early', () => {
  test.each([
    ['by a fraction of a millisecond', (ms: number) => Math.max(0.05, ms - 0.3)],
    ['cut to whole milliseconds', (ms: number) => Math.max(0.05, Math.floor(ms))],
    ['by half', (ms: number) => (ms > 1 ? ms / 2 : ms)],
    ['at most 7 ms after it was set', (ms: number) => Math.min(ms, 7)],
  ])('%s lets no call go early', async (_, delay) => {
    const { clock, goMany } = setup({ limits: { rate: 3, interval: 100.7 } }, delay);
    const calls = goMany(30);
    await clock.advance(0);
    await clock.advance(30 * T);
    const at = instants(calls) as number[];
    expect(keepsBucket(at, { rate: 3, interval: 100.7 })).toBe(true);
    expect(at.at(-1)).toBeLessThan((29 * 100.7) / 3 + 1);
  });

  test('that comes early by less each time ends', async () => {
    const { clock, go } = setup({}, (ms) => ms * 0.999);
    go();
    const call = go();
    await clock.advance(0);
    await clock.advance(2 * T);
    expect(call.at).toBeCloseTo(T, 6);
    expect(call.at).toBeGreaterThanOrEqual(T);
  });
});

describe('a timer that comes late', () => {
  const lateness = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 20 });
  const plans = fc.record({
    burst: fc.integer({ min: 1, max: 5 }),
    margin: fc.constantFrom(0, 10, 60, 250, 500),
    late: lateness,
  });

  test('never makes calls bunch up: the calls sent stay within the bucket, margin or not', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async ({ burst, margin, late }) => {
        let timer = 0;
        const limit = { ...limits, burst, margin };
        const { clock, goMany } = setup(
          { limits: limit, margin },
          (ms) => ms + (late[timer++ % late.length] as number),
        );
        const calls = goMany(25);
        await clock.advance(0);
        await clock.advance(100_000);
        const at = instants(calls) as number[];
        expect(keepsBucket(at, limit)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('never makes calls bunch up in a window', async () => {
    const windows = fc.record({ margin: fc.constantFrom(0, 20, 200), late: lateness, exact: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(windows, async ({ margin, late, exact }) => {
        let timer = 0;
        const limit = exact ? slidingWindow({ limit: 5, interval: 1000, margin }) : perSecond(5, { burst: 2, margin });
        const { clock, goMany } = setup(
          { limits: limit, margin },
          (ms) => ms + (late[timer++ % late.length] as number),
        );
        const calls = goMany(25);
        await clock.advance(0);
        await clock.advance(100_000);
        expect(mostInWindow(instants(calls) as number[], 1000)).toBeLessThanOrEqual(5);
      }),
      { numRuns: 100 },
    );
  });

  test('costs no slot as long as it is within the margin', async () => {
    const { clock, goMany } = setup({ limits: { ...limits, burst: 3 }, margin: 20 }, (ms) => ms + 15);
    const calls = goMany(20);
    await clock.advance(0);
    await clock.advance(50 * T);
    const at = instants(calls) as number[];
    // Two at once (the margin takes one of three), then one every 100 ms, each 15 ms late.
    expect(at.slice(0, 2)).toEqual([0, 0]);
    expect(at.at(-1)).toBeLessThanOrEqual(18 * T + 20 + 15);
  });

  test('by an hour, as when the machine slept, lets a burst go and the rest in turn', async () => {
    let isAsleep = true;
    const { clock, goMany } = setup({ limits: { ...limits, burst: 3 } }, (ms) => ms + (isAsleep ? hour : 0));
    const calls = goMany(10);
    await clock.advance(0);
    await clock.advance(hour);
    isAsleep = false;
    await clock.advance(2 * T);
    await clock.advance(20 * T);
    const woke = hour + T;
    const after = (instants(calls) as number[]).slice(3).map((at) => (at - woke) / T);
    expect(after).toEqual([0, 0, 0, 1, 2, 3, 4]);
  });

  test('after its maxWait rejects a call that it had a slot for, unless it is only just late', async () => {
    for (const [late, state] of [
      [50, 'fulfilled'],
      [hour, 'rejected'],
    ] as const) {
      const { clock, throttle } = setup({}, (ms) => ms + late);
      await throttle.wait();
      const call = outcomeOf(throttle.wait('default', { maxWait: 120 }), clock);
      await clock.advance(2 * hour);
      expect([late, call.state]).toEqual([late, state]);
    }
  });

  test('lets no call go whose slot would have come after its maxWait, however late both are seen', async () => {
    const { clock, throttle } = setup({ limits: { ...limits, burst: 3 } }, (ms) => ms + 60);
    const [, patient] = [3, 2].map((cost) => outcomeOf(throttle.wait('default', { cost }), clock));
    await clock.advance(0);
    const hasty = outcomeOf(throttle.wait('default', { cost: 3, priority: 1, maxWait: 150 }), clock);
    await clock.advance(10 * T);
    expect(hasty).toMatchObject({ at: 0, error: { name: 'WaitTooLongError', wait: 3 * T, maxWait: 150 } });
    // Its slot comes at 200 ms, the timer for it 60 ms later.
    expect(patient?.at).toBe(260);
  });
});

describe('a long wait', () => {
  test('goes beyond the longest timer of the platforms', async () => {
    const longest = 2 ** 31 - 1;
    const { clock, throttle } = setup({ limits: { rate: 1, interval: 2 ** 33 } }, (ms) => Math.min(ms, longest));
    await throttle.wait();
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(2 ** 33 - 1);
    expect([call.state, clock.timers]).toEqual(['pending', 1]);
    await clock.advance(1);
    expect(call.at).toBe(2 ** 33);
  });

  test('is not cut short by the timers of this platform', async () => {
    let isOver = false;
    const timer = systemClock.setTimeout(
      () => {
        isOver = true;
      },
      2 ** 31 + 1000,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    systemClock.clearTimeout(timer);
    expect(isOver).toBe(false);
  });
});

describe('the wall clock', () => {
  test.each([hour, -hour, 10 * 365 * 24 * hour, 100, -100])(
    'jumping by %s ms while calls wait changes nothing',
    async (jump) => {
      const { clock, throttle, goMany } = setup({ limits: { ...limits, burst: 2 } });
      const jumps: number[] = [];
      throttle.on('clock-jump', ({ by }) => jumps.push(by));
      const calls = goMany(6);
      await clock.advance(0);
      await clock.advance(1.5 * T);
      clock.jump(jump);
      await clock.advance(20 * T);
      expect(instants(calls)).toEqual([0, 0, T, 2 * T, 3 * T, 4 * T]);
      expect(jumps).toEqual(Math.abs(jump) >= 250 ? [jump] : []);
      expect(clock.timers).toBe(0);
    },
  );

  test('a jump is reported once, by status too', async () => {
    const { clock, throttle } = setup();
    const jumps: number[] = [];
    throttle.on('clock-jump', ({ by }) => jumps.push(by));
    clock.jump(hour);
    await throttle.status();
    await throttle.status();
    clock.jump(-2 * hour);
    await throttle.status();
    expect(jumps).toEqual([hour, -2 * hour]);
  });

  test('drifting from the monotonic clock is not a jump', async () => {
    const { clock, throttle } = setup();
    const jumps: number[] = [];
    throttle.on('clock-jump', ({ by }) => jumps.push(by));
    for (let day = 0; day < 100; day++) {
      clock.jump(20);
      await throttle.status();
    }
    expect(jumps).toEqual([]);
  });

  test('that jumps moves no grant, only the displayed instant', async () => {
    const { clock, throttle } = setup();
    const first = await throttle.wait();
    const second = throttle.wait();
    await clock.advance(T);
    const start = first.at;
    clock.jump(hour);
    expect([first.at - start, (await second).at - start]).toEqual([hour, hour + T]);
  });

  test.each([hour, -hour])(
    'jumping by %s ms mid-wait costs a store of wall clock time one burst at most',
    async (jump) => {
      const clock = new ManualClock();
      const values = new Map<string, unknown>();
      const update = (key: string, change: (stored: unknown) => unknown) =>
        void values.set(key, change(values.get(key)));
      const throttle = createThrottle({ margin: 0, limits, clock, store: keyValueStore({ name: 'map', update }) });
      const calls = [1, 2, 3, 4, 5].map(() => outcomeOf(throttle.wait(), clock));
      await clock.advance(0);
      await clock.advance(1.5 * T);
      clock.jump(jump);
      await clock.advance(20 * T);
      const at = instants(calls) as number[];
      expect(at.slice(0, 3)).toEqual([0, T, 2 * T]);
      // The slot is asked for when it comes: forward it is over, and the call goes now. Back, nobody waits longer than before.
      expect(at.slice(3)).toEqual([3 * T, 4 * T]);
    },
  );
});

describe('the clock of this machine', () => {
  test('lets no call go early', async () => {
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 5 } });
    const start = performance.now();
    const departures: number[] = [];
    await Promise.all(Array.from({ length: 40 }, () => throttle.wait().then(() => departures.push(performance.now()))));
    const early = departures.filter((at, index) => at < start + 5 * index);
    expect([departures.length, early]).toEqual([40, []]);
  });
});
