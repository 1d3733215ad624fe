import type { Limit } from 'sluice';
import type { Call, Contender, InProcess, Loaded, Quota } from './contender.ts';

// Each library as its documentation advises; `page` is where it does. They are installed here and not at the root, where types are
// checked, so they are loaded without their types.

// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

export const loadPeer = async (name: string): Promise<Untyped> => import(name);

/** This version, built. */
export const loadOurs = async (): Promise<typeof import('sluice')> =>
  import(new URL('../../dist/index.js', import.meta.url).href);

/** An evenly spaced library keeps this from one call to the next. */
const spacing = ({ limit, interval }: Quota) => interval / limit;

/** As much at once as the windows of the others allow, and then evenly. */
const bucket = ({ limit, interval }: Quota): Limit => ({ rate: limit, interval, burst: limit });

/** Without a margin where nothing is sent: the others keep none. */
function ours(
  name: string,
  kind: 'bucket' | 'window',
  verb: 'wait' | 'run' | 'allow',
  parts: Contender['parts'],
): Contender {
  return {
    name,
    ...(parts && { parts }),
    load: async () => {
      const { createThrottle, slidingWindow } = await loadOurs();
      const make = (quota: Quota) =>
        createThrottle({ limits: kind === 'bucket' ? bucket(quota) : slidingWindow(quota), margin: 0 });
      const use = (throttle: ReturnType<typeof make>, key: string | undefined, task: () => Promise<unknown>) =>
        verb === 'run' ? throttle.run(task, key === undefined ? {} : { key }) : throttle[verb](key);
      return {
        one: (quota) => {
          const throttle = make(quota);
          return (task) => use(throttle, undefined, task);
        },
        keyed: (quota) => {
          const throttle = make(quota);
          return (key, task) => use(throttle, key, task);
        },
      };
    },
  };
}

/** The documented number and nothing else, with the adapter for fetch. The task stands for the network. */
function oursWithFetch(name: string, limitsOf: (sluice: typeof import('sluice'), quota: Quota) => Limit): Contender {
  return {
    name,
    parts: ['utilisation'],
    load: async () => {
      const sluice = await loadOurs();
      return {
        one: (quota) => {
          const tasks = new Map<string, () => Promise<unknown>>();
          const throttle = sluice.createThrottle({ limits: limitsOf(sluice, quota) });
          const network = async (input: unknown) => (await tasks.get(String(input))?.()) as Response;
          const fetch = sluice.throttleFetch(throttle, { fetch: network as typeof globalThis.fetch, retry: 0 });
          return (task) => {
            const url = `https://api.example.com/${tasks.size}`;
            tasks.set(url, task);
            return fetch(url);
          };
        },
      };
    },
  };
}

/** A bucket step on a Map, a promise that is already resolved; an array of waiters and one timer. */
const bareMinimum: Contender = {
  name: 'bare minimum',
  isKeyed: true,
  parts: ['decide', 'queue', 'memory'],
  load: async () => {
    const keyed = ({ limit, interval }: Quota) => {
      const step = interval / limit;
      const buckets = new Map<string, { tat: number }>();
      return (key: string) => {
        const now = performance.now();
        let bucket = buckets.get(key);
        if (bucket === undefined) {
          bucket = { tat: 0 };
          buckets.set(key, bucket);
        }
        bucket.tat = Math.max(bucket.tat, now) + step;
        return Promise.resolve(bucket.tat - interval <= now);
      };
    };
    return {
      keyed,
      one: ({ limit, interval }) => {
        const step = interval / limit;
        const waiting: ((() => void) | undefined)[] = [];
        let head = 0;
        let isAwake = false;
        let tat = 0;
        const wake = () => {
          const now = performance.now();
          while (head < waiting.length && Math.max(tat, now) + step - interval <= now + 1e-9) {
            tat = Math.max(tat, now) + step;
            waiting[head]?.();
            waiting[head++] = undefined;
          }
          isAwake = head < waiting.length;
          if (isAwake) setTimeout(wake, Math.ceil(tat + step - interval - now));
        };
        return () => {
          const now = performance.now();
          if (!isAwake && Math.max(tat, now) + step - interval <= now + 1e-9) {
            tat = Math.max(tat, now) + step;
            return Promise.resolve();
          }
          return new Promise<void>((resolve) => {
            waiting.push(resolve);
            if (isAwake) return;
            isAwake = true;
            setTimeout(wake, 1);
          });
        };
      },
    };
  },
};

