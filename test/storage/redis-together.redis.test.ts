import { Redis } from 'ioredis';
import { redisStore } from 'sluice/redis';
import { ManualClock } from 'sluice/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BucketStore } from '../../src/core/base/store.ts';
import { newBucket } from '../../src/core/bucket/bucket.ts';
import { take } from '../../src/core/bucket/operations.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { plain } from './redis-history.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { timedHash, timedScript } from './redis-timed.ts';
import { dice } from './storages.ts';

let server: RedisServer;
let redis: Redis;
let now: number;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
  await redis.script('LOAD', timedScript);
});
beforeEach(() => {
  now = 1.8e12;
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

/** A client like ioredis, and how many keys each of its calls had. */
function client(isCluster: boolean, refuses: (keys: number) => Error | undefined = () => undefined) {
  const calls: number[] = [];
  const evalsha = (_: string, count: number, ...rest: string[]) => {
    calls.push(count);
    const error = refuses(count);
    if (error !== undefined) return Promise.reject(error);
    return redis.evalsha(timedHash, count + 1, ...rest.slice(0, count), `${now}`, ...rest.slice(count));
  };
  return { calls, isCluster, defineCommand: () => {}, evalsha, eval: () => Promise.reject(new Error('never here')) };
}

const plan = planOf({ rate: 2, interval: 1000, burst: 3 }, 0);
const one = { plan, costs: [1], ahead: 0 };
const takeEach = (store: BucketStore, keys: readonly string[]) =>
  Promise.all(keys.map(async (key) => (await store.take(key, one)).granted.length));
const keys = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}-${index}`);

describe('buckets asked for together', () => {
  test('are asked for in one call of the script, 16 at the most', async () => {
    const { calls, ...rest } = client(false);
    const store = redisStore({ ...rest });
    expect(await takeEach(store, keys(70, 'many'))).toEqual(keys(70, '').map(() => 1));
    expect(calls).toEqual([16, 16, 16, 16, 6]);
    expect(await takeEach(store, ['many-0'])).toEqual([1]);
    expect(calls.at(-1)).toBe(1);
  });

  test('send one by itself, and at once, if hundreds of calls wait for it', async () => {
    const { calls, ...rest } = client(false);
    const store = redisStore({ ...rest });
    const few = store.take('few', one);
    const many = store.take('hundreds', { ...one, costs: Array(256).fill(1) });
    expect(calls).toEqual([1]);
    expect((await many).granted.length).toBe(3);
    expect((await few).granted.length).toBe(1);
    expect(calls).toEqual([1, 1]);
  });

  test('get the answers that each would get alone', async () => {
    const draw = dice(1);
    const below = (end: number) => Math.floor(draw() * end);
    const { calls, ...rest } = client(false);
    const store = redisStore({ ...rest });
    // Answers come back in no time.
    store.useClock?.(new ManualClock());
    const plans = [plan, planOf({ rate: 7, interval: 333, burst: 20 }, 5), planOf({ rate: 1, interval: 10 }, 0)];
    const names = keys(8, 'same');
    const buckets = names.map((_, index) => newBucket(plans[index % 3] as typeof plan));
    for (let step = 0; step < 300; step++) {
      now += below(400) / 4;
      const asked = names.filter(() => below(3) > 0);
      const answers = await Promise.all(
        asked.map((name) => {
          const bucket = buckets[names.indexOf(name)] as (typeof buckets)[number];
          const costs = Array.from({ length: 1 + below(4) }, () => 1);
          const request = { plan: bucket.plan, costs, ahead: below(2) * 500 };
          return { answer: store.take(name, request), expected: take(bucket, request, now) };
        }),
      );
      for (const { answer, expected } of answers) expect(plain(await answer)).toEqual(plain(expected));
    }
    expect(calls.some((count) => count > 4)).toBe(true);
  });

  test('are not harmed by one whose key holds a foreign value, or was lost', async () => {
    const { calls, ...rest } = client(false);
    const store = redisStore({ ...rest });
    await takeEach(store, ['fine', 'list', 'lost', 'lost', 'lost']);
    await redis.del('sluice:lost', 'sluice:list');
    await redis.lpush('sluice:list', 'not ours');
    const foreign: string[] = [];
    store.watch?.(({ key, trouble }) => trouble && foreign.push(key));
    expect(await takeEach(store, ['fine', 'list', 'lost'])).toEqual([1, 1, 0]);
    expect(foreign).toEqual(['list']);
    // Of both the server has lost what is known: each is asked for twice more.
    expect(calls).toEqual([5, 3, 1, 1, 1, 1]);
  });

  test('fail together where the server fails', async () => {
    const { calls, ...rest } = client(false, () => new Error('READONLY You can’t write against a read only replica.'));
    const store = redisStore({ ...rest });
    const outcomes = await Promise.allSettled(keys(3, 'failing').map((key) => store.take(key, one)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(calls).toEqual([3]);
  });
});

describe('buckets are asked for one by one', () => {
  test('in a cluster', async () => {
    const { calls, ...rest } = client(true);
    await takeEach(redisStore({ ...rest }), keys(3, 'cluster'));
    expect(calls).toEqual([1, 1, 1]);
  });

  test('behind a proxy that takes one slot at a time, from its first refusal on', async () => {
    const crossSlot = new Error("CROSSSLOT Keys in request don't hash to the same slot");
    const { calls, ...rest } = client(false, (count) => (count > 1 ? crossSlot : undefined));
    const store = redisStore({ ...rest });
    expect(await takeEach(store, keys(3, 'proxy'))).toEqual([1, 1, 1]);
    expect(calls).toEqual([3, 1, 1, 1]);
    await takeEach(store, keys(2, 'proxy'));
    expect(calls).toEqual([3, 1, 1, 1, 1, 1]);
  });
});
