import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Arrival, QuotaServerOptions } from '../../demo/servers/quota-server.ts';
import { startServerProcess } from '../../demo/servers/server-process.ts';
import type { Orders } from './redis-fleet-main.ts';

export interface FleetOptions extends Pick<Orders, 'port' | 'limits' | 'calls'> {
  readonly processes: number;
  readonly server: Omit<QuotaServerOptions, 'random'>;
  /** How many processes have a wall clock that is an hour off. */
  readonly clocksOff?: number;
  /** After this many ms the first process is killed with `SIGKILL`. */
  readonly killAfter?: number;
}

export interface FleetRun {
  /** What the server saw. */
  readonly log: readonly Arrival[];
  /** What part of the machine was busy with other work before, from 0 to 1. */
  readonly busy: number;
}

/** What part of the machine is busy with other work, from 0 to 1. */
async function busyPart(): Promise<number> {
  const times = () => {
    const all = cpus().map((cpu) => cpu.times);
    const idle = all.reduce((sum, time) => sum + time.idle, 0);
    return { idle, total: all.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, idle) };
  };
  const before = times();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = times();
  return 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total);
}

/** Starts processes, which wait for `go`. */
export async function startProcesses(orders: readonly Orders[], children: ChildProcess[]): Promise<void> {
  for (const order of orders) {
    const child = fork(fileURLToPath(new URL('./redis-fleet-main.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
    });
    children.push(child);
    child.send(order);
    // One after the other: they compile their sources.
    await once(child, 'message');
  }
}

/** Lets processes share one quota. */
export async function runFleet(options: FleetOptions): Promise<FleetRun> {
  const { processes, server, clocksOff = 0, killAfter, port, limits, calls } = options;
  const busy = await busyPart();
  const servers = startServerProcess();
  const children: ChildProcess[] = [];
  try {
    const { url, log } = await servers.startQuotaServer(server);
    const orders = Array.from({ length: processes }, (_, index): Orders => {
      const clockOff = index < clocksOff ? (index % 2 === 0 ? 3_600_000 : -3_600_000) : 0;
      return { name: `process ${index}`, port, url, limits, calls, clockOff };
    });
    await startProcesses(orders, children);
    const ended = children.map((child) => once(child, 'exit'));
    for (const child of children) child.send('go');
    if (killAfter !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, killAfter));
      children[0]?.kill('SIGKILL');
    }
    await Promise.all(ended);
    return { busy, log: await log() };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await servers.close();
  }
}

/** Jain's index of fairness of what the processes got until the first of them was done: 1 if all got the same. */
export function fairness(log: readonly Arrival[]): number {
  const lasts = new Map(log.map(({ client, at }) => [client, at]));
  const end = Math.min(...lasts.values());
  const got = [...lasts.keys()].map((name) => log.filter(({ client, at }) => client === name && at <= end).length);
  const sum = got.reduce((total, calls) => total + calls, 0);
  return sum ** 2 / (got.length * got.reduce((total, calls) => total + calls ** 2, 0));
}
