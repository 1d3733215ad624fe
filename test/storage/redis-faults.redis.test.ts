import { Redis } from 'ioredis';
import { createThrottle, type Limit, StoreError, slidingWindow, type ThrottleOptions } from 'sluice';
import { redisStore } from 'sluice/redis';
import { afterEach, describe, expect, test } from 'vitest';
import { mostInAnyWindow } from '../../demo/analysis.ts';
import { startProxy } from './redis-proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const hour = 3_600_000;
const interval = 250;
const limits = slidingWindow({ limit: 5, interval });
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function start(): Promise<RedisServer> {
  const server = await startRedis();
  closing.push(() => server.close());
  return server;
}

function connect(port: number): Redis {
  const redis = new Redis(port, { retryStrategy: () => 50 });
  redis.on('error', () => {});
  closing.push(() => redis.disconnect());
  return redis;
}

function throttleOn(redis: Redis, limit: Limit = limits, options: Partial<ThrottleOptions> = {}) {
  const throttle = createThrottle({ limits: limit, store: redisStore(redis), ...options });
  const errors: unknown[] = [];
  throttle.on('store-error', ({ error }) => errors.push(error));
  closing.push(() => throttle.close());
  return { throttle, errors };
}

/** Lets calls wait while something breaks: all of them go, and never more than the limit lets. */
async function survives(port: number, calls: number, fault: (redis: Redis) => Promise<unknown>): Promise<unknown[]> {
  const redis = connect(port);
  const { throttle, errors } = throttleOn(redis);
  const log: { at: number; accepted: boolean }[] = [];
  const call = async () => {
    await throttle.wait();
    log.push({ at: performance.now(), accepted: true });
  };
  const all = Promise.all(Array.from({ length: calls }, call));
  await sleep(interval);
  const over = fault(redis);
  await all;
  await over;
  expect(log).toHaveLength(calls);
  // Answers are a while on their way, and not always the same. What the local bucket lets go the server does not know.
  expect(mostInAnyWindow(log, interval / 2)).toBeLessThanOrEqual(errors.length === 0 ? 5 : 10);
  return errors;
}

describe('all waiting calls go and none too early,', () => {
  test('when the server is killed and comes back empty', async () => {
    const server = await start();
    await survives(server.port, 40, async () => {
      await server.kill();
      await sleep(500);
      await server.start();
    });
  });

  test('when the server stands still for 5 seconds', async () => {
    const server = await start();
    await survives(server.port, 30, async () => {
      server.freeze();
      await sleep(5_000);
      server.thaw();
    });
  });

  test('when the connection is cut', async () => {
    const server = await start();
    const admin = connect(server.port);
    await survives(server.port, 40, async () => {
      for (let cut = 0; cut < 5; cut++) {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await sleep(100);
      }
    });
  });

  test('when the server is flushed, scripts and all, again and again', async () => {
    const server = await start();
    const errors = await survives(server.port, 40, async (redis) => {
      for (let flush = 0; flush < 10; flush++) {
        await redis.flushall();
        await redis.script('FLUSH');
        await sleep(50);
      }
    });
    expect(errors).toEqual([]);
  });

  test('when answers are slow', async () => {
    const server = await start();
    const way = await startProxy(server.port);
    closing.push(() => way.close());
    const errors = await survives(way.port, 30, async () => {
      way.delay = 100;
    });
    expect(errors).toEqual([]);
  });

  test('when another server takes over', async () => {
    const [one, other] = [await start(), await start()];
    const way = await startProxy(one.port);
    closing.push(() => way.close());
    await survives(way.port, 40, async () => {
      way.lead(other.port);
      await one.kill();
    });
  });
});

describe('a server that cannot write', () => {
  const outOfMemory = (redis: Redis) => redis.config('SET', 'maxmemory', '1');
  const readOnly = (redis: Redis) => redis.replicaof('127.0.0.1', '1');

  test.each([
    ['is out of memory', outOfMemory, 'OOM', (redis: Redis) => redis.config('SET', 'maxmemory', '0')],
    ['is a replica', readOnly, 'READONLY', (redis: Redis) => redis.replicaof('NO', 'ONE')],
  ] as const)('because it %s is away', async (_, breaks, message, repairs) => {
    const server = await start();
    const redis = connect(server.port);
    const one = { rate: 1, interval: hour, burst: 3 };
    const { throttle, errors } = throttleOn(redis, one);
    const strict = throttleOn(redis, one, { onStoreError: 'reject' }).throttle;
    await throttle.allow();
    await breaks(redis);
    const refusal: unknown = await strict.allow().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(String((refusal as StoreError).cause)).toContain(message);
    expect(await throttle.allow()).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] });
    expect(String(errors[0])).toContain(message);
    await repairs(redis);
    await sleep(1_050);
    // Back at the server, which knows nothing of what the local bucket let go.
    expect(await throttle.allow()).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] });
  });
});

test.each([
  ['a list', (redis: Redis) => redis.rpush('sluice:default', 'mine')],
  ['text', (redis: Redis) => redis.set('sluice:default', '{"tat":12}')],
  ['a record that is damaged', (redis: Redis) => redis.set('sluice:default', 'sluice:1\u0093')],
  ['a short record that is damaged', (redis: Redis) => redis.set('sluice:default', `sluice:2${'x'.repeat(60)}`)],
])('%s where a bucket should be is ignored and reported', async (_, put) => {
  const server = await start();
  const redis = connect(server.port);
  await put(redis);
  const { throttle, errors } = throttleOn(redis, { rate: 1, interval: hour, burst: 2 });
  expect(await throttle.allow()).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] });
  expect(errors.map(String)).toEqual([expect.stringContaining('not a bucket of this version')]);
  expect(await throttle.allow()).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] });
  expect(errors).toHaveLength(1);
});

test('a client that has lost its connection is not waited for', async () => {
  const server = await start();
  const { throttle, errors } = throttleOn(connect(server.port));
  await throttle.wait();
  await server.kill();
  await sleep(100);
  const before = performance.now();
  await throttle.wait();
  expect(performance.now() - before).toBeLessThan(1_000);
  expect(errors).toHaveLength(1);
});
