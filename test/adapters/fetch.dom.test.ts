import { createThrottle, type FetchCall, type Limit, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeFetch } from './fake-fetch.ts';
import { itIsTheSame } from './side-by-side.ts';
import { startServer, type TestServer } from './test-server.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const { happyDOM } = globalThis as unknown as { happyDOM: { setURL(url: string): void } };

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

function setUp() {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock });
  const fake = fakeFetch(clock);
  const calls: FetchCall[] = [];
  const note = (call: FetchCall) => {
    calls.push(call);
    return call.url.origin;
  };
  return { clock, throttle, calls, ...fake, throttled: throttleFetch(throttle, { fetch: fake.fetch, key: note }) };
}

describe('in a page, plain and throttled fetch do the same with', () => {
  beforeAll(() => happyDOM.setURL(`${server.url}/echo/page`));
  for (const url of ['/echo', 'x', './x?a=1', '../echo', '?query', '#hash', '', '//[', 'http://']) {
    const status = url === '//[' || url === 'http://' ? undefined : 200;
    itIsTheSame(
      `the URL ${JSON.stringify(url)}`,
      status,
      () => [url],
      () => server.url,
    );
  }
});

describe('a relative URL', () => {
  beforeEach(() => happyDOM.setURL('https://page.example/folder/page?query'));
  afterEach(() => {
    vi.unstubAllGlobals();
    document.head.replaceChildren();
  });

  it.each([
    ['x', 'https://page.example/folder/x'],
    ['/x', 'https://page.example/x'],
    ['?x', 'https://page.example/folder/page?x'],
    ['//other.example/x', 'https://other.example/x'],
    ['http://other.example', 'http://other.example/'],
  ])('is relative to the page: %s', async (url, target) => {
    const { throttled, calls, sent } = setUp();
    await throttled(url);
    expect(calls[0]?.url.href).toBe(target);
    expect(sent[0]?.url).toBe(target);
  });

  it('is relative to the base of the page, if it has one', async () => {
    const base = document.createElement('base');
    base.href = 'https://base.example/folder/';
    document.head.append(base);
    const { throttled, sent } = setUp();
    await throttled('x');
    expect(sent[0]?.url).toBe('https://base.example/folder/x');
  });

  it('means what it meant when fetch was called, though the page moves on while the call waits', async () => {
    const { clock, throttled, sent } = setUp();
    await throttled('first');
    void throttled('second');
    happyDOM.setURL('https://page.example/elsewhere/page');
    await clock.advance(T);
    expect(sent[1]?.url).toBe('https://page.example/folder/second');
  });

  it('shares the line of its origin with absolute ones', async () => {
    const { clock, throttled, times } = setUp();
    void throttled('x');
    void throttled('https://page.example/y');
    await clock.advance(T);
    expect(times()).toEqual([0, T]);
  });

  it('is relative to the script in a worker, which has no document', async () => {
    vi.stubGlobal('document', undefined);
    vi.stubGlobal('location', { href: 'https://worker.example/folder/script.js' });
    const { throttled, sent } = setUp();
    await throttled('x');
    expect(sent[0]?.url).toBe('https://worker.example/folder/x');
  });

  it('goes straight through where there is nothing to be relative to', async () => {
    vi.stubGlobal('document', undefined);
    vi.stubGlobal('location', undefined);
    const { throttled, calls, sent } = setUp();
    for (let call = 0; call < 3; call++) await throttled('x');
    expect(sent.map(({ input, at }) => [input, at])).toEqual(Array(3).fill(['x', 0]));
    expect(calls).toEqual([]);
  });
});
