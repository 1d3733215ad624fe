import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { createThrottle, type Limit, throttleFetch } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { itIsTheSame as testSideBySide } from './side-by-side.ts';
import { type Handler, startServer, type TestServer } from './test-server.ts';

let server: TestServer;
let handle: Handler = () => {};
beforeAll(async () => {
  server = await startServer((request, response) => handle(request, response));
});
afterAll(() => server.close());

const itIsTheSame = (name: string, status: number | undefined, make: (url: string) => unknown[]) =>
  testSideBySide(
    name,
    status,
    () => make(server.url),
    () => server.url,
  );

const wide: Limit = { rate: 1000, interval: 1, burst: 1000, margin: 0 };
const hourly: Limit = { rate: 1, interval: 3_600_000 };

describe('in Node, plain and throttled fetch do the same with', () => {
  const post = (body: unknown, more: object = {}) => ({ method: 'POST', body, ...more });
  const half = { duplex: 'half' };
  itIsTheSame('a relative URL', undefined, () => ['/echo']);
  itIsTheSame('an empty URL', undefined, () => ['']);
  itIsTheSame('undefined for a URL', undefined, () => [undefined]);
  itIsTheSame('a URL with credentials', undefined, (url) => [url.replace('//', '//user:secret@')]);
  const blob = URL.createObjectURL(new Blob(['blob'], { type: 'text/plain' }));
  itIsTheSame('a blob: URL', 200, () => [blob]);
  itIsTheSame('a port that fetch blocks', undefined, () => ['http://127.0.0.1:1/']);
  itIsTheSame('a Request whose body was read', undefined, (url) => {
    const request = new Request(`${url}/echo`, { method: 'POST', body: 'text' });
    void request.text();
    return [request];
  });
  itIsTheSame('a Request for an init', 200, (url) => [
    `${url}/echo`,
    new Request('http://other.example/', { method: 'POST', headers: { 'x-a': '1' }, body: 'text' }),
  ]);
  itIsTheSame('a number for an init', undefined, (url) => [`${url}/echo`, 5]);
  itIsTheSame('null for an init', 200, (url) => [`${url}/echo`, null]);
  itIsTheSame('a number for headers', undefined, (url) => [`${url}/echo`, { headers: 5 }]);
  itIsTheSame('pairs that are none', undefined, (url) => [`${url}/echo`, { headers: [['a']] }]);
  itIsTheSame('a name that is no header', undefined, (url) => [`${url}/echo`, { headers: { 'a b': '1' } }]);
  itIsTheSame('a method that is none', undefined, (url) => [`${url}/echo`, { method: 'a b' }]);
  itIsTheSame('a method that is forbidden', undefined, (url) => [`${url}/echo`, { method: 'TRACE' }]);
  itIsTheSame('a redirect mode that is none', undefined, (url) => [`${url}/echo`, { redirect: 'never' }]);
  itIsTheSame('a signal that is none', undefined, (url) => [`${url}/echo`, { signal: {} }]);
  itIsTheSame('an async iterable', 200, (url) => [
    `${url}/echo`,
    post(
      (async function* () {
        yield new Uint8Array([65]);
        yield new Uint8Array([66]);
      })(),
      half,
    ),
  ]);
  itIsTheSame('a view of shared memory', undefined, (url) => [
    `${url}/echo`,
    post(new Uint8Array(new SharedArrayBuffer(2))),
  ]);
  itIsTheSame('a stream without duplex', undefined, (url) => [`${url}/echo`, post(new ReadableStream())]);
  itIsTheSame('a stream that fails', undefined, (url) => [
    `${url}/echo`,
    post(new ReadableStream({ pull: (controller) => controller.error(new RangeError('own')) }), half),
  ]);
  itIsTheSame('a stream that is locked', undefined, (url) => {
    const body = new ReadableStream();
    body.getReader();
    return [`${url}/echo`, post(body, half)];
  });
  itIsTheSame('a redirect that the caller follows', 302, (url) => [`${url}/redirect/302`, { redirect: 'manual' }]);
  itIsTheSame('a stream that is redirected', undefined, (url) => [
    `${url}/redirect/307`,
    post(new Blob(['blob']).stream(), half),
  ]);
  itIsTheSame('304', 304, (url) => [`${url}/status/304`]);
  itIsTheSame('a body that is cut', 200, (url) => [`${url}/cut-body`]);
  itIsTheSame('10 MB', 200, (url) => [`${url}/echo`, post('x'.repeat(10_000_000))]);

  const failing = (name: string) =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw new RangeError(name);
      },
    });
  for (const name of ['method', 'headers', 'body', 'signal', 'credentials'])
    itIsTheSame(`an init whose ${name} throws`, undefined, (url) => [`${url}/echo`, failing(name)]);
  itIsTheSame('headers that throw', undefined, (url) => [`${url}/echo`, { headers: failing('x-a') }]);
  itIsTheSame('what throws when it becomes a text', undefined, () => [
    {
      toString: () => {
        throw new RangeError('own');
      },
    },
  ]);
  itIsTheSame('what is frozen', 200, (url) => [
    Object.freeze(new URL(`${url}/echo`)),
    Object.freeze(post('text', { headers: Object.freeze({ 'x-a': '1' }) })),
  ]);
  itIsTheSame('a Proxy for an init', 200, (url) => [`${url}/echo`, new Proxy(post('text'), {})]);
  itIsTheSame('a Proxy of a Request', 200, (url) => [new Proxy(new Request(`${url}/echo`), {})]);
  itIsTheSame('a Proxy of a signal', 200, (url) => [
    `${url}/echo`,
    { signal: new Proxy(new AbortController().signal, {}) },
  ]);

  // What a frame would hand over.
  const foreign = (code: string) => runInNewContext(code);
  itIsTheSame('an init of another window', 200, (url) => [
    `${url}/echo`,
    foreign(`({ method: 'POST', headers: { 'x-a': '1' }, body: 'text' })`),
  ]);
  itIsTheSame('pairs of another window', 200, (url) => [`${url}/echo`, { headers: foreign(`[['x-a', '1']]`) }]);
  itIsTheSame('a Map of another window', 200, (url) => [
    `${url}/echo`,
    { headers: foreign(`new Map([['x-a', '1']])`) },
  ]);
  itIsTheSame('a view of another window', 200, (url) => [`${url}/echo`, post(foreign('new Uint8Array([65, 66])'))]);
  itIsTheSame('an ArrayBuffer of another window', 200, (url) => [
    `${url}/echo`,
    post(foreign('new Uint8Array([65, 66]).buffer')),
  ]);
});

