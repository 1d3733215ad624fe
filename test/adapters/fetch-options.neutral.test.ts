import {
  CostExceedsBurstError,
  createThrottle,
  type FetchCall,
  type Limit,
  memoryStore,
  QueueFullError,
  StoreError,
  type ThrottleFetchOptions,
  type ThrottleOptions,
  throttleFetch,
  WaitTooLongError,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answering, fakeFetch } from './fake-fetch.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };

function setUp(
  options: Omit<ThrottleFetchOptions, 'fetch'> = {},
  throttleOptions: Partial<ThrottleOptions> = {},
  answer?: Answering,
) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
  const fake = fakeFetch(clock, answer);
  return { clock, throttle, ...fake, throttled: throttleFetch(throttle, { ...options, fetch: fake.fetch }) };
}

const a = 'https://a.example/';
const b = 'https://b.example/';

describe('the key', () => {
  it('is the origin', async () => {
    const { clock, throttled, sent } = setUp();
    const urls = [
      a,
      `${a}path?query#hash`,
      'https://user@a.example:443/',
      'https://A.example/',
      b,
      'http://a.example/',
    ];
    for (const url of urls) void throttled(url);
    await clock.advance(0);
    expect(sent.map(({ url }) => url)).toEqual([a, b, 'http://a.example/']);
    await clock.advance(3 * T);
    expect(sent.map(({ at }) => at / T)).toEqual([0, 0, 0, 1, 2, 3]);
  });

  it('is never taken from the beginning of another URL', async () => {
    const { throttle, throttled } = setUp({}, { limits: { rate: 100, interval: T, burst: 100 } });
    const keys: string[] = [];
    throttle.on('granted', ({ key }) => keys.push(key));
    const urls = [
      'https://a.example/x',
      'https://a.example/y',
      'https://a.example?/x',
      'https://a.example:8443/x',
      'https://a.example@b.example/x',
      'https://a.example\\@b.example/x',
      'https://a.example.b.example/x',
      'https://a.ex\nample/x',
      'https://\t/c.example/x',
      'https://\t/d.example/x',
      ' https://a.example/x',
    ];
    for (const url of [...urls, ...urls]) await throttled(url);
    const seen = urls.map((url) => new URL(url).origin);
    expect(keys).toEqual([...seen, ...seen]);
    expect(seen).toContain('https://b.example');
  });

  it('holds no credential, query or body', async () => {
    const { throttle, throttled } = setUp();
    const keys: string[] = [];
    throttle.on('granted', ({ key }) => keys.push(key));
    await throttled('https://user:secret@a.example/path?token=secret', { method: 'POST', body: 'secret' });
    expect(keys).toEqual(['https://a.example']);
  });

  it('may be one key for all calls', async () => {
    const { clock, throttled, times } = setUp({ key: 'one' });
    for (const url of [a, b]) void throttled(url);
    await clock.advance(T);
    expect(times()).toEqual([0, T]);
  });

  it('may be a function of the call', async () => {
    const calls: FetchCall[] = [];
    const { clock, throttle, throttled, times } = setUp({
      key: (call) => {
        calls.push(call);
        return call.method;
      },
    });
    const init = { method: 'post' };
    void throttled(a, init);
    void throttled(new URL('/x', a), init);
    void throttled(b);
    await clock.advance(0);
    expect(times()).toEqual([0, 0]);
    expect((await throttle.status('POST')).waiting).toBe(1);
    expect(calls.map(({ url, method }) => `${method} ${url.href}`)).toEqual([
      'POST https://a.example/',
      'POST https://a.example/x',
      'GET https://b.example/',
    ]);
    expect(calls[0]?.url).toBeInstanceOf(URL);
    expect(calls[0]?.input).toBe(a);
    expect(calls[0]?.init).toBe(init);
    expect(calls[2]?.init).toBeUndefined();
  });

  it('is read from a Request', async () => {
    const calls: FetchCall[] = [];
    const { throttled } = setUp({ key: (call) => String(calls.push(call)) });
    const request = new Request(a, { method: 'put', body: 'x' });
    await throttled(request);
    await throttled(request, { method: 'DELETE' });
    expect(calls.map(({ url, method }) => `${method} ${url.href}`)).toEqual([`PUT ${a}`, `DELETE ${a}`]);
    expect(calls[0]?.input).toBe(request);
  });

  it('is the origin of what is sent, whatever a function does to the URL', async () => {
    const { throttle, throttled, sent } = setUp({
      match: ({ url }) => {
        url.hostname = 'changed.example';
        return true;
      },
    });
    const keys: string[] = [];
    throttle.on('granted', ({ key }) => keys.push(key));
    await throttled(a);
    expect([keys, sent[0]?.url]).toEqual([['https://a.example'], a]);
  });

  it('cannot change what is sent', async () => {
    const { throttled, sent } = setUp({
      key: ({ url }) => {
        url.search = '';
        return url.href;
      },
    });
    await throttled(`${a}?page=2`);
    expect(sent[0]?.url).toBe(`${a}?page=2`);
  });
});

