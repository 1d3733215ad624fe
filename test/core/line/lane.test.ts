import { createThrottle, type Throttle, type ThrottleOptions, type WaitOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import type { Lane } from '../../../src/core/line/lane.ts';
import { Lanes } from '../../../src/core/throttle/lanes.ts';
import { FakeSignal } from './fake-signal.ts';
import { instants, outcomeOf } from './outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** A throttle of one call every 100 ms whose first is spent. */
async function busy(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  await throttle.wait();
  return { clock, throttle, wait: waiting(throttle, clock) };
}

/** Makes calls and watches them. */
function waiting(throttle: ReturnType<typeof createThrottle>, clock: ManualClock) {
  return (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
}

describe('a line', () => {
  test('lets calls go one emission interval apart, in the order in which they came', async () => {
    const { clock, wait } = await busy();
    const calls = [wait(), wait({}), wait(), wait({ priority: 0 })];
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([T, 2 * T, 3 * T, 4 * T]);
  });

  test('lets a burst go at once', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 3 }, clock });
    const wait = waiting(throttle, clock);
    const calls = [wait({}), wait(), wait({}), wait({}), wait()];
    await clock.advance(5 * T);
    expect(instants(calls)).toEqual([0, 0, 0, T, 2 * T]);
  });

  test('tells the instant of the grant on the wall clock', async () => {
    const { clock, throttle } = await busy();
    const start = clock.now();
    const second = throttle.wait();
    await clock.advance(T);
    expect(await second).toMatchObject({ key: 'default', at: start + T });
    expect(JSON.stringify(await second)).toBe(JSON.stringify({ key: 'default', at: start + T }));
  });

  test('puts new calls behind waiting ones', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 2 } });
    const calls = [wait(), wait()];
    await clock.advance(T - 1);
    const newcomer = wait();
    await clock.advance(5 * T);
    expect(instants([...calls, newcomer])).toEqual([0, T, 2 * T]);
  });

  test.each([
    { priorities: [0, 0, 0], order: [0, 1, 2] },
    { priorities: [0, 1, 2], order: [2, 1, 0] },
    { priorities: [-5, 0, 5, 0, -5], order: [2, 1, 3, 0, 4] },
    { priorities: [1e308, -1e308, 0.5, 0.25], order: [0, 2, 3, 1] },
    { priorities: [0, -0], order: [0, 1] },
  ])('lets higher priorities go first, then first come: $priorities', async ({ priorities, order }) => {
    const { clock, wait } = await busy();
    const calls = priorities.map((priority) => wait({ priority }));
    await clock.advance(10 * T);
    const expected = priorities.map((_, index) => (order.indexOf(index) + 1) * T);
    expect(instants(calls)).toEqual(expected);
  });

  test('gives the slot of the head to a newcomer of higher priority', async () => {
    const { clock, wait } = await busy();
    const first = wait();
    await clock.advance(T - 1);
    const urgent = wait({ priority: 1 });
    await clock.advance(5 * T);
    expect(instants([urgent, first])).toEqual([T, 2 * T]);
  });

  test('keeps the lines of different keys apart', async () => {
    const { clock, throttle } = await busy();
    const calls = ['default', 'other', 'other', ''].map((key) => outcomeOf(throttle.wait(key), clock));
    await clock.advance(5 * T);
    expect(instants(calls)).toEqual([T, 0, T, 0]);
  });

  test('makes small calls wait behind a large one', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 4 } });
    const calls = [wait({ cost: 4 }), wait(), wait()];
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([T, 2 * T, 3 * T]);
  });

  test('lets calls of cost 0 go, but not past waiting calls', async () => {
    const { clock, wait } = await busy();
    const free = wait({ cost: 0 });
    const paying = wait();
    const behind = wait({ cost: 0 });
    await clock.advance(5 * T);
    expect(instants([free, paying, behind])).toEqual([0, T, T]);
  });
});

