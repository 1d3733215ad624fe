import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import axios, { AxiosError, type AxiosInstance, type AxiosResponse, CanceledError } from 'axios';
import axiosRetry from 'axios-retry';
import { createThrottle, isThrottleError, type ThrottleOptions } from 'sluice';
import { type ThrottleAxiosOptions, throttleAxios } from 'sluice/axios';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { arrived, even, pass, refuse, refuseFirst, T, useStage } from './contract/subject.ts';
import { watch } from './fake-fetch.ts';

const stage = useStage();
const wide = { limits: { rate: 1, interval: 1, burst: 1000 } };

function setUp(options: ThrottleAxiosOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}, config = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
  const instance = axios.create({ adapter: 'http', ...config });
  return { clock, throttle, instance, ...throttleAxios(instance, throttle, options) };
}

/** How many calls are left at once. */
async function remaining({ throttle }: { throttle: ReturnType<typeof createThrottle> }, key = stage.origin) {
  return (await throttle.status(key)).limits[0]?.remaining;
}

describe('every way to call axios is throttled', () => {
  it.each<[string, (instance: AxiosInstance, url: string) => Promise<AxiosResponse>]>([
    ['instance(url)', (instance, url) => instance(url)],
    ['instance(config)', (instance, url) => instance({ url })],
    ['request', (instance, url) => instance.request({ url })],
    ['get', (instance, url) => instance.get(url)],
    ['post', (instance, url) => instance.post(url, { a: 1 })],
    ['postForm', (instance, url) => instance.postForm(url, { a: '1' })],
    ['a list of adapters', (instance, url) => instance(url, { adapter: ['xhr', 'http'] })],
    ['an adapter of your own', (instance, url) => instance(url, { adapter: axios.getAdapter('http') })],
  ])('%s', async (_, send) => {
    const set = setUp();
    await send(set.instance, stage.url);
    expect(await remaining(set)).toBe(0);
  });

  it('axios itself', async () => {
    const throttle = createThrottle({ limits: even, clock: new ManualClock() });
    const { eject } = throttleAxios(axios, throttle);
    await axios.get(stage.url, { adapter: 'http' });
    eject();
    expect(await remaining({ throttle })).toBe(0);
  });

  it('an instance with adapters as axios sets them', async () => {
    const set = setUp({}, {}, { adapter: axios.defaults.adapter });
    await set.instance(stage.url);
    expect(await remaining(set)).toBe(0);
  });
});

describe('the key', () => {
  it.each([
    ['https://a.example/v1', '/x', 'https://a.example'],
    ['https://a.example/v1/', 'https://b.example/x', 'https://b.example'],
    ['https://a.example', '//b.example/x', undefined],
    ['https://a.example', '', 'https://a.example'],
    [undefined, 'https://user:secret@a.example/x?token=1', 'https://a.example'],
  ])('of baseURL %s and url %s is the origin %s', async (baseURL, url, key) => {
    const keys: string[] = [];
    const { instance } = setUp({
      key: (call) => {
        keys.push(call.url.origin);
        return call.url.origin;
      },
    });
    const adapter = async () => ({ status: 200, data: '' }) as AxiosResponse;
    await instance({ url, ...(baseURL && { baseURL }), adapter });
    expect(keys).toEqual(key === undefined ? [] : [key]);
  });

  it('is from the base URL where absolute ones are not allowed', async () => {
    const set = setUp({}, {}, { baseURL: 'https://a.example', allowAbsoluteUrls: false });
    const adapter = async () => ({ status: 200, data: '' }) as AxiosResponse;
    await set.instance({ url: 'https://b.example', adapter });
    expect(await remaining(set, 'https://a.example')).toBe(0);
  });
});

