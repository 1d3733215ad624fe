import { createRequire } from 'node:module';
import axios, { type AxiosInstance, type AxiosStatic, type InternalAxiosRequestConfig } from 'axios';
import axios17 from 'axios-1-7';
import { build } from 'esbuild';
import { createThrottle } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { arrived, even, refuseFirst, T, useStage } from './contract/subject.ts';

const stage = useStage();

/** Those that a program may have besides the one that its imports find. */
const copies: [string, AxiosStatic][] = [
  ['axios by import', axios],
  ['axios by require', createRequire(import.meta.url)('axios')],
  ['axios 1.7', axios17 as unknown as AxiosStatic],
];

it('throttleAxios imports nothing of axios at run time', async () => {
  const { metafile } = await build({
    entryPoints: ['src/adapters/axios.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    packages: 'external',
    metafile: true,
  });
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
});

describe.each(copies)('an instance of %s', (_, copy) => {
  function throttled(config: object = {}, instance: AxiosInstance = copy.create({ adapter: 'http', ...config })) {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    return { clock, throttle, instance, ...throttleAxios(instance, throttle) };
  }

  /** All that the server sees of a call. */
  async function seen(instance: AxiosInstance, config: object): Promise<unknown> {
    return (await instance.request({ url: `${stage.origin}/echo`, ...config })).data;
  }

  it.each(['http', 'fetch'])('sends the same as without a throttle: %s adapter', async (adapter) => {
    const defaults = { adapter, headers: { authorization: 'Bearer secret', 'X-Own': '1', 'User-Agent': false } };
    const calls = [
      {},
      { method: 'post', data: { a: 1 }, params: { b: 2 }, auth: { username: 'a', password: 'b' } },
      { method: 'PUT', data: 'text', headers: { 'content-type': 'text/plain', authorization: null } },
      { method: 'patch', data: new URLSearchParams({ a: '1' }) },
      { method: 'post', data: { a: 1 }, headers: { 'Content-Type': 'multipart/form-data' } },
      { method: 'post', data: Buffer.from('bytes'), headers: { 'Content-Type': false } },
    ];
    for (const call of calls)
      expect(await seen(throttled(defaults).instance, call)).toEqual(await seen(copy.create(defaults), call));
  });

  it.each(['http', 'fetch'])('sends the same again after a refusal: %s adapter', async (adapter) => {
    const requests: unknown[] = [];
    stage.handle = (index, request, response) => {
      requests.push([request.headers, stage.arrivals[index]?.body]);
      refuseFirst(1)(index, request, response);
    };
    const { instance, clock } = throttled({ adapter, headers: { authorization: 'Bearer secret' } });
    const form = new FormData();
    form.set('a', '1');
    const call = instance.post(stage.url, form);
    await arrived(stage, 1);
    await clock.advance(60 * T);
    await call;
    const withoutBoundary = (request: unknown) => JSON.stringify(request).replaceAll(/boundary=[^"]+/g, '');
    expect(withoutBoundary(requests[1])).toBe(withoutBoundary(requests[0]));
    expect(withoutBoundary(requests[0])).toContain('Bearer secret');
  });

  it('rejects with its own errors', async () => {
    stage.handle = (_, __, response) => response.writeHead(418).end();
    const { instance, throttle, clock } = throttled();
    const error = await instance.get(stage.url).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(copy.AxiosError);
    const controller = new AbortController();
    const call = instance.get(stage.url, { signal: controller.signal }).catch((error: unknown) => error);
    await clock.advance(0);
    controller.abort();
    expect(await call).toBeInstanceOf(copy.CanceledError);
    expect((await throttle.status(stage.origin)).waiting).toBe(0);
  });

  it('gives answers and errors with the config and the headers that they have without a throttle', async () => {
    stage.handle = (index, _, response) => response.writeHead(index % 2 === 0 ? 200 : 404).end('{"a":1}');
    const parts = async (instance: AxiosInstance) => {
      const good = await instance.post(stage.url, { b: 1 });
      const bad = await instance.post(stage.url, { b: 1 }).catch((error) => error);
      const ofConfig = ({ headers, ...config }: InternalAxiosRequestConfig) => [
        headers.constructor,
        { ...headers },
        config,
      ];
      expect(bad.config).toBe(bad.response.config);
      return [good.headers.constructor, good.data, ofConfig(good.config), bad.response.data, ofConfig(bad.config)];
    };
    const { instance, eject } = throttled({ timeout: 1_000 });
    const limitless = createThrottle({ limits: { rate: 1, interval: 1, burst: 100 } });
    eject();
    throttleAxios(instance, limitless);
    expect(await parts(instance)).toEqual(await parts(copy.create({ adapter: 'http', timeout: 1_000 })));
  });

  it('says that an adapter is unknown, as without a throttle', async () => {
    const end = (instance: AxiosInstance) =>
      instance.get(stage.url, { adapter: 'none' }).catch((error: Error) => [error.message, error.constructor]);
    expect(await end(throttled().instance)).toEqual(await end(copy));
  });

  it('may be of the class, with no adapter in its config', async () => {
    const { instance } = throttled({}, new copy.Axios({}) as AxiosInstance);
    expect((await instance.request({ url: stage.url, method: 'get' })).data).toBe('ok');
  });

  it('runs no interceptors that a `create` of the program’s own puts on what it makes', async () => {
    const instance = copy.create({ adapter: 'http' });
    const create = instance.create.bind(instance);
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: { rate: 1, interval: T, burst: 5 }, margin: 0, clock });
    instance.create = (config) => {
      const made = create(config);
      throttleAxios(made, throttle);
      return made;
    };
    throttleAxios(instance, throttle);
    await instance.get(stage.url);
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(4);
  });
});
