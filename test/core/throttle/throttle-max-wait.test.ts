import {
  createThrottle,
  memoryStore,
  QueueFullError,
  slidingWindow,
  type ThrottleOptions,
  WaitTooLongError,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { instants, type Outcome, outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** A throttle of one call every 100 ms whose first is spent. */
async function busy(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const first = throttle.wait();
  await clock.advance(50);
  await first;
  await clock.advance(50 - T / 2);
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  return { clock, throttle, wait };
}

/** Checks that a call failed for its maxWait, when, and with which figures, all counted from `since`. */
function expectTooLong(
  call: Outcome<unknown>,
  clock: ManualClock,
  figures: { at: number; wait: number; since: number },
) {
  expect(call.error).toBeInstanceOf(WaitTooLongError);
  const error = call.error as WaitTooLongError;
  const wallAhead = clock.now() - clock.monotonic();
  const { at, wait, since } = figures;
  expect({ failedAt: call.at, wait: error.wait, at: error.at - wallAhead, key: error.key }).toEqual({
    failedAt: at,
    wait,
    at: since + wait,
    key: 'default',
  });
}

// Everything below begins 50 ms after the first call: the next slot is 50 ms away.
const start = 50;

describe('maxWait', () => {
  // Places in the line: the n-th call can go after (n - 1) * T + 50 ms.
  test.each([
    { ahead: 0, maxWait: 50, fails: false, wait: 50 },
    { ahead: 0, maxWait: 49, fails: true, wait: 50 },
    { ahead: 0, maxWait: 0, fails: true, wait: 50 },
    { ahead: 1, maxWait: 150, fails: false, wait: 150 },
    { ahead: 1, maxWait: 149.9, fails: true, wait: 150 },
    { ahead: 9, maxWait: 949, fails: true, wait: 950 },
    { ahead: 9, maxWait: 950, fails: false, wait: 950 },
    { ahead: 9, maxWait: 1e308, fails: false, wait: 950 },
  ])('of $maxWait ms behind $ahead others: fails at once is $fails', async ({ ahead, maxWait, fails, wait }) => {
    const { clock, wait: call } = await busy();
    const others = Array.from({ length: ahead }, () => call());
    const one = call({ maxWait });
    const behind = call();
    await clock.advance(0);
    if (fails) {
      expectTooLong(one, clock, { at: start, wait, since: start });
      expect((one.error as WaitTooLongError).maxWait).toBe(maxWait);
    }
    await clock.advance(20 * T);
    if (!fails) expect(one.at).toBe(start + wait);
    // Nothing was taken by the call that failed.
    expect(instants(others)).toEqual(others.map((_, index) => (index + 1) * T));
    expect(behind.at).toBe((ahead + (fails ? 1 : 2)) * T);
  });

  test('counts what the calls ahead cost', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 5 } });
    const calls = [wait({ cost: 4 }), wait({ cost: 3 }), wait({ cost: 2 })];
    const late = wait({ maxWait: 549 });
    const inTime = wait({ maxWait: 550 });
    await clock.advance(20 * T);
    expect(instants(calls)).toEqual([start, 3 * T, 5 * T]);
    expectTooLong(late, clock, { at: start, wait: 550, since: start });
    expect(inTime.at).toBe(6 * T);
  });

  test('uses the longest wait of several limits', async () => {
    const clock = new ManualClock();
    const several = [
      { rate: 1, interval: T, name: 'even' },
      { rate: 1, interval: 10 * T, burst: 3, name: 'long' },
    ];
    const throttle = createThrottle({ margin: 0, limits: several, clock });
    const wait = (maxWait: number) => outcomeOf(throttle.wait('default', { maxWait }), clock);
    const calls = [wait(0), wait(T), wait(2 * T)];
    const late = wait(10 * T - 1);
    const inTime = wait(10 * T);
    await clock.advance(50 * T);
    expect(instants(calls)).toEqual([0, T, 2 * T]);
    expectTooLong(late, clock, { at: 0, wait: 10 * T, since: 0 });
    expect(inTime.at).toBe(10 * T);
  });

  test('foresees the windows that a line will fill', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: slidingWindow({ limit: 3, interval: 10 * T }), clock });
    const wait = (maxWait?: number) =>
      outcomeOf(throttle.wait('default', maxWait === undefined ? {} : { maxWait }), clock);
    const calls = Array.from({ length: 8 }, () => wait());
    const late = wait(20 * T - 1);
    const inTime = wait(20 * T);
    await clock.advance(0);
    expectTooLong(late, clock, { at: 0, wait: 20 * T, since: 0 });
    await clock.advance(100 * T);
    expect(instants([...calls, inTime])).toEqual([0, 0, 0, 10 * T, 10 * T, 10 * T, 20 * T, 20 * T, 20 * T]);
  });

  test('ends the wait when it is over where that could not be foreseen', async () => {
    const { clock, wait } = await busy();
    wait();
    const call = wait({ maxWait: 150 });
    const urgent = wait({ priority: 1 });
    await clock.advance(149);
    expect(call.state).toBe('pending');
    await clock.advance(20 * T);
    expectTooLong(call, clock, { at: start + 150, wait: 250, since: start });
    expect(urgent.at).toBe(T);
  });

  test('fails at once where even the next slot is too late for a call that may pass all others', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 2 } });
    wait();
    wait();
    const urgent = [49, 50].map((maxWait) => wait({ priority: 1, maxWait }));
    await clock.advance(0);
    expectTooLong(urgent[0] as Outcome<unknown>, clock, { at: start, wait: 50, since: start });
    await clock.advance(T);
    expect(urgent[1]?.at).toBe(T);
  });

  test('ends a wait for a place', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits, clock, concurrency: 1 });
    let end = () => {};
    const task = throttle.run(() => new Promise<void>((resolve) => (end = resolve)));
    await clock.advance(10);
    const call = outcomeOf(throttle.wait('default', { maxWait: 5 * T }), clock);
    await clock.advance(5 * T - 1);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expectTooLong(call, clock, { at: 10 + 5 * T, wait: 5 * T, since: 10 });
    end();
    await task;
    expect((await throttle.allow()).allowed).toBe(true);
  });

  test('ends a wait for the end of a pause, and reports the end', async () => {
    const { clock, throttle, wait } = await busy();
    const call = wait({ maxWait: 3 * T });
    await throttle.pause('default', clock.now() + 50 * T);
    await clock.advance(100 * T);
    expectTooLong(call, clock, { at: start + 3 * T, wait: 50 * T, since: start });
  });

  test('fails at once while the key is paused for longer', async () => {
    const { clock, throttle, wait } = await busy();
    await throttle.pause('default', clock.now() + 10 * T);
    const late = wait({ maxWait: 10 * T - 1 });
    const inTime = wait({ maxWait: 10 * T });
    await clock.advance(0);
    expectTooLong(late, clock, { at: start, wait: 10 * T, since: start });
    await clock.advance(20 * T);
    expect(inTime.at).toBe(start + 10 * T);
  });

  test('of the throttle counts where the call names none', async () => {
    const { clock, throttle, wait } = await busy({ maxWait: T });
    const calls = [
      wait(),
      wait(),
      wait({ maxWait: 10 * T }),
      outcomeOf(
        throttle.run(() => {}),
        clock,
      ),
    ];
    await clock.advance(10 * T);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(() => createThrottle({ margin: 0, limits, maxWait: 0 })).not.toThrow();
  });

  test('of 0 lets a call pass that need not wait, even with a slow store', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 30);
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 3 }, clock, store });
    const calls = Array.from({ length: 5 }, () => outcomeOf(throttle.wait('default', { maxWait: 0 }), clock));
    await clock.advance(10 * T);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(calls[3]?.error).toBeInstanceOf(WaitTooLongError);
    expect(calls[4]?.error).toBeInstanceOf(WaitTooLongError);
  });

  test('is kept while a store does not answer, some 100 ms late at most', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => Infinity);
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const calls = [0, 50, 300].map((maxWait) => outcomeOf(throttle.wait('default', { maxWait }), clock));
    await clock.advance(4000);
    expect(instants(calls)).toEqual([100, 100, 300]);
    expect(calls.every((call) => call.error instanceof WaitTooLongError)).toBe(true);
  });

  test.each([
    [90, 'fulfilled'],
    [110, 'rejected'],
  ])('is overrun by a call whose timer comes %d ms late: %s', async (late, state) => {
    const clock = new ManualClock();
    const lateClock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms + late),
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 1_000 }, clock: lateClock });
    await throttle.wait();
    const call = outcomeOf(throttle.wait('default', { maxWait: 1_000 }), clock);
    await clock.advance(2_000);
    expect([call.state, call.at]).toEqual([state, 1_000 + late]);
  });

  test.each([0.1, 0.4, 0.9, 1.3, 1234.1, 98_765.4321])('fits a wait of just that length at %s ms', async (at) => {
    const clock = new ManualClock();
    await clock.advance(at);
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 1 }, clock });
    const calls = [0, 1, 2, 3].map((maxWait) => outcomeOf(throttle.wait('default', { maxWait }), clock));
    await clock.advance(20);
    expect(calls.map((call) => call.state)).toEqual(calls.map(() => 'fulfilled'));
    const late = outcomeOf(throttle.wait('default', { maxWait: 0.1 }), clock);
    const later = outcomeOf(throttle.wait('default', { maxWait: 0.1 }), clock);
    await clock.advance(20);
    expect([late.state, (later.error as WaitTooLongError).maxWait]).toEqual(['fulfilled', 0.1]);
  });

  test('is described in words, with the figures', async () => {
    const { wait, clock } = await busy();
    const call = wait({ maxWait: 10 });
    await clock.advance(0);
    expect((call.error as Error).message).toBe(
      'A call on key "default" would have to wait 50 ms, longer than its maxWait of 10 ms.',
    );
  });
});

