import { createThrottle } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { type ThrottleInterceptorOptions, throttleInterceptor } from 'sluice/undici';
import { describe, expect, it, vi } from 'vitest';
import { Exchange } from '../../src/adapters/undici-exchange.ts';

const T = 1000;
const reason = new Error('changed my mind');
const request = { origin: 'https://a.example', path: '/', method: 'GET' };
const chunk = (size: number) => new Uint8Array(size);

type Handler = Record<string, (...args: unknown[]) => unknown>;
type Send = (options: object, handler: object) => boolean;

/** A dispatcher that sends nothing: the test says what comes back, in the way of undici 6 or 7. */
function setUp(options: ThrottleInterceptorOptions = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: { rate: 1, interval: T, burst: 2 }, margin: 0, clock });
  const sent: { options: typeof request & { headers?: unknown }; handler: Handler }[] = [];
  const dispatch = (options: object, handler: object) => sent.push({ options, handler } as never) > 0;
  const send: Send = throttleInterceptor(throttle, options)(dispatch);
  return { clock, throttle, sent, send };
}

/** Notes what a handler hears, and may do something then. */
function listener(names: string[], act: (name: string) => unknown = () => undefined) {
  const heard: unknown[][] = [];
  const note = (name: string) =>
    [
      name,
      (...args: unknown[]) => {
        heard.push([name, ...args]);
        return act(name);
      },
    ] as const;
  const handler = Object.fromEntries(names.map(note));
  return { heard, handler, names: () => heard.map(([name]) => name) };
}

const older = ['onConnect', 'onResponseStarted', 'onBodySent', 'onRequestSent', 'onHeaders', 'onData', 'onComplete'];
const newer = ['onRequestStart', 'onResponseStarted', 'onResponseStart', 'onResponseData', 'onResponseEnd'];
newer.push('onResponseError');
older.push('onError');

/** undici's own controller of one attempt. */
const controllerOf = () => ({ abort: vi.fn(), pause: vi.fn(), resume: vi.fn(), rawHeaders: ['a'], rawTrailers: ['b'] });
type Seen = { aborted: boolean; reason: unknown; paused: boolean; rawHeaders: unknown; rawTrailers: unknown } & Record<
  'abort' | 'pause' | 'resume',
  (reason?: unknown) => void
>;

describe('a handler of undici 6', () => {
  const answer = (status: number) => [status, ['retry-after', '5'].map((text) => Buffer.from(text))];

  it('gets every event of a request, and informational answers at once', async () => {
    const { clock, sent, send } = setUp();
    const { handler, names, heard } = listener(older);
    send(request, handler);
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    ours.onConnect?.(vi.fn(), 'context');
    ours.onBodySent?.(1, 2);
    ours.onRequestSent?.();
    ours.onResponseStarted?.();
    ours.onHeaders?.(103, [], vi.fn(), 'Early Hints');
    ours.onHeaders?.(...answer(200), vi.fn(), 'OK');
    ours.onData?.(chunk(1));
    ours.onComplete?.([]);
    const events = ['onBodySent', 'onRequestSent', 'onResponseStarted', 'onHeaders', 'onHeaders', 'onData'];
    expect(names()).toEqual(['onConnect', 'onConnect', ...events, 'onComplete']);
    expect([heard[1]?.[2], heard[2]?.slice(1), heard[5]?.[1]]).toEqual(['context', [1, 2], 103]);
  });

  it('gets buffered data only as fast as it reads, and at most 64 KiB of it are kept', async () => {
    const { clock, sent, send } = setUp({ maxWait: 10 });
    const { handler, names, heard } = listener(older, (name) => name !== 'onData');
    send(request, handler);
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    const resume = vi.fn();
    ours.onConnect?.(vi.fn());
    ours.onHeaders?.(...answer(429), resume, 'no');
    expect([60_000, 5_000, 5_000].map((size) => ours.onData?.(chunk(size)))).toEqual([true, true, false]);
    expect(names()).not.toContain('onHeaders');
    await clock.advance(0);
    expect(names().slice(-2)).toEqual(['onHeaders', 'onData']);
    const goOn = heard.find(([name]) => name === 'onHeaders')?.[3] as () => void;
    goOn();
    goOn();
    expect([names().filter((name) => name === 'onData').length, resume.mock.calls.length]).toEqual([3, 0]);
    goOn();
    expect(resume).toHaveBeenCalledTimes(1);
  });
});

