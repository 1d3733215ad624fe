import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { type BucketStore, createThrottle, type Limit } from 'sluice';
import { type RedisClient, redisStore } from 'sluice/redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { clients, type OpenClient } from './redis-clients.ts';
import { programs, type RedisServer, startRedis } from './redis-server.ts';

const hour = 3_600_000;

describe.each(programs)('with %s', (_, program) => {
  let server: RedisServer;
  let admin: Redis;
  const open = new Set<OpenClient>();
  const throttles = new Set<ReturnType<typeof createThrottle>>();
  let prefixes = 0;

  beforeAll(async () => {
    server = await startRedis([], program);
    admin = new Redis(server.port);
  });
  afterEach(async () => {
    for (const throttle of throttles) await throttle.close();
    throttles.clear();
    for (const { close } of open) await close();
    open.clear();
  });
  afterAll(async () => {
    admin.disconnect();
    await server.close();
  });

  const connect = async (name: string): Promise<RedisClient> => {
    const made = await clients[name]?.(server.port);
    open.add(made as OpenClient);
    return made?.client as RedisClient;
  };
  const throttleOn = (client: RedisClient, limits: Limit, prefix: string) => {
    const throttle = createThrottle({ limits, store: redisStore(client, { prefix }), onStoreError: 'reject' });
    throttles.add(throttle);
    return throttle;
  };

  describe.each(Object.keys(clients))('%s', (name) => {
    test('shares a bucket between two clients, also after the server forgot the script', async () => {
      const prefix = `{${prefixes++}} `;
      const one = throttleOn(await connect(name), { rate: 1, interval: hour, burst: 3 }, prefix);
      const other = throttleOn(await connect(name), { rate: 1, interval: hour, burst: 3 }, prefix);
      expect(await one.allow('a}b{c} é')).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] });
      expect(await other.allow('a}b{c} é')).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] });
      await admin.script('FLUSH');
      expect(await one.allow('a}b{c} é')).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] });
      expect(await other.allow('a}b{c} é')).toMatchObject({ allowed: false });
    });

    test('leaves no connection behind', async () => {
      await eventually(async () => expect(await connections(admin)).toBe(1));
      const client = await connect(name);
      const throttle = throttleOn(client, { rate: 1, interval: 10 }, `${prefixes++}:`);
      await throttle.wait();
      await eventually(async () => expect(await connections(admin)).toBe(3));
      await throttle.close();
      await eventually(async () => expect(await connections(admin)).toBe(2));
    });

    test('leaves no connection open when a throttle is closed while it connects', async () => {
      await eventually(async () => expect(await connections(admin)).toBe(1));
      const client = await connect(name);
      for (let turns = 0; turns < 5; turns++) {
        const throttle = throttleOn(client, { rate: 1, interval: 10 }, `${prefixes++}:`);
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        await throttle.close();
      }
      await sleep(100);
      expect(await connections(admin)).toBe(2);
    });
  });

  const opened = (redis: Redis): Redis => {
    redis.on('error', () => {});
    open.add({ client: redis, close: () => redis.disconnect() });
    return redis;
  };

  test('listens with a client that keeps no command for later and repeats none', async () => {
    const prefix = `${prefixes++}:`;
    const redis = opened(
      new Redis(server.port, { enableOfflineQueue: false, autoResubscribe: false, retryStrategy: () => 10 }),
    );
    throttleOn(redis, { rate: 1, interval: 10 }, prefix);
    await subscribed(admin, prefix, 1);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await subscribed(admin, prefix, 0);
    await subscribed(admin, prefix, 1);
  });

  test('has one listener on a client for any number of stores, and all of them end with it', async () => {
    const redis = opened(new Redis(server.port, { lazyConnect: true }));
    const before = redis.listenerCount('end');
    const names = Array.from({ length: 11 }, () => `${prefixes++}:`);
    for (const prefix of names) throttleOn(redis, { rate: 1, interval: 10 }, prefix);
    expect(redis.listenerCount('end')).toBe(before + 1);
    await redis.ping();
    for (const prefix of names) await subscribed(admin, prefix, 1);
    redis.disconnect();
    for (const prefix of names) await subscribed(admin, prefix, 0);
  });

  test('waits for a client that has not connected yet', async () => {
    const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
    client.on('error', () => {});
    open.add({ client, close: () => client.destroy() });
    const throttle = throttleOn(client, { rate: 1, interval: hour }, `${prefixes++}:`);
    const decision = throttle.allow();
    await client.connect();
    expect(await decision).toMatchObject({ allowed: true });
  });

  test('notifies each other process of changes, and not itself', async () => {
    const prefix = `${prefixes++}:`;
    const plan = planOf({ rate: 1, interval: hour }, 0);
    const [own, other] = [1, 2].map(() => redisStore(opened(new Redis(server.port)), { prefix })) as [
      BucketStore,
      BucketStore,
    ];
    const heard: string[] = [];
    const listen = (store: BucketStore, name: string) => store.watch?.(({ key }) => heard.push(`${name} ${key}`));
    const stops = [listen(own, 'own'), listen(other, 'one'), listen(other, 'two')];
    await subscribed(admin, prefix, 2);
    await own.sync('some left', { remaining: 1, ms: hour, isNewest: true }, plan);
    const told = { limit: 1, remaining: 0, window: hour, roundTrip: 0, keptBack: 0 };
    await own.take('explained', { plan, costs: [1], ahead: 0 });
    await own.sync('explained', { remaining: 0, ms: hour, isNewest: true, told }, plan);
    await own.sync('none left', { remaining: 0, ms: hour, isNewest: true }, plan);
    await eventually(async () => expect(heard).toEqual(['one none left', 'two none left']));
    stops[1]?.();
    await own.reset('none left');
    await eventually(async () => expect(heard.slice(2)).toEqual(['two none left']));
    for (const stop of stops) stop?.();
  });

  test('lets a pause reach the calls that wait elsewhere before they go, with each client', async () => {
    const reaches = async (name: string) => {
      const prefix = `${prefixes++}:`;
      const limits = { rate: 1, interval: 500 };
      const one = throttleOn(await connect(name), limits, prefix);
      const other = throttleOn(await connect(name), limits, prefix);
      await other.wait('key');
      await subscribed(admin, prefix, 2);
      let gone = false;
      const waiting = other.wait('key').then(() => {
        gone = true;
      });
      await sleep(100);
      await one.pause('key', Date.now() + 900);
      await sleep(600);
      expect(gone, name).toBe(false);
      await waiting;
    };
    await Promise.all(Object.keys(clients).map(reaches));
  });
});

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const connections = async (admin: Redis): Promise<number> =>
  String(await admin.client('LIST'))
    .trim()
    .split('\n').length;

/** Waits until so many listen to the news. */
async function subscribed(admin: Redis, prefix: string, count: number): Promise<void> {
  await eventually(async () => expect(await admin.pubsub('NUMSUB', `${prefix}news`)).toEqual([`${prefix}news`, count]));
}

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await check();
    } catch (error) {
      if (attempt === 100) throw error;
    }
    await sleep(20);
  }
}
