import { Redis } from 'ioredis';
import type { BucketStore } from 'sluice';
import { redisStore } from 'sluice/redis';
import { bucketStoreContract, type StoreContractCase } from 'sluice/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type RedisServer, startRedis } from './redis-server.ts';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let server: RedisServer;
let redis: Redis;
let stores = 0;
const prefixes = new WeakMap<BucketStore, string>();

function open(prefix: string): BucketStore {
  const store = redisStore(redis, { prefix });
  prefixes.set(store, prefix);
  return store;
}

const contract = bucketStoreContract({
  create: () => open(`${stores++}:`),
  sharer: (store) => open(prefixes.get(store) as string),
  advance: (ms) => sleep(ms + 2),
  precision: 150,
}).map((one: StoreContractCase) => ({ ...one, outcome: Promise.resolve() }));

// All cases wait together, each begun a little after the one before.
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
  for (const one of contract) {
    one.outcome = one.run();
    one.outcome.catch(() => {});
    await sleep(5);
  }
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

describe('redisStore', () => {
  for (const one of contract) it(one.name, () => one.outcome, 30_000);
});