describe('a handler of undici 7', () => {
  it('gets every event of a request, by one controller, which is undici’s own behind it', async () => {
    const { clock, sent, send } = setUp();
    const { handler, names, heard } = listener(newer);
    send(request, handler);
    const controller = heard[0]?.[1] as Seen;
    expect([controller.aborted, controller.reason, controller.paused]).toEqual([false, null, false]);
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    const own = controllerOf();
    ours.onRequestStart?.(own, 'context');
    ours.onResponseStarted?.();
    ours.onResponseStart?.(own, 103, {}, 'Early Hints');
    ours.onResponseStart?.(own, 200, {}, 'OK');
    controller.pause();
    expect([own.pause.mock.calls.length, controller.paused]).toEqual([1, true]);
    await clock.advance(0);
    expect(own.resume).not.toHaveBeenCalled();
    controller.resume();
    expect(own.resume).toHaveBeenCalledTimes(1);
    ours.onResponseData?.(own, chunk(1));
    ours.onResponseEnd?.(own, {});
    const events = ['onResponseStarted', 'onResponseStart', 'onResponseStart', 'onResponseData', 'onResponseEnd'];
    expect(names()).toEqual(['onRequestStart', 'onRequestStart', ...events]);
    expect(heard.every(([name, first]) => name === 'onResponseStarted' || first === controller)).toBe(true);
    expect([heard[3]?.[2], controller.rawHeaders, controller.rawTrailers]).toEqual([103, ['a'], ['b']]);
  });

  it('gets buffered data only as fast as it reads, and at most 64 KiB of it are kept', async () => {
    const { clock, sent, send } = setUp({ maxWait: 10 });
    const pauseAtData = (name: string) => name === 'onResponseData' && controller.pause();
    const { handler, names, heard } = listener(newer, pauseAtData);
    send(request, handler);
    const controller = heard[0]?.[1] as Seen;
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    const own = controllerOf();
    ours.onRequestStart?.(own);
    ours.onResponseStart?.(own, 429, { 'retry-after': '5' }, 'no');
    for (const [size, pauses] of [
      [60_000, 0],
      [5_000, 0],
      [5_000, 1],
    ] as const) {
      ours.onResponseData?.(own, chunk(size));
      expect(own.pause).toHaveBeenCalledTimes(pauses);
    }
    await clock.advance(0);
    expect(names().slice(-2)).toEqual(['onResponseStart', 'onResponseData']);
    controller.resume();
    controller.resume();
    expect(names().filter((name) => name === 'onResponseData').length).toBe(3);
    expect(own.resume).not.toHaveBeenCalled();
    controller.resume();
    expect(own.resume).toHaveBeenCalledTimes(1);
  });

  it('that aborts before its request has a connection does not start again: the first reason counts', async () => {
    const { clock, sent, send } = setUp();
    const { handler, names, heard } = listener(newer);
    send(request, handler);
    const controller = heard[0]?.[1] as Seen;
    await clock.advance(0);
    controller.abort(reason);
    controller.abort(new Error('other'));
    const own = controllerOf();
    sent[0]?.handler.onRequestStart?.(own);
    expect(own.abort.mock.calls).toEqual([[reason]]);
    sent[0]?.handler.onResponseError?.(own, reason);
    await clock.advance(0);
    expect([controller.aborted, controller.reason]).toEqual([true, reason]);
    expect(names()).toEqual(['onRequestStart', 'onResponseError']);
  });
});

