import { createThrottle, type Limit, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { fakeFetch } from './fake-fetch.ts';

const even: Limit = { rate: 1, interval: 1000 };
const url = 'https://a.example/';

function setUp() {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock });
  const fake = fakeFetch(clock);
  return { clock, ...fake, throttled: throttleFetch(throttle, { fetch: fake.fetch }) };
}

/** Makes a call wait, lets the caller change its mind about the arguments, and tells what was sent in the end. */
async function sentAfter(args: Parameters<typeof fetch>, change: () => void) {
  const { clock, throttled, sent } = setUp();
  await throttled(url);
  void throttled(...args);
  change();
  await clock.advance(1000);
  const { input, init } = sent[1] ?? {};
  return { input, init: init as RequestInit };
}

const bytes = (...values: number[]) => new Uint8Array(values);
const read = (body: unknown): number[] => [
  ...(ArrayBuffer.isView(body) ? new Uint8Array(body.buffer) : new Uint8Array(body as ArrayBuffer)),
];
const headersOf = (init: RequestInit) => [...new Headers(init.headers).entries()];

describe('a change after the call', () => {
  it('of the URL is not sent', async () => {
    const target = new URL(url);
    const { input } = await sentAfter([target], () => {
      target.pathname = '/changed';
    });
    expect(String(input)).toBe(url);
  });

  it('of the init is not sent', async () => {
    const init: RequestInit = { method: 'POST', body: 'first', credentials: 'omit' };
    const { init: sent } = await sentAfter([url, init], () => {
      Object.assign(init, { method: 'DELETE', body: 'second', credentials: 'include', redirect: 'error' });
    });
    expect(sent).toEqual({ method: 'POST', body: 'first', credentials: 'omit' });
  });

  it.each<[string, () => [HeadersInit, (headers: never) => void]]>([
    ['an object', () => [{ a: '1' }, (headers: Record<string, string>) => Object.assign(headers, { a: '2', b: '2' })]],
    [
      'an instance of a class',
      () => [
        new (class {
          a = '1';
        })() as never,
        (headers: Record<string, string>) => Object.assign(headers, { a: '2', b: '2' }),
      ],
    ],
    [
      'Headers',
      () => [
        new Headers({ a: '1' }),
        (headers: Headers) => {
          headers.set('a', '2');
          headers.append('b', '2');
        },
      ],
    ],
    [
      'a list of pairs',
      () => [
        [['a', '1']],
        (headers: [string, string][]) => {
          (headers[0] as [string, string])[1] = '2';
          headers.push(['b', '2']);
        },
      ],
    ],
    ['a Map', () => [new Map([['a', '1']]) as never, (headers: Map<string, string>) => headers.set('b', '2')]],
  ])('of headers in %s is not sent', async (_, make) => {
    const [headers, change] = make();
    const { init } = await sentAfter([url, { headers }], () => change(headers as never));
    expect(headersOf(init)).toEqual([['a', '1']]);
  });

  it.each<[string, () => [BodyInit, () => void]]>([
    [
      'an ArrayBuffer',
      () => {
        const body = bytes(1, 2, 3);
        return [body.buffer, () => body.fill(9)];
      },
    ],
    [
      'a view',
      () => {
        const buffer = bytes(0, 1, 2, 3, 0);
        return [buffer.subarray(1, 4), () => buffer.fill(9)];
      },
    ],
    [
      'a DataView',
      () => {
        const buffer = bytes(0, 1, 2, 3, 0);
        return [new DataView(buffer.buffer, 1, 3), () => buffer.fill(9)];
      },
    ],
  ])('of %s is not sent', async (_, make) => {
    const [body, change] = make();
    const { init } = await sentAfter([url, { method: 'POST', body }], change);
    expect(read(init.body)).toEqual([1, 2, 3]);
  });

  it('of URLSearchParams is not sent', async () => {
    const body = new URLSearchParams('a=1&a=2');
    const { init } = await sentAfter([url, { method: 'POST', body }], () => body.append('b', '3'));
    expect(init.body).toBeInstanceOf(URLSearchParams);
    expect(String(init.body)).toBe('a=1&a=2');
  });

  it('of FormData is not sent', async () => {
    const body = new FormData();
    const file = new File(['file'], 'name.txt', { type: 'text/plain' });
    body.append('a', '1');
    body.append('a', '2');
    body.append('file', file);
    const { init } = await sentAfter([url, { method: 'POST', body }], () => {
      body.set('a', '9');
      body.delete('file');
    });
    expect(init.body).toBeInstanceOf(FormData);
    const entries = [...(init.body as FormData).entries()];
    expect(entries.map(([name]) => name)).toEqual(['a', 'a', 'file']);
    expect(entries.slice(0, 2).map(([, value]) => value)).toEqual(['1', '2']);
    const sent = entries[2]?.[1] as File;
    expect([sent.name, sent.type, await sent.text()]).toEqual(['name.txt', 'text/plain', 'file']);
  });
});