describe('maxQueue', () => {
  test('refuses the call that is one too many', async () => {
    const { clock, wait } = await busy({ maxQueue: 2 });
    const calls = [wait(), wait(), wait(), wait({ priority: 9 })];
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([T, 2 * T, start, start]);
    expect(calls[2]?.error).toBeInstanceOf(QueueFullError);
    expect(calls[2]?.error).toMatchObject({ key: 'default', maxQueue: 2 });
    expect(String(calls[3]?.error)).toBe(
      'QueueFullError: Key "default" has 2 calls waiting, the most that maxQueue allows.',
    );
  });

  test('refuses a call that is one too many as such, though it would wait too long as well', async () => {
    const { clock, wait } = await busy({ maxQueue: 1 });
    wait();
    const call = wait({ maxWait: 0 });
    await clock.advance(0);
    expect(call.error).toBeInstanceOf(QueueFullError);
  });

  test('has room again when a call has left', async () => {
    const { clock, wait } = await busy({ maxQueue: 1 });
    const controller = new AbortController();
    wait({ signal: controller.signal });
    const refused = wait();
    controller.abort();
    const accepted = wait();
    await clock.advance(T / 2);
    const next = wait();
    await clock.advance(10 * T);
    expect([refused.state, accepted.at, next.at]).toEqual(['rejected', T, 2 * T]);
  });

  test('of 0 lets calls go that need not wait, and no other', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 2 }, clock, maxQueue: 0 });
    const calls = [{}, undefined, {}, undefined].map((options) => outcomeOf(throttle.wait('default', options), clock));
    await clock.advance(0);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect([clock.timers, (await throttle.status()).waiting, (await throttle.allow()).wait]).toEqual([0, 0, T]);
  });

  test('of 0 refuses a call that would wait for a place or the end of a pause', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 9 }, clock, maxQueue: 0, concurrency: 1 });
    let end = () => {};
    const task = throttle.run(() => new Promise<void>((resolve) => (end = resolve)));
    await clock.advance(0);
    await expect(throttle.run(() => {})).rejects.toBeInstanceOf(QueueFullError);
    end();
    await task;
    await throttle.run(() => {});
    await throttle.pause('default', clock.now() + T);
    await expect(throttle.wait()).rejects.toBeInstanceOf(QueueFullError);
  });

  test('counts each key by itself', async () => {
    const { clock, throttle, wait } = await busy({ maxQueue: 1 });
    wait();
    await throttle.wait('other');
    const other = outcomeOf(throttle.wait('other'), clock);
    await clock.advance(2 * T);
    expect(other.state).toBe('fulfilled');
  });

  test('rejects the calls that came last, of any priority, when a slow store answers that they have to wait', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 5);
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 2 }, clock, store, maxQueue: 2 });
    const calls = [9, 9, 0, 0, 5, 5].map((priority) => outcomeOf(throttle.wait('default', { priority }), clock));
    await clock.advance(10 * T);
    expect(calls.map((call) => call.state)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });

  test('keeps an accepted call when another comes while the store is asked', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 5);
    const throttle = createThrottle({ margin: 0, limits, clock, store, maxQueue: 1 });
    outcomeOf(throttle.wait(), clock);
    await clock.advance(10);
    const first = outcomeOf(throttle.wait(), clock);
    await clock.advance(2);
    const second = outcomeOf(throttle.wait('default', { priority: 1 }), clock);
    await clock.advance(10 * T);
    expect([first.state, second.state]).toEqual(['fulfilled', 'rejected']);
    expect(second.error).toBeInstanceOf(QueueFullError);
  });
});
