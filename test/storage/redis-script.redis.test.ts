import { Redis } from 'ioredis';
import { type BucketStore, slidingWindow } from 'sluice';
import { redisStore } from 'sluice/redis';
import { ManualClock } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Receipt } from '../../src/core/base/store.ts';
import { learnedLimit } from '../../src/core/limits/learned.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { redisScript, redisScriptHash } from '../../src/storage/redis-script.ts';
import { plain, playBeside } from './redis-history.ts';
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

  /** A store whose server shows the time that `now` gives. An answer comes when `before` is over. */
  function storeAt(
    now: () => number,
    before: (args: string[]) => Promise<void> | undefined = () => undefined,
  ): BucketStore {
    return redisStore({
      eval: () => Promise.reject(new Error('never here')),
      evalsha: async (_: string, [key = '']: string[], args: string[]) => {
        const over = before(args);
        const answer = await redis.evalsha(timedHash, 2, key, `${now()}`, ...args);
        await over;
        return answer;
      },
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

    test('moves what was learned from a refusal, and what a server leaves beside others', async () => {
      let now = 1.8e12;
      const store = storeAt(() => now);
      const plan = planOf([slidingWindow({ limit: 4, interval: 1000 }), { rate: 10, interval: 1000, burst: 5 }], 0);
      const call = { plan, costs: [1], ahead: 0 };
      const told = { limit: 4, remaining: 0, window: 1000, roundTrip: 0, keptBack: 0 };
      for (const key of ['learned', 'unmoved']) {
        await store.take(key, call);
        expect(await store.sync(key, { remaining: 0, ms: 3000, isNewest: true, told }, plan)).toBe(3000);
        await store.pause(key, 100, plan, 0);
        await store.sync(key, { remaining: 50, ms: 2000, isNewest: true }, plan);
      }
      const standings = async () => {
        const found: unknown[] = [];
        for (const ms of [0, 100, 999, 1001, 2999, 3001, 20_000]) {
          now += ms;
          found.push(plain(await store.peek('learned', plan)));
          now -= ms;
        }
        return found;
      };
      const refusedAgain = async (key: string) => {
        now += 3001;
        expect((await store.take(key, call)).granted).toHaveLength(1);
        await store.pause(key, 100, plan, 0);
        return (await store.peek(key, plan)).learned;
      };
      const before = await standings();
      const learned = await refusedAgain('unmoved');
      now -= hour + 3001;
      // A look writes nothing.
      await store.take('learned', call);
      expect(await standings()).toEqual(before);
      expect(new Set(before.map((standing) => JSON.stringify(standing))).size).toBe(7);
      expect(await refusedAgain('learned')).toBe(learned);
    });

    test('loses nothing: each call counts once, from any process', async () => {
      let now = 1.8e12;
      const stores = [storeAt(() => now), storeAt(() => now)];
      const request = { plan: planOf(slidingWindow({ limit: 4, interval: 1000 }), 0), costs: [1], ahead: 0 };
      for (const store of stores) await store.take('once', request);
      now -= hour;
      for (const store of stores) expect((await store.take('once', request)).granted).toHaveLength(1);
      expect((await stores[0]?.take('once', request))?.granted).toHaveLength(0);
    });

    test('by as little as two servers differ does not move the bucket', async () => {
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
      await store.pause('lost', 500, plan, 0);
      await redis.del('sluice:lost');
      now -= hour;
      const { pausedFor } = await store.peek('lost', plan);
      expect(pausedFor).toBeGreaterThan(0);
      expect(pausedFor).toBeLessThanOrEqual(500);
      const { wait } = await store.take('lost', { plan, costs: [1], ahead: 0 });
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(1000);
      now += 16_000;
      expect((await store.peek('lost', plan)).learned).toBeGreaterThan(0.001);
    });

    test('does not stop a bucket that is asked with the short script call', async () => {
      let now = 1.8e12;
      const store = storeAt(() => now);
      const request = { plan: planOf({ rate: 1, interval: 1000 }, 0), costs: [1], ahead: 0 };
      await store.take('few', request);
      now -= hour;
      expect(await store.take('few', request)).toMatchObject({ wait: 1000 });
      now += 1000;
      expect(await store.take('few', request)).toMatchObject({ wait: 0 });
    });
  });

  describe('the state that is restored of a lost bucket', () => {
    const now = 1.8e12;
    const plan = planOf({ rate: 1, interval: 1000, burst: 5 }, 0);
    const request = { plan, costs: [1], ahead: 0 };

    test('is everything that the server had, but its limits', async () => {
      const store = storeAt(() => now);
      for (const key of ['whole', 'kept']) {
        const { granted } = await store.take(key, { ...request, costs: [1, 1] });
        const [first, second] = granted as [Receipt, Receipt];
        await store.sync(key, { remaining: 1, ms: 1000, isNewest: true }, plan);
        await store.settle(key, second, 0);
        if (key === 'whole') await redis.del('sluice:whole');
        // Only the refund tells that nothing is left of it.
        await store.settle(key, first, 0);
      }
      expect(plain(await store.peek('whole', plan))).toEqual(plain(await store.peek('kept', plan)));
      expect((await store.take('whole', { ...request, costs: [1, 1] })).granted).toHaveLength(1);
    });

    test('has the pace that was learned, the later one of two', async () => {
      let later = 0;
      const [store, other] = [storeAt(() => now + later), storeAt(() => now + later)];
      const learned = async (key: string) => (await store.peek(key, plan)).learned;
      for (const key of ['pace', 'pace later', 'pace longer']) await store.pause(key, 100, plan, 0);
      later += 2000;
      // The rate falls further only if more than the first call after the pause went.
      for (const key of ['pace', 'pace later', 'pace longer'])
        await store.take(key, { ...request, costs: [1, 1], ahead: 10_000 });
      for (const key of ['pace', 'pace later']) await store.pause(key, 100, plan, 0);
      await store.pause('pace longer', 5000, plan, 0);
      const slow = await learned('pace');
      const slowLonger = await learned('pace longer');
      expect(slow).toBeLessThan(0.0008);
      await redis.del('sluice:pace', 'sluice:pace later', 'sluice:pace longer');
      expect(await learned('pace')).toBe(slow);
      later += 1;
      await other.take('pace', request);
      await other.pause('pace later', 100, plan, 0);
      await other.pause('pace longer', 100, plan, 0);
      expect(await learned('pace')).toBe(slow);
      expect(await learned('pace later')).toBe(0.00085);
      expect(await learned('pace longer')).toBe(slowLonger);
    });

    test('is from the latest of two answers, in any order', async () => {
      let answers = 0;
      let come = () => {};
      const latest = new Promise<void>((resolve) => {
        come = resolve;
      });
      const store = storeAt(
        () => now,
        () => (answers++ === 0 ? latest : undefined),
      );
      const first = store.take('order', request);
      await store.take('order', request);
      await store.take('order', request);
      come();
      await first;
      await redis.del('sluice:order');
      expect((await store.take('order', { ...request, costs: Array(5).fill(1) })).granted).toHaveLength(2);
    });

    test('has the latest limits that were set for its key', async () => {
      const store = storeAt(() => now);
      const own = (burst: number) => store.override('own', [{ rate: 1, interval: 1000, burst }], plan);
      await own(2);
      const before = await redis.dumpBuffer('sluice:own');
      await own(3);
      await store.take('own', request);
      await redis.restore('sluice:own', 0, before, 'REPLACE');
      expect((await store.peek('own', plan)).plan.rules[0]?.burst).toBe(3);
    });

    test('is forgotten a minute after it rests', async () => {
      const clock = new ManualClock();
      const asked: string[] = [];
      const store = storeAt(
        () => now,
        (args) => void asked.push(args[1] as string),
      );
      store.useClock?.(clock);
      await store.take('rests', request);
      // With each operation the next few buckets are looked at.
      const others = async () => {
        for (let one = 0; one < 3; one++) await store.take('another', request);
      };
      clock.advance(60_900);
      await others();
      await store.take('rests', request);
      expect(asked.pop()).toContain(`,${now},1,${now + 1000}]`);
      clock.advance(62_100);
      await others();
      await store.take('rests', request);
      expect(asked.pop()).not.toContain(`${now}`);
    });
  });

  test('what was learned from a refusal is kept until the rate is back', async () => {
    const now = 1.8e12;
    const store = storeAt(() => now);
    const plan = planOf({ rate: 1, interval: 1000 }, 0);
    await store.pause('back', 100, plan, 0);
    const kept = await redis.pttl('sluice:back');
    expect(kept).toBeGreaterThan(73_000);
    expect(kept).toBeLessThanOrEqual(100 + 15_000 + 60_000);
    await store.pause('never', Infinity, plan, 0);
    expect(await store.peek('never', plan)).toMatchObject({ wait: 2 ** 41, pausedFor: 2 ** 41 });
  });

  test('limits that are left to the server begin slowly, and are asked for in full', async () => {
    let now = 1.8e12;
    const asked: string[] = [];
    const store = storeAt(
      () => now,
      (args) => void asked.push(args[0] as string),
    );
    const request = { plan: planOf(learnedLimit, 0), costs: [1, 1], ahead: 0 };
    const first = await store.take('begins', request);
    expect([first.granted.length, first.wait]).toEqual([1, 1000]);
    now += 1000;
    // Each call adds one a second to the rate.
    expect(await store.take('begins', request)).toMatchObject({ granted: [{ slot: now }], wait: 500 });
    expect(asked).toEqual(['take', 'take']);
  });

  test('a bucket that another process created again does not hide what is known', async () => {
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
