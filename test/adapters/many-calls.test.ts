import { setMaxListeners } from 'node:events';
import axios, { type AxiosResponse } from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, type Throttle, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { kyHooks, throttleKy } from 'sluice/ky';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';

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
  kyHooks: (throttle) => {
    const api = ky2.create({ fetch: answer, hooks: throttle ? kyHooks(throttle) : {} });
    return (signal) => api(url, { signal });
  },
};

/** Counts the listeners that are on a signal. */
function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return () => listeners.size;
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
