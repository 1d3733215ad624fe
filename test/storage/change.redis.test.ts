import { Redis } from 'ioredis';
import { type BucketStore, createThrottle, quota, slidingWindow } from 'sluice';
import { redisStore } from 'sluice/redis';
import { ManualClock } from 'sluice/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adapt, newBucket } from '../../src/core/bucket/bucket.ts';
import { take } from '../../src/core/bucket/operations.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { patience, runs } from '../core/bucket/bucket-history.ts';
import { playChanges } from './change-history.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { timedHash, timedScript } from './redis-timed.ts';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
  await redis.script('LOAD', timedScript);
});
beforeEach(() => redis.flushdb());
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

/** A store of one more process, whose server shows the time of a clock. */
function storeAt(clock: ManualClock): BucketStore {
  return redisStore({
    eval: () => Promise.reject(new Error('never here')),
    evalsha: (_: string, keys: string[], args: string[]) =>
      redis.evalsha(timedHash, keys.length + 1, ...keys, `${clock.now()}`, ...args),
  });
}

describe('on Redis', () => {
  test.each([1, 2, 3])(
    'changed limits of %d who share a key let no more go than the largest',
    async (count) => {
      let went = 0;
      for (let seed = 1; seed <= runs(30); seed++) {
        await redis.flushdb();
        const clock = new ManualClock();
        const stores = Array.from({ length: count }, () => storeAt(clock));
        went += await playChanges(stores, clock, seed, 60);
      }
      expect(went).toBeGreaterThan(runs(30) * 20);
    },
    patience,
  );

  test('the shortest of more than eight limits is forgotten first, as in the core', async () => {
    const clock = new ManualClock();
    const store = storeAt(clock);
    const plans = [10, ...[1, 2, 3, 4, 5, 6, 7, 8, 9], 10].map((limit, index) =>
      planOf(slidingWindow({ limit, interval: limit === 10 ? 10_000 : 900 + 10 * index }), 0),
    );
    const bucket = newBucket(plans[0] as (typeof plans)[0]);
    for (const plan of plans) {
      const request = { plan, costs: new Array<number>(10).fill(1), ahead: 0 };
      adapt(bucket, plan, clock.now());
      const { granted, wait } = take(bucket, request, clock.now());
      const answer = await store.take('key', request);
      expect([answer.granted.length, answer.wait]).toEqual([granted.length, wait]);
      await clock.advance(100);
    }
    expect((await store.take('key', { plan: plans[0] as (typeof plans)[0], costs: [1], ahead: 0 })).wait).toBe(8900);
  });

  test('two processes with different limits both go on, and keep to the larger', async () => {
    const clients = [new Redis(server.port), new Redis(server.port)];
    const limits = [slidingWindow({ limit: 10, interval: 200 }), quota({ limit: 10, interval: 200, burst: 1 })];
    const throttles = limits.map((limit, index) =>
      createThrottle({ limits: limit, store: redisStore(clients[index] as Redis) }),
    );
    const began = performance.now();
    const ended = throttles.map(async (throttle) => {
      await Promise.all(Array.from({ length: 20 }, () => throttle.wait('both')));
      return performance.now() - began;
    });
    const times = await Promise.all(ended);
    // Forty calls are four windows: the last go after three of them.
    expect(Math.max(...times)).toBeGreaterThanOrEqual(600);
    expect(Math.max(...times)).toBeLessThan(4000);
    await Promise.all(throttles.map((throttle) => throttle.close()));
    for (const client of clients) client.disconnect();
  });
});
