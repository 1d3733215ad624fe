// A program that uses every public path, for check-types.ts to compile. It names nothing that only the DOM or only Node has.
import axios from 'axios';
import {
  type BucketStore,
  createThrottle,
  type FetchCall,
  isThrottleError,
  keyValueStore,
  logTo,
  measureThrottle,
  memoryStore,
  perMinute,
  quota,
  readServerSignal,
  slidingWindow,
  subscribe,
  throttleCalls,
  throttledMap,
  throttleFetch,
  whenIdle,
} from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { answerFor, limitRequests } from 'sluice/http';
import { indexedDbStore } from 'sluice/indexed-db';
import { throttleKy } from 'sluice/ky';
import { localStorageStore } from 'sluice/local-storage';
import { meterThrottle } from 'sluice/opentelemetry';
import { github } from 'sluice/presets';
import { useThrottleStatus } from 'sluice/react';
import { redisStore } from 'sluice/redis';
import { type ServiceWorkerScope, throttleServiceWorker } from 'sluice/service-worker';
import { bucketStoreContract, faultyStore, ManualClock } from 'sluice/testing';
import { throttleInterceptor } from 'sluice/undici';

declare const redis: Parameters<typeof redisStore>[0];
declare const meter: Parameters<typeof meterThrottle>[1];
declare const ky: Parameters<typeof throttleKy>[0];
declare const scope: ServiceWorkerScope;

const values = new Map<string, unknown>();
const stores: BucketStore[] = [
  memoryStore(),
  keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) }),
  indexedDbStore(),
  localStorageStore(),
  redisStore(redis),
  faultyStore(memoryStore(), () => undefined),
];
const clock = new ManualClock();
const throttles = stores.map((store) =>
  createThrottle({ limits: [perMinute(100), slidingWindow({ name: 'b', limit: 5, interval: 1 })], store, clock }),
);
const throttle = createThrottle({ limits: (key) => quota({ limit: key.length, interval: 1_000 }) });
const { limits, dialect } = github();

export async function use(): Promise<void> {
  const send = throttleFetch(throttle, {
    key: ({ url }: FetchCall) => url.host,
    cost: ({ input }) => (typeof input === 'string' ? 1 : 2),
    match: ({ init }) => init?.method !== 'HEAD',
    settle: async (answer) => ((await answer.json()) as { cost: number }).cost,
    fetch: throttleFetch(createThrottle({ limits })),
  });
  const controller = new AbortController();
  const answer: Response = await send('https://api.example.com/', { signal: controller.signal });
  await send(new URL(answer.url));
  await send(new Request(answer.url));
  throttleAxios(axios.create(), throttle, { cost: ({ url }) => url.pathname.length, dialect: dialect ?? [] }).eject();
  const limit = limitRequests(throttle, { key: ({ url }) => url, cost: (request) => request.url.length });
  const refusal: Response | undefined = (await limit(new Request(answer.url), new Headers())) ?? answerFor(undefined);
  await limitRequests(throttle, { key: (request: { ip: string }) => request.ip })({ ip: refusal?.url ?? '' });
  throttleKy(ky, throttle, { cost: ({ request }) => request.url.length });
  throttleServiceWorker(scope, throttle, { match: ({ url }) => url.host !== '' }).eject();
  throttleInterceptor(throttle, { cost: ({ url }) => url.pathname.length });
  const double: number = await throttleCalls(async (n: number) => 2 * n, throttle)(1);
  const signal = readServerSignal({ status: 429, headers: answer.headers, now: double });
  await throttle.run(async () => signal, { signal: controller.signal, priority: 1 });
  const grant = await throttle.wait('key', { cost: 2, maxWait: 1_000 });
  await throttle.settle(grant, { cost: 1 });
  await throttle.run((_, { signal: own }) => own.aborted);
  const stop = throttle.on('rejected', ({ error }) => isThrottleError(error));
  logTo(throttle, console);
  stop();
  meterThrottle(throttle, meter, { attributes: (key) => ({ key }) })();
  measureThrottle(throttle, performance)();
  subscribe(throttle, 'key', ({ waiting }) => waiting.toFixed())();
  const waiting: number | undefined = useThrottleStatus(throttle)?.waiting;
  for await (const size of throttledMap(throttle, ['a', 'b'], (item) => item.length)) size.toFixed(waiting);
  for await (const outcome of throttledMap(throttle, [1], String, { onError: 'continue' }))
    if (outcome.status === 'fulfilled') outcome.value.trim();
  for (const { name, run } of bucketStoreContract({ create: () => memoryStore(), advance: () => {} })) {
    await run().catch(() => name);
  }
  await Promise.all(throttles.map((one) => one.close({ drain: true })));
  await usingThem();
}

async function usingThem(): Promise<void> {
  await using throttle = createThrottle({ limits: perMinute(100) });
  await using slot = await throttle.reserve();
  throttle.clear(slot.key);
  await whenIdle(throttle);
}
