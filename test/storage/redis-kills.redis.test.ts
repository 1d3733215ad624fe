import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createThrottle } from 'sluice';
import { redisStore } from 'sluice/redis';
import { expect, onTestFinished, test } from 'vitest';
import { clients, type OpenClient } from './redis-clients.ts';
import { startProxy } from './redis-proxy.ts';
import { startRedis } from './redis-server.ts';

const script = fileURLToPath(new URL('./redis-kills-main.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const kills = Number(process.env.SLUICE_KILLS ?? 10);

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Kills a server so many times in a process of its own. Resolves with what that process had to tell. */
function troubles(kind: 'clients' | 'clusters'): Promise<readonly string[]> {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const child = spawn(process.execPath, ['--import', 'tsx', script, `${kills}`, `${seed}`, kind], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output.trim().split('\n')));
  });
}

test.each(['clients', 'clusters'] as const)(
  'a server that is killed again and again leaves no rejection that nobody handles, no call that never settles and no connection: %s',
  {
    timeout: 30_000 + 4_000 * kills,
  },
  async (kind) => {
    expect(await troubles(kind)).toEqual(['end']);
  },
);

test.each(Object.entries(clients))(
  'a throttle that is closed while its connection listens anew leaves no rejection that nobody handles: %s',
  async (_, open) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const server = await startRedis();
    onTestFinished(() => server.close());
    const way = await startProxy(server.port);
    onTestFinished(() => way.close());
    const admin = new Redis(server.port);
    onTestFinished(() => admin.disconnect());
    const { client, close }: OpenClient = await open(way.port);
    onTestFinished(() => void close());
    const throttle = createThrottle({ limits: { rate: 1, interval: 10 }, store: redisStore(client) });
    const listens = async (other?: string) => {
      for (;;) {
        const [, id] = /^id=(\d+)/.exec(String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))) ?? [];
        if (id !== undefined && id !== other) return id;
        await sleep(5);
      }
    };
    const first = await listens();
    await sleep(50);
    way.delay = 500;
    await admin.call('CLIENT', 'KILL', 'ID', first);
    // The server listens to the next one, and its answer is on the way.
    await listens(first);
    await throttle.close();
    await sleep(50);
    expect(unhandled).toEqual([]);
  },
);
