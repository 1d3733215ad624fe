import { setMaxListeners } from 'node:events';
import axios, { type AxiosResponse } from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, type Throttle, throttleCalls, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { kyHooks, throttleKy } from 'sluice/ky';
import { throttleServiceWorker } from 'sluice/service-worker';
import { ManualClock } from 'sluice/testing';
import { throttleInterceptor } from 'sluice/undici';
import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { describe, expect, it } from 'vitest';
import { countListeners } from './listeners.ts';

const url = 'https://a.example/';
const answer = async () => new Response('ok');
const adapter = async () => ({ status: 200, data: 'ok' }) as AxiosResponse;

type Send = (signal: AbortSignal) => Promise<unknown>;

/** Each adapter in front of a client that sends nothing; without a throttle the bare client. */
const clients: Record<string, (throttle?: Throttle) => Send> = {
  fetch: (throttle) => {
    const fetch = throttle ? throttleFetch(throttle, { fetch: answer }) : answer;
    return (signal) => (fetch as typeof globalThis.fetch)(url, { signal });
  },
  'axios, by signal': (throttle) => {
    const instance = axios.create({ adapter });
    if (throttle) throttleAxios(instance, throttle);
    return (signal) => instance(url, { signal });
  },
  'axios, by signal and cancelToken': (throttle) => {
    const instance = axios.create({ adapter });
    if (throttle) throttleAxios(instance, throttle);
    const { token } = axios.CancelToken.source();
    return (signal) => instance(url, { signal, cancelToken: token });
  },
  'ky 1': (throttle) => {
    const ky = ky1.create({ fetch: answer });
    const api = throttle ? throttleKy(ky, throttle) : ky;
    return (signal) => api(url, { signal });
  },
  'ky 2': (throttle) => {
    const ky = ky2.create({ fetch: answer });
    const api = throttle ? throttleKy(ky, throttle) : ky;
    return (signal) => api(url, { signal });
  },
  'kyHooks of ky 1': (throttle) => {
    const api = ky1.create({ fetch: answer, hooks: throttle ? kyHooks(throttle) : {} });
    return (signal) => api(url, { signal });
  },
  'kyHooks of ky 2': (throttle) => {
    const api = ky2.create({ fetch: answer, hooks: throttle ? kyHooks(throttle) : {} });
    return (signal) => api(url, { signal });
  },
  throttleCalls: (throttle) => {
    const key = 'https://a.example';
    const send = throttle ? throttleCalls(answer as typeof fetch, throttle, { key }) : (answer as typeof fetch);
    return (signal) => send(url, { signal });
  },
  'throttleCalls of queries': (throttle) => {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    const query = (_: AbortSignal) => ({ then: (done: (answer: Response) => unknown) => answer().then(done) });
    const options = { key: 'https://a.example', lazy: ['**'] };
    const send = throttle ? throttleCalls(query, throttle, options) : query;
    return async (signal) => send(signal);
  },
  'throttleCalls of pages': (throttle) => {
    const pages = async function* (_: AbortSignal) {
      yield answer();
    };
    const send = throttle ? throttleCalls(pages, throttle, { key: 'https://a.example' }) : pages;
    return (signal) => send(signal).next();
  },
  'undici 6': (throttle) => undiciClient(undici6 as unknown as typeof undici7, throttle),
  'undici 7': (throttle) => undiciClient(undici7, throttle),
  'service worker': (throttle) => {
    const location = { origin: 'https://app.example' };
    const clients = { get: async () => ({}) };
    const scope = Object.assign(new EventTarget(), { location, clients, fetch: answer });
    if (throttle) throttleServiceWorker(scope, throttle);
    return async (signal) => {
      const request = Object.defineProperty(new Request(url), 'signal', { value: signal });
      let response: unknown;
      const respondWith = (answer: unknown) => {
        response = answer;
      };
      scope.dispatchEvent(Object.assign(new Event('fetch'), { request, clientId: 'page', respondWith }));
      return response;
    };
  },
};

/** A client of undici whose dispatcher answers at once. */
function undiciClient(undici: typeof undici7, throttle?: Throttle): Send {
  class Answering extends undici.Dispatcher {
    override dispatch(_: object, handler: undici7.Dispatcher.DispatchHandler): boolean {
      if (handler.onRequestStart) {
        const controller = { abort() {}, pause() {}, resume() {} } as unknown as undici7.Dispatcher.DispatchController;
        handler.onRequestStart(controller, {});
        handler.onResponseStart?.(controller, 200, {}, 'OK');
        handler.onResponseEnd?.(controller, {});
        return true;
      }
      handler.onConnect?.(() => {});
      handler.onHeaders?.(200, [], () => {}, 'OK');
      handler.onComplete?.([]);
      return true;
    }
  }
  const bare = new Answering();
  const dispatcher = throttle ? bare.compose(throttleInterceptor(throttle)) : bare;
  return async (signal) => (await undici.request(url, { dispatcher, signal })).body.dump();
}

const calls = 10_000;
const batch = 500;

describe(`a signal that ${calls} calls share`, () => {
  it.each(Object.keys(clients))(
    'has no listener of ours left: %s',
    async (name) => {
      const clock = new ManualClock();
      const throttle = createThrottle({ limits: { rate: 100, interval: 1 }, margin: 0, clock, concurrency: 7 });
      const send = clients[name]?.(throttle) as Send;
      const { signal } = new AbortController();
      setMaxListeners(0, signal);
      const left = countListeners(signal);
      let done = 0;
      for (let sent = 0; sent < calls; sent += batch) {
        const replies = Array.from({ length: batch }, () => send(signal).then(() => done++));
        while (done < sent + batch) await clock.advance(1);
        await Promise.all(replies);
      }
      const { waiting, inFlight } = await throttle.status('https://a.example');
      expect([left(), waiting, inFlight, clock.timers]).toEqual([0, 0, 0, 0]);
    },
    60_000,
  );
});
