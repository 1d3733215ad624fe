import { Redis } from 'ioredis';
import { redisStore } from 'sluice/redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../storage/redis-server.ts';
import { timedHash, timedScript } from '../storage/redis-timed.ts';
import { profileOf } from './fuzz/draw.ts';
import { seedsFrom, tryWorlds } from './fuzz/run.ts';
import { profiles } from './fuzz/setup.ts';
import type { StoreMaker } from './fuzz/stores.ts';

let server: RedisServer;
let redis: Redis;
let worlds = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
  await redis.script('LOAD', timedScript);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

/** A real server with the time of the world: virtual time stands still while it answers. */
const onRedis: StoreMaker = ({ storeTakes }, clock, dice) => {
  const prefix = `world-${worlds++}:`;
  const slowly = async (most: number) => {
    if (most > 0) await clock.sleep(dice.next() * most);
  };
  const evalsha = async (_: string, count: number, ...rest: string[]) => {
    await slowly(storeTakes.before);
    const keys = rest.slice(0, count);
    const answer = await clock.hold(
      redis.evalsha(timedHash, count + 1, ...keys, `${clock.now()}`, ...rest.slice(count)),
    );
    await slowly(storeTakes.after);
    return answer;
  };
  // It cannot be duplicated, so nobody hears of others.
  const client = { defineCommand: () => {}, evalsha, eval: () => Promise.reject(new Error('never here')) };
  return () => redisStore({ ...client }, { prefix });
};

const seeds = seedsFrom(200);

describe(`worlds drawn from the seeds ${seeds[0]} to ${seeds.at(-1)}, on Redis`, () => {
  test.each(profiles.filter((profile) => seeds.some((seed) => profileOf(seed) === profile)))(
    'break no rule: %s worlds',
    async (profile) => {
      const some = seeds.filter((seed) => profileOf(seed) === profile);
      expect(await tryWorlds(some, 'redis', onRedis)).toBe('');
    },
    60_000 + 1_000 * seeds.length,
  );
});