describe('cost and priority', () => {
  const burst4: Limit = { rate: 1, interval: T, burst: 4 };

  it.each<[string, ThrottleFetchOptions['cost']]>([
    ['a number', 2],
    ['a function', () => 2],
    ['a number per limit', { calls: 2 }],
    ['a function that gives a number per limit', () => ({ calls: 2 })],
  ])('takes %s for a cost', async (_, cost) => {
    const limits = { ...burst4, name: 'calls' };
    const { clock, throttled, times } = setUp({ ...(cost === undefined ? {} : { cost }) }, { limits });
    for (let call = 0; call < 4; call++) void throttled(a);
    await clock.advance(4 * T);
    expect(times()).toEqual([0, 0, 2 * T, 4 * T]);
  });

  it('lets a call of cost 0 pass', async () => {
    const { throttled, times } = setUp({ cost: ({ method }) => (method === 'HEAD' ? 0 : 1) });
    await throttled(a);
    for (let call = 0; call < 3; call++) await throttled(a, { method: 'HEAD' });
    expect(times()).toEqual([0, 0, 0, 0]);
  });

  it.each<[string, ThrottleFetchOptions['priority'], string[]]>([
    ['of the call', ({ url }) => (url.pathname === '/urgent' ? 1 : 0), ['/first', '/urgent', '/second']],
    ['of all calls', 5, ['/first', '/second', '/urgent']],
  ])('orders the line by the priority %s', async (_, priority, order) => {
    const { clock, throttled, sent } = setUp({ ...(priority === undefined ? {} : { priority }) });
    for (const path of ['first', 'second', 'urgent']) void throttled(a + path);
    await clock.advance(3 * T);
    expect(sent.map(({ url }) => new URL(url).pathname)).toEqual(order);
  });
});

describe('match', () => {
  it('sends other calls without waiting, uncounted, with the same arguments', async () => {
    const { throttled, throttle, sent, times } = setUp({ match: ({ url }) => url.pathname.startsWith('/api') });
    const init = { headers: { a: '1' } };
    await throttled(`${a}api/1`);
    await throttled(`${a}other`, init);
    await throttled(`${a}other`);
    expect(times()).toEqual([0, 0, 0]);
    expect(sent[1]?.init).toBe(init);
    expect((await throttle.status('https://a.example')).limits[0]?.resetAfter).toBe(T);
  });

  it.each([undefined, null, 0, ''])('counts %j as no', async (answer) => {
    const { throttled, times } = setUp({ match: () => answer as unknown as boolean });
    for (let call = 0; call < 3; call++) await throttled(a);
    expect(times()).toEqual([0, 0, 0]);
  });
});

