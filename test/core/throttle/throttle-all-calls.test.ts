import { createThrottle, QueueFullError, type ThrottleEvent, type ThrottleOptions, throttleAll } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { Groups } from '../../../src/core/throttle/group.ts';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const even = { rate: 1, interval: T };
const wide = { rate: 1, interval: 1, burst: 1_000 };

/** A call needs a slot of `slow` and of `other`. */
function setup(options: Partial<ThrottleOptions> = {}, otherOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const slow = createThrottle({ limits: even, margin: 0, clock, ...options });
  const other = createThrottle({ limits: wide, margin: 0, clock, ...otherOptions });
  const both = throttleAll([slow, other]);
  const log: [ThrottleEvent, unknown][] = [];
  const listen = (...names: ThrottleEvent[]) => {
    for (const name of names) slow.on(name, (event) => log.push([name, event]));
  };
  const start = (wait: Parameters<typeof both.wait>[1] = {}, key = 'default') => outcomeOf(both.wait(key, wait), clock);
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  return { clock, slow, other, both, log, listen, start, sleep };
}

describe('a call of a combination that goes at once', () => {
  test('is never queued, needs no timer and leaves its signal alone', async () => {
    const { clock, listen, log, start } = setup();
    listen('queued', 'granted');
    await clock.advance(5_000);
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    expect((await settled(start({ maxWait: 50, signal }), clock)).at).toBe(5_000);
    expect(log).toEqual([['granted', { key: 'default', cost: 1, wait: 0 }]]);
    expect(clock.timers).toBe(0);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  test('of `wait` holds no place', async () => {
    const { clock, slow, start } = setup({ limits: wide, concurrency: 1 }, { maxInFlight: 1 });
    const calls = [start(), start(), start()];
    await clock.advance(0);
    expect(calls.map(({ at }) => at)).toEqual([0, 0, 0]);
    expect((await slow.status()).inFlight).toBe(0);
  });
});

describe('a call of a combination that waits', () => {
  test('is queued once, and granted after its wait', async () => {
    const { clock, listen, log, start } = setup();
    await clock.advance(5_000);
    start();
    await clock.advance(30);
    listen('queued', 'granted');
    start({ priority: 2 });
    await clock.advance(T);
    expect(log).toEqual([
      ['queued', { key: 'default', cost: 1, priority: 2, waiting: 1 }],
      ['granted', { key: 'default', cost: 1, wait: 70 }],
    ]);
  });

  test('sets one timer for all, and none that outlives the last', async () => {
    const { clock, start } = setup();
    const controller = new AbortController();
    for (let call = 0; call < 3; call++) start();
    start({ maxWait: 5_000, signal: controller.signal });
    expect(clock.timers).toBe(2);
    await clock.advance(3 * T);
    expect(clock.timers).toBe(0);
  });

  test('tells how long it waited in all when it ends', async () => {
    const { clock, both, listen, log, start, sleep } = setup();
    await clock.advance(5_000);
    start();
    listen('ended');
    void both.run(() => sleep(30));
    await clock.advance(3 * T);
    expect(log).toEqual([['ended', { key: 'default', cost: 1, wait: T, duration: 30, outcome: 'ok' }]]);
  });

  test('takes its listener off its signal, however it ends', async () => {
    const { clock, start } = setup();
    start();
    const signals = [1, 2].map(() => new AbortController().signal);
    const removed = signals.map((signal) => vi.spyOn(signal, 'removeEventListener'));
    start({ signal: signals[0] as AbortSignal });
    const late = start({ signal: signals[1] as AbortSignal, maxWait: T });
    await clock.advance(T);
    expect(late.state).toBe('rejected');
    expect(removed.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });
});

describe('a call of a combination that is rejected', () => {
  test('tells why, and how long it waited', async () => {
    const { clock, slow, listen, log, start } = setup();
    await clock.advance(5_000);
    start();
    start({ cost: 0.5 });
    listen('rejected', 'granted');
    await clock.advance(40);
    const error = new Error('gone');
    slow.clear('default', error);
    expect(log).toEqual([['rejected', { key: 'default', cost: 0.5, wait: 40, error }]]);
  });

  test('is rejected once, though a listener clears the line again', async () => {
    const { clock, slow, listen, log, start } = setup();
    start();
    const calls = [start(), start()];
    listen('rejected');
    slow.on('rejected', () => slow.clear());
    slow.clear();
    await clock.advance(0);
    expect(log).toHaveLength(2);
    expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  });

  test('lets the next one go at once', async () => {
    const { clock, start } = setup({ limits: { ...even, burst: 5 } });
    start({ cost: 4 });
    const controller = new AbortController();
    start({ cost: 4, signal: controller.signal });
    const next = start();
    await clock.advance(50);
    expect(next.at).toBeUndefined();
    controller.abort();
    await clock.advance(0);
    expect(next.at).toBe(50);
  });

  test('lets a throttle become idle', async () => {
    const { clock, slow, other, start } = setup();
    await slow.pause('default', clock.now() + 60_000);
    const controller = new AbortController();
    start({ signal: controller.signal });
    const closed = [slow, other].map((throttle) => outcomeOf(throttle.close({ drain: true }), clock));
    await clock.advance(10);
    expect(closed.map(({ state }) => state)).toEqual(['pending', 'pending']);
    controller.abort();
    await clock.advance(0);
    expect(closed.map(({ at }) => at)).toEqual([10, 10]);
  });
});

describe('maxWait of a combination', () => {
  test('is exceeded by a tick at most, and tells when the call could have gone', async () => {
    const { clock, start } = setup();
    await clock.advance(5_000);
    start();
    const justFits = start({ maxWait: T - 2 ** -11 });
    await clock.advance(40);
    const tooLong = start({ maxWait: T });
    await clock.advance(0);
    expect(justFits.state).toBe('pending');
    // It is known at its turn that it waits too long.
    await clock.advance(60);
    expect(justFits.at).toBe(5_000 + T);
    await clock.advance(0);
    expect(tooLong.error).toMatchObject({ name: 'WaitTooLongError', key: 'default', maxWait: T, wait: 2 * T - 40 });
    expect((tooLong.error as { at: number }).at).toBe(clock.now() + T);
  });

  test('is kept while nobody knows when a place becomes free', async () => {
    const { clock, both, start, sleep } = setup({ limits: wide, concurrency: 1 });
    await clock.advance(5_000);
    void both.run(() => sleep(500));
    await clock.advance(0);
    const [soon, late] = [start({ maxWait: 300 }), start({ maxWait: 500 })];
    await clock.advance(399);
    expect(soon.state).toBe('pending');
    await clock.advance(1);
    expect(soon.error).toMatchObject({ name: 'WaitTooLongError', wait: 400, at: clock.now(), maxWait: 300 });
    await clock.advance(100);
    expect(late.at).toBe(5_500);
  });
});

describe('maxQueue of a combination', () => {
  test('counts only calls that have to wait, and queues no call that it rejects', async () => {
    const { clock, listen, log, start } = setup({}, { maxQueue: 1 });
    const calls = [start(), start()];
    listen('queued', 'rejected');
    calls.push(start());
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'rejected']);
    expect(calls[2]?.error).toBeInstanceOf(QueueFullError);
    expect(log.map(([name]) => name)).toEqual(['rejected']);
  });
});

describe('the end of a pause in a combination', () => {
  test.each([0, 1])('is told by throttle %s as its first call goes, not before', async (paused) => {
    const { clock, slow, other, both, start } = setup();
    start();
    await clock.advance(0);
    const throttle = [slow, other][paused] as typeof slow;
    await throttle.pause('default', clock.now() + 30);
    const resumed: number[] = [];
    throttle.on('resumed', () => resumed.push(clock.monotonic()));
    void both.wait();
    await clock.advance(3 * T);
    expect(resumed).toEqual([T]);
  });

  test('lets each call take once, though a listener makes more', async () => {
    const { clock, slow, other, both } = setup({ limits: { ...even, burst: 10 } }, { limits: { ...even, burst: 10 } });
    await other.pause('default', clock.now() + 30);
    let ran = 0;
    const call = () => void both.run(() => void ran++);
    other.on('resumed', () => {
      call();
      call();
    });
    call();
    await clock.advance(30);
    expect(ran).toBe(3);
    for (const throttle of [slow, other]) expect((await throttle.status()).limits[0]?.remaining).toBe(7);
  });
});

/** The outcome, once all promises that can settle have. */
async function settled<T>(outcome: T, clock: ManualClock): Promise<T> {
  await clock.advance(0);
  return outcome;
}

test('a call looks at few of the keys that wait for the same limit, however many they are', async () => {
  const clock = new ManualClock();
  const customers = createThrottle({ limits: wide, margin: 0, clock });
  const api = createThrottle({ limits: even, margin: 0, clock });
  const both = throttleAll([customers, { throttle: api, key: 'api' }]);
  for (let customer = 0; customer < 500; customer++) void both.wait(`customer:${customer}`);
  const looks = vi.spyOn(Groups.prototype, 'take');
  const last = outcomeOf(both.wait('customer:last', { priority: 1 }), clock);
  await clock.advance(T);
  expect(last.state).toBe('fulfilled');
  expect(looks.mock.calls.length).toBeLessThan(20);
  looks.mockRestore();
});