describe('a call’s own options', () => {
  it('override those of throttleAxios', async () => {
    const set = setUp({ cost: 1, key: 'one' }, { limits: { rate: 1, interval: T, burst: 5 } });
    await set.instance.get(stage.url, { throttle: { cost: 3 } });
    expect(await remaining(set, 'one')).toBe(2);
  });

  it('may stand in the defaults of an instance', async () => {
    const set = setUp({}, {}, { throttle: { key: 'own' } });
    await set.instance.get(stage.url);
    expect(await remaining(set, 'own')).toBe(0);
  });

  it('let a call go straight through', async () => {
    const set = setUp();
    await set.instance.get(stage.url, { throttle: false });
    expect(await remaining(set)).toBe(1);
  });

  it('reject the call if they are wrong', async () => {
    const { instance } = setUp();
    await expect(instance.get(stage.url, { throttle: { retry: -1 } })).rejects.toThrow(RangeError);
    expect(stage.arrivals.length).toBe(0);
  });
});

describe('interceptors', () => {
  it('run in the same order, with the same config, as without a throttle', async () => {
    async function trace(attach: (instance: AxiosInstance) => void) {
      const steps: unknown[] = [];
      const instance = axios.create({ adapter: 'http' });
      const use = (name: string) => {
        instance.interceptors.request.use((config) => {
          steps.push([name, 'request', config.headers.get('x-step') ?? null]);
          config.headers.set('x-step', name);
          return config;
        });
        instance.interceptors.response.use((response) => {
          steps.push([name, 'response', response.data, response.config.adapter, Object.keys(response.config).sort()]);
          return response;
        });
      };
      use('before');
      attach(instance);
      use('after');
      await instance.post(stage.url, { a: 1 });
      return [steps, stage.arrivals.at(-1)?.body];
    }
    const throttle = createThrottle(wide);
    expect(await trace((instance) => throttleAxios(instance, throttle))).toEqual(await trace(() => {}));
  });

  it('that throw after ours take no place and no slot', async () => {
    const { instance, throttle, eject, clock } = setUp({}, { concurrency: 1 });
    eject();
    let isBroken = true;
    // Interceptors run in reverse: this one comes after that of throttleAxios.
    instance.interceptors.request.use((config) => {
      if (isBroken) throw new RangeError('no token');
      return config;
    });
    throttleAxios(instance, throttle);
    await expect(instance.get(stage.url)).rejects.toThrow('no token');
    expect((await throttle.status(stage.origin)).inFlight).toBe(0);
    isBroken = false;
    await instance.get(stage.url);
    expect(clock.monotonic()).toBe(0);
  });

  it('may be synchronous: the call then leaves in the same turn, as without a throttle', async () => {
    const { instance } = setUp({ match: () => false });
    const adapter = vi.fn(async () => ({ status: 200, data: '' }) as AxiosResponse);
    const call = instance.get(stage.url, { adapter });
    expect(adapter).toHaveBeenCalledTimes(1);
    await call;
  });

  it('that throw after ours, and let the same config go again, let it count once', async () => {
    const { instance, eject, ...set } = setUp({}, { limits: { rate: 1, interval: T, burst: 5 } });
    eject();
    let isBroken = true;
    instance.interceptors.request.use((config) => {
      if (isBroken) throw Object.assign(new RangeError('no token'), { config });
      return config;
    });
    throttleAxios(instance, set.throttle);
    const { config } = await instance.get(stage.url).catch((error: AxiosError) => error);
    isBroken = false;
    await instance(config ?? {});
    expect(await remaining(set)).toBe(4);
  });

  it('that send a call again send it through the line', async () => {
    stage.handle = (index, _, response) => response.writeHead(index === 0 ? 401 : 200).end();
    const { instance, clock } = setUp();
    instance.interceptors.response.use(undefined, (error: AxiosError) => instance(error.config ?? {}));
    const call = instance.get(stage.url);
    await arrived(stage, 1);
    await clock.advance(T);
    expect((await call).status).toBe(200);
    expect(clock.monotonic()).toBe(T);
  });
});

