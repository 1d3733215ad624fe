import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Arrival, QuotaServerOptions } from '../../demo/servers/quota-server.ts';
import { startServerProcess } from '../../demo/servers/server-process.ts';
import type { Orders } from './redis-fleet-main.ts';

export interface FleetOptions extends Pick<Orders, 'port' | 'limits' | 'calls'> {
  readonly processes: number;
  readonly server: Omit<QuotaServerOptions, 'random'>;
  /** How many processes have a wall clock that is an hour off. */
  readonly clocksOff?: number;
  /** After so many ms the first process is killed with `SIGKILL`. */
  readonly killAfter?: number;
}

export interface FleetRun {
  /** What the server saw. */
  readonly log: readonly Arrival[];
  /** How much other work the machine had before, as processes that want to run for each of its cores. */
  readonly load: number;
}

/** Lets processes share one quota. */
export async function runFleet(options: FleetOptions): Promise<FleetRun> {
  const { processes, server, clocksOff = 0, killAfter, port, limits, calls } = options;
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  const servers = startServerProcess();
  const children: ChildProcess[] = [];
  try {
    const remote = await servers.startQuotaServer(server);
    for (let index = 0; index < processes; index++) {
      const child = fork(fileURLToPath(new URL('./redis-fleet-main.ts', import.meta.url)), {
        execArgv: ['--import', 'tsx'],
      });
      children.push(child);
      const clockOff = index < clocksOff ? (index % 2 === 0 ? 3_600_000 : -3_600_000) : 0;
      const orders: Orders = { name: `process ${index}`, port, url: remote.url, limits, calls, clockOff };
      child.send(orders);
      // One after the other: they compile their sources.
      await once(child, 'message');
    }
    const ended = children.map((child) => once(child, 'exit'));
    for (const child of children) child.send('go');
    if (killAfter !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, killAfter));
      children[0]?.kill('SIGKILL');
    }
    await Promise.all(ended);
    return { load, log: await remote.log() };
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