describe('what never waits', () => {
  it.each(['data:text/plain,hi', 'blob:https://a.example/1', 'ftp://a.example/', 'about:blank', 'foo:bar', 'http://['])(
    'sends %s straight through, uncounted',
    async (url) => {
      const seen: unknown[] = [];
      const { throttled, throttle, sent } = setUp({
        key: 'one',
        match: (call) => {
          seen.push(call);
          return true;
        },
      });
      const init = {};
      for (let call = 0; call < 3; call++) await throttled(url, init);
      expect(sent.map(({ at, input, init: given }) => [at, input, given === init])).toEqual(
        Array(3).fill([0, url, true]),
      );
      expect(seen).toEqual([]);
      expect((await throttle.status('one')).limits[0]?.remaining).toBe(1);
    },
  );
});

describe('refusals of the throttle', () => {
  it.each<[string, Omit<ThrottleFetchOptions, 'fetch'>, Partial<ThrottleOptions>, new (...args: never[]) => Error]>([
    ['the wait is longer than maxWait', { maxWait: T - 1 }, {}, WaitTooLongError],
    ['the wait is longer than a function allows', { maxWait: () => T - 1 }, {}, WaitTooLongError],
    ['the wait is longer than the throttle allows', {}, { maxWait: T - 1 }, WaitTooLongError],
    ['the line is full', {}, { maxQueue: 0 }, QueueFullError],
    ['the cost is above the burst', { cost: ({ url }) => (url.hash === '#2' ? 2 : 1) }, {}, CostExceedsBurstError],
  ])('reject before anything is sent: %s', async (_, options, throttleOptions, kind) => {
    const { clock, throttled, times } = setUp(options, throttleOptions);
    await throttled(`${a}#1`);
    await expect(throttled(`${a}#2`)).rejects.toBeInstanceOf(kind);
    await clock.advance(T);
    await throttled(`${a}#3`);
    expect(times()).toEqual([0, T]);
  });

  it('reject with StoreError if the store fails and onStoreError says so', async () => {
    const store = faultyStore(memoryStore(), () => ({ error: new Error('gone') }));
    const { throttled, sent } = setUp({}, { store, onStoreError: 'reject' });
    await expect(throttled(a)).rejects.toBeInstanceOf(StoreError);
    expect(sent).toEqual([]);
  });

  it('accept a wait of exactly maxWait', async () => {
    const { clock, throttled, times } = setUp({ maxWait: T });
    void throttled(a);
    void throttled(a);
    await clock.advance(T);
    expect(times()).toEqual([0, T]);
  });
});

describe('functions that fail', () => {
  const error = new Error('mine');
  const fail = () => {
    throw error;
  };
  it.each(['key', 'cost', 'priority', 'match', 'maxWait'] as const)('pass on what %s throws', async (name) => {
    const { throttled, throttle, sent } = setUp({ [name]: fail });
    // A call: what it throws must come as a rejection.
    const rejected = throttled(a);
    await expect(rejected).rejects.toBe(error);
    expect(sent).toEqual([]);
    const { limits, waiting } = await throttle.status('https://a.example');
    expect([limits[0]?.remaining, waiting]).toEqual([1, 0]);
  });

  it.each<[string, unknown, ErrorConstructor]>([
    ['key', 5, TypeError],
    ['key', Symbol('key'), TypeError],
    ['cost', '1', TypeError],
    ['cost', -1, RangeError],
    ['cost', { a: Number.NaN }, RangeError],
    ['priority', Number.NaN, RangeError],
    ['maxWait', -1, RangeError],
    ['maxWait', '1', TypeError],
  ])('reject a call whose %s is wrong', async (name, value, kind) => {
    const { throttled, sent } = setUp({ [name]: () => value });
    await expect(throttled(a)).rejects.toBeInstanceOf(kind);
    expect(sent).toEqual([]);
  });
});

