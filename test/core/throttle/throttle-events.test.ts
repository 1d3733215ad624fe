import {
  createThrottle,
  memoryStore,
  type ThrottleEvent,
  type ThrottleEvents,
  type ThrottleOptions,
  WaitTooLongError,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };
const names: ThrottleEvent[] = ['queued', 'granted', 'rejected', 'paused', 'resumed', 'store-error', 'clock-jump'];

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const log: [ThrottleEvent, ThrottleEvents[ThrottleEvent]][] = [];
  for (const name of names) throttle.on(name, (event) => log.push([name, event]));
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  return { clock, throttle, log, wait };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('events', () => {
  test('tell of a call that goes at once, whichever way it came', async () => {
    const { throttle, log } = setup({ limits: { ...limits, burst: 10 } });
    await throttle.wait();
    await throttle.wait('a', { cost: 2 });
    await throttle.run(() => {}, { key: 'b' });
    await throttle.allow('c');
    expect(log).toEqual([
      ['granted', { key: 'default', cost: 1, wait: 0 }],
      ['granted', { key: 'a', cost: 2, wait: 0 }],
      ['granted', { key: 'b', cost: 1, wait: 0 }],
      ['granted', { key: 'c', cost: 1, wait: 0 }],
    ]);
  });

  test('tell of a call that waits, and how long it did', async () => {
    const { clock, log, wait } = setup();
    wait();
    log.length = 0;
    wait();
    wait({ priority: 2 });
    wait({ priority: -1, cost: 0 });
    expect(log.splice(0)).toEqual([
      ['queued', { key: 'default', cost: 1, priority: 0, waiting: 1 }],
      ['queued', { key: 'default', cost: 1, priority: 2, waiting: 2 }],
      ['queued', { key: 'default', cost: 0, priority: -1, waiting: 3 }],
    ]);
    await clock.advance(T / 2);
    await clock.advance(2 * T);
    expect(log).toEqual([
      ['granted', { key: 'default', cost: 1, wait: T }],
      ['granted', { key: 'default', cost: 1, wait: 2 * T }],
      ['granted', { key: 'default', cost: 0, wait: 2 * T }],
    ]);
  });

  test('report no refusal by `allow`', async () => {
    const { throttle, log } = setup();
    await throttle.allow();
    log.length = 0;
    await throttle.allow();
    await throttle.status();
    expect(log).toEqual([]);
  });

  test.each<[string, (setting: ReturnType<typeof setup>) => Promise<unknown>]>([
    ['waits too long', ({ throttle }) => throttle.wait('default', { maxWait: 1 })],
    ['finds the queue full', ({ throttle }) => throttle.wait()],
    ['costs too much', ({ throttle }) => throttle.wait('default', { cost: 3 })],
    [
      'aborts',
      ({ throttle }) => {
        const controller = new AbortController();
        const call = throttle.wait('default', { signal: controller.signal });
        controller.abort('my reason');
        return call;
      },
    ],
    [
      'is closed upon',
      ({ throttle }) => {
        const call = throttle.wait();
        void throttle.close();
        return call;
      },
    ],
  ])('tell of a call that %s, with the error that its caller gets', async (name, act) => {
    const setting = setup({ maxQueue: name === 'finds the queue full' ? 0 : 5 });
    await setting.throttle.wait();
    setting.log.length = 0;
    const error = await act(setting).catch((error: unknown) => error);
    const rejected = setting.log.filter(([name]) => name === 'rejected');
    const cost = name === 'costs too much' ? 3 : 1;
    expect(rejected).toEqual([['rejected', { key: 'default', cost, wait: 0, error }]]);
    expect(rejected[0]?.[1]).toHaveProperty('error', error);
  });

  test('tell how long a call waited that was aborted and never sent', async () => {
    const { clock, throttle, log, wait } = setup();
    const controller = new AbortController();
    wait();
    const call = wait({ signal: controller.signal });
    await clock.advance(T / 4);
    const late = outcomeOf(throttle.wait('default', { signal: controller.signal }), clock);
    await clock.advance(T / 2);
    log.length = 0;
    controller.abort('too late');
    await clock.advance(0);
    expect(log).toEqual([
      ['rejected', { key: 'default', cost: 1, wait: (3 * T) / 4, error: 'too late' }],
      ['rejected', { key: 'default', cost: 1, wait: T / 2, error: 'too late' }],
    ]);
    expect([call.error, late.error]).toEqual(['too late', 'too late']);
  });

  test('tell of a maxWait that ran out', async () => {
    const { clock, log, wait } = setup();
    wait();
    wait({ maxWait: T });
    wait({ priority: 1 });
    await clock.advance(0);
    log.length = 0;
    await clock.advance(T);
    expect(log.map(([name]) => name).sort()).toEqual(['granted', 'rejected']);
    expect(log.find(([name]) => name === 'rejected')?.[1]).toMatchObject({ error: expect.any(WaitTooLongError) });
  });

  test('tell of a store that fails, whose errors they show, and whether a local bucket took over', async () => {
    const error = new Error('gone');
    for (const onStoreError of ['memory', 'reject'] as const) {
      const store = faultyStore(memoryStore(), () => ({ error }));
      const { log, wait, clock } = setup({ store, onStoreError });
      wait();
      await clock.advance(0);
      const fallback = onStoreError === 'memory';
      expect(log).toContainEqual(['store-error', { key: 'default', error, fallback }]);
      expect(log.map(([name]) => name)).toEqual(['queued', 'store-error', fallback ? 'granted' : 'rejected']);
    }
  });

  test('report errors that a store emits by itself', async () => {
    const listeners: ((news: { key: string; trouble?: unknown }) => void)[] = [];
    const store = faultyStore(memoryStore(), () => undefined);
    store.watch = (listener) => {
      listeners.push(listener);
      return () => listeners.splice(0);
    };
    const { throttle, log } = setup({ store });
    const trouble = new Error('not one of ours');
    for (const listener of listeners) listener({ key: 'mine', trouble });
    expect(log).toEqual([['store-error', { key: 'mine', error: trouble, fallback: false }]]);
    await throttle.close();
    expect(listeners).toEqual([]);
  });

  test('are not created without listeners', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits, clock });
    const until = clock.now() + T;
    // An event of a pause reads the wall clock once.
    const now = vi.spyOn(clock, 'now');
    const reads = async (key: string) => {
      now.mockClear();
      await throttle.pause(key, until);
      return now.mock.calls.length;
    };
    const unheard = await reads('a');
    throttle.on('resumed', () => {});
    expect(await reads('b')).toBe(unheard);
    const off = throttle.on('paused', () => {});
    expect(await reads('c')).toBe(unheard + 1);
    off();
    expect(await reads('d')).toBe(unheard);
  });

  test('stop when the listener is taken off, which can be done twice', async () => {
    const { throttle, log, wait, clock } = setup({ limits: { ...limits, burst: 9 } });
    const heard: number[] = [];
    const off = throttle.on('granted', () => heard.push(1));
    throttle.on('granted', () => heard.push(2));
    wait();
    await clock.advance(0);
    off();
    off();
    wait();
    await clock.advance(0);
    expect(heard).toEqual([1, 2, 2]);
    expect(log).toHaveLength(2);
  });

  test('reach one listener twice that was added twice', async () => {
    const { throttle } = setup({ limits: { ...limits, burst: 9 } });
    const listener = vi.fn();
    const off = throttle.on('granted', listener);
    throttle.on('granted', listener);
    await throttle.wait();
    expect(listener).toHaveBeenCalledTimes(2);
    off();
    await throttle.wait();
    expect(listener).toHaveBeenCalledTimes(3);
  });

  test('of a listener that throws disturb neither calls nor other listeners', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { throttle, clock } = setup();
    const heard: string[] = [];
    const error = new Error('from a listener');
    for (const name of names) {
      throttle.on(name, () => {
        throw error;
      });
      throttle.on(name, () => heard.push(name));
    }
    const calls = [outcomeOf(throttle.wait(), clock), outcomeOf(throttle.wait(), clock)];
    const tooLong = outcomeOf(throttle.wait('default', { maxWait: 0 }), clock);
    await throttle.pause('default', clock.now() + 2 * T);
    clock.jump(5000);
    await clock.advance(5 * T);
    expect(calls.map((call) => call.at)).toEqual([0, 2 * T]);
    expect(tooLong.state).toBe('rejected');
    expect(heard).toEqual(['granted', 'queued', 'rejected', 'paused', 'clock-jump', 'resumed', 'granted']);
    expect(shown).toHaveBeenCalledWith(expect.any(String), error);
  });

  test('let a listener use the throttle', async () => {
    const { throttle, clock, wait } = setup({ limits: { ...limits, burst: 2 } });
    const controller = new AbortController();
    const inner: ReturnType<typeof wait>[] = [];
    let first = true;
    throttle.on('granted', () => {
      if (!first) return;
      first = false;
      inner.push(wait(), wait({}));
    });
    throttle.on('queued', ({ waiting }) => {
      if (waiting === 3) controller.abort('from a listener');
    });
    const outer = [wait(), wait(), wait({ signal: controller.signal })];
    await clock.advance(10 * T);
    expect(outer[2]).toMatchObject({ state: 'rejected', error: 'from a listener', at: 0 });
    expect([...inner, ...outer].map((call) => call.at)).toEqual([0, T, 0, 2 * T, 0]);
  });

  test('let a listener of resumed pause again', async () => {
    const { throttle, clock, wait } = setup();
    let again = true;
    throttle.on('resumed', () => {
      if (again) void throttle.pause('default', clock.now() + T);
      again = false;
    });
    await throttle.pause('default', clock.now() + T);
    const calls = [wait(), wait()];
    await clock.advance(10 * T);
    expect(calls.map((call) => call.at)).toEqual([2 * T, 3 * T]);
  });

  test('let a listener close the throttle', async () => {
    const { throttle, clock, wait } = setup();
    throttle.on('queued', ({ waiting }) => {
      if (waiting === 2) void throttle.close();
    });
    const calls = [wait(), wait(), wait(), wait()];
    await clock.advance(10 * T);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(clock.timers).toBe(0);
  });

  test('of unknown names are refused', () => {
    const { throttle } = setup();
    expect(() => throttle.on('grant' as 'granted', () => {})).toThrow(RangeError);
    expect(() => throttle.on('grant' as 'granted', () => {})).toThrow(
      /^Expected `event` to be one of queued, granted, .*, got `"grant"`\.$/,
    );
    expect(() => throttle.on('toString' as 'granted', () => {})).toThrow(RangeError);
    expect(() => throttle.on('granted', undefined as unknown as () => void)).toThrow(
      'Expected `listener` to be a function, got `undefined`.',
    );
  });
});
