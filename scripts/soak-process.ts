// Run as a process of its own by soak.ts: sends calls through a throttle whose buckets are in Redis, until it is told to stop or
// is killed.
import { Redis } from 'ioredis';
import { createThrottle, quota, throttleFetch } from 'sluice';
import { redisStore } from 'sluice/redis';
import { noteAsked, stamped } from './soak-stamp.ts';
import { Tally } from './soak-tally.ts';

const [, , port, url, name = '', onStoreError] = process.argv;
const redis = new Redis(Number(port), { retryStrategy: () => 50, maxRetriesPerRequest: 0 });
redis.on('error', () => {});
const limits = quota({ limit: 10, interval: 1_000, burst: 1 });
const throttle = createThrottle({
  limits,
  margin: 100,
  store: noteAsked(redisStore(redis)),
  onStoreError: onStoreError as 'memory' | 'reject',
});
const fetch = throttleFetch(throttle, { key: () => 'soak', fetch: stamped(name, throttle, false) });
const tally = new Tally();
let stops = false;

async function caller(): Promise<void> {
  while (!stops) {
    const controller = new AbortController();
    const timer = Math.random() < 0.1 ? setTimeout(() => controller.abort(), Math.random() * 2_000) : undefined;
    const options = { signal: controller.signal };
    await tally.count(fetch(url as string, options).then((response) => response.text()));
    clearTimeout(timer);
    // After an error of the store, not at once again.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

process.once('message', async () => {
  stops = true;
  await throttle.close();
  await new Promise((resolve) => setTimeout(resolve, 500));
  process.send?.(tally.report());
  redis.disconnect();
  process.disconnect();
});
process.on('disconnect', () => process.exit());
for (let count = 0; count < 4; count++) void caller();