it('changes to an ArrayBuffer of another window are not sent', async () => {
  const throttle = createThrottle({ limits: { rate: 1, interval: 20 }, margin: 0 });
  await throttle.wait(server.url);
  const view = runInNewContext('new Uint8Array([65, 66])');
  const call = throttleFetch(throttle)(`${server.url}/echo`, { method: 'POST', body: view.buffer });
  view.fill(67);
  expect(await (await call).json()).toMatchObject({ body: 'AB' });
});

it('a call that cannot connect rejects with a TypeError that has the cause', async () => {
  const throttled = throttleFetch(createThrottle({ limits: wide }));
  const error = await throttled('http://127.0.0.1:2/').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as TypeError).cause).toMatchObject({ code: 'ECONNREFUSED' });
});

describe('streams', () => {
  const throttled = throttleFetch(createThrottle({ limits: wide }));

  it('are received chunk by chunk', async () => {
    let response: ServerResponse | undefined;
    handle = (_, answer) => {
      response = answer;
      answer.write('one');
    };
    const answer = await throttled(`${server.url}/own`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe('one');
    response?.write('two');
    expect(await next()).toBe('two');
    response?.end();
    expect((await reader.read()).done).toBe(true);
  });

  it('are read for one megabyte at most', async () => {
    handle = (_, response) => {
      response.setHeader('content-type', 'application/json');
      response.write(`"${'x'.repeat(1_500_000)}`);
    };
    const dialect = completeDialect({ refusals: [{ body: ['error.code', 'maxlag'] }] });
    const answer = await throttleFetch(createThrottle({ limits: wide }), { dialect })(`${server.url}/own`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    expect((await reader.read()).value?.[0]).toBe('"'.charCodeAt(0));
    await reader.cancel();
  });

  it('are freed by a settle that does not read them', async () => {
    const closed = new Promise((resolve) => {
      handle = (_, response) => {
        response.on('close', resolve);
        response.write('one');
      };
    });
    const throttle = createThrottle({ limits: wide });
    const settling = throttleFetch(throttle, { settle: ({ headers }) => Number(headers.get('x-cost') ?? 1) });
    const answer = await settling(`${server.url}/own`);
    await answer.body?.cancel();
    await closed;
  });

  it('are sent chunk by chunk', async () => {
    const received: string[] = [];
    let got = () => {};
    handle = (request, answer) => {
      request.on('data', (chunk) => {
        received.push(String(chunk));
        got();
      });
      request.on('end', () => answer.end('done'));
    };
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const call = throttled(`${server.url}/own`, { method: 'POST', body: readable, duplex: 'half' } as RequestInit);
    for (const text of ['one', 'two']) {
      const arrived = new Promise<void>((resolve) => {
        got = resolve;
      });
      await writer.write(new TextEncoder().encode(text));
      await arrived;
      expect(received.at(-1)).toBe(text);
    }
    await writer.close();
    expect(await (await call).text()).toBe('done');
    expect(received).toEqual(['one', 'two']);
  });
});

describe('an abort', () => {
  it('in flight closes the connection and rejects with the reason', async () => {
    const arrived = new Promise<{ closed: Promise<unknown> }>((resolve) => {
      handle = (_, response) => resolve({ closed: once(response, 'close') });
    });
    const controller = new AbortController();
    const call = throttleFetch(createThrottle({ limits: wide }))(`${server.url}/own`, { signal: controller.signal });
    const rejected = expect(call).rejects.toBe('own reason');
    const { closed } = await arrived;
    controller.abort('own reason');
    await rejected;
    await closed;
  });

  it('while the answer is read fails the reading', async () => {
    handle = (_, response) => void response.write('one');
    const controller = new AbortController();
    const throttled = throttleFetch(createThrottle({ limits: wide }));
    const response = await throttled(`${server.url}/own`, { signal: controller.signal });
    controller.abort();
    await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('by AbortSignal.timeout ends the wait with its TimeoutError, which plain fetch has too', async () => {
    handle = () => {};
    const throttle = createThrottle({ limits: hourly });
    await throttle.wait(server.url);
    const throttled = throttleFetch(throttle);
    const failures = [throttled, fetch].map((send) =>
      send(`${server.url}/own`, { signal: AbortSignal.timeout(20) }).catch((error: unknown) => error),
    );
    const [ours, plain] = (await Promise.all(failures)) as [DOMException, DOMException];
    expect(ours).toBeInstanceOf(DOMException);
    expect([ours.name, ours.message]).toEqual([plain.name, plain.message]);
    expect(ours.name).toBe('TimeoutError');
    expect((await throttle.status(server.url)).waiting).toBe(0);
  });

  it('of a call that waits takes the body of its Request at once, as plain fetch does', async () => {
    const throttle = createThrottle({ limits: hourly });
    await throttle.wait(server.url);
    const controller = new AbortController();
    const request = new Request(`${server.url}/own`, { method: 'POST', body: 'foo', signal: controller.signal });
    const failed = throttleFetch(throttle)(request).catch((error: unknown) => error);
    controller.abort('own reason');
    await expect(request.text()).rejects.toThrow(TypeError);
    expect([request.bodyUsed, await failed]).toEqual([true, 'own reason']);
  });

  it('of a call that waits cancels the stream that it was to send, as fetch does with an aborted signal', async () => {
    const throttle = createThrottle({ limits: hourly });
    await throttle.wait(server.url);
    const outcome = async (send: typeof fetch, abortFirst: boolean) => {
      const controller = new AbortController();
      const body = new ReadableStream({ cancel: (reason) => void cancelled.push(reason) });
      const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
      if (abortFirst) controller.abort('own reason');
      const failed = send(`${server.url}/own`, init).catch((error: unknown) => error);
      controller.abort('own reason');
      return failed;
    };
    const cancelled: unknown[] = [];
    expect(await outcome(fetch, true)).toBe('own reason');
    expect(await outcome(throttleFetch(throttle), false)).toBe('own reason');
    expect(cancelled).toEqual(['own reason', 'own reason']);
  });
});

describe('a refusal', () => {
  let answers = 0;
  beforeEach(() => {
    answers = 0;
  });

  it('that was read completely leaves its connection to the next try', async () => {
    handle = (_, response) => {
      if (answers++ > 0) response.end('ok');
      else response.writeHead(429, { 'retry-after': '0.05' }).end('no');
    };
    const before = server.seen.length;
    const response = await throttleFetch(createThrottle({ limits: wide }))(`${server.url}/own`);
    expect(await response.text()).toBe('ok');
    expect(new Set(server.seen.slice(before).map(({ port }) => port)).size).toBe(1);
  });

  it('that never ends is cut off before the next try', async () => {
    const closed: Promise<unknown>[] = [];
    handle = (_, response) => {
      if (answers++ > 0) {
        response.end('ok');
        return;
      }
      closed.push(once(response, 'close'));
      response.writeHead(429, { 'retry-after': '0.05' });
      response.write('no');
    };
    const response = await throttleFetch(createThrottle({ limits: wide }))(`${server.url}/own`);
    expect(await response.text()).toBe('ok');
    await closed[0];
  });

  it('that comes back can be read', async () => {
    handle = (_, response) => response.writeHead(429, { 'retry-after': '0.05' }).end(`no ${++answers}`);
    const response = await throttleFetch(createThrottle({ limits: wide }), { retry: 1 })(`${server.url}/own`);
    expect([response.status, await response.text()]).toEqual([429, 'no 2']);
  });

  it('of a form sends all of it again', async () => {
    const bodies: string[] = [];
    handle = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      bodies.push(body.replace(/^[^\r]+/, '').replace(/[^\r\n]+\r\n$/, ''));
      if (bodies.length === 2) response.end('ok');
      else response.writeHead(429, { 'retry-after': '0.01' }).end('no');
    };
    const body = new FormData();
    body.append('file', new File(['content'], 'name.txt'));
    await throttleFetch(createThrottle({ limits: wide }))(`${server.url}/own`, { method: 'POST', body });
    expect(bodies[0]).toContain('content');
    expect(bodies[1]).toBe(bodies[0]);
  });

  it('holds the next try back in real time, never early', async () => {
    const times: number[] = [];
    handle = (_, response) => {
      times.push(performance.now());
      if (times.length > 1) response.end('ok');
      else response.writeHead(429, { 'retry-after': '0.2' }).end('no');
    };
    await throttleFetch(createThrottle({ limits: wide }))(`${server.url}/own`);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(200);
  });
});

describe('the process', () => {
  it('is not warned of a leak by many calls with one signal', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    const throttled = throttleFetch(createThrottle({ limits: { rate: 1, interval: 1 }, margin: 0 }));
    await Promise.all(Array.from({ length: 50 }, () => throttled(`${server.url}/status/200`, { signal })));
    await sleep(0);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('hears of one unhandled rejection for each call that fails and is dropped, and of none for others', async () => {
    const heard: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => heard.push(reason));
    const throttle = createThrottle({ limits: { ...hourly, burst: 2 }, margin: 0, maxWait: 10_000_000 });
    const fail = async () => {
      throw 'failed';
    };
    const throttled = throttleFetch(throttle, { fetch: fail });
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => {});
    void throttled(`${server.url}/1`);
    throttled(`${server.url}/2`).catch(() => {});
    void throttled(`${server.url}/3`, { signal: controller.signal });
    void throttleFetch(throttle, { fetch: fail, maxWait: 0 })(`${server.url}/4`);
    controller.abort('aborted');
    await sleep(10);
    process.removeAllListeners('unhandledRejection');
    for (const other of others) process.on('unhandledRejection', other);
    expect(heard.map((reason) => (reason instanceof Error ? reason.name : reason)).sort()).toEqual([
      'WaitTooLongError',
      'failed',
      'failed',
    ]);
  });
});
