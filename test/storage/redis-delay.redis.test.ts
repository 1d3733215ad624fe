import { Redis } from 'ioredis';
import type { BucketStore } from 'sluice';
import { redisStore, type ScriptRunner } from 'sluice/redis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

/** A client whose next answers take so many ms on their way back, in turn, and later ones no time. */
function slowRunner(delays: number[]): ScriptRunner {
  return {
    eval: async (script, keys, args) => {
      const answer = await redis.eval(script, keys.length, ...keys, ...args);
      await sleep(delays.shift() ?? 0);
      return answer;
    },
  };
}

const plan = planOf({ rate: 1, interval: 10_000 }, 0);

/** Takes a slot, and tells by how much its wait is shorter than at the decision, and how long the answer took. */
async function shorterBy(store: BucketStore): Promise<{ ms: number; took: number }> {
  const begun = performance.now();
  const { wait, reserved, now } = await store.take('api', { plan, costs: [1], ahead: Infinity });
  return { ms: (reserved as { slot: number }).slot - now - wait, took: performance.now() - begun };
}

test('counts the wait for a slot from the decision, not from an answer that was slow on its way back', async () => {
  const delays: number[] = [];
  const store = redisStore(slowRunner(delays), { prefix: 'late:' });
  for (let call = 0; call < 20; call++) await store.peek('api', plan);
  await store.take('api', { plan, costs: [1], ahead: 0 });
  delays.push(300);
  const { ms, took } = await shorterBy(store);
  expect(ms).toBeGreaterThan(280);
  expect(ms).toBeLessThanOrEqual(took);
});

test('finds out by a second answer how much of a slow first one was the way back', async () => {
  await redisStore(redis, { prefix: 'first:' }).take('api', { plan, costs: [1], ahead: 0 });
  const { ms, took } = await shorterBy(redisStore(slowRunner([300]), { prefix: 'first:' }));
  expect(ms).toBeGreaterThan(280);
  expect(ms).toBeLessThanOrEqual(took);
});
