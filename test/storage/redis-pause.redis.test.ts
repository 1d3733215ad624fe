import { Redis } from 'ioredis';
import { createThrottle, throttleFetch } from 'sluice';
import { redisStore } from 'sluice/redis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisServer, startRedis } from './redis-server.ts';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** What the news may take through Redis to the other client on a busy machine, in ms. */
const newsTake = 200;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

/** A client of its own whose calls go nowhere: `refuses` says when the first of them to be answered is refused. */
function client(refuses: boolean) {
  const redis = new Redis(server.port);
  const throttle = createThrottle({ limits: { rate: 100, interval: 1_000, burst: 60 }, store: redisStore(redis) });
  const times: number[] = [];
  let refusedAt = refuses ? undefined : 0;
  const send = async () => {
    times.push(performance.now());
    await sleep(500);
    if (refusedAt !== undefined) return new Response('ok');
    refusedAt = performance.now();
    return new Response(null, { status: 429, headers: { 'retry-after': '2' } });
  };
  const fetch = throttleFetch(throttle, { fetch: send as typeof globalThis.fetch });
  return {
    times,
    refusedAt: () => refusedAt,
    calls: (count: number) => Array.from({ length: count }, () => fetch('https://api.example.com/')),
    close: async () => {
      await throttle.close();
      redis.disconnect();
    },
  };
}

test('a refusal with Retry-After: 2 lets no call of any client of Redis go for 2 seconds', {
  timeout: 20_000,
}, async () => {
  const [own, other] = [client(true), client(false)];
  try {
    const calls = [...own.calls(150), ...other.calls(150)];
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status)).toEqual(Array(300).fill(200));
    const refusedAt = own.refusedAt() as number;
    const during = (from: number) => (at: number) => at > refusedAt + from && at < refusedAt + 2_000;
    // The burst of 60, and what leaked until the refusal came, shared by both in whatever proportion.
    expect([...own.times, ...other.times].filter((at) => at <= refusedAt).length).toBeGreaterThanOrEqual(60);
    expect(own.times.filter((at) => at <= refusedAt).length).toBeGreaterThan(0);
    expect(own.times.filter(during(0))).toEqual([]);
    expect(other.times.filter((at) => at <= refusedAt).length).toBeGreaterThan(0);
    expect(other.times.filter(during(newsTake))).toEqual([]);
  } finally {
    await Promise.all([own.close(), other.close()]);
  }
});