describe('a request', () => {
  it.each<[string, string[], string, (status: number) => [string, ...unknown[]]]>([
    ['6', older, 'onConnect', (status: number) => ['onHeaders', status, ['retry-after', '5'], vi.fn(), '']],
    ['7', newer, 'onRequestStart', (status: number) => ['onResponseStart', {}, status, { 'retry-after': '5' }]],
  ])('of undici %s is sent again if refused after an answer before the answer', async (_, names, start, answer) => {
    const { clock, sent, send } = setUp();
    send(request, listener(names).handler);
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    ours[start]?.(start === 'onConnect' ? vi.fn() : controllerOf());
    for (const status of [103, 429]) {
      const [name, ...args] = answer(status);
      ours[name]?.(...args);
      await clock.advance(0);
    }
    await clock.advance(5 * T);
    expect(sent.length).toBe(2);
  });

  it.each<[string, object, string, string]>([
    ['a path', {}, 'https://a.example', 'https://a.example/'],
    ['an origin that is a URL', { origin: new URL('https://a.example'), path: '/x' }, 'https://a.example', '/x'],
    ['an origin with a slash', { origin: 'https://a.example/', path: '/x' }, 'https://a.example', '/x'],
    ['a path of two slashes', { path: '//b.example/x' }, 'https://a.example', '//b.example/x'],
    ['a whole URL, for a proxy', { path: 'https://b.example/x' }, 'https://b.example', 'https://b.example/x'],
    ['no origin', { origin: undefined, path: '/x' }, 'default', 'http://origin.invalid/x'],
  ])('goes by where it is sent to: %s', async (_, more, key, url) => {
    const seen: unknown[] = [];
    const { clock, throttle, send } = setUp({
      cost: (call) => {
        seen.push([call.url.href, call.method]);
        return 2;
      },
    });
    send({ ...request, method: 'get', ...more }, listener(newer).handler);
    await clock.advance(0);
    expect(seen).toEqual([[url.startsWith('/') ? `https://a.example${url}` : url, 'GET']]);
    expect((await throttle.status(key)).limits[0]?.remaining).toBe(0);
  });

  it('whose answer is too long to read is passed on at once', async () => {
    const { clock, sent, send } = setUp({ dialect: completeDialect({ refusals: [{ body: ['code', 'no'] }] }) });
    for (const [size, isAtOnce] of [
      [1_000_001, true],
      [1_000, false],
    ] as const) {
      const { handler, names } = listener(newer);
      send(request, handler);
      await clock.advance(0);
      const own = controllerOf();
      const ours = sent.at(-1)?.handler as Handler;
      ours.onRequestStart?.(own);
      ours.onResponseStart?.(own, 200, { 'content-type': 'application/json', 'content-length': `${size}` }, 'OK');
      expect(names().includes('onResponseStart')).toBe(isAtOnce);
    }
  });

  it('aborted when its refusal arrives, reports the abort and not the refusal', async () => {
    let abort = () => {};
    const { clock, sent, send } = setUp({ retry: 0, onSignal: () => abort() });
    const { handler, heard, names } = listener(newer);
    send(request, handler);
    const controller = heard[0]?.[1] as Seen;
    abort = () => controller.abort(reason);
    await clock.advance(0);
    const own = controllerOf();
    const ours = sent[0]?.handler as Handler;
    ours.onRequestStart?.(own);
    ours.onResponseStart?.(own, 429, {}, 'no');
    await clock.advance(0);
    expect(names()).toEqual(['onRequestStart', 'onRequestStart', 'onResponseError']);
    expect(heard.at(-1)?.[2]).toBe(reason);
  });

  it('fails once if the dispatcher throws, and frees its place', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: { rate: 1, interval: T }, margin: 0, clock, concurrency: 1 });
    const fail: Send = () => {
      throw reason;
    };
    const { handler, heard } = listener(newer);
    throttleInterceptor(throttle)(fail)(request, handler);
    await clock.advance(0);
    expect(heard.slice(1)).toEqual([['onResponseError', heard[0]?.[1], reason]]);
    expect((await throttle.status(request.origin)).inFlight).toBe(0);
  });

  it.each<[string, () => object, (headers: never) => void]>([
    ['a list', () => ['x-a', '1'], (headers: string[]) => headers.push('x-b', '2')],
    ['a record', () => ({ 'x-a': '1' }), (headers: Record<string, string>) => Object.assign(headers, { 'x-b': '2' })],
    ['pairs of another make', () => new Map([['x-a', '1']]), () => {}],
  ])('is sent with the headers that it had when it was made: %s', async (_, make, change) => {
    const { clock, sent, send } = setUp();
    for (let call = 0; call < 2; call++) send(request, listener(newer).handler);
    const headers = make();
    send({ ...request, headers }, listener(newer).handler);
    change(headers as never);
    await clock.advance(T);
    expect(sent[2]?.options.headers).toEqual(make());
  });

  it('reports an abort once to the remaining listeners of its signal', () => {
    const exchange = new Exchange(() => true, request, {});
    const [stays, goes] = [vi.fn(), vi.fn()];
    for (const listener of [stays, goes]) exchange.signal.addEventListener('abort', listener);
    exchange.signal.removeEventListener('abort', goes);
    exchange.abort(reason);
    exchange.abort(new Error('other'));
    expect([stays.mock.calls.length, goes.mock.calls.length, exchange.signal.reason]).toEqual([1, 0, reason]);
  });
});

describe('a handler that takes both kinds of calls', () => {
  class Wrapper {
    onConnect(): void {}
    onRequestStart(): void {}
  }
  const around = () => Object.assign(new Wrapper(), { onResponseStart: () => {} });
  const plain = () => Object.assign(Object.create(null), { onRequestStart: () => {}, onConnect: () => {} });

  it.each([
    ['by itself gets those of undici 6', () => new Wrapper(), 'onConnect'],
    ['through what was put on it gets those of undici 7', around, 'onRequestStart'],
    ['through what stands before it gets those of undici 7', () => Object.create(new Wrapper()), 'onRequestStart'],
    ['and has no class gets those of undici 7', plain, 'onRequestStart'],
  ])('%s', async (_, make, event) => {
    const { clock, sent, send } = setUp();
    send(request, make());
    await clock.advance(0);
    const ours = sent[0]?.handler as Handler;
    expect(['onConnect', 'onRequestStart'].filter((name) => ours[name] !== undefined)).toEqual([event]);
  });
});