describe('eject', () => {
  it('takes the throttle off', async () => {
    const { instance, eject, ...set } = setUp();
    eject();
    await Promise.all([1, 2, 3].map(() => instance.get(stage.url)));
    expect(await remaining(set)).toBe(1);
  });

  it('lets a call through that an interceptor after ours still holds', async () => {
    const { instance, eject, ...set } = setUp();
    eject();
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    instance.interceptors.request.use(async (config) => {
      await held;
      return config;
    });
    const door = throttleAxios(instance, set.throttle);
    const call = instance.get(stage.url);
    await pass();
    door.eject();
    goOn();
    await call;
    expect(await remaining(set)).toBe(1);
  });

  it('may be called twice', async () => {
    const { instance, eject, ...set } = setUp();
    const other = throttleAxios(instance, set.throttle);
    eject();
    eject();
    await instance.get(stage.url);
    expect(await remaining(set)).toBe(0);
    other.eject();
    await instance.get(stage.url);
    expect(set.clock.timers).toBe(0);
  });

  it('lets calls that wait go in their turn, and their retries straight through', async () => {
    const { instance, eject, clock, throttle } = setUp();
    await throttle.wait(stage.origin);
    const call = instance.get(stage.url);
    await pass();
    eject();
    await pass();
    expect(stage.arrivals.length).toBe(0);
    await clock.advance(T);
    const { config } = await call;
    await instance(config);
    expect(stage.arrivals.length).toBe(2);
  });

  it('removes one of two interceptors of the same throttle, which each count a call', async () => {
    const { instance, eject, ...set } = setUp({}, { limits: { rate: 1, interval: T, burst: 5 } });
    throttleAxios(instance, set.throttle);
    await instance.get(stage.url);
    expect(await remaining(set)).toBe(3);
    eject();
    await instance.get(stage.url);
    expect(await remaining(set)).toBe(2);
  });

  it('leaves another throttle on, of which each call waits for both', async () => {
    const { instance, eject, ...set } = setUp();
    const other = createThrottle({ limits: even, margin: 0, clock: set.clock });
    throttleAxios(instance, other);
    await instance.get(stage.url);
    expect([await remaining(set), await remaining({ throttle: other })]).toEqual([0, 0]);
    eject();
    await set.clock.advance(T);
    await instance.get(stage.url);
    expect([await remaining(set), await remaining({ throttle: other })]).toEqual([1, 0]);
  });
});

describe('cancelling', () => {
  it('by cancelToken ends the wait at once, with the token’s own reason, and leaves no listener', async () => {
    const { instance, throttle } = setUp();
    await throttle.wait(stage.origin);
    const { token, cancel } = axios.CancelToken.source();
    const call = watch(instance.get(stage.url, { cancelToken: token }));
    await pass();
    cancel('changed my mind');
    await pass();
    expect(call.value).toBe(token.reason);
    expect(call.value).toBeInstanceOf(CanceledError);
    expect((await throttle.status(stage.origin)).waiting).toBe(0);
  });

  it('by a cancelToken that many calls share leaves no listener of ours on it', async () => {
    const { instance } = setUp({}, wide);
    const { token } = axios.CancelToken.source();
    const listened = token as unknown as Record<'subscribe' | 'unsubscribe', (listener: unknown) => void>;
    const subscribe = vi.spyOn(listened, 'subscribe');
    const unsubscribe = vi.spyOn(listened, 'unsubscribe');
    const adapter = async () => ({ status: 200, data: '' }) as AxiosResponse;
    await Promise.all([1, 2, 3].map(() => instance.get(stage.url, { cancelToken: token, adapter })));
    expect(subscribe.mock.calls.length).toBe(3);
    expect(unsubscribe.mock.calls).toEqual(subscribe.mock.calls);
  });

  it('by signal ends the wait of a call that has a cancelToken too', async () => {
    const { instance, throttle } = setUp();
    await throttle.wait(stage.origin);
    const controller = new AbortController();
    const { token } = axios.CancelToken.source();
    const call = watch(instance.get(stage.url, { cancelToken: token, signal: controller.signal }));
    await pass();
    controller.abort();
    await pass();
    expect(call.value).toBeInstanceOf(CanceledError);
    expect(axios.isCancel(call.value)).toBe(true);
  });

  it('by a signal that aborts while axios makes the request ready ends the wait at once, beside a cancelToken', async () => {
    const { instance, throttle } = setUp();
    await throttle.wait(stage.origin);
    const controller = new AbortController();
    const transformRequest = () => controller.abort();
    const { token } = axios.CancelToken.source();
    const call = watch(instance.get(stage.url, { cancelToken: token, signal: controller.signal, transformRequest }));
    await pass();
    expect(call.value).toBeInstanceOf(CanceledError);
  });
});

