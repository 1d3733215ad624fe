import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { find, requirements } from '../../scripts/requirements.ts';

/** A Redis of a test's own, on a free port of this machine. */
export interface RedisServer {
  readonly port: number;
  /** Stops the process where it is, as `SIGSTOP` does, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Kills it with `SIGKILL`, or ends it as SHUTDOWN does, with `SIGTERM`. What it saved stays. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Removes what it saved, after `kill`. */
  erase(): void;
  /** Starts it again on the same port, after `kill`. */
  start(): Promise<void>;
  /** Kills it and removes what it saved. */
  close(): Promise<void>;
}

/** The name and the path of each kind and version of server that was found. */
export const programs: readonly (readonly [name: string, path: string])[] = requirements
  .filter(({ suffix }) => suffix === '.redis.test.ts')
  .flatMap((requirement) => {
    const path = find(requirement);
    return path === undefined ? [] : [[requirement.name, path] as const];
  });

/** Redis, or where it is missing the next of them. */
export const program: string = programs[0]?.[1] ?? 'redis-server';

/** Starts a server and resolves when it takes commands. `settings` are its command line. */
export async function startRedis(settings: readonly string[] = [], command = program): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'notice'];
  let child = await launch(command, [...args, ...settings]);
  const server: RedisServer = {
    port,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: async (signal = 'SIGKILL') => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
    erase: () => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    },
    start: async () => {
      child = await launch(command, [...args, ...settings]);
    },
    close: async () => {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}

/** However this process ends, the servers end with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function launch(command: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.on('exit', () => running.delete(child));
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${command} has ended:\n${output}`)));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes('Ready to accept connections')) resolve();
    });
    child.stderr.resume();
  });
  return child;
}

/** A port that nobody uses, nor the one 10,000 above, which a cluster takes as well; below those that clients are given. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const opened = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (opened) await new Promise((resolve) => probe.close(resolve));
  return opened;
}