describe('what cannot change', () => {
  it.each<[string, () => BodyInit]>([
    ['a text', () => 'text'],
    ['a Blob', () => new Blob(['blob'])],
    ['a File', () => new File(['file'], 'name')],
    ['a stream', () => new ReadableStream()],
  ])('is sent as it is: %s', async (_, make) => {
    const body = make();
    const { init } = await sentAfter([url, { method: 'POST', body, duplex: 'half' } as RequestInit], () => {});
    expect(init.body).toBe(body);
  });

  it('is sent as it is: a Request, of a subclass too', async () => {
    class Special extends Request {
      readonly special = true;
    }
    const request = new Special(url, { method: 'POST', body: 'text' });
    const { input, init } = await sentAfter([request], () => {});
    expect(input).toBe(request);
    expect(init).toBeUndefined();
  });

  it('is sent as it is: all that fetch may know and we do not', async () => {
    const dispatcher = { dispatch: () => true };
    const symbol = Symbol('own');
    const init = {
      mode: 'cors',
      credentials: 'include',
      cache: 'no-store',
      redirect: 'manual',
      referrer: 'about:client',
      referrerPolicy: 'origin',
      integrity: 'sha256-x',
      keepalive: true,
      priority: 'low',
      window: null,
      duplex: 'half',
      signal: new AbortController().signal,
      dispatcher,
      next: { revalidate: 5 },
      [symbol]: 1,
    };
    const { init: sent } = await sentAfter([url, init as unknown as RequestInit], () => {});
    expect(sent).toEqual(init);
    expect((sent as typeof init).dispatcher).toBe(dispatcher);
    expect(sent.signal).toBe(init.signal);
  });
});

