// What runs in each tab: a library in its usual configuration in front of fetch.
import { AsyncQueuer } from '@tanstack/pacer';
import axios from 'axios';
import rateLimit from 'axios-rate-limit';
import Bottleneck from 'bottleneck';
import { RateLimiter } from 'limiter';
import PQueue from 'p-queue';
import pThrottle from 'p-throttle';
import { createThrottle, slidingWindow, throttleFetch } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import type { Quota } from './contender.ts';

type Send = (url: string) => Promise<unknown>;

const makers: Readonly<Record<string, (quota: Quota) => Send>> = {
  'sluice, indexedDbStore': (quota) => {
    const throttle = createThrottle({ limits: slidingWindow(quota), store: indexedDbStore() });
    return throttleFetch(throttle, { retry: 0, key: 'bench' });
  },
  'sluice, no store': (quota) => throttleFetch(createThrottle({ limits: slidingWindow(quota) }), { retry: 0 }),
  'bottleneck, minTime': ({ limit, interval }) => {
    const limiter = new Bottleneck({ minTime: interval / limit });
    return (url) => limiter.schedule(() => fetch(url));
  },
  'p-throttle, strict': (quota) => pThrottle({ ...quota, strict: true })((url: string) => fetch(url)),
  'p-queue, strict': ({ limit, interval }) => {
    const queue = new PQueue({ intervalCap: limit, interval, strict: true } as object);
    return (url) => queue.add(() => fetch(url));
  },
  limiter: ({ limit, interval }) => {
    const limiter = new RateLimiter({ tokensPerInterval: limit, interval });
    return async (url) => {
      await limiter.removeTokens(1);
      return fetch(url);
    };
  },
  'axios-rate-limit': ({ limit, interval }) => {
    const http = rateLimit(axios.create(), { maxRequests: limit, perMilliseconds: interval });
    return (url) => http.get(url);
  },
  '@tanstack/pacer AsyncQueuer': ({ limit, interval }) => {
    type Item = { url: string; resolve(answer: Response): void };
    const queuer = new AsyncQueuer<Item>(async ({ url, resolve }) => resolve(await fetch(url)), {
      concurrency: 1,
      wait: interval / limit,
    });
    return (url) => new Promise((resolve) => queuer.addItem({ url, resolve }));
  },
};

/** Makes calls all at once, at an instant. Resolves when all are answered, accepted or not. */
async function send(what: { name: string; quota: Quota; calls: number; url: string; at: number }): Promise<number> {
  const call = (makers[what.name] as (typeof makers)[string])(what.quota);
  await new Promise((resolve) => setTimeout(resolve, what.at - Date.now()));
  const ended = await Promise.allSettled(
    Array.from({ length: what.calls }, (_, index) => call(`${what.url}?${index}`)),
  );
  return ended.length;
}

Object.assign(globalThis, { lab: { names: () => Object.keys(makers), send } });
