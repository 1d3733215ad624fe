import {
  type BucketStore,
  ClosedError,
  createThrottle,
  isThrottleError,
  keyValueStore,
  memoryStore,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** Two throttles on one store: what the first gives back, the second sees. */
function pair(options: Partial<ThrottleOptions> = {}, store: BucketStore = memoryStore(), clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits, clock, store, ...options });
  const other = createThrottle({ margin: 0, limits, clock, store });
  return { clock, throttle, other };
}

describe('close', () => {
  test('rejects every waiting call, of every key', async () => {
    const { clock, throttle } = pair();
    const keys = ['a', 'a', 'a', 'b', 'b'];
    const signal = new FakeSignal();
    const calls = keys.map((key) => outcomeOf(throttle.wait(key, { signal: signal.signal }), clock));
    const run = outcomeOf(
      throttle.run(() => {}, { key: 'b' }),
      clock,
    );
    await clock.advance(T / 2);
    await throttle.close();
    await clock.advance(0);
    expect([...calls, run].map((call) => call.state)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(isThrottleError(calls[1]?.error)).toBe(true);
    expect(calls[1]?.error).toBeInstanceOf(ClosedError);
    expect(String(calls[1]?.error)).toBe('ClosedError: The throttle is closed.');
    expect([signal.listeners, clock.timers]).toEqual([0, 0]);
  });

  test('does not wait for calls in flight, even if it was called without `drain` before', async () => {
    const { clock, throttle } = pair();
    void throttle.run(() => new Promise(() => {}));
    await clock.advance(0);
    const closed = [throttle.close(), throttle.close({ drain: true })].map((closing) => outcomeOf(closing, clock));
    await clock.advance(0);
    expect(closed.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
  });

  test('frees its listeners and its gates', async () => {
    const { clock, throttle } = pair();
    const ended = vi.fn();
    throttle.on('ended', ended);
    const run = throttle.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, T)));
    await throttle.pause('default', clock.now() + T);
    const { gates } = linkedOf(throttle).lanes;
    expect(gates.find('default')).toBeDefined();
    await throttle.close();
    await clock.advance(T);
    await run;
    expect([gates.find('default'), ended.mock.calls]).toEqual([undefined, []]);
  });

  test('gives the slots of its lines back', async () => {
    const values = new Map<string, unknown>();
    const { clock, throttle, other } = pair(
      {},
      keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) }),
    );
    for (let call = 0; call < 4; call++) outcomeOf(throttle.wait(), clock);
    await clock.advance(0);
    expect((await other.allow()).wait).toBe(2 * T);
    await throttle.close();
    expect((await other.allow()).wait).toBe(T);
  });

  test('gives reservations back, the latest first', async () => {
    const { throttle, other } = pair();
    for (let slot = 0; slot < 5; slot++) await throttle.reserve();
    expect((await other.allow()).wait).toBe(5 * T);
    await throttle.close();
    expect((await other.allow()).wait).toBe(T);
  });

  test.each([
    { what: 'grants', burst: 2, returned: { take: 2, giveBack: 1, settle: 1 }, closedAt: 80 },
    { what: 'reserves', burst: 1, returned: { take: 2, giveBack: 1 }, closedAt: 70 },
  ])('gives back what the store $what while it is closing, then closes the store', async (setting) => {
    const clock = new ManualClock();
    const inner = memoryStore();
    const { store, asked } = slowStore(inner, clock, (operation) => (operation === 'take' ? { delay: 30 } : 10));
    const limit = { rate: 1, interval: 10_000, burst: setting.burst };
    const { throttle } = pair({ limits: limit }, store, clock);
    const closed = vi.fn(() => ({ asked: { ...asked }, at: clock.monotonic() }));
    store.close = () => void closed();
    const first = outcomeOf(throttle.wait(), clock);
    await clock.advance(20);
    const calls = [1, 2].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(20);
    const closing = outcomeOf(throttle.close(), clock);
    await clock.advance(0);
    expect([first, ...calls].map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await clock.advance(200);
    expect(closing.state).toBe('fulfilled');
    const { returned, closedAt } = setting;
    expect(closed.mock.results).toEqual([{ type: 'return', value: { asked: returned, at: closedAt } }]);
    const other = createThrottle({ margin: 0, limits: limit, clock, store: inner });
    const [standing] = (await other.status()).limits;
    expect(standing).toEqual({ remaining: setting.burst - 1, resetAfter: 10_000 - clock.monotonic() });
    expect(clock.timers).toBe(0);
  });

  test('ends in time when the store does not answer', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => Infinity);
    const { throttle } = pair({}, store, clock);
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(10);
    const closing = outcomeOf(throttle.close(), clock);
    await clock.advance(0);
    expect(call).toMatchObject({ state: 'rejected', at: 10 });
    await clock.advance(20_000);
    expect(closing.state).toBe('fulfilled');
    expect(clock.timers).toBe(0);
  });

  test.each(['memory', 'reject'] as const)('closes although the store fails, with %s', async (onStoreError) => {
    let isDown = false;
    const store = faultyStore(memoryStore(), () => (isDown ? { error: new Error('gone') } : undefined));
    const closed = vi.fn();
    store.close = closed;
    const { clock, throttle } = pair({ onStoreError }, store);
    await throttle.reserve();
    await throttle.reserve();
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(0);
    isDown = true;
    await throttle.close();
    expect(closed).toHaveBeenCalledOnce();
    expect([call.state, clock.timers]).toEqual(['rejected', 0]);
  });

  test('lets tasks in flight end', async () => {
    const { clock, throttle } = pair({ concurrency: 1 });
    const task = outcomeOf(
      throttle.run(() => new Promise((resolve) => clock.setTimeout(() => resolve('done'), T))),
      clock,
    );
    await clock.advance(0);
    const waiting = outcomeOf(
      throttle.run(() => 'never'),
      clock,
    );
    await clock.advance(1);
    await throttle.close();
    await clock.advance(5 * T);
    expect(task).toMatchObject({ state: 'fulfilled', value: 'done' });
    expect(waiting.state).toBe('rejected');
  });

  test('refuses everything from then on', async () => {
    const { throttle, clock } = pair();
    const slot = await throttle.reserve();
    await throttle.close();
    const attempts = [
      throttle.wait(),
      throttle.wait('default', {}),
      throttle.run(() => {}),
      throttle.allow(),
      throttle.reserve(),
      throttle.pause('default', clock.now() + 1),
      throttle.status(),
      throttle.reset('default'),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toThrow('The throttle is closed.');
    await expect(slot.cancel()).resolves.toBeUndefined();
    await expect(throttle.close()).resolves.toBeUndefined();
  });

  test('tells the listeners of the calls it rejects, then forgets them', async () => {
    const { throttle, clock } = pair();
    const listener = vi.fn();
    throttle.on('rejected', listener);
    outcomeOf(throttle.wait(), clock);
    outcomeOf(throttle.wait(), clock);
    await throttle.close();
    expect(listener).toHaveBeenCalledOnce();
    await throttle.wait().catch(() => {});
    expect(listener).toHaveBeenCalledOnce();
  });

  test('leaves a store that others use usable', async () => {
    const { throttle, other } = pair();
    await throttle.allow();
    await throttle.close();
    expect((await other.allow()).wait).toBe(T);
  });
});

