import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Orders } from './fleet-main.ts';
import { bundle, tools } from './tools.ts';

let script: Promise<string> | undefined;

async function start(orders: Orders): Promise<{ child: ChildProcess; lines: AsyncIterator<string> }> {
  script ??= (async () => {
    const file = join(tools, 'fleet-main.mjs');
    await bundle('./fleet-main.ts', file);
    return file;
  })();
  const file = await script;
  const [command, args] =
    orders.recipe === 'deno-kv' ? [deno(), ['run', '-A', '--unstable-kv', '--no-config']] : [process.execPath, []];
  const child = spawn(command, [...args, file, JSON.stringify(orders)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: tools,
  });
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

/** The program itself: npm's command only starts it, and would be killed in its stead. */
function deno(): string {
  const folder = join(tools, 'node_modules/@deno');
  const [platform = ''] = readdirSync(folder);
  return join(folder, platform, 'deno');
}

async function line(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error('The process has ended without an answer.');
  return value as string;
}

/** Lets one process do what it is told, and gives its answer. */
export async function runOne<T>(orders: Orders): Promise<T> {
  const { child, lines } = await start(orders);
  try {
    return JSON.parse(await line(lines)) as T;
  } finally {
    child.kill('SIGKILL');
  }
}

/**
 * Lets processes do what they are told, from the same moment on, and gives the answers.
 * @param killAfter ms until the first is killed with `SIGKILL`. It has no answer.
 */
export async function runFleet<T>(all: readonly Orders[], killAfter?: number): Promise<T[]> {
  const started: Awaited<ReturnType<typeof start>>[] = [];
  try {
    for (const orders of all) {
      const one = await start(orders);
      started.push(one);
      await line(one.lines);
    }
    for (const { child } of started) child.stdin?.write('go\n');
    const [first, ...others] = started;
    if (killAfter === undefined) others.unshift(first as (typeof started)[number]);
    else {
      await new Promise((resolve) => setTimeout(resolve, killAfter));
      const ended = once((first as (typeof started)[number]).child, 'exit');
      first?.child.kill('SIGKILL');
      await ended;
    }
    return await Promise.all(others.map(async ({ lines }) => JSON.parse(await line(lines)) as T));
  } finally {
    for (const { child } of started) child.kill('SIGKILL');
  }
}
