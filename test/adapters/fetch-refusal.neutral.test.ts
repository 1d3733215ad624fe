import { createThrottle, type Limit, type ThrottleFetchOptions, type ThrottleOptions, throttleFetch } from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { keyValueStore } from '../../src/storage/key-value.ts';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const T = 1000;
const url = 'https://a.example/';
const key = 'https://a.example';
const wide: Limit = { rate: 1000, interval: T, burst: 1000 };

function setUp(answer: Answering, options: ThrottleFetchOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: wide, margin: 0, clock, ...throttleOptions });
  const fake = fakeFetch(clock, answer);
  /** Lets calls go on as far as they can, then `ms` go by. */
  const pass = async (ms: number) => {
    await clock.advance(0);
    await clock.advance(ms);
  };
  return { clock, pass, throttle, ...fake, throttled: throttleFetch(throttle, { ...options, fetch: fake.fetch }) };
}

// Pauses without a time are spread at random.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));

const ok = () => new Response('ok');
function refused(headers: Record<string, string> = {}, status = 429): Response {
  return new Response('refused', { status, headers });
}

/** Answers with what is listed, then always with a 200. */
const inTurn =
  (...answers: (() => Response)[]): Answering =>
  (_, index) =>
    (answers[index] ?? ok)();

describe('a refused call', () => {
  it.each<[string, number, Record<string, string>]>([
    ['seconds', 30 * T, { 'retry-after': '30' }],
    ['seconds with a fraction', 2_500, { 'retry-after': '2.5' }],
    ['the latest of several', 30 * T, { 'retry-after': '10, 30' }],
    ['a time before the reset of its quota', 2 * T, { 'retry-after': '2', ratelimit: '"d";r=0;t=60' }],
    ['a time after the reset of its quota', 60 * T, { 'retry-after': '60', ratelimit: '"d";r=0;t=2' }],
    [
      'a time before the reset of its quota, in fields of its own',
      2 * T,
      { 'retry-after-ms': '2000', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' },
    ],
    ['a date', 31 * T, { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }],
    [
      'a date, by a clock ahead of ours',
      21 * T,
      { 'retry-after': 'Thu, 01 Jan 2026 00:10:30 GMT', date: 'Thu, 01 Jan 2026 00:10:10 GMT' },
    ],
    ['a time beyond maxPause', 65 * 60 * T, { 'retry-after': '1000000' }],
    ['a date beyond maxPause', 65 * 60 * T, { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }],
    ['nothing', T, {}],
    ['zero', T, { 'retry-after': '0' }],
    ['garbage', T, { 'retry-after': 'soon' }],
    ['a date in the past', T, { 'retry-after': 'Wed, 31 Dec 2025 23:59:59 GMT' }],
  ])('is sent again when the server says: %s', async (_, ms, headers) => {
    const { clock, pass, throttle, throttled, times } = setUp(inTurn(() => refused(headers)));
    const call = watch(throttled(url));
    await pass(0);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + ms);
    await pass(ms - 1);
    expect([times(), call.state]).toEqual([[0], 'pending']);
    await pass(1);
    expect(times()).toEqual([0, ms]);
    expect((call.value as Response).status).toBe(200);
  });

  it('is sent again at Retry-After where earlier answers named the same quota', async () => {
    const told = (headers: Record<string, string>) => () => new Response('ok', { headers });
    const { pass, throttled, times } = setUp(
      inTurn(told({ ratelimit: '"d";r=1;t=61' }), () => refused({ 'retry-after': '2', ratelimit: '"d";r=0;t=60' })),
    );
    await throttled(url);
    await pass(T);
    watch(throttled(url));
    await pass(2 * T);
    expect(times()).toEqual([0, T, 3 * T]);
  });

  it('is not held back longer than maxPause', async () => {
    const { pass, throttled, times } = setUp(
      inTurn(() => refused({ 'retry-after': '60' })),
      {},
      { maxPause: 5 * T },
    );
    void throttled(url);
    await pass(10 * T);
    expect(times()).toEqual([0, 5 * T]);
  });

  it.each([undefined, 0, 1, 2, 3, 5])('is sent again as often as retry allows: %j', async (retry) => {
    const answer = () => refused({ 'retry-after': '10' });
    const { pass, throttled, times } = setUp(answer, retry === undefined ? {} : { retry });
    const call = watch(throttled(url));
    await pass(100 * T);
    expect(times()).toEqual(Array.from({ length: (retry ?? 2) + 1 }, (_, index) => index * 10 * T));
    expect((call.value as Response).status).toBe(429);
  });

  it('is sent again without end if retry is Infinity', async () => {
    const { pass, throttled, sent } = setUp(inTurn(...Array(50).fill(() => refused({ 'retry-after': '1' }))), {
      retry: Number.POSITIVE_INFINITY,
    });
    const call = watch(throttled(url));
    await pass(60 * T);
    expect([sent.length, (call.value as Response).status]).toEqual([51, 200]);
  });

  it('comes back, the last refusal, as the untouched Response', async () => {
    const answers: Response[] = [];
    const { pass, throttled } = setUp(() => {
      answers.push(refused({ 'retry-after': '10', 'x-own': `${answers.length}` }));
      return answers.at(-1) as Response;
    });
    const call = watch(throttled(url));
    await pass(100 * T);
    const response = call.value as Response;
    expect(response).toBe(answers[2]);
    expect(response.bodyUsed).toBe(false);
    expect([response.headers.get('x-own'), await response.text()]).toEqual(['2', 'refused']);
  });

  it('pauses for growing times while the server names none', async () => {
    const { pass, throttled, times } = setUp(() => refused(), { retry: 8 });
    void throttled(url);
    await pass(400 * T);
    expect(times().map((at, index) => (at - (times()[index - 1] ?? 0)) / T)).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60]);
  });

  it('frees the connection of its answer right before it is sent again', async () => {
    const cancels: number[] = [];
    const { clock, pass, throttled, times } = setUp((_, index) => {
      if (index === 2) return ok();
      const body = new ReadableStream({ cancel: () => void cancels.push(clock.monotonic()) });
      return new Response(body, { status: 429, headers: { 'retry-after': '10' } });
    });
    void throttled(url);
    await pass(10 * T - 1);
    expect(cancels).toEqual([]);
    await pass(30 * T);
    expect(times()).toEqual([0, 10 * T, 20 * T]);
    expect(cancels).toEqual([10 * T, 20 * T]);
  });

  it.each<[string, () => ReadableStream | null | undefined]>([
    [
      'that is locked',
      () => {
        const stream = new ReadableStream();
        stream.getReader();
        return stream;
      },
    ],
    ['that fails to cancel', () => ({ cancel: () => Promise.reject(new Error('no')) }) as never],
    [
      'that throws when cancelled',
      () =>
        ({
          cancel: () => {
            throw new Error('no');
          },
        }) as never,
    ],
    ['of another make', () => ({}) as never],
    ['that is null', () => null],
    ['that is not there', () => undefined],
  ])('is sent again though its answer has a body %s', async (_, body) => {
    const answer = { status: 429, headers: new Headers({ 'retry-after': '1' }), body: body() };
    const { pass, throttled, sent } = setUp(inTurn(() => answer as unknown as Response));
    const call = watch(throttled(url));
    await pass(T);
    expect([sent.length, (call.value as Response).status]).toEqual([2, 200]);
  });

  it('waits in line again, behind those of a higher priority', async () => {
    const { pass, throttled, sent } = setUp(
      inTurn(() => refused({ 'retry-after': '10' })),
      { priority: ({ url }) => (url.pathname === '/urgent' ? 1 : 0) },
      { limits: { rate: 1, interval: T } },
    );
    void throttled(`${url}first`);
    await pass(0);
    void throttled(`${url}second`);
    void throttled(`${url}urgent`);
    await pass(20 * T);
    // A refused key goes slower: at 85 percent of the limits' rate at first.
    expect(sent.map((call) => [new URL(call.url).pathname, Number((call.at / T).toFixed(2))])).toEqual([
      ['/first', 0],
      ['/urgent', 10],
      ['/first', 11.18],
      ['/second', 12.31],
    ]);
  });
});