function bottleneck(
  name: string,
  options: (quota: Quota) => Record<string, number>,
  more: Partial<Contender> = {},
): Contender {
  return {
    name: `bottleneck, ${name}`,
    package: 'bottleneck',
    page: 'https://github.com/SGrondin/bottleneck#constructor',
    imports: `import Bottleneck from 'bottleneck'; console.log(Bottleneck);`,
    load: async () => {
      const { default: Bottleneck } = await loadPeer('bottleneck');
      return {
        one: (quota) => {
          const limiter = new Bottleneck(options(quota));
          return (task) => limiter.schedule(task);
        },
        keyed: (quota) => {
          const group = new Bottleneck.Group(options(quota));
          return (key, task) => group.key(key).schedule(task);
        },
      };
    },
    ...more,
  };
}

const reservoir = ({ limit, interval }: Quota) => ({
  reservoir: limit,
  reservoirRefreshAmount: limit,
  reservoirRefreshInterval: interval,
});

/** A library with one quota for each instance. */
function instances(
  about: Omit<Contender, 'load'>,
  make: (library: Untyped) => (quota: Quota) => Call,
  module = about.package as string,
): Contender {
  return { ...about, load: async (): Promise<Loaded> => ({ one: make(await loadPeer(module)) }) };
}

const pThrottle = (name: string, strict: boolean) =>
  instances(
    {
      name,
      package: 'p-throttle',
      page: 'https://github.com/sindresorhus/p-throttle#api',
      imports: `import pThrottle from 'p-throttle'; console.log(pThrottle);`,
    },
    ({ default: pThrottle }) =>
      (quota) => {
        // One function for all tasks, as the limit is of the function.
        return pThrottle({ ...quota, strict })((task: () => Promise<unknown>) => task());
      },
  );

const pQueue = (name: string, strict: boolean) =>
  instances(
    {
      name,
      package: 'p-queue',
      page: 'https://github.com/sindresorhus/p-queue#pqueueoptions',
      imports: `import PQueue from 'p-queue'; console.log(PQueue);`,
    },
    ({ default: PQueue }) =>
      ({ limit, interval }) => {
        const queue = new PQueue({ intervalCap: limit, interval, strict });
        return (task) => queue.add(task);
      },
  );

const throttledQueue = (name: string, evenlySpaced: boolean) =>
  instances(
    {
      name,
      package: 'throttled-queue',
      page: 'https://github.com/shaunpersad/throttled-queue#usage',
      isEven: evenlySpaced,
      imports: `import { throttledQueue } from 'throttled-queue'; console.log(throttledQueue);`,
    },
    ({ throttledQueue }) =>
      ({ limit, interval }) =>
        throttledQueue({ maxPerInterval: limit, interval, evenlySpaced }),
  );

const asyncSema = (name: string, uniformDistribution: boolean) =>
  instances(
    {
      name,
      package: 'async-sema',
      page: 'https://github.com/vercel/async-sema#ratelimitrps--timeunit-uniformdistribution-',
      isEven: uniformDistribution,
      imports: `import { RateLimit } from 'async-sema'; console.log(RateLimit);`,
    },
    ({ RateLimit }) =>
      ({ limit, interval }) => {
        const turn = RateLimit(limit, { timeUnit: interval, uniformDistribution });
        return async (task) => {
          await turn();
          return task();
        };
      },
  );