describe('close with drain', () => {
  const asyncMap = () => {
    const values = new Map<string, unknown>();
    return keyValueStore({ name: 'map', update: async (key, change) => void values.set(key, change(values.get(key))) });
  };

  test.each([
    ['the memory store', memoryStore],
    ['a store that answers by promises', asyncMap],
  ])('lets the waiting calls go and those in flight end, then frees everything, on %s', async (_, make) => {
    const store = make();
    const closed = vi.fn();
    store.close = closed;
    const { clock, throttle } = pair({}, store);
    const run = () => throttle.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 3 * T)));
    const calls = [throttle.wait(), throttle.wait(), run(), throttle.wait('b')].map((call) =>
      outcomeOf<unknown>(call, clock),
    );
    await clock.advance(T / 2);
    const closing = outcomeOf(throttle.close({ drain: true }), clock);
    const refused = [
      throttle.wait(),
      throttle.wait('default', { cost: 1 }),
      throttle.run(() => {}),
      throttle.allow('new'),
      throttle.reserve('new'),
    ].map((call) => outcomeOf<unknown>(call, clock));
    await clock.advance(0);
    for (const one of refused) expect(one.error).toBeInstanceOf(ClosedError);
    expect(closed).not.toHaveBeenCalled();
    await clock.advance(10 * T);
    expect(calls.map(({ state, at }) => [state, at])).toEqual([
      ['fulfilled', 0],
      ['fulfilled', T],
      ['fulfilled', 5 * T],
      ['fulfilled', 0],
    ]);
    expect(closing).toMatchObject({ state: 'fulfilled', at: 5 * T });
    expect(closed).toHaveBeenCalledOnce();
    await expect(throttle.status()).rejects.toBeInstanceOf(ClosedError);
    expect(clock.timers).toBe(0);
  });

  test('can be told, asked and stopped while it lasts', async () => {
    const { clock, throttle } = pair();
    const calls = [1, 2, 3].map(() => outcomeOf(throttle.wait(), clock));
    const closing = outcomeOf(throttle.close({ drain: true }), clock);
    await throttle.pause('default', clock.now() + 5 * T);
    expect(await throttle.status()).toMatchObject({ waiting: 2, pausedUntil: clock.now() + 5 * T });
    await clock.advance(5 * T);
    await throttle.close();
    await clock.advance(0);
    expect(calls.map(({ state, at }) => [state, at])).toEqual([
      ['fulfilled', 0],
      ['fulfilled', 5 * T],
      ['rejected', 5 * T],
    ]);
    expect(closing).toMatchObject({ state: 'fulfilled', at: 5 * T });
  });

  test('settles and hears the last calls of an adapter, and gives the answer of one that cannot go again', async () => {
    const { clock, throttle } = pair({ limits: { ...limits, burst: 5 } });
    const ended = vi.fn();
    throttle.on('ended', ({ outcome }) => ended(outcome));
    let status = 200;
    const answer = () =>
      new Promise<Response>((resolve) => clock.setTimeout(() => resolve(new Response('', { status })), T));
    const settled: number[] = [];
    const fetch = throttleFetch(throttle, {
      fetch: answer,
      key: 'a',
      settle: ({ status }) => {
        settled.push(status);
        return 1;
      },
    });
    const first = fetch('https://a.example');
    const closing = outcomeOf(throttle.close({ drain: true }), clock);
    const late = fetch('https://a.example');
    await expect(late).rejects.toBeInstanceOf(ClosedError);
    status = 429;
    await clock.advance(T);
    expect((await first).status).toBe(429);
    expect([settled, ended.mock.calls, closing.state]).toEqual([[], [['refused']], 'fulfilled']);
  });

  test('is as close where nothing waits', async () => {
    const { throttle, other } = pair();
    for (let slot = 0; slot < 3; slot++) await throttle.reserve();
    await throttle.close({ drain: true });
    expect((await other.allow()).wait).toBe(T);
    await expect(throttle.close({ drain: true })).resolves.toBeUndefined();
  });
});

describe('await using', () => {
  test('closes a throttle and cancels a reservation', async () => {
    const { clock, throttle, other } = pair();
    await throttle.allow();
    const slot = await throttle.reserve();
    await slot[Symbol.asyncDispose]();
    expect((await other.allow()).wait).toBe(T);
    const call = outcomeOf(throttle.wait(), clock);
    await throttle[Symbol.asyncDispose]();
    expect(call.error).toBeInstanceOf(ClosedError);
    expect([Object.keys(throttle), Object.keys(slot)]).toEqual([[], ['key', 'wait', 'at']]);
  });

  test('is left out where the platform has no symbol for it', async () => {
    const { asyncDispose } = Symbol;
    vi.stubGlobal('Symbol', Object.create(Symbol, { asyncDispose: { value: undefined } }));
    try {
      const { throttle } = pair();
      const slot = await throttle.reserve();
      expect([asyncDispose in throttle, asyncDispose in slot]).toEqual([false, false]);
      expect(Object.getOwnPropertyNames(slot)).not.toContain('undefined');
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
