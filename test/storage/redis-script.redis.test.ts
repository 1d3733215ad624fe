import { Redis } from 'ioredis';
import { type BucketStore, slidingWindow } from 'sluice';
import { redisStore } from 'sluice/redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planOf } from '../../src/core/limit.ts';
import type { Receipt } from '../../src/core/store.ts';
import { redisScript, redisScriptHash } from '../../src/storage/redis-script.ts';
import { playBeside } from './redis-history.ts';
import { programs, type RedisServer, startRedis } from './redis-server.ts';
import { sha1, timedHash, timedScript } from './redis-timed.ts';

const mostSteps = Number(process.env.SLUICE_STEPS ?? 100_000);
const stepsPerHistory = 250;
const atOnce = 40;

test('the script is known by its SHA-1', () => {
  expect(redisScriptHash).toBe(sha1(redisScript));
  expect(timedScript).not.toBe(redisScript);
});

describe.each(programs)('with %s', (name, program) => {
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis([], program);
    redis = new Redis(server.port);
    await redis.script('LOAD', timedScript);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.close();
  });

  /** A store whose server shows the time that `now` gives. */
  function storeAt(now: () => number): BucketStore {
    return redisStore({
      eval: () => Promise.reject(new Error('never here')),
      evalsha: (_: string, [key = '']: string[], args: string[]) =>
        redis.evalsha(timedHash, 2, key, `${now()}`, ...args),
    });
  }

  // The other servers have the same Lua.
  const steps = name === 'redis' ? mostSteps : mostSteps / 5;

  describe('random histories', () => {
    test(`get the same answers from the script as from the core, ${steps} steps`, async () => {
      const histories = Math.ceil(steps / stepsPerHistory);
      for (let first = 0; first < histories; first += atOnce) {
        const seeds = Array.from({ length: Math.min(atOnce, histories - first) }, (_, index) => first + index + 1);
        await Promise.all(seeds.map((seed) => playBeside(storeAt, seed, stepsPerHistory)));
      }
    }, 300_000);
  });

  describe('a clock of the server that goes back', () => {
    const hour = 3_600_000;
    const limits = [{ rate: 1, interval: 1000, burst: 2 }, slidingWindow({ limit: 2, interval: 1000 })];

    test.each(limits)('moves the bucket back with it: %o', async (limit) => {
      let now = 1.8e12;
      const store = storeAt(() => now);
      const plan = planOf(limit, 0);
      const request = { plan, costs: [1, 1, 1], ahead: 1000 };
      const { granted, reserved } = await store.take('back', request);
      await store.pause('back', 1500, plan);
      now -= hour;
      expect(await store.peek('back', plan)).toMatchObject({ pausedFor: 1500 });
      // What was granted by the clock before is worth nothing by this one.
      await store.settle('back', granted[0] as Receipt, 0);
      await store.giveBack('back', reserved as Receipt);
      now += 1500;
      const { wait } = await store.take('back', { ...request, ahead: 0 });
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(1500);
      await store.reset('back');
    });

    test('loses nothing: each call counts once, whoever comes', async () => {
      let now = 1.8e12;
      const stores = [storeAt(() => now), storeAt(() => now)];
      const request = { plan: planOf(slidingWindow({ limit: 4, interval: 1000 }), 0), costs: [1], ahead: 0 };
      for (const store of stores) await store.take('once', request);
      now -= hour;
      for (const store of stores) expect((await store.take('once', request)).granted).toHaveLength(1);
      expect((await stores[0]?.take('once', request))?.granted).toHaveLength(0);
    });

    test('by no more than two servers disagree stands still', async () => {
      let now = 1.8e12;
      const store = storeAt(() => now);
      const plan = planOf({ rate: 1, interval: 1000 }, 0);
      await store.take('still', { plan, costs: [1], ahead: 0 });
      now -= 200;
      expect(await store.take('still', { plan, costs: [1], ahead: 0 })).toMatchObject({ now: 1.8e12, wait: 1000 });
      now += 1200;
      expect(await store.take('still', { plan, costs: [1], ahead: 0 })).toMatchObject({ wait: 0 });
    });

    test('with what was lost moves what is known', async () => {
      let now = 1.8e12;
      const store = storeAt(() => now);
      const plan = planOf({ rate: 1, interval: 1000 }, 0);
      await store.take('lost', { plan, costs: [1], ahead: 0 });
      await redis.del('sluice:lost');
      now -= hour;
      const { wait } = await store.take('lost', { plan, costs: [1], ahead: 0 });
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(1000);
    });
  });

  test('a bucket that another began anew does not hide what is known', async () => {
    const now = 1.8e12;
    const plan = planOf({ rate: 1, interval: 1000, burst: 3 }, 0);
    const [store, other] = [storeAt(() => now), storeAt(() => now + 1)];
    const request = { plan, costs: [1], ahead: 0 };
    await store.take('anew', { ...request, costs: [1, 1] });
    await redis.del('sluice:anew');
    // As many writes as were known, so that only its birth tells.
    await other.take('anew', request);
    expect((await store.take('anew', request)).wait).toBe(0);
    expect((await store.take('anew', request)).wait).toBeGreaterThan(0);
  });
});
