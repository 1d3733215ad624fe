import { PassThrough, Readable, Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { createThrottle, type Limit, type ThrottleOptions } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { type ThrottleInterceptorOptions, throttleInterceptor } from 'sluice/undici';
import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { watch } from './fake-fetch.ts';
import { type Handler, startServer, type TestServer } from './test-server.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const reason = new Error('changed my mind');

let server: TestServer;
let own: Handler = (_, response) => response.end();
beforeAll(async () => {
  server = await startServer((request, response) => own(request, response));
});
afterAll(() => server.close());

/** Waits for what takes real time: answers of the server. */
async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !check(); tries++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(check()).toBe(true);
}

/** Refuses the first calls of a path with this body, then answers with `done`. */
function refuse(times: number, body = 'later'): { calls: number } {
  const count = { calls: 0 };
  own = (request, response) => {
    request.resume().on('end', () => {
      count.calls++;
      if (count.calls > times) response.end('done');
      else response.writeHead(429, { 'retry-after': '5', 'x-count': `${count.calls}` }).end(body);
    });
  };
  return count;
}

const versions: [string, typeof undici7][] = [
  ['6', undici6 as unknown as typeof undici7],
  ['7', undici7],
];

describe.each(versions)('undici %s', (_, undici) => {
  function setUp(options: ThrottleInterceptorOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}) {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
    const agent = new undici.Agent();
    onTestFinished(() => agent.close());
    const dispatcher = agent.compose(throttleInterceptor(throttle, options));
    const seen = server.seen.length;
    return {
      clock,
      throttle,
      dispatcher,
      count: () => server.seen.length - seen,
      request: (path = '/echo', more: object = {}) => undici.request(`${server.url}${path}`, { dispatcher, ...more }),
      fetch: (path = '/echo', init: object = {}) => undici.fetch(`${server.url}${path}`, { dispatcher, ...init }),
    };
  }

  it('reports limits that throw when a refused request is about to go again', async () => {
    refuse(1);
    let isBroken = false;
    const limits = () => {
      if (isBroken) throw new Error('broken');
      return { rate: 1, interval: 1, burst: 10 };
    };
    const onSignal = () => {
      isBroken = true;
    };
    const { request } = setUp({ onSignal }, { limits });
    await expect(request('/own')).rejects.toThrow('broken');
  });

  it('leaves raw headers as the server sent them, one after the other', async () => {
    own = (_, response) => response.setHeader('X-Twice', ['one', 'zwei']).end();
    const { request } = setUp({}, { limits: { rate: 10, interval: 1, burst: 10 } });
    const raw = { responseHeaders: 'raw' as const };
    const [throttled, plain] = await Promise.all([
      request('/own', raw),
      undici.request(`${server.url}/own`, { dispatcher: new undici.Agent(), ...raw }),
    ]);
    const upToDate = ({ headers }: { headers: unknown }) => String(headers).split('date')[0];
    expect(upToDate(throttled)).toBe(upToDate(plain));
    expect(upToDate(throttled)).toContain('X-Twice,one,X-Twice,zwei');
  });

  it('sends each request in its turn, whichever way it is made', async () => {
    const { clock, request, fetch, count, dispatcher, throttle } = setUp();
    const ways = [request(), fetch(), undici.stream(`${server.url}/echo`, { dispatcher, method: 'GET' }, sink)].map(
      (promise) => watch(promise as Promise<unknown>),
    );
    await eventually(() => ways[0]?.state === 'fulfilled');
    expect([ways[1]?.state, ways[2]?.state, count()]).toEqual(['pending', 'pending', 1]);
    expect((await throttle.status(server.url)).waiting).toBe(2);
    await clock.advance(T);
    await eventually(() => ways[1]?.state === 'fulfilled');
    expect(count()).toBe(2);
    await clock.advance(T);
    await eventually(() => ways[2]?.state === 'fulfilled');
    expect(count()).toBe(3);
  });

  it('takes key, cost and match from the request', async () => {
    const { request, throttle } = setUp(
      {
        key: ({ url }) => url.pathname,
        cost: ({ method }) => (method === 'POST' ? 3 : 1),
        match: ({ url }) => url.searchParams.get('free') === null,
      },
      { limits: { rate: 1, interval: T, burst: 5 } },
    );
    await (await request('/echo?page=1')).body.dump();
    await (await request('/echo', { method: 'POST', body: 'text' })).body.dump();
    await (await request('/echo?free=1')).body.dump();
    expect((await throttle.status('/echo')).limits[0]?.remaining).toBe(1);
  });

  it('sends a refused request again after the pause, with its body, and gives the caller only the last answer', async () => {
    const { clock, request, throttle } = setUp();
    const count = refuse(1);
    const call = request('/own', { method: 'POST', body: Buffer.from('body') });
    await eventually(() => count.calls === 1);
    while ((await throttle.status(server.url)).pausedUntil === undefined) await pass();
    await clock.advance(5 * T);
    const answer = await call;
    expect([answer.statusCode, await answer.body.text(), count.calls]).toEqual([200, 'done', 2]);
    // A refusal that was read to its end leaves its connection to the next try.
    expect(new Set(server.seen.slice(-2).map(({ port }) => port)).size).toBe(1);
  });

  it.each<[string, ThrottleInterceptorOptions, object]>([
    ['with no retry', { retry: 0 }, {}],
    ['with a stream', {}, { method: 'POST', body: Readable.from(['x']) }],
    ['that would have to wait too long', { maxWait: 10 }, {}],
  ])('hands a refused request %s over as it came', async (_name, options, more) => {
    const { request } = setUp(options);
    const count = refuse(9, 'x'.repeat(10_000));
    const answer = await request('/own', more);
    expect([answer.statusCode, answer.headers['x-count'], count.calls]).toEqual([429, '1', 1]);
    expect((await answer.body.text()).length).toBe(10_000);
  });

  it.each([0, 10, 60_000, 1_000_000])('passes a refused answer of %d bytes to fetch', async (size) => {
    const { fetch } = setUp({ maxWait: 10 });
    refuse(9, 'x'.repeat(size));
    const answer = await fetch('/own');
    expect([answer.status, (await answer.text()).length]).toEqual([429, size]);
  });

  it('sends a refused file again', async () => {
    const { clock, request, throttle } = setUp();
    const count = refuse(1);
    const call = request('/own', { method: 'POST', body: new File(['content'], 'name.txt') });
    while ((await throttle.status(server.url)).pausedUntil === undefined) await pass();
    await clock.advance(5 * T);
    expect([await (await call).body.text(), count.calls]).toEqual(['done', 2]);
  });

  it('reads bodies whose encoding has another name', async () => {
    const dialect = completeDialect({ refusals: [{ body: ['code', 'no'] }] });
    const { request, throttle } = setUp({ retry: 0, dialect });
    own = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'X-GZip' });
      response.end(gzipSync('{"code":"no"}'));
    };
    await (await request('/own')).body.dump();
    expect((await throttle.status(server.url)).pausedUntil).toBeGreaterThan(0);
  });

  it('frees the connection of a refused answer that will not be read, however long it is', async () => {
    const { clock, fetch, throttle } = setUp({}, { concurrency: 1 });
    const count = refuse(1, 'x'.repeat(5_000_000));
    const call = fetch('/own');
    while ((await throttle.status(server.url)).pausedUntil === undefined) await pass();
    await clock.advance(5 * T);
    expect([await (await call).text(), count.calls]).toEqual(['done', 2]);
  });

  it('ends the wait of an aborted request at once with its reason', async () => {
    const { clock, request, fetch, count, throttle } = setUp();
    await (await request()).body.dump();
    const controller = new AbortController();
    const calls = [request, fetch].map((send) => watch<unknown>(send('/echo', { signal: controller.signal })));
    await clock.advance(T / 2);
    expect((await throttle.status(server.url)).waiting).toBe(2);
    controller.abort(reason);
    await clock.advance(0);
    await eventually(() => calls.every(({ state }) => state === 'rejected'));
    expect(calls.map(({ value }) => value)).toEqual([reason, reason]);
    expect((await throttle.status(server.url)).waiting).toBe(0);
    expect(count()).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it('ends the wait between two tries, and the flight, as undici does', async () => {
    const { clock, request, throttle } = setUp();
    const count = refuse(9);
    const between = new AbortController();
    const first = watch(request('/own', { signal: between.signal }));
    while ((await throttle.status(server.url)).pausedUntil === undefined) await pass();
    between.abort(reason);
    await eventually(() => first.state === 'rejected');
    expect([first.value, count.calls]).toEqual([reason, 1]);
    let isThere = false;
    own = () => {
      isThere = true;
    };
    const flight = new AbortController();
    await clock.advance(60 * T);
    const second = watch(request('/own', { signal: flight.signal }));
    await eventually(() => isThere);
    flight.abort(reason);
    await eventually(() => second.state === 'rejected');
    expect(second.value).toBe(reason);
  });

  it('rejects with the reason of an abort that comes while a body is looked into', async () => {
    const dialect = completeDialect({ refusals: [{ body: ['error.code', 'maxlag'] }] });
    const { request, fetch, throttle } = setUp({ dialect }, { concurrency: 1, limits: { ...even, burst: 9 } });
    for (const send of [request, fetch]) {
      let isThere = false;
      own = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"error":{', () => {
          isThere = true;
        });
      };
      const controller = new AbortController();
      const call = watch<unknown>(send('/own', { signal: controller.signal }));
      await eventually(() => isThere);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(call.state).toBe('pending');
      controller.abort(reason);
      await eventually(() => call.state === 'rejected');
      expect(call.value).toBe(reason);
      expect((await throttle.status(server.url)).inFlight).toBe(0);
    }
  });

  it('fails as undici does where the connection is cut, and with our own errors before anything was sent', async () => {
    const { request, count } = setUp({ maxWait: 10 });
    const plain = await undici.request(`${server.url}/cut`).catch((error: Error) => error);
    const throttled = await request('/cut').catch((error: Error) => error);
    expect((throttled as Error).name).toBe((plain as Error).name);
    expect((throttled as Error).message).toBe((plain as Error).message);
    await expect(request()).rejects.toMatchObject({ name: 'WaitTooLongError', key: server.url });
    expect(count()).toBe(2);
  });

  it('frees the place of a call when its headers have come, or when it failed', async () => {
    const { request, throttle, clock } = setUp({}, { concurrency: 1, limits: { rate: 1, interval: 1, burst: 9 } });
    await request('/cut').catch(() => {});
    const answer = await request();
    await clock.advance(0);
    expect((await throttle.status(server.url)).inFlight).toBe(0);
    await answer.body.dump();
  });

  it('lets upgrades and tunnels through', async () => {
    const { throttle, dispatcher } = setUp();
    const upgrade = undici.upgrade(`${server.url}/echo`, { dispatcher, protocol: 'Websocket' }).catch(() => {});
    const connect = undici.connect(`${server.url}/echo`, { dispatcher }).catch(() => {});
    await Promise.all([upgrade, connect]);
    expect((await throttle.status(server.url)).limits[0]?.remaining).toBe(1);
  });

  it('sends and receives chunk by chunk', async () => {
    const { request } = setUp();
    const sent = new PassThrough();
    let seen = '';
    own = (incoming, response) => {
      incoming.on('data', (chunk) => {
        seen += chunk;
        response.write(`got ${chunk}`);
      });
      incoming.on('end', () => response.end());
    };
    sent.write('one');
    const { body } = await request('/own', { method: 'POST', body: sent });
    const chunks = body[Symbol.asyncIterator]();
    expect(`${(await chunks.next()).value}`).toBe('got one');
    sent.end('two');
    expect(`${(await chunks.next()).value}`).toBe('got two');
    expect([(await chunks.next()).done, seen]).toEqual([true, 'onetwo']);
  });

  it('keeps the order of other interceptors, before and after it', async () => {
    const events = ['onRequestSent', 'onBodySent', 'onResponseStarted', 'onHeaders', 'onData', 'onComplete'];
    events.push('onResponseStart', 'onResponseData', 'onResponseEnd');
    const trace = async (ours: undici7.Dispatcher.DispatcherComposeInterceptor[]) => {
      const steps: string[] = [];
      const note =
        (name: string): undici7.Dispatcher.DispatcherComposeInterceptor =>
        (dispatch) =>
        (options, handler) => {
          steps.push(`${name} sends`);
          const told: Record<string, unknown> = Object.create(handler);
          for (const event of events) {
            const hear = (handler as Record<string, unknown>)[event];
            if (typeof hear !== 'function') continue;
            told[event] = (...args: unknown[]) => {
              steps.push(`${name} hears ${event}`);
              return Reflect.apply(hear, handler, args);
            };
          }
          for (const event of ['onConnect', 'onError', 'onRequestStart', 'onResponseError']) {
            const hear = (handler as Record<string, unknown>)[event];
            if (typeof hear === 'function') told[event] = hear.bind(handler);
          }
          return dispatch(options, told);
        };
      const agent = new undici.Agent();
      onTestFinished(() => agent.close());
      const dispatcher = agent.compose(note('inner'), ...ours, note('outer'));
      await (await undici.request(`${server.url}/echo`, { dispatcher, method: 'POST', body: 'text' })).body.dump();
      return steps;
    };
    const throttle = createThrottle({ limits: even });
    const plain = await trace([]);
    const throttled = await trace([throttleInterceptor(throttle)]);
    expect(throttled.filter((step) => plain.includes(step))).toEqual(plain);
    expect(throttled.filter((step) => step.startsWith('outer'))).toEqual(
      plain.filter((step) => step.startsWith('outer')),
    );
  });

  it('takes headers of any size', async () => {
    own = (_request, response) => response.setHeader('x-long', 'x'.repeat(300_000)).end('ok');
    const agent = new undici.Agent({ maxHeaderSize: 1_000_000 });
    onTestFinished(() => agent.close());
    const dispatcher = agent.compose(throttleInterceptor(createThrottle({ limits: even })));
    const answer = await undici.request(`${server.url}/own`, { dispatcher });
    expect([answer.headers['x-long']?.length, await answer.body.text()]).toEqual([300_000, 'ok']);
  });

  it('keeps the pace of a slow reader', async () => {
    const { request } = setUp();
    const size = 4_000_000;
    let isWritten = false;
    own = (_request, response) => {
      response.end(Buffer.alloc(size), () => {
        isWritten = true;
      });
    };
    const answer = await request('/own', { highWaterMark: 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((answer.body as unknown as { readableLength: number }).readableLength).toBeLessThan(1_000_000);
    let read = 0;
    for await (const chunk of answer.body) read += (chunk as Buffer).length;
    expect(read).toBe(size);
    // The server hears of it a moment later.
    await vi.waitFor(() => expect(isWritten).toBe(true));
  });

  it.each<[string, string, object]>([
    ['a text', '/echo', { method: 'POST', body: 'text' }],
    ['no body', '/status/204', {}],
    ['HEAD', '/echo', { method: 'HEAD' }],
    ['a stream', '/echo', { method: 'POST', duplex: 'half', body: 'stream' }],
    ['a redirect', '/redirect/302', {}],
    ['an error', '/status/500', {}],
    ['a body that is cut', '/cut-body', {}],
  ])('gives fetch what it gives without it: %s', async (_name, path, init) => {
    const make = () => ({
      ...init,
      ...('body' in init && init.body === 'stream' ? { body: new Blob(['stream']).stream() } : {}),
    });
    const plain = await outcomeOf(undici.fetch(`${server.url}${path}`, make()) as unknown as Promise<Response>);
    const { fetch } = setUp({}, { limits: { rate: 1, interval: 1, burst: 9 } });
    expect(await outcomeOf(fetch(path, make()) as unknown as Promise<Response>)).toEqual(plain);
  });
});