describe('retries', () => {
  it.each([429, 500])('of axios-retry after %i wait in the line', async (status) => {
    stage.handle = (_, __, response) => response.writeHead(status, { 'retry-after': '1' }).end();
    const { instance, clock } = setUp({ retry: 0 });
    axiosRetry(instance, { retries: 2, retryDelay: () => 0 });
    const call = watch(instance.get(stage.url));
    for (let count = 1; count <= 3; count++) {
      await arrived(stage, count);
      await clock.advance(T);
    }
    await pass();
    expect(call.value).toBeInstanceOf(AxiosError);
    expect(stage.arrivals.length).toBe(3);
  });

  it.each(['http', 'fetch'])('free the stream of a refused answer: %s adapter', async (adapter) => {
    const closed: Promise<unknown>[] = [];
    stage.handle = (index, _, response) => {
      if (index > 0) {
        response.end('ok');
        return;
      }
      closed.push(once(response, 'close'));
      response.writeHead(429, { 'retry-after': '1' }).write('no');
    };
    const { instance, clock } = setUp();
    const call = instance.get(stage.url, { adapter, responseType: 'stream' });
    await arrived(stage, 1);
    await clock.advance(T);
    const chunks: string[] = [];
    for await (const chunk of (await call).data) chunks.push(Buffer.from(chunk).toString());
    expect(chunks).toEqual(['ok']);
    await closed[0];
  });

  it.each(['http', 'fetch'])('look into the buffers that the caller asked for: %s adapter', async (adapter) => {
    stage.handle = (_, __, response) => response.setHeader('content-type', 'application/json').end('{"code":"no"}');
    const { instance, throttle } = setUp({
      retry: 0,
      dialect: completeDialect({ refusals: [{ body: ['code', 'no'] }] }),
    });
    await instance.get(stage.url, { adapter, responseType: 'arraybuffer' });
    expect((await throttle.status(stage.origin)).pausedUntil).toBeGreaterThan(0);
  });

  it('send the same headers', async () => {
    const headers: unknown[] = [];
    stage.handle = (index, request, response) => {
      headers.push(request.headers);
      refuseFirst(1)(index, request, response);
    };
    const { instance, clock } = setUp();
    const call = instance.post(
      stage.url,
      { a: 1 },
      { headers: { 'x-a': '1' }, auth: { username: 'a', password: 'b' } },
    );
    await arrived(stage, 1);
    await clock.advance(60 * T);
    await call;
    expect(headers[1]).toEqual(headers[0]);
  });

  it('give a stream back to the caller with the answer', async () => {
    stage.handle = refuse(60);
    const { instance } = setUp();
    const stream = new PassThrough();
    stream.end('content');
    const error: unknown = await instance.post(stage.url, stream).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AxiosError);
    expect((error as AxiosError).response?.status).toBe(429);
    expect(stage.arrivals.map(({ body }) => body)).toEqual(['content']);
  });
});

describe('settle', () => {
  it('gets the answer as the caller does, its data transformed, and leaves the config as it was', async () => {
    stage.handle = (_, __, response) => response.end('{"used":7}');
    const answers: AxiosResponse[] = [];
    const settle = (answer: AxiosResponse) => {
      answers.push(answer);
      return answer.data.used;
    };
    const set = setUp({ settle, cost: 5 }, { limits: { rate: 1, interval: T, burst: 10 } });
    const response = await set.instance.get(stage.url);
    await set.clock.advance(0);
    expect(answers[0]?.data).toEqual({ used: 7 });
    expect(await remaining(set)).toBe(3);
    expect(response.config.transformResponse).toEqual([axios.defaults.transformResponse].flat());
  });

  it('gets answers that axios rejects with', async () => {
    stage.handle = (_, __, response) => response.writeHead(404).end('{"used":2}');
    const set = setUp({ settle: ({ data }) => data.used, cost: 5 }, { limits: { rate: 1, interval: T, burst: 10 } });
    await expect(set.instance.get(stage.url)).rejects.toBeInstanceOf(AxiosError);
    await set.clock.advance(0);
    expect(await remaining(set)).toBe(8);
  });
});

