import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { median, sideBySide } from '../side-by-side.ts';
import { loadOurs, loadPeer } from './contenders.ts';
import { type Effort, type Row, versionOf } from './measure.ts';

// Decisions in one Redis on this machine, all through one ioredis: how many a second, and what each takes of the server's time.

/** Never full while the bench runs. */
const wide = { limit: 1_000_000, interval: 60_000 };

interface Contender {
  readonly name: string;
  readonly package?: string;
  readonly page?: string;
  decide(): Promise<unknown>;
  close?(): Promise<unknown>;
}

async function startServer(): Promise<{ port: number; stop(): void }> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const child = spawn(process.env.SLUICE_REDIS ?? 'redis-server', ['--port', `${port}`, '--save', '']);
  await once(child, 'spawn');
  for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break;
  child.stdout.resume();
  return { port, stop: () => void child.kill() };
}

type Client = Awaited<ReturnType<typeof loadPeer>>;

async function makeContenders(client: Client, port: number): Promise<Contender[]> {
  const { createThrottle } = await loadOurs();
  const { redisStore } = (await import(
    new URL('../../dist/redis.js', import.meta.url).href
  )) as typeof import('sluice/redis');
  const limits = { rate: wide.limit, interval: wide.interval, burst: 1e9 };
  const throttle = createThrottle({ limits, store: redisStore(client, { prefix: 'sluice:' }) });

  const { RateLimiterRedis } = await loadPeer('rate-limiter-flexible');
  const flexible = new RateLimiterRedis({ storeClient: client, points: 1e9, duration: 60 });

  const { default: Bottleneck } = await loadPeer('bottleneck');
  const { Redis } = await loadPeer('ioredis');
  const bottleneck = new Bottleneck({
    id: 'bench',
    datastore: 'ioredis',
    clearDatastore: true,
    reservoir: 1e9,
    clientOptions: { port },
    Redis,
  });
  await bottleneck.ready();

  const { Ratelimit } = await loadPeer('@upstash/ratelimit');
  // It speaks to Upstash over HTTP. Here the same script goes to this Redis, without the flag that only Upstash knows.
  let hash: string | undefined;
  const upstash = new Ratelimit({
    redis: {
      evalsha: async (_: string, keys: string[], args: string[]) => {
        if (hash === undefined) throw new Error('NOSCRIPT');
        return client.evalsha(hash, keys.length, ...keys, ...args);
      },
      eval: async (script: string, keys: string[], args: string[]) => {
        hash = String(await client.script('LOAD', script.replace(/^#!lua.*\n/, '')));
        return client.evalsha(hash, keys.length, ...keys, ...args);
      },
    },
    limiter: Ratelimit.tokenBucket(1_000_000, '60 s', 1e9),
    ephemeralCache: false,
  });
  return [
    { name: 'sluice, wait', decide: () => throttle.wait('key'), close: () => throttle.close() },
    {
      name: 'rate-limiter-flexible, Redis',
      package: 'rate-limiter-flexible',
      page: 'https://github.com/animir/node-rate-limiter-flexible/wiki/Redis',
      decide: () => flexible.consume('key'),
    },
    {
      name: '@upstash/ratelimit, token bucket',
      package: '@upstash/ratelimit',
      page: 'https://upstash.com/docs/redis/sdks/ratelimit-ts/algorithms',
      decide: () => upstash.limit('key'),
    },
    {
      name: 'bottleneck, clustering',
      package: 'bottleneck',
      page: 'https://github.com/SGrondin/bottleneck#clustering',
      decide: () => bottleneck.schedule(async () => {}),
      close: () => bottleneck.disconnect(false),
    },
  ];
}

/** ms of the server's processor since it started. */
async function serverTime(client: Client): Promise<number> {
  const told = String(await client.info('cpu'));
  const of = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(told)?.[1]);
  return 1_000 * (of('used_cpu_user') + of('used_cpu_sys'));
}

/** Lets callers ask as fast as they are answered. */
async function rate(decide: () => Promise<unknown>, callers: number, ms: number): Promise<number> {
  let decisions = 0;
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < ms) {
      await decide();
      decisions++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (decisions / (performance.now() - start)) * 1_000;
}

/** Decisions a second with one caller and with 64, and µs of the server's time for each of the latter. */
export async function redisRows({ isQuick, say }: Effort): Promise<Row[]> {
  const server = await startServer();
  const { Redis } = await loadPeer('ioredis');
  const client = new Redis(server.port);
  const contenders = await makeContenders(client, server.port);
  const byName = Object.fromEntries(contenders.map((each) => [each.name, each.decide]));
  const [rounds, ms] = isQuick ? [3, 200] : [9, 300];
  try {
    const alone = await sideBySide(byName, rounds, (decide) => rate(decide, 1, ms));
    const server: Record<string, number[]> = {};
    const many = await sideBySide(byName, rounds, async (decide) => {
      const before = await serverTime(client);
      const start = performance.now();
      const result = await rate(decide, 64, ms);
      const decisions = (result * (performance.now() - start)) / 1_000;
      const name = contenders.find((each) => each.decide === decide)?.name as string;
      server[name] ??= [];
      server[name].push((1_000 * ((await serverTime(client)) - before)) / decisions);
      return result;
    });
    return contenders.map(({ name, package: library, page }) => {
      const of = (all: Record<string, number[]>) => median(all[name] ?? []);
      const results = { call: { alone: of(alone), many: of(many), server: of(server) } };
      say(`  ${name.padEnd(34)} ${JSON.stringify(results.call)}`);
      return { name, ...(library && { version: versionOf(library) }), ...(page && { page }), results };
    });
  } finally {
    for (const { close } of contenders) await close?.();
    client.disconnect();
    server.stop();
  }
}