function effect(algorithm: 'fixed-window' | 'token-bucket'): Contender {
  return {
    name: `Effect RateLimiter, ${algorithm}`,
    package: 'effect',
    page: 'https://github.com/Effect-TS/effect/blob/main/packages/effect/src/persistence/RateLimiter.ts',
    imports: `import { Effect, Layer } from 'effect';
      import { layer, layerStoreMemory, makeWithRateLimiter } from 'effect/persistence/RateLimiter';
      console.log(Effect.runPromise(Effect.provide(makeWithRateLimiter, Layer.provide(layer, layerStoreMemory))));`,
    load: async () => {
      const { Effect, Layer } = await loadPeer('effect');
      const { RateLimiter } = await loadPeer('effect/persistence');
      // As in its example; a program of promises meets it by runPromise, call by call.
      const layer = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory));
      const keyed = ({ limit, interval }: Quota) => {
        const withLimiter = Effect.runSync(RateLimiter.makeWithRateLimiter.pipe(Effect.provide(layer)));
        return (key: string, task: () => Promise<unknown>) =>
          Effect.runPromise(
            withLimiter({ key, limit, window: interval, algorithm, onExceeded: 'delay' })(Effect.promise(task)),
          );
      };
      return {
        keyed,
        one: (quota) => {
          const call = keyed(quota);
          return (task) => call('key', task);
        },
      };
    },
  };
}

const flexible = {
  package: 'rate-limiter-flexible',
  page: 'https://github.com/animir/node-rate-limiter-flexible/wiki/Memory',
  imports: `import { RateLimiterMemory } from 'rate-limiter-flexible'; console.log(RateLimiterMemory);`,
};

