import {
  createThrottle,
  type Limit,
  memoryStore,
  type ThrottleFetchOptions,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { slowStore } from '../core/sharing/slow-store.ts';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const url = 'https://a.example/';
const key = 'https://a.example';

function setUp(answer?: Answering, options: ThrottleFetchOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
  const fake = fakeFetch(clock, answer);
  return { clock, throttle, ...fake, throttled: throttleFetch(throttle, { ...options, fetch: fake.fetch }) };
}

const never = () => new Promise<Response>(() => {});
const refusal = (seconds = 60) => new Response('no', { status: 429, headers: { 'retry-after': `${seconds}` } });
const reason = new Error('changed my mind');

/** Counts the listeners that are on a signal. */
function listenersOf(signal: AbortSignal): { now: number; ever: number } {
  const count = { now: 0, ever: 0 };
  const { addEventListener, removeEventListener } = signal;
  const listeners = new Set<unknown>();
  const note = () => {
    count.now = listeners.size;
  };
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.add(args[1]);
    count.ever++;
    note();
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.delete(args[1]);
    note();
    removeEventListener.apply(signal, args);
  };
  return count;
}

describe('an abort', () => {
  it('before the call: goes to fetch at once, as it is, and takes nothing', async () => {
    const cost = vi.fn(() => 1);
    const { throttled, throttle, sent } = setUp(undefined, { cost });
    const init = { signal: AbortSignal.abort(reason) };
    const rejected = expect(throttled(url, init)).rejects.toBe(reason);
    expect(sent.length).toBe(1);
    await rejected;
    expect(sent[0]?.init).toBe(init);
    expect(cost).not.toHaveBeenCalled();
    expect((await throttle.status(key)).limits[0]?.remaining).toBe(1);
  });

  it('while the call waits: ends the wait at once with the reason, and the next call goes in its place', async () => {
    const { clock, throttled, throttle, sent, times } = setUp();
    const controller = new AbortController();
    void throttled(`${url}1`);
    const second = watch(throttled(`${url}2`, { signal: controller.signal }));
    void throttled(`${url}3`);
    await clock.advance(T / 2);
    controller.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
    expect((await throttle.status(key)).waiting).toBe(1);
    await clock.advance(T / 2);
    expect(times()).toEqual([0, T / 2, T]);
    expect(sent.map((call) => call.url)).toEqual([`${url}1`, `${url}2`, `${url}3`]);
    expect(sent[1]?.init?.signal?.aborted).toBe(true);
  });

  it('while the call waits: is told, with the wait of the call that was never sent', async () => {
    const { clock, throttled, throttle } = setUp();
    const told: unknown[] = [];
    throttle.on('rejected', (event) => told.push(event));
    const controller = new AbortController();
    void throttled(url);
    watch(throttled(url, { signal: controller.signal }));
    await clock.advance(T / 2);
    controller.abort(reason);
    expect(told).toEqual([{ key, cost: 1, wait: T / 2, error: reason }]);
  });

  it('of calls that waited half a second: is warned of once, as it may be the time-out of an SDK', async () => {
    const { clock, throttled, throttle } = setUp(undefined, {}, { limits: { rate: 1, interval: 10 * T } });
    const warnings: unknown[] = [];
    throttle.on('warning', (warning) => warnings.push(warning));
    void throttled(url);
    const abortAfter = async (ms: number) => {
      const controller = new AbortController();
      watch(throttled(url, { signal: controller.signal }));
      await clock.advance(ms);
      controller.abort(reason);
    };
    await abortAfter(499);
    expect(warnings).toEqual([]);
    await abortAfter(500);
    await abortAfter(2_000);
    const message = 'aborted in line, not sent. If an SDK timed out, use `throttleCalls`: docs/adapters.md#time-outs';
    expect(warnings).toEqual([{ key, message }]);
  });

  it('while the call waits: hands it to fetch inside the abort event', async () => {
    const { throttled, sent } = setUp();
    const controller = new AbortController();
    await throttled(url);
    const call = watch(throttled(url, { signal: controller.signal }));
    const order: number[] = [];
    controller.signal.addEventListener('abort', () => order.push(sent.length));
    controller.abort(reason);
    expect(sent.length).toBe(2);
    expect(order).toEqual([2]);
    await undefined;
    expect(sent.length).toBe(2);
    expect(call.state).toBe('pending');
  });

  it('while the names in its cost are looked up in a slow store: hands it to fetch inside the abort event, once', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 100);
    const limits = { ...even, name: 'calls' };
    const fake = fakeFetch(clock);
    const throttle = createThrottle({ limits, margin: 0, clock, store, concurrency: 1 });
    const throttled = throttleFetch(throttle, { cost: { calls: 1, others: 1 }, fetch: fake.fetch });
    const controller = new AbortController();
    const call = watch(throttled(url, { signal: controller.signal }));
    await clock.advance(10);
    expect(fake.sent.length).toBe(0);
    controller.abort(reason);
    expect(fake.sent.length).toBe(1);
    await clock.advance(1000);
    expect(call).toEqual({ state: 'rejected', value: reason });
    expect(fake.sent.length).toBe(1);
    const status = watch(throttle.status(key));
    await clock.advance(1000);
    expect(status.value).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('in the moment in which its turn comes: hands it to fetch once, and frees the place', async () => {
    const { clock, throttled, throttle, sent } = setUp(undefined, {}, { concurrency: 1 });
    const controller = new AbortController();
    await throttled(url);
    const call = watch(throttled(url, { signal: controller.signal }));
    throttle.on('granted', () => controller.abort(reason));
    await clock.advance(T);
    expect(call).toEqual({ state: 'rejected', value: reason });
    expect(sent.length).toBe(2);
    expect((await throttle.status(key)).inFlight).toBe(0);
  });

  it('of the only call that waits: leaves no timer and gives the slot back', async () => {
    const { clock, throttled, throttle } = setUp();
    const controller = new AbortController();
    await throttled(url);
    const second = watch(throttled(url, { signal: controller.signal }));
    await clock.advance(0);
    expect(clock.timers).toBe(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(second.state).toBe('rejected');
    expect(clock.timers).toBe(0);
    expect((await throttle.status(key)).limits[0]?.resetAfter).toBe(T);
  });

  it('in the same task as the call, which may go at once: fails as fetch does', async () => {
    const { throttled, sent } = setUp(never);
    const controller = new AbortController();
    const call = throttled(url, { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(sent.length).toBe(1);
  });

  it('in flight: is left to fetch, and the place is free again', async () => {
    const { clock, throttled, throttle, sent } = setUp(never, {}, { concurrency: 1 });
    const controller = new AbortController();
    const first = watch(throttled(url, { signal: controller.signal }));
    void throttled(url);
    await clock.advance(2 * T);
    expect(first.state).toBe('pending');
    expect(sent.length).toBe(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(first).toEqual({ state: 'rejected', value: reason });
    expect(sent.length).toBe(2);
    expect((await throttle.status(key)).inFlight).toBe(1);
  });

  it('while the call waits to be sent again: ends the wait at once and frees the refused answer', async () => {
    const refused: Response[] = [];
    const { clock, throttled, sent } = setUp((_, index) => {
      if (index > 0) return new Response('ok');
      refused.push(refusal());
      return refused[0] as Response;
    });
    const controller = new AbortController();
    const call = watch(throttled(url, { signal: controller.signal }));
    await clock.advance(30 * T);
    const cancel = vi.spyOn(refused[0]?.body as ReadableStream, 'cancel');
    expect([call.state, sent.length]).toEqual(['pending', 1]);
    controller.abort(reason);
    await clock.advance(0);
    expect(call).toEqual({ state: 'rejected', value: reason });
    expect(sent.length).toBe(2);
    expect(cancel).toHaveBeenCalledTimes(1);
    expect(clock.timers).toBe(0);
  });

  it('after the answer: changes nothing', async () => {
    const { clock, throttled, sent } = setUp();
    const controller = new AbortController();
    const response = await throttled(url, { signal: controller.signal });
    controller.abort(reason);
    await clock.advance(T);
    expect(await response.text()).toBe('ok');
    expect(sent.length).toBe(1);
  });

  it('calls the real fetch exactly once, with the aborted signal, for each of 100 calls', async () => {
    const { clock, throttled, sent } = setUp();
    const controllers = Array.from({ length: 100 }, () => new AbortController());
    await throttled(url);
    const calls = controllers.map(({ signal }, index) => watch(throttled(`${url}${index}`, { signal })));
    await clock.advance(0);
    for (const controller of controllers) controller.abort(reason);
    await clock.advance(200 * T);
    expect(calls.every(({ state, value }) => state === 'rejected' && value === reason)).toBe(true);
    expect(new Set(sent.slice(1).map((call) => call.url)).size).toBe(100);
    expect(sent.length).toBe(101);
  });

  it.each([undefined, null, 0, '', 'text', { any: 'thing' }])('rejects with the reason %j untouched', async (given) => {
    const { clock, throttled } = setUp();
    const controller = new AbortController();
    await throttled(url);
    const call = watch(throttled(url, { signal: controller.signal }));
    controller.abort(given);
    await clock.advance(0);
    expect(call).toEqual({ state: 'rejected', value: controller.signal.reason });
    expect(Object.is(call.value, controller.signal.reason)).toBe(true);
  });
});

describe('the signal', () => {
  /** Starts a call that has to wait, aborts, and says what became of it. */
  async function abortWhileWaiting(make: (signal: AbortSignal) => [RequestInfo, RequestInit?]) {
    const { clock, throttled } = setUp();
    const controller = new AbortController();
    await throttled(url);
    const call = watch(throttled(...make(controller.signal)));
    controller.abort(reason);
    await clock.advance(0);
    return call.state;
  }

  it('may be the one of a Request', async () => {
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal })])).toBe('rejected');
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal }), {}])).toBe('rejected');
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal }), { signal: undefined } as never])).toBe(
      'rejected',
    );
  });

  it('of the init counts, not the one of the Request', async () => {
    const other = new AbortController().signal;
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal }), { signal: other }])).toBe('pending');
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal: other }), { signal }])).toBe('rejected');
  });

  it('of a Request is put aside by null', async () => {
    expect(await abortWhileWaiting((signal) => [new Request(url, { signal }), { signal: null }])).toBe('pending');
  });

  it('of a Request that is aborted already is put aside by null', async () => {
    const { throttled, throttle } = setUp();
    await throttled(new Request(url, { signal: AbortSignal.abort(reason) }), { signal: null });
    expect((await throttle.status(key)).limits[0]?.remaining).toBe(0);
  });

  it('may come from another window', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    // All that such a signal has in common with ours.
    const foreign = {
      get aborted() {
        return signal.aborted;
      },
      get reason() {
        return signal.reason;
      },
      addEventListener: signal.addEventListener.bind(signal),
      removeEventListener: signal.removeEventListener.bind(signal),
    };
    const { clock, throttled } = setUp();
    await throttled(url);
    const call = watch(throttled(url, { signal: foreign as unknown as AbortSignal }));
    controller.abort(reason);
    await clock.advance(0);
    expect(call).toEqual({ state: 'rejected', value: reason });
  });

  it.each<[string, unknown]>([
    ['a number', 5],
    ['zero', 0],
    ['a text', 'abort'],
    ['an object', {}],
    ['an event target', new EventTarget()],
  ])('that is %s is for fetch to refuse, at once', async (_, signal) => {
    const { throttled, throttle, sent, times } = setUp();
    await throttled(url);
    const init = { signal: signal as AbortSignal };
    void throttled(url, init).catch(() => {});
    expect(times()).toEqual([0, 0]);
    expect(sent[1]?.init).toBe(init);
    expect((await throttle.status(key)).waiting).toBe(0);
  });
});

