import { Redis } from 'ioredis';
import { createThrottle, type Limit, slidingWindow, type Throttle } from 'sluice';
import { redisStore } from 'sluice/redis';
import { afterEach, describe, expect, test } from 'vitest';
import { startProxy, type Way } from './redis-proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const hour = 3_600_000;
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(...settings: string[]): Promise<RedisServer> {
  const server = await startRedis(settings);
  closing.push(() => server.close());
  return server;
}

function connect(port: number): Redis {
  const redis = new Redis(port, { retryStrategy: () => 50 });
  redis.on('error', () => {});
  closing.push(() => redis.disconnect());
  return redis;
}

/** A throttle that knows of a store what this process was told by it, and nothing of its own. Its limits are made again each time. */
function throttleOn(redis: Redis, limit: Limit): Throttle {
  const limits = () => ({ ...limit });
  const throttle = createThrottle({ limits, margin: 0, store: redisStore(redis), onStoreError: 'reject' });
  closing.push(() => throttle.close());
  return throttle;
}

/** What is left after one more call. */
async function left(throttle: Throttle): Promise<number | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { limits } = await throttle.allow();
      return limits[0]?.remaining;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const kinds = [
  ['leaky bucket', { rate: 1, interval: hour, burst: 10 }],
  ['sliding window', slidingWindow({ limit: 10, interval: hour })],
] as const;

describe.each(kinds)('restores what its users know of a %s', (_, limits) => {
  test('after FLUSHALL, and once each of them has said so', async () => {
    const server = await start();
    const redis = connect(server.port);
    const one = throttleOn(redis, limits);
    const other = throttleOn(connect(server.port), limits);
    for (const remaining of [9, 8]) expect(await left(one)).toBe(remaining);
    expect(await left(other)).toBe(7);
    await redis.flushall();
    // The process that saw the latest call knows all calls of a leaky bucket; of a window each knows its own.
    const [first, second] = 'kind' in limits ? [7, 5] : [7, 6];
    expect(await left(one)).toBe(first);
    expect(await left(other)).toBe(second);
    expect(await left(one)).toBe(second - 1);
  });

  test('after the server was killed and came back empty', async () => {
    const server = await start();
    const throttle = throttleOn(connect(server.port), limits);
    for (const remaining of [9, 8]) expect(await left(throttle)).toBe(remaining);
    await server.kill();
    await expect(throttle.allow()).rejects.toThrow('redis');
    await server.start();
    expect(await left(throttle)).toBe(7);
  });

  test('after the server was killed and came back with its data, for processes that did not know of the calls either', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'always');
    const throttle = throttleOn(connect(server.port), limits);
    for (const remaining of [9, 8]) expect(await left(throttle)).toBe(remaining);
    await server.kill();
    await server.start();
    expect(await left(throttleOn(connect(server.port), limits))).toBe(7);
    expect(await left(throttle)).toBe(6);
  });

  test('after the server came back with old data, and processes without knowledge called first', async () => {
    const server = await start();
    const redis = connect(server.port);
    const [one, other] = [throttleOn(redis, limits), throttleOn(connect(server.port), limits)];
    expect(await left(one)).toBe(9);
    const before = await redis.dumpBuffer('sluice:default');
    await Promise.all([one.wait(), one.wait(), one.wait()]);
    expect(await left(one)).toBe(5);
    await redis.restore('sluice:default', 0, before, 'REPLACE');
    // As many writes as one knows of.
    for (const remaining of [8, 7]) expect(await left(other)).toBe(remaining);
    await one.wait();
    expect(await left(one)).toBe('kind' in limits ? 1 : 3);
  });

  test('after a replica that had fallen behind took over', async () => {
    const main = await start('--repl-diskless-sync-delay', '0');
    const replica = await start('--replicaof', '127.0.0.1', String(main.port));
    const proxy: Way = await startProxy(main.port);
    closing.push(() => proxy.close());
    const admin = connect(replica.port);
    const throttle = throttleOn(connect(proxy.port), limits);
    expect(await left(throttle)).toBe(9);
    await eventually(async () => expect(await admin.exists('sluice:default')).toBe(1));
    await admin.replicaof('NO', 'ONE');
    for (const remaining of [8, 7]) expect(await left(throttle)).toBe(remaining);
    await main.kill();
    proxy.lead(replica.port);
    expect(await left(throttle)).toBe(6);
  });
});

test('a pause outlives FLUSHALL', async () => {
  const server = await start();
  const redis = connect(server.port);
  const throttle = throttleOn(redis, { rate: 1, interval: 10 });
  const other = throttleOn(connect(server.port), { rate: 1, interval: 10 });
  await throttle.pause('default', Date.now() + hour);
  expect(await other.allow()).toMatchObject({ allowed: false });
  await redis.flushall();
  const { wait } = await other.allow();
  expect(wait).toBeGreaterThan(hour - 5_000);
});

test('limits of its own come back to a key after FLUSHALL, and its record does not expire', async () => {
  const server = await start();
  const redis = connect(server.port);
  const throttle = throttleOn(redis, { rate: 1, interval: hour, burst: 2 });
  await throttle.setLimits('default', { rate: 1, interval: hour, burst: 5 });
  expect(await redis.pttl('sluice:default')).toBe(-1);
  expect(await left(throttle)).toBe(4);
  await redis.flushall();
  expect(await left(throttle)).toBe(3);
  expect(await left(throttleOn(connect(server.port), { rate: 1, interval: hour, burst: 2 }))).toBe(2);
});

test('a bucket expires a minute after it is at rest', async () => {
  const server = await start();
  const redis = connect(server.port);
  await throttleOn(redis, { rate: 1, interval: 5_000, burst: 2 }).allow();
  const ms = await redis.pttl('sluice:default');
  expect(ms).toBeGreaterThan(63_000);
  expect(ms).toBeLessThanOrEqual(65_001);
});

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await check();
    } catch (error) {
      if (attempt === 100) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