describe('the arguments', () => {
  it.each<[string, unknown[]]>([
    ['one', [url]],
    ['an init that is undefined', [url, undefined]],
    ['an init that is null', [url, null]],
    ['one more than fetch knows', [url, { method: 'PUT' }, 'more']],
  ])('reach the fetch at hand in their number: %s', async (_, args) => {
    const got: unknown[][] = [];
    const send = async (...given: unknown[]) => {
      got.push(given);
      return new Response();
    };
    const throttle = createThrottle({ limits: even, clock: new ManualClock() });
    await (throttleFetch(throttle, { fetch: send }) as (...args: unknown[]) => Promise<unknown>)(...args);
    expect(got).toEqual([args]);
  });

  it.each([5, 'GET', true, Symbol('init')])('go straight through if the init is %s', async (init) => {
    const { throttled, times } = setUp();
    await throttled(url);
    void throttled(url, init as never).catch(() => {});
    expect(times()).toEqual([0, 0]);
  });

  it('may be what a text is made of', async () => {
    let reads = 0;
    const input = { toString: () => `${url}${++reads}` };
    const { input: sent } = await sentAfter([input as never], () => {});
    expect(sent).toBe(`${url}1`);
  });

  it('may be an init with getters: each is read once', async () => {
    const reads: string[] = [];
    const getter = (name: string, value: unknown) => ({
      enumerable: true,
      get: () => {
        reads.push(name);
        return value;
      },
    });
    const init = Object.defineProperties(
      {},
      {
        method: getter('method', 'POST'),
        headers: getter('headers', { a: '1' }),
        body: getter('body', 'text'),
        signal: getter('signal', new AbortController().signal),
      },
    );
    const { init: sent } = await sentAfter([url, init], () => {});
    expect(reads.sort()).toEqual(['body', 'headers', 'method', 'signal']);
    expect(sent).toMatchObject({ method: 'POST', headers: { a: '1' }, body: 'text' });
  });

  it('may be an init that is an instance of a class, with getters and inherited members', async () => {
    class Base {
      get method() {
        return 'PUT';
      }
    }
    class Init extends Base {
      #body = 'text';
      credentials = 'include' as const;
      get body() {
        return this.#body;
      }
    }
    const inherited = Object.create({ redirect: 'manual' }, { cache: { value: 'no-store', enumerable: false } });
    expect((await sentAfter([url, new Init()], () => {})).init).toEqual({
      method: 'PUT',
      body: 'text',
      credentials: 'include',
    });
    expect((await sentAfter([url, inherited], () => {})).init).toEqual({ redirect: 'manual', cache: 'no-store' });
  });

  it('may be an init that is a Request', async () => {
    const request = new Request('https://b.example/', { method: 'PATCH', headers: { a: '1' }, redirect: 'manual' });
    const { input, init } = await sentAfter([url, request], () => {});
    expect(input).toBe(url);
    expect(init).toMatchObject({ method: 'PATCH', redirect: 'manual' });
    expect(headersOf(init)).toEqual([['a', '1']]);
  });

  it('pass on what a getter throws', async () => {
    const error = new Error('mine');
    const { throttled, sent } = setUp();
    const init = {
      get method(): string {
        throw error;
      },
    };
    await expect(throttled(url, init)).rejects.toBe(error);
    expect(sent).toEqual([]);
  });

  it('may be a Request of another window', async () => {
    // Not an instance of our Request, and known by its tag alone.
    const foreign = {
      url: `${url}foreign`,
      method: 'POST',
      signal: new AbortController().signal,
      get [Symbol.toStringTag]() {
        return 'Request';
      },
    };
    const { input } = await sentAfter([foreign as never], () => {});
    expect(input).toBe(foreign);
  });

  it('may hold Headers of another class', async () => {
    class OtherHeaders {
      readonly #map: Map<string, string>;
      constructor(from: Iterable<[string, string]>) {
        this.#map = new Map(from);
      }
      set(name: string, value: string) {
        this.#map.set(name, value);
      }
      [Symbol.iterator]() {
        return this.#map[Symbol.iterator]();
      }
      get [Symbol.toStringTag]() {
        return 'Headers';
      }
    }
    const headers = new OtherHeaders([['a', '1']]);
    const { init } = await sentAfter([url, { headers: headers as never }], () => headers.set('a', '2'));
    expect(init.headers).toBeInstanceOf(OtherHeaders);
    expect([...(init.headers as never as Iterable<unknown>)]).toEqual([['a', '1']]);
  });

  it('may hold a form that cannot be iterated', async () => {
    class Form extends FormData {}
    Object.defineProperty(Form.prototype, Symbol.iterator, { value: undefined });
    const body = new Form();
    const { init } = await sentAfter([url, { method: 'POST', body }], () => {});
    expect(init.body).toBe(body);
  });

  it.each<[string, unknown]>([
    ['a number', 5],
    ['a text', 'a: 1'],
    ['a list of texts', ['ab']],
    ['null', null],
  ])('may hold headers that are for fetch to judge: %s', async (_, headers) => {
    const { init } = await sentAfter([url, { headers: headers as never }], () => {});
    expect(init.headers).toEqual(headers);
  });
});