describe('a pause', () => {
  it('holds back all calls of its key and none of others', async () => {
    const { pass, throttled, sent } = setUp(inTurn(() => refused({ 'retry-after': '10' })));
    void throttled(url);
    await pass(T);
    for (const other of [url, url, 'https://b.example/']) void throttled(other);
    await pass(0);
    expect(sent.map((call) => [new URL(call.url).hostname[0], call.at / T])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    await pass(9 * T);
    expect(sent.slice(2).map((call) => [new URL(call.url).hostname[0], call.at / T])).toEqual([['a', 10]]);
    await pass(3);
    expect(sent.slice(2).map((call) => new URL(call.url).hostname[0])).toEqual(['a', 'a', 'a']);
  });

  it('stops the call that waits for the place of the refused one', async () => {
    let answer = (_: Response) => {};
    const { pass, throttled, times } = setUp(
      (_, index) => (index === 1 ? new Promise((resolve) => (answer = resolve)) : ok()),
      { retry: 0 },
      { concurrency: 1 },
    );
    await throttled(url);
    await pass(0);
    const second = watch(throttled(url));
    void throttled(url);
    await pass(T);
    answer(refused({ 'retry-after': '10' }));
    await pass(0);
    expect([second.state, times()]).toEqual(['fulfilled', [0, 0]]);
    await pass(10 * T);
    expect(times()).toEqual([0, 0, 11 * T]);
  });

  it('rejects a waiting call whose maxWait it outlasts, when that is over, with one timer at most', async () => {
    let answer = (_: Response) => {};
    const { clock, pass, throttled, times } = setUp(
      (_, index) => (index === 0 ? new Promise((resolve) => (answer = resolve)) : ok()),
      { retry: 0, maxWait: 2 * T },
      { limits: { rate: 1, interval: T } },
    );
    const set = vi.spyOn(clock, 'setTimeout');
    void throttled(url);
    const second = watch(throttled(url));
    await pass(T / 2);
    answer(refused({ 'retry-after': '60' }));
    await pass(1.5 * T - 1);
    expect(second.state).toBe('pending');
    await pass(1);
    expect(second).toMatchObject({ state: 'rejected', value: { name: 'WaitTooLongError' } });
    await pass(100 * T);
    expect(times()).toEqual([0]);
    expect(set.mock.calls.length).toBeLessThan(10);
    expect(clock.timers).toBe(0);
  });

  it('is lengthened, not shortened, by answers that come later', async () => {
    const waits = ['20', '5', '30'];
    const { clock, throttle, throttled } = setUp((_, index) => refused({ 'retry-after': waits[index] as string }), {
      retry: 0,
    });
    const start = clock.now();
    const ends: (number | undefined)[] = [];
    throttle.on('paused', ({ until }) => ends.push((until - start) / T));
    await Promise.all(waits.map(() => throttled(url)));
    expect(ends).toEqual([20, 30]);
    expect((await throttle.status(key)).pausedUntil).toBe(start + 30 * T);
  });
});

describe('a refusal is handed back', () => {
  const stream = () => new ReadableStream({ start: (controller) => controller.close() });
  const post = { method: 'POST' };
  const half = { method: 'POST', duplex: 'half' } as RequestInit;

  it.each<[string, () => [RequestInfo, RequestInit?]]>([
    ['a stream', () => [url, { ...half, body: stream() }]],
    ['an async iterable', () => [url, { ...half, body: (async function* () {})() as never }]],
    ['the Request itself', () => [new Request(url, { ...post, body: 'text' })]],
    ['the Request itself, and an init', () => [new Request(url, { ...post, body: 'text' }), { headers: { a: '1' } }]],
    ['the Request itself, and an init of null', () => [new Request(url, { ...post, body: 'text' }), { body: null }]],
    [
      'a form that is a stream',
      () => [url, { ...post, body: { pipe: () => {}, [Symbol.toStringTag]: 'FormData' } as never }],
    ],
    ['something unknown', () => [url, { ...post, body: { own: 'thing' } as never }]],
  ])('if its body cannot be sent again: %s', async (_, make) => {
    const { clock, pass, throttle, throttled, sent } = setUp(() => refused({ 'retry-after': '10' }));
    const response = await throttled(...make());
    expect([response.status, response.bodyUsed, await response.text()]).toEqual([429, false, 'refused']);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + 10 * T);
    await pass(100 * T);
    expect(sent.length).toBe(1);
  });

  it.each<[string, () => [RequestInfo | URL, RequestInit?]]>([
    ['none', () => [url]],
    ['null', () => [url, { ...post, body: null }]],
    ['a text', () => [url, { ...post, body: 'text' }]],
    ['an empty text', () => [url, { ...post, body: '' }]],
    ['an ArrayBuffer', () => [url, { ...post, body: new ArrayBuffer(2) }]],
    ['a view', () => [url, { ...post, body: new Uint8Array(2) }]],
    ['a DataView', () => [url, { ...post, body: new DataView(new ArrayBuffer(2)) }]],
    ['a Blob', () => [url, { ...post, body: new Blob(['blob']) }]],
    ['a File', () => [url, { ...post, body: new File(['file'], 'name') }]],
    ['FormData', () => [url, { ...post, body: new FormData() }]],
    ['URLSearchParams', () => [url, { ...post, body: new URLSearchParams('a=1') }]],
    ['that of an init beside a Request', () => [new Request(url, { ...post, body: 'text' }), { body: 'other' }]],
    ['that of a Request without one', () => [new Request(url)]],
    ['that of a Request without one, POST', () => [new Request(url, post)]],
  ])('not if its body can be sent again: %s', async (_, make) => {
    const { pass, throttled, sent } = setUp(inTurn(() => refused({ 'retry-after': '10' })));
    const call = watch(throttled(...make()));
    await pass(10 * T);
    expect((call.value as Response).status).toBe(200);
    expect(sent.length).toBe(2);
    expect(sent[1]).toEqual({ ...sent[0], at: 10 * T });
  });

  it.each<[string, 429 | 200]>([
    ['GET', 200],
    ['HEAD', 200],
    ['POST', 429],
  ])('in a browser that does not show the bodies of Requests, as it may have one: %s', async (method, status) => {
    const request = Object.defineProperty(new Request(url, { method }), 'body', { value: undefined });
    const { pass, throttled } = setUp(inTurn(() => refused({ 'retry-after': '10' })));
    const call = watch(throttled(request));
    await pass(10 * T);
    expect((call.value as Response).status).toBe(status);
  });

  it('if the wait until then is longer than maxWait', async () => {
    const { pass, throttled, sent } = setUp(() => refused({ 'retry-after': '10' }), { maxWait: 10 * T - 1 });
    const response = await throttled(url);
    expect([response.status, response.bodyUsed, await response.text()]).toEqual([429, false, 'refused']);
    await pass(100 * T);
    expect(sent.length).toBe(1);
  });

  it('if the line is full', async () => {
    const { pass, throttled } = setUp(() => refused({ 'retry-after': '10' }), {}, { maxQueue: 1 });
    const calls = [throttled(url), throttled(url)].map(watch);
    await pass(0);
    expect(calls.map(({ state }) => state)).toEqual(['pending', 'fulfilled']);
  });

  it('if the throttle closes while the call waits, or has closed when the answer comes', async () => {
    let answer = (_: Response) => {};
    const { pass, throttle, throttled } = setUp((_, index) =>
      index === 0 ? refused({ 'retry-after': '10' }) : new Promise((resolve) => (answer = resolve)),
    );
    const first = watch(throttled(url));
    const other = watch(throttled('https://b.example/'));
    await pass(T);
    await throttle.close();
    answer(refused({ 'retry-after': '10' }));
    await pass(0);
    expect((first.value as Response).status).toBe(429);
    expect((other.value as Response).status).toBe(429);
  });

  it('if `clear` takes the call out of the line; with a reason it rejects, and the answer is freed', async () => {
    const cancel = vi.fn();
    const { pass, throttle, throttled } = setUp(
      () => new Response(new ReadableStream({ cancel }), { status: 429, headers: { 'retry-after': '10' } }),
    );
    const cleared = watch(throttled(url));
    await pass(0);
    throttle.clear(key);
    await pass(0);
    expect((cleared.value as Response).status).toBe(429);
    const rejected = watch(throttled(url, { method: 'POST', body: 'text' }));
    await pass(10 * T);
    expect(cancel).not.toHaveBeenCalled();
    const reason = new Error('mine');
    throttle.clear(key, reason);
    await pass(0);
    expect([rejected.state, rejected.value]).toEqual(['rejected', reason]);
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('at once if it is a 503 that does not say when to come back, and nothing is paused', async () => {
    for (const headers of [{}, { 'retry-after': '0' }, { 'retry-after': 'soon' }] as Record<string, string>[]) {
      const { throttle, throttled, sent } = setUp(() => refused(headers, 503));
      expect((await throttled(url)).status).toBe(503);
      expect(sent.length).toBe(1);
      expect((await throttle.status(key)).pausedUntil).toBeUndefined();
    }
  });
});

describe('a 503', () => {
  it('with Retry-After pauses and is sent again as a 429 is', async () => {
    const { pass, throttled, times } = setUp(inTurn(() => refused({ 'retry-after': '10' }, 503)));
    const call = watch(throttled(url));
    await pass(10 * T);
    expect([times(), (call.value as Response).status]).toEqual([[0, 10 * T], 200]);
  });
});

describe('when the store fails to note the pause', () => {
  const failingPause = () => {
    const values = new Map<string, unknown>();
    const store = keyValueStore({
      name: 'map',
      update: (name, change) => void values.set(name, change(values.get(name))),
    });
    return faultyStore(store, (operation) => (operation === 'pause' ? { error: new Error('gone') } : undefined));
  };

  it.each(['memory', 'reject'] as const)('the answer comes back all the same (%s)', async (onStoreError) => {
    const { pass, throttled, times } = setUp(
      inTurn(() => refused({ 'retry-after': '10' })),
      { retry: 0 },
      { store: failingPause(), onStoreError },
    );
    const call = watch(throttled(url));
    await pass(0);
    expect((call.value as Response).status).toBe(429);
    void throttled(url);
    await pass(10 * T);
    expect(times()).toEqual([0, 10 * T]);
  });

  it('the answer does not wait for a store that is slow', async () => {
    const values = new Map<string, unknown>();
    const store = keyValueStore({
      name: 'map',
      update: (name, change) => void values.set(name, change(values.get(name))),
    });
    const slow = faultyStore(store, (operation) =>
      operation === 'pause' ? { after: new Promise(() => {}) } : undefined,
    );
    const { pass, throttled } = setUp(() => refused({ 'retry-after': '10' }), { retry: 0 }, { store: slow });
    const call = watch(throttled(url));
    await pass(0);
    expect((call.value as Response).status).toBe(429);
  });
});