describe('the global dispatcher', () => {
  it.each(versions)('of undici %s holds the requests of the global fetch back', async (_, undici) => {
    const before = undici.getGlobalDispatcher();
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const agent = new undici.Agent();
    undici.setGlobalDispatcher(agent.compose(throttleInterceptor(throttle)));
    onTestFinished(async () => {
      undici.setGlobalDispatcher(before);
      await agent.close();
    });
    expect((await fetch(`${server.url}/echo`)).status).toBe(200);
    const controller = new AbortController();
    const aborted = watch(fetch(`${server.url}/echo`, { signal: controller.signal }));
    const second = watch(fetch(`${server.url}/echo`, { method: 'POST', body: 'text' }));
    while ((await throttle.status(server.url)).waiting < 2) await pass();
    controller.abort(reason);
    await eventually(() => aborted.state === 'rejected');
    expect(aborted.value).toBe(reason);
    await clock.advance(T);
    await eventually(() => second.state === 'fulfilled');
    expect(await (second.value as Response).json()).toMatchObject({ body: 'text' });
  });
});

const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });

const pass = () => new Promise((resolve) => setTimeout(resolve, 1));

async function outcomeOf(call: Promise<Response>): Promise<unknown> {
  try {
    const { status, url, redirected, headers, ...rest } = await call.then(async (answer) => ({
      status: answer.status,
      url: answer.url,
      redirected: answer.redirected,
      headers: [...answer.headers],
      text: await answer.text(),
    }));
    return { status, url, redirected, headers, ...rest };
  } catch (error) {
    const { name, message, cause } = error as Error;
    return { name, message, cause: (cause as Error | undefined)?.message };
  }
}