describe('functions that return undefined', () => {
  it('get the defaults', async () => {
    const nothing = () => undefined as never;
    const { throttle, throttled } = setUp({ key: nothing, cost: nothing, priority: nothing, maxWait: nothing });
    const granted: unknown[] = [];
    throttle.on('granted', (event) => granted.push(event));
    await throttled(a);
    expect(granted).toEqual([{ key: 'https://a.example', cost: 1, wait: 0 }]);
  });
});

describe('throttleFetch', () => {
  it.each<[string, unknown, string]>([
    ['key', 5, '`key`'],
    ['key', null, '`key`'],
    ['cost', '1', '`cost`'],
    ['cost', -1, '`cost`'],
    ['cost', null, '`cost`'],
    ['cost', { tokens: -1 }, '`cost.tokens`'],
    ['priority', '1', '`priority`'],
    ['priority', Number.NaN, '`priority`'],
    ['match', true, '`match`'],
    ['match', null, '`match`'],
    ['maxWait', -1, '`maxWait`'],
    ['maxWait', Number.NaN, '`maxWait`'],
    ['maxWait', '5', '`maxWait`'],
    ['retry', -1, '`retry`'],
    ['retry', 1.5, '`retry`'],
    ['retry', true, '`retry`'],
    ['fetch', 'fetch', '`fetch`'],
  ])('refuses %s: %j at once', (name, value, words) => {
    const throttle = createThrottle({ limits: even });
    expect(() => throttleFetch(throttle, { [name]: value })).toThrow(words);
  });

  it.each([undefined, null, 5, {}])('refuses %j as a throttle', (throttle) => {
    expect(() => throttleFetch(throttle as never)).toThrow(TypeError);
  });

  it.each([null, 5, []])('refuses %j as options', (options) => {
    expect(() => throttleFetch(createThrottle({ limits: even }), options as never)).toThrow('`options`');
  });

  it('keeps 50 ms in hand, unless a number was given', async () => {
    for (const [margin, kept] of [
      ['auto', 50],
      [undefined, 50],
      [0, 0],
      [7, 7],
    ] as const) {
      const throttle = createThrottle({ limits: even, ...(margin === undefined ? {} : { margin }) });
      throttleFetch(throttle);
      expect((await throttle.status()).margin).toBe(kept);
    }
  });

  it('leaves the margin alone when it refuses its options', async () => {
    const throttle = createThrottle({ limits: even });
    expect(() => throttleFetch(throttle, { retry: -1 })).toThrow(RangeError);
    expect((await throttle.status()).margin).toBe(0);
  });

  it('gives a function of the same name and length', () => {
    const throttle = createThrottle({ limits: even });
    const shape = ({ name, length }: typeof fetch) => [name, length];
    expect(shape(throttleFetch(throttle))).toEqual(shape(fetch));
    const own = Object.assign(async () => new Response(), {});
    expect(shape(throttleFetch(throttle, { fetch: own }))).toEqual(['', 0]);
  });

  it('gives a function that works as a method, and calls the real one as a function', async () => {
    // As in browsers, where fetch is a method of the window and of nothing else.
    const receivers: unknown[] = [];
    async function strict(this: unknown) {
      receivers.push(this);
      return new Response();
    }
    const api = { fetch: throttleFetch(createThrottle({ limits: even }), { fetch: strict }) };
    await api.fetch(a);
    await api.fetch('data:,');
    expect(receivers).toEqual([undefined, undefined]);
  });

  describe('as the global fetch', () => {
    const real = globalThis.fetch;
    afterEach(() => {
      globalThis.fetch = real;
    });

    it('does not call itself', async () => {
      const clock = new ManualClock();
      const { fetch, times } = fakeFetch(clock);
      globalThis.fetch = fetch;
      globalThis.fetch = throttleFetch(createThrottle({ limits: even, margin: 0, clock }));
      void globalThis.fetch(a);
      void globalThis.fetch(a);
      await clock.advance(T);
      expect(times()).toEqual([0, T]);
    });
  });
});
