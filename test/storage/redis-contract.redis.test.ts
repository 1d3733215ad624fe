import { Redis } from 'ioredis';
import type { BucketStore } from 'sluice';
import { redisStore } from 'sluice/redis';
import { bucketStoreContract, type StoreContractCase } from 'sluice/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { programs, startRedis } from './redis-server.ts';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const closing: (() => unknown)[] = [];
let stores = 0;

/** The contract on one server; each case is begun when the server runs. */
function contractOn(program: string) {
  let redis: Redis;
  const prefixes = new WeakMap<object, string>();
  const open = (prefix: string): BucketStore => {
    const store = redisStore(redis, { prefix });
    prefixes.set(store, prefix);
    return store;
  };
  const cases = bucketStoreContract({
    create: () => open(`${stores++}:`),
    sharer: (store) => open(prefixes.get(store) as string),
    advance: sleep,
    precision: 150,
  }).map((one: StoreContractCase) => ({ ...one, outcome: Promise.resolve() }));
  const start = async () => {
    const server = await startRedis([], program);
    redis = new Redis(server.port);
    closing.push(() => redis.disconnect(), server.close);
  };
  return { cases, start };
}

const contracts = programs.map(([name, program]) => ({ name, ...contractOn(program) }));

// All cases wait together, each begun a little after the one before.
beforeAll(async () => {
  for (const { start } of contracts) await start();
  for (const one of contracts.flatMap(({ cases }) => cases)) {
    one.outcome = one.run();
    one.outcome.catch(() => {});
    await sleep(5);
  }
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe.each(contracts)('redisStore with $name', ({ cases }) => {
  for (const one of cases) it(one.name, () => one.outcome, 30_000);
});
