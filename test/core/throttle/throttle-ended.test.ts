import {
  type CallOutcome,
  createThrottle,
  memoryStore,
  type ThrottleEvent,
  type ThrottleEvents,
  type ThrottleOptions,
  throttleCalls,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const ended: ThrottleEvents['ended'][] = [];
  throttle.on('ended', (event) => ended.push(event));
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  return { clock, throttle, ended, sleep };
}

describe('ended', () => {
  test.each([
    ['a local store', false],
    ['a store that answers late', true],
  ])('tells how long a call waited and how long it took, on %s', async (_, isSlow) => {
    const clock = new ManualClock();
    const store = isSlow ? slowStore(memoryStore(), clock, () => 5).store : memoryStore();
    const { throttle, ended, sleep } = setup({ store }, clock);
    const starts: number[] = [];
    const task = (ms: number) => () => {
      starts.push(clock.monotonic());
      return sleep(ms);
    };
    for (const ms of [30, 7, 250]) outcomeOf(throttle.run(task(ms), { key: 'a' }), clock);
    await clock.advance(10 * T);
    const [first = 0, second = 0, third = 0] = starts;
    expect(ended).toEqual([
      { key: 'a', cost: 1, wait: first, duration: 30, outcome: 'ok' },
      { key: 'a', cost: 1, wait: second, duration: 7, outcome: 'ok' },
      { key: 'a', cost: 1, wait: third, duration: 250, outcome: 'ok' },
    ]);
    expect(starts).toEqual(isSlow ? [5, T + 5, 2 * T + 5] : [0, T, 2 * T]);
  });

  test('tells how long a call waited that came while the store was asked', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 5);
    const { throttle, ended } = setup({ store, limits: { ...limits, burst: 9 } }, clock);
    outcomeOf(
      throttle.run(() => {}),
      clock,
    );
    await clock.advance(2);
    outcomeOf(
      throttle.run(() => {}),
      clock,
    );
    await clock.advance(T);
    expect(ended.map(({ wait }) => wait)).toEqual([5, 8]);
  });

  test('tells the cost that the call was granted with', async () => {
    const { throttle, ended } = setup({ limits: { ...limits, name: 'tokens', burst: 9 } });
    await throttle.run(() => {}, { cost: { tokens: 3 }, settle: () => ({ tokens: 1 }) });
    expect(ended.map(({ cost }) => cost)).toEqual([{ tokens: 3 }]);
  });

  test.each<[CallOutcome, (signal: FakeSignal) => unknown]>([
    ['ok', () => 'done'],
    ['error', () => Promise.reject(new Error('mine'))],
    [
      'error',
      () => {
        throw undefined;
      },
    ],
    [
      'aborted',
      (signal) => {
        signal.abort('mine');
        throw 'mine';
      },
    ],
    ['ok', (signal) => signal.abort('too late')],
  ])('tells of a call of run that it ended with %s', async (outcome, task) => {
    const { throttle, ended } = setup();
    const signal = new FakeSignal();
    await throttle.run(() => task(signal), { signal: signal.signal }).catch(() => {});
    expect(ended).toMatchObject([{ outcome }]);
  });

  test('tells of a function that rejects', async () => {
    const { throttle, ended } = setup();
    const fail = throttleCalls(() => Promise.reject(new Error('mine')), throttle, { key: 'a' });
    await expect(fail()).rejects.toThrow('mine');
    expect(ended).toMatchObject([{ key: 'a', outcome: 'error' }]);
  });

  test('reports no call that was not granted, and none without a visible end', async () => {
    const { clock, throttle, ended } = setup();
    await throttle.wait();
    await throttle.allow('b');
    await throttle.reserve('c');
    const task = vi.fn();
    for (const options of [{ maxWait: 1 }, { cost: 2 }, {}]) outcomeOf(throttle.run(task, options), clock);
    await throttle.close();
    expect(ended).toEqual([]);
    expect(task).not.toHaveBeenCalled();
  });

  test('comes before the call that goes in its place', async () => {
    const { clock, throttle } = setup({ limits: { ...limits, burst: 9 }, concurrency: 2, maxInFlight: 3 });
    let inFlight = 0;
    let most = 0;
    const count = (by: number) => () => {
      inFlight += by;
      most = Math.max(most, inFlight);
    };
    const seen: ThrottleEvent[] = [];
    throttle.on('granted', count(1));
    throttle.on('ended', count(-1));
    throttle.on('ended', () => seen.push('ended'));
    for (let call = 0; call < 9; call++)
      outcomeOf(
        throttle.run(() => new Promise((resolve) => clock.setTimeout(() => resolve(0), 10)), { key: `${call % 2}` }),
        clock,
      );
    await clock.advance(T);
    expect([inFlight, most, seen.length]).toEqual([0, 3, 9]);
  });

  test('lets its listener make the next call', async () => {
    const { clock, throttle, ended } = setup({ limits: { ...limits, burst: 9 }, concurrency: 1 });
    let more = 3;
    throttle.on('ended', () => {
      if (more-- > 0)
        outcomeOf(
          throttle.run(() => {}),
          clock,
        );
    });
    await throttle.run(() => {});
    await clock.advance(0);
    expect(ended.length).toBe(4);
    expect((await throttle.status()).inFlight).toBe(0);
  });
});
