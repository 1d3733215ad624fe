import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { createThrottle, throttleFetch } from 'sluice';
import { redisStore, type ScriptRunner } from 'sluice/redis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProcesses } from './redis-fleet.ts';
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

test('a pause reaches a lane whose client cannot listen before its next call goes', async () => {
  const clients = [new Redis(server.port), new Redis(server.port)] as const;
  const deaf = (redis: Redis): ScriptRunner => ({
    eval: (script, keys, args) => redis.eval(script, keys.length, ...keys, ...args),
    evalsha: (hash, keys, args) => redis.evalsha(hash, keys.length, ...keys, ...args),
  });
  const limits = { rate: 1, interval: 500 };
  const [here, there] = [
    createThrottle({ limits, store: redisStore(deaf(clients[0])) }),
    createThrottle({ limits, store: redisStore(clients[1]) }),
  ];
  try {
    await here.wait('deaf');
    let went = 0;
    const next = here.wait('deaf').then(() => {
      went = performance.now();
    });
    await sleep(100);
    const paused = performance.now();
    await there.pause('deaf', Date.now() + 1_500);
    await next;
    expect(went - paused).toBeGreaterThan(1_400);
  } finally {
    await Promise.all([here.close(), there.close()]);
    for (const redis of clients) redis.disconnect();
  }
});

test('with 50 calls in flight and 200 waiting in two processes, the server gets none for the 2 seconds it asked for', {
  timeout: 30_000,
}, async () => {
  const inTheAir = 50;
  const arrivals: { client: unknown; at: number }[] = [];
  const held: ServerResponse[] = [];
  let refusedAt = 0;
  const api = createServer((request, response) => {
    arrivals.push({ client: request.headers['x-client'], at: performance.now() });
    if (refusedAt > 0) {
      response.end();
      return;
    }
    held.push(response);
    if (held.length < inTheAir) return;
    refusedAt = performance.now();
    held.shift()?.writeHead(429, { 'retry-after': '2' }).end();
    setTimeout(() => held.forEach((one) => void one.end()), 1_000);
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}/`;
  // A slot each 500 ms, so that those that both hold already come long after the news.
  const orders = {
    port: server.port,
    url,
    calls: 125,
    clockOff: 0,
    limits: { rate: 2, interval: 1_000, burst: inTheAir },
  };
  const children: ChildProcess[] = [];
  try {
    await startProcesses(
      [
        { ...orders, name: 'A' },
        { ...orders, name: 'B' },
      ],
      children,
    );
    for (const child of children) child.send('go');
    const clientsFrom = (ms: number) =>
      new Set(arrivals.filter(({ at }) => at > refusedAt + ms).map(({ client }) => client));
    while (refusedAt === 0 || clientsFrom(2_000).size < 2) await sleep(50);
    const after = arrivals.map(({ at }) => Math.round(at - refusedAt)).filter((ms) => ms > newsTake && ms < 2_000);
    expect(after).toEqual([]);
    expect(arrivals.filter(({ at }) => at <= refusedAt + newsTake)).toHaveLength(inTheAir);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    api.closeAllConnections();
    api.close();
  }
});
