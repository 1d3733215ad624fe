// Run as a process of its own by redis-fleet.ts: sends calls through a throttle whose buckets are in Redis.
import type { Limit } from 'sluice';

/** What a process of a fleet has to do. */
export interface Orders {
  readonly name: string;
  /** Port of the Redis. */
  readonly port: number;
  readonly url: string;
  readonly limits: Limit;
  readonly calls: number;
  /** How far the wall clock of this process is off, in ms. */
  readonly clockOff: number;
}

process.once('message', async (orders: Orders) => {
  const { now } = Date;
  Date.now = () => now() + orders.clockOff;
  const { Redis } = await import('ioredis');
  const { createThrottle, throttleFetch } = await import('sluice');
  const { redisStore } = await import('sluice/redis');
  const redis = new Redis(orders.port);
  const throttle = createThrottle({ limits: orders.limits, store: redisStore(redis), onStoreError: 'reject' });
  const fetch = throttleFetch(throttle, { retry: 0, key: () => 'fleet' });
  await throttle.status('fleet');
  process.send?.('ready');
  process.once('message', async () => {
    const call = async () => {
      const answer = await fetch(orders.url, { headers: { 'x-client': orders.name } });
      await answer.text();
    };
    await Promise.all(Array.from({ length: orders.calls }, call));
    await throttle.close();
    redis.disconnect();
    process.disconnect();
  });
});
