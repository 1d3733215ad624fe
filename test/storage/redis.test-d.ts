import type { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import type { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import type { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import type { createClient as createNode6, createCluster as createNodeCluster6 } from 'redis';
import type { createClient as createNode4, createCluster as createNodeCluster4 } from 'redis-4';
import type { createClient as createNode5, createCluster as createNodeCluster5 } from 'redis-5';
import type { SharedStore } from 'sluice';
import { type RedisClient, redisStore, type ScriptRunner } from 'sluice/redis';
import { describe, expectTypeOf, test } from 'vitest';

describe('redisStore takes', () => {
  test('the clients of Node, without a cast', () => {
    expectTypeOf<Redis6>().toExtend<RedisClient>();
    expectTypeOf<Redis5>().toExtend<RedisClient>();
    expectTypeOf<Valkey>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNode6>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNode5>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNode4>>().toExtend<RedisClient>();
  });

  test('their clusters', () => {
    expectTypeOf<Cluster6>().toExtend<RedisClient>();
    expectTypeOf<Cluster5>().toExtend<RedisClient>();
    expectTypeOf<ValkeyCluster>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNodeCluster6>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNodeCluster5>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createNodeCluster4>>().toExtend<RedisClient>();
  });

  test('anything that runs a script, with or without evalsha', () => {
    const bare = { eval: async (_script: string, _keys: string[], _args: string[]) => null };
    expectTypeOf(redisStore(bare)).toEqualTypeOf<SharedStore>();
    const both = { ...bare, evalsha: async (_hash: string, _keys: string[], _args: string[]) => 'answer' };
    expectTypeOf(redisStore(both, { prefix: 'mine:' })).toEqualTypeOf<SharedStore>();
    // Written in place, its parameters have types.
    const inPlace: ScriptRunner = {
      eval: async (script, keys, args) => {
        expectTypeOf(script).toBeString();
        expectTypeOf(keys).toEqualTypeOf<string[]>();
        return args.length;
      },
    };
    expectTypeOf(inPlace).toExtend<RedisClient>();
  });
});

test('redisStore refuses what runs no script, and wrong options', () => {
  const client = {} as Redis6;
  expectTypeOf<{ get(key: string): Promise<string> }>().not.toExtend<RedisClient>();
  expectTypeOf<{ eval: string }>().not.toExtend<RedisClient>();
  expectTypeOf<{ eval(script: string): string }>().not.toExtend<RedisClient>();
  expectTypeOf<(script: string) => Promise<unknown>>().not.toExtend<RedisClient>();
  expectTypeOf<string>().not.toExtend<RedisClient>();
  expectTypeOf<Promise<Redis6>>().not.toExtend<RedisClient>();
  const refused = () => [
    // @ts-expect-error A store needs a client.
    redisStore(),
    // @ts-expect-error An address is no client.
    redisStore('redis://localhost'),
    // @ts-expect-error A promise of a client must be awaited first.
    redisStore(Promise.resolve(client)),
    // @ts-expect-error A prefix is text.
    redisStore(client, { prefix: 1 }),
    // @ts-expect-error There is no such option.
    redisStore(client, { keyPrefix: 'mine:' }),
  ];
  expectTypeOf(refused).toBeFunction();
});