describe('an abort', () => {
  test('rejects with the reason itself, at once', async () => {
    const { clock, wait } = await busy();
    const reason = { not: 'an error' };
    const signal = new FakeSignal();
    const call = wait({ signal: signal.signal });
    await clock.advance(10);
    signal.abort(reason);
    await clock.advance(0);
    expect(call).toMatchObject({ state: 'rejected', at: 10, times: 1 });
    expect(call.error).toBe(reason);
  });

  test.each([null, 0, '', new Error('mine'), Promise.resolve(1)])('keeps %s as the reason', async (reason) => {
    const { clock, wait } = await busy();
    const signal = new FakeSignal();
    const call = wait({ signal: signal.signal });
    signal.abort(reason);
    await clock.advance(0);
    expect([call.state, call.error === reason]).toEqual(['rejected', true]);
  });

  test('rejects with an AbortError where the signal gives no reason, as old ones do not', async () => {
    const { throttle } = await busy();
    const signal = new FakeSignal();
    const waiting = throttle.wait('default', { signal: signal.signal });
    signal.abort(undefined);
    for (const call of [waiting, throttle.wait('default', { signal: signal.signal })])
      await expect(call).rejects.toEqual(new DOMException('This operation was aborted', 'AbortError'));
  });

  test('rejects before anything is taken where the signal is aborted already', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits, clock });
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    await expect(throttle.wait('default', { signal })).rejects.toBe(reason);
    await expect(throttle.run(() => 'never', { signal })).rejects.toBe(reason);
    expect(await throttle.allow()).toMatchObject({ allowed: true });
  });

  test('rejects with the AbortError of a plain abort and the TimeoutError of a timeout', async () => {
    const { throttle } = await busy();
    const controller = new AbortController();
    const call = throttle.wait('default', { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await expect(throttle.wait('default', { signal: AbortSignal.timeout(1) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  test('gives its slot to the next', async () => {
    const { clock, wait } = await busy();
    const signal = new FakeSignal();
    const gone = wait({ signal: signal.signal });
    const calls = [wait(), wait()];
    await clock.advance(T - 1);
    signal.abort('gone');
    await clock.advance(5 * T);
    expect(gone.state).toBe('rejected');
    expect(instants(calls)).toEqual([T, 2 * T]);
  });

  test('gives the slot back when no other call waits', async () => {
    const { clock, throttle, wait } = await busy();
    const signal = new FakeSignal();
    wait({ signal: signal.signal });
    expect((await throttle.allow()).wait).toBe(2 * T);
    signal.abort('gone');
    await clock.advance(0);
    expect((await throttle.allow()).wait).toBe(T);
    expect(clock.timers).toBe(0);
  });

  test('lets a small call behind a large one go as soon as it may', async () => {
    const { clock, wait } = await busy({ limits: { ...limits, burst: 10 } });
    wait({ cost: 9 });
    const signal = new FakeSignal();
    wait({ cost: 10, signal: signal.signal });
    const small = wait();
    await clock.advance(10);
    signal.abort('gone');
    await clock.advance(20 * T);
    expect(small.at).toBe(T);
  });

  test('in the middle of the line moves the later calls forward', async () => {
    const { clock, wait } = await busy();
    const signal = new FakeSignal();
    const calls = [wait(), wait({ signal: signal.signal }), wait()];
    await clock.advance(T + 1);
    signal.abort('gone');
    await clock.advance(5 * T);
    expect(instants(calls)).toEqual([T, T + 1, 2 * T]);
  });

  test('does nothing after the grant', async () => {
    const { clock, wait } = await busy();
    const signal = new FakeSignal();
    const call = wait({ signal: signal.signal });
    const next = wait();
    await clock.advance(T);
    signal.abort('too late');
    await clock.advance(5 * T);
    expect(call).toMatchObject({ state: 'fulfilled', at: T, times: 1 });
    expect(next.at).toBe(2 * T);
  });

  test('of one signal for many calls ends them all, through one listener', async () => {
    const { clock, throttle, wait } = await busy();
    const signal = new FakeSignal();
    const calls = Array.from({ length: 50 }, () => wait({ signal: signal.signal }));
    expect(signal.listeners).toBe(1);
    signal.abort('all');
    await clock.advance(0);
    expect(calls.every((call) => call.error === 'all')).toBe(true);
    expect([signal.listeners, clock.timers, (await throttle.status()).waiting]).toEqual([0, 0, 0]);
  });

  test.each<[string, (throttle: Throttle, options: WaitOptions, clock: ManualClock) => Promise<unknown>]>([
    ['is granted', (throttle, options) => throttle.wait('default', options)],
    ['is run', (throttle, options) => throttle.run(() => {}, options)],
    ['waits too long', (throttle, options) => throttle.wait('default', { ...options, maxWait: T / 2 })],
    ['is refused at once', (throttle, options) => throttle.wait('default', { ...options, cost: 2 })],
    [
      'is closed upon',
      async (throttle, options, clock) => {
        const call = throttle.wait('default', options);
        await clock.advance(1);
        await throttle.close();
        return call;
      },
    ],
    [
      'aborts',
      async (throttle, _options, clock) => {
        const other = new FakeSignal();
        const call = throttle.wait('default', { signal: other.signal });
        await clock.advance(1);
        other.abort('mine');
        expect(other.listeners).toBe(0);
        return call;
      },
    ],
  ])('leaves no listener behind when a call %s', async (_, call) => {
    const { clock, throttle } = await busy();
    const signal = new FakeSignal();
    const outcome = outcomeOf(call(throttle, { signal: signal.signal }, clock), clock);
    await clock.advance(10 * T);
    expect(outcome.state).not.toBe('pending');
    expect(signal.listeners).toBe(0);
  });

  test('keeps the listener as long as one call needs it', async () => {
    const { clock, wait } = await busy();
    const signal = new FakeSignal();
    const calls = [wait({ signal: signal.signal }), wait({ signal: signal.signal })];
    await clock.advance(T);
    expect(signal.listeners).toBe(1);
    signal.abort('second');
    await clock.advance(0);
    expect(calls.map((one) => one.state)).toEqual(['fulfilled', 'rejected']);
    expect(signal.listeners).toBe(0);
  });

  test('puts no listener on a signal whose call goes at once', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits, clock });
    const signal = new FakeSignal();
    await throttle.wait('default', { signal: signal.signal });
    expect(signal.listeners).toBe(0);
  });
});

describe('the timer of a lane', () => {
  test('is one while calls wait and none when idle', async () => {
    const { clock, throttle, wait } = await busy();
    expect(clock.timers).toBe(0);
    for (let call = 0; call < 20; call++) wait({ maxWait: 1000 * T, priority: call % 3 });
    expect(clock.timers).toBe(1);
    outcomeOf(throttle.wait('other'), clock);
    expect(clock.timers).toBe(1);
    outcomeOf(throttle.wait('other'), clock);
    expect(clock.timers).toBe(2);
    for (let step = 0; step < 200; step++) {
      await clock.advance(T / 8);
      expect(clock.timers).toBeLessThanOrEqual(step < 8 ? 2 : 1);
    }
    expect(clock.timers).toBe(0);
  });

  test('does not exist while all places are taken and no call has a deadline', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 5 }, clock, concurrency: 1 });
    let end = () => {};
    const task = throttle.run(() => new Promise<void>((resolve) => (end = resolve)));
    await clock.advance(0);
    const call = outcomeOf(throttle.wait(), clock);
    expect(clock.timers).toBe(0);
    await clock.advance(5);
    end();
    await task;
    await clock.advance(0);
    expect([call.at, clock.timers]).toEqual([5, 0]);
  });

  test('is none once all who waited are overdue, though a pause goes on', async () => {
    const { clock, throttle, wait } = await busy();
    const calls = [wait({ maxWait: 2 * T }), wait({ maxWait: 3 * T })];
    await throttle.pause('default', clock.now() + 10 * T);
    await clock.advance(3 * T);
    expect(calls.map(({ state, at }) => [state, at])).toEqual([
      ['rejected', 2 * T],
      ['rejected', 3 * T],
    ]);
    expect(clock.timers).toBe(0);
  });
});

