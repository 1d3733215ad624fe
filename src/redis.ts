export { type RedisClient, type RedisStoreOptions, redisStore, type ScriptRunner } from './storage/redis.ts';