describe('the client', () => {
  it.each(['http', 'fetch'])('tells the progress as without a throttle: %s adapter', async (adapter) => {
    const data = Buffer.alloc(3_000_000, 'x');
    async function progress(instance: AxiosInstance) {
      const last: Record<string, unknown> = {};
      await instance.post(`${stage.origin}/echo`, data, {
        adapter,
        onUploadProgress: ({ loaded, total, upload }) => (last.upload = [loaded, total, upload]),
        onDownloadProgress: ({ loaded, download }) => (last.download = [loaded, download]),
      });
      return last;
    }
    const { instance } = setUp({}, wide);
    expect(await progress(instance)).toEqual(await progress(axios.create()));
  });

  it('sends and receives streams chunk by chunk', async () => {
    const { instance } = setUp();
    const body = new PassThrough();
    const call = instance.post(`${stage.origin}/echo`, body, { responseType: 'stream' });
    body.write('one');
    await pass();
    body.end('two');
    const chunks = await (await call).data.toArray();
    expect(JSON.parse(Buffer.concat(chunks).toString()).body).toBe('onetwo');
  });

  it('sends and receives streams of the platform chunk by chunk', async () => {
    const { instance } = setUp({}, {}, { adapter: 'fetch' });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    let seen = '';
    stage.see = (chunk) => {
      seen += chunk;
    };
    stage.handle = (_, __, response) => response.write('first', () => setTimeout(() => response.end('second'), 20));
    const call = instance.post(stage.url, readable, { responseType: 'stream' });
    for (const chunk of ['one', 'two']) {
      await writer.write(new TextEncoder().encode(chunk));
      await vi.waitFor(() => expect(seen.endsWith(chunk)).toBe(true), { interval: 2 });
    }
    await writer.close();
    const chunks: string[] = [];
    for await (const chunk of (await call).data) chunks.push(new TextDecoder().decode(chunk));
    expect(chunks).toEqual(['first', 'second']);
  });

  it.each([true, false, undefined])('sends credentials as without a throttle: withCredentials %s', async (value) => {
    async function credentials(instance: AxiosInstance) {
      const seen: string[] = [];
      class Own extends Request {
        constructor(...args: ConstructorParameters<typeof Request>) {
          super(...args);
          seen.push(this.credentials, this.method);
        }
      }
      const env = { fetch: async () => new Response('ok'), Request: Own };
      await instance.post(stage.url, 'text', {
        adapter: 'fetch',
        env,
        ...(value !== undefined && { withCredentials: value }),
      });
      return seen;
    }
    const plain = await credentials(axios.create());
    expect(await credentials(setUp({}, wide).instance)).toEqual(plain);
    expect(plain.length).toBeGreaterThan(0);
  });

  it('rejects with its own errors, with config, request and response', async () => {
    stage.handle = (_, __, response) => response.writeHead(418).end('teapot');
    const { instance } = setUp();
    const error = (await instance.get(stage.url).catch((error: unknown) => error)) as AxiosError;
    expect(error).toBeInstanceOf(AxiosError);
    expect(axios.isAxiosError(error)).toBe(true);
    expect(isThrottleError(error)).toBe(false);
    expect([error.response?.data, error.config?.url, error.config?.adapter]).toEqual(['teapot', stage.url, 'http']);
    expect(error.request).toBeDefined();
  });

  it('says that an adapter is unknown, as without a throttle', async () => {
    const { instance } = setUp();
    const bare = await axios.get(stage.url, { adapter: 'none' }).catch((error: Error) => error.message);
    expect(await instance.get(stage.url, { adapter: 'none' }).catch((error: Error) => error.message)).toBe(bare);
  });
});