/** All rows that are measured in a process of their own, ours first. */
export const contenders: readonly Contender[] = [
  ours('sluice, wait', 'bucket', 'wait', ['decide', 'queue', 'memory']),
  ours('sluice, run', 'bucket', 'run', ['decide', 'queue']),
  ours('sluice, slidingWindow', 'window', 'wait', ['decide', 'queue', 'memory']),
  ours('sluice, allow', 'bucket', 'allow', ['decide']),
  oursWithFetch('sluice, quota with burst 1', ({ quota }, { limit, interval }) => quota({ limit, interval, burst: 1 })),
  oursWithFetch('sluice, quota', ({ quota }, { limit, interval }) => quota({ limit, interval })),
  oursWithFetch('sluice, slidingWindow', ({ slidingWindow }, quota) => slidingWindow(quota)),
  bareMinimum,
  bottleneck('minTime', (quota) => ({ minTime: spacing(quota) }), { isEven: true }),
  bottleneck('reservoir', reservoir),
  // Its page advises `minTime` beside the reservoir "for safety".
  bottleneck('both', (quota) => ({ ...reservoir(quota), minTime: spacing(quota) }), { parts: ['utilisation'] }),
  pThrottle('p-throttle', false),
  pThrottle('p-throttle, strict', true),
  pQueue('p-queue', false),
  pQueue('p-queue, strict', true),
  instances(
    {
      name: 'limiter',
      package: 'limiter',
      page: 'https://github.com/jhurliman/node-rate-limiter#pace-work',
      imports: `import { RateLimiter } from 'limiter'; console.log(RateLimiter);`,
    },
    ({ RateLimiter }) =>
      ({ limit, interval }) => {
        const limiter = new RateLimiter({ tokensPerInterval: limit, interval });
        return async (task) => {
          await limiter.removeTokens(1);
          return task();
        };
      },
  ),
  instances(
    {
      name: 'limiter, tryRemoveTokens',
      package: 'limiter',
      page: 'https://github.com/jhurliman/node-rate-limiter#reject-instead-of-waiting',
      parts: ['decide'],
    },
    ({ RateLimiter }) =>
      ({ limit, interval }) => {
        const limiter = new RateLimiter({ tokensPerInterval: limit, interval });
        return (task) => (limiter.tryRemoveTokens(1) ? task() : Promise.reject(new Error('refused')));
      },
  ),
  {
    name: 'rate-limiter-flexible, memory',
    ...flexible,
    parts: ['decide', 'memory'],
    load: async () => {
      const { RateLimiterMemory } = await loadPeer('rate-limiter-flexible');
      const keyed = ({ limit, interval }: Quota) => {
        const limiter = new RateLimiterMemory({ points: limit, duration: interval / 1_000 });
        return (key: string) => limiter.consume(key);
      };
      return {
        keyed,
        one: (quota) => {
          const call = keyed(quota);
          return () => call('key');
        },
      };
    },
  },
  {
    name: 'rate-limiter-flexible, queue',
    package: 'rate-limiter-flexible',
    page: 'https://github.com/animir/node-rate-limiter-flexible/wiki/RateLimiterQueue',
    imports: `import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';
      console.log(RateLimiterMemory, RateLimiterQueue);`,
    load: async () => {
      const { RateLimiterMemory, RateLimiterQueue } = await loadPeer('rate-limiter-flexible');
      const keyed = ({ limit, interval }: Quota) => {
        const queue = new RateLimiterQueue(new RateLimiterMemory({ points: limit, duration: interval / 1_000 }));
        return async (key: string, task: () => Promise<unknown>) => {
          await queue.removeTokens(1, key);
          return task();
        };
      };
      return {
        keyed,
        one: (quota) => {
          const call = keyed(quota);
          return (task) => call('key', task);
        },
      };
    },
  },
  {
    name: 'axios-rate-limit',
    package: 'axios-rate-limit',
    page: 'https://github.com/aishek/axios-rate-limit/blob/master/doc/use-case-single-rate-limit.md',
    imports: `import rateLimit from 'axios-rate-limit'; console.log(rateLimit);`,
    load: async () => {
      const { default: axios } = await loadPeer('axios');
      const { default: rateLimit } = await loadPeer('axios-rate-limit');
      return {
        one: ({ limit, interval }) => {
          // An adapter in place of the network: the rest is what axios does for each call.
          const adapter = async (config: { task(): Promise<unknown> }) => {
            const data = await config.task();
            return { data, status: 200, statusText: 'OK', headers: {}, config };
          };
          const limits = [{ maxRequests: limit, duration: `${interval}ms` }];
          const http = rateLimit(axios.create({ adapter }), { limits });
          return (task) => http.request({ url: 'https://api.example.com/', task });
        },
      };
    },
  },
  throttledQueue('throttled-queue', false),
  throttledQueue('throttled-queue, evenly spaced', true),
  instances(
    {
      name: 'p-ratelimit',
      package: 'p-ratelimit',
      page: 'https://github.com/natesilva/p-ratelimit#configuration',
      imports: `import { pRateLimit } from 'p-ratelimit'; console.log(pRateLimit);`,
    },
    ({ pRateLimit }) =>
      ({ limit, interval }) =>
        pRateLimit({ interval, rate: limit }),
  ),
  asyncSema('async-sema RateLimit', false),
  asyncSema('async-sema RateLimit, uniform', true),
  instances(
    {
      name: '@tanstack/pacer AsyncRateLimiter',
      package: '@tanstack/pacer',
      page: 'https://tanstack.com/pacer/latest/docs/guides/async-rate-limiting',
      parts: ['decide', 'memory'],
      imports: `import { AsyncRateLimiter } from '@tanstack/pacer'; console.log(AsyncRateLimiter);`,
    },
    ({ AsyncRateLimiter }) =>
      ({ limit, interval }) => {
        const options = { limit, window: interval, windowType: 'sliding' };
        const limiter = new AsyncRateLimiter((task: () => Promise<unknown>) => task(), options);
        return (task) => limiter.maybeExecute(task);
      },
  ),
  instances(
    {
      name: '@tanstack/pacer AsyncQueuer',
      package: '@tanstack/pacer',
      page: 'https://tanstack.com/pacer/latest/docs/guides/async-queuing',
      isEven: true,
      imports: `import { AsyncQueuer } from '@tanstack/pacer'; console.log(AsyncQueuer);`,
    },
    ({ AsyncQueuer }) =>
      (quota) => {
        type Item = { task(): Promise<unknown>; resolve(result: unknown): void };
        const queuer = new AsyncQueuer(async ({ task, resolve }: Item) => resolve(await task()), {
          concurrency: 1,
          wait: spacing(quota),
        });
        return (task) => new Promise((resolve) => queuer.addItem({ task, resolve }));
      },
  ),
  effect('fixed-window'),
  effect('token-bucket'),
];

/** Whether a row is in a part. Where all may go at once, one that spaces calls has nothing to show. */
export const inPart = ({ parts, isEven }: Contender, part: InProcess): boolean =>
  (parts === undefined || parts.includes(part)) && !(isEven && part === 'decide');