describe('a lane', () => {
  test.each(['granted', 'aborted', 'overdue', 'run', 'closed upon'])(
    'is forgotten when its calls are %s',
    async (end) => {
      const { clock, throttle } = await busy();
      const forgotten = new Set<Lane>();
      const retire = vi.spyOn(Lanes.prototype, 'retire').mockImplementation((lane) => void forgotten.add(lane));
      const signal = new FakeSignal();
      const maxWait = end === 'overdue' ? 2 * T : Infinity;
      for (const key of ['a', 'b', 'c']) {
        await throttle.wait(key);
        await throttle.pause(key, clock.now() + 3 * T);
        const options = { signal: signal.signal, maxWait: Infinity };
        const call =
          end === 'run' ? throttle.run(() => {}, { ...options, key }) : throttle.wait(key, { ...options, priority: 1 });
        outcomeOf<unknown>(call, clock);
        outcomeOf(throttle.wait(key, { ...options, maxWait }), clock);
      }
      expect(forgotten.size).toBe(0);
      if (end === 'aborted') signal.abort('mine');
      if (end === 'closed upon') await throttle.close();
      await clock.advance(0);
      await clock.advance(10 * T);
      expect([...forgotten].map(({ key, idle }) => [key, idle])).toEqual([
        ['a', true],
        ['b', true],
        ['c', true],
      ]);
      retire.mockRestore();
    },
  );
});