describe('a long-lived signal', () => {
  it('has no listener of ours left after 1,000 calls that went', async () => {
    const { signal } = new AbortController();
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const throttled = throttleFetch(throttle, { fetch: async () => new Response('ok') });
    const listeners = listenersOf(signal);
    const calls = Array.from({ length: 1000 }, () => watch(throttled(url, { signal })));
    await clock.advance(0);
    expect(listeners.now).toBeGreaterThan(0);
    await clock.advance(1000 * T);
    expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
    expect(listeners.now).toBe(0);
  });

  it('has no listener of ours left after 1,000 calls that were refused, failed or left the line', async () => {
    const { signal } = new AbortController();
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock, maxQueue: 3 });
    const outcomes = [
      () => refusal(1),
      () => Promise.reject(reason),
      () => Promise.reject(new TypeError('fetch failed')),
    ];
    let sent = 0;
    const send = async () => (outcomes[sent++ % outcomes.length] as Answering)(undefined as never, 0);
    const throttled = throttleFetch(throttle, { fetch: send as typeof fetch, maxWait: T, retry: 1 });
    const listeners = listenersOf(signal);
    const calls: ReturnType<typeof watch>[] = [];
    for (let round = 0; round < 200; round++) {
      for (let call = 0; call < 5; call++) calls.push(watch(throttled(url, { signal })));
      await clock.advance(T / 2);
    }
    await clock.advance(3600 * T);
    expect(calls.filter(({ state }) => state === 'pending')).toEqual([]);
    expect(sent).toBeGreaterThan(10);
    expect(listeners.ever).toBeGreaterThan(10);
    expect(listeners.now).toBe(0);
  });

  it('has one listener for all the calls that wait', async () => {
    const { signal } = new AbortController();
    const { throttled, clock, throttle } = setUp();
    const listeners = listenersOf(signal);
    await throttle.wait(key);
    for (let call = 0; call < 100; call++) void throttled(url, { signal });
    await clock.advance(0);
    expect((await throttle.status(key)).waiting).toBe(100);
    expect(listeners.now).toBe(1);
  });
});

describe('close', () => {
  it('rejects the calls that wait and leaves those in flight', async () => {
    let finish = (_: Response) => {};
    const { clock, throttled, throttle, sent } = setUp(() => new Promise((resolve) => (finish = resolve)));
    const first = watch(throttled(url));
    const second = watch(throttled(url));
    await throttle.close();
    await clock.advance(0);
    expect(second.state).toBe('rejected');
    expect((second.value as Error).message).toContain('closed');
    expect([first.state, sent.length]).toEqual(['pending', 1]);
    finish(new Response('ok'));
    await clock.advance(0);
    expect(first.state).toBe('fulfilled');
  });
});
