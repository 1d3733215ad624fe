import type { Algorithm } from '../../demo/servers/algorithm.ts';
import { FixedWindow } from '../../demo/servers/fixed-window.ts';
import { LeakyBucket } from '../../demo/servers/leaky-bucket.ts';
import { SlidingWindow } from '../../demo/servers/sliding-window.ts';
import { TokenBucket } from '../../demo/servers/token-bucket.ts';
import { numbersFrom } from '../../test/network/jittery-server.ts';
import type { Contender, Failure, Numbers, Outcome, Quota } from './contender.ts';
import { virtualTime } from './virtual-time.ts';

// In virtual time: what a server that enforces its quota refuses of calls that are all made at once, and how much of it they use.

/** A token bucket holds the whole quota, as most APIs with one have it; a leaky one takes a tenth at once, two at least. */
export const servers: Readonly<Record<string, (quota: Quota) => Algorithm>> = {
  'fixed window': (quota) => new FixedWindow(quota),
  'sliding window': (quota) => new SlidingWindow(quota),
  'token bucket': (quota) => new TokenBucket({ ...quota, burst: quota.limit }),
  'leaky bucket': (quota) => new LeakyBucket({ ...quota, burst: Math.max(2, quota.limit / 10) }),
};

export const quotas: Readonly<Record<string, Quota & { readonly calls: number }>> = {
  '100 per second': { limit: 100, interval: 1_000, calls: 1_000 },
  '10 per second': { limit: 10, interval: 1_000, calls: 300 },
  '50 per 10 s': { limit: 50, interval: 10_000, calls: 300 },
};

/** ms: how late a call is at most, at random, and how long a new connection takes. */
interface Network {
  readonly jitter: number;
  readonly connecting: number;
}

export const networks: Readonly<Record<string, Network>> = {
  'jitter 0': { jitter: 0, connecting: 0 },
  'jitter 60 ms': { jitter: 60, connecting: 0 },
  'connections of 150 ms': { jitter: 0, connecting: 150 },
};

/** ms one way. */
const way = 5;

export const cellName = (server: string, quota: string, network: string): string => [server, quota, network].join(', ');

export interface Arrival {
  readonly at: number;
  readonly accepted: boolean;
}

/** The part of the rate that accepted calls used from the first arrival to the last. */
export function shareOf(log: readonly Arrival[], { limit, interval }: Quota): number {
  const took = (log.at(-1)?.at ?? Number.NaN) - (log[0]?.at ?? Number.NaN);
  return ((log.filter(({ accepted }) => accepted).length - 1) * interval) / limit / took;
}

/** What a world needs of time. */
export interface Time {
  readonly now: number;
  at(instant: number, callback: () => void): unknown;
}

const realTime: Time = {
  get now() {
    return performance.now();
  },
  at: (instant, callback) => setTimeout(callback, instant - performance.now()),
};

/** What every call goes through: a pool of connections that stay open, the way there, the server, the way back. */
export function send(algorithm: Algorithm, { jitter, connecting }: Network, random: () => number, time: Time) {
  const log: Arrival[] = [];
  let idle = 0;
  const task = () =>
    new Promise<Response>((resolve) => {
      const opening = idle > 0 ? 0 : connecting;
      if (idle > 0) idle--;
      time.at(time.now + opening + way + random() * jitter, () => {
        const { accepted } = algorithm.accept(time.now);
        log.push({ at: time.now, accepted });
        time.at(time.now + way, () => {
          idle++;
          resolve(new Response(null, accepted ? {} : { status: 429, headers: { 'retry-after': '1' } }));
        });
      });
    });
  return { log, task };
}

/** Microtasks, and what a library does in immediates. */
async function turn(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}

async function cell(contender: Contender, server: string, quota: string, network: string): Promise<Numbers | Failure> {
  const { calls, ...limits } = quotas[quota] as (typeof quotas)[string];
  const makeServer = servers[server] as (typeof servers)[string];
  const { log, task } = send(makeServer(limits), networks[network] as Network, numbersFrom(1), virtualTime);
  const { one } = await contender.load();
  // Somewhere in a window of the server.
  const start = Math.ceil(virtualTime.now / limits.interval) * limits.interval + 0.37 * limits.interval;
  let begun = false;
  virtualTime.at(start, () => {
    begun = true;
  });
  await virtualTime.until(() => begun, turn, start);
  try {
    const call = one(limits);
    let ended = 0;
    let failure: unknown;
    const count = () => {
      ended++;
    };
    for (let made = 0; made < calls; made++) {
      call(task).then(count, (error) => {
        failure = error;
        ended++;
      });
    }
    const patience = (10 * calls * limits.interval) / limits.limit;
    await virtualTime.until(() => ended === calls, turn, start + patience);
    if (failure !== undefined && log.length < calls) throw failure;
    return summary(log, limits, start);
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

/** A cell that is measured in real time too, to see whether the virtual one tells the truth. */
const spot = ['sliding window', '100 per second', 'jitter 60 ms'] as const;
export const spotName: string = cellName(...spot);

async function inRealTime(contender: Contender): Promise<Numbers> {
  const [server, quota, network] = spot;
  const { calls, ...limits } = quotas[quota] as (typeof quotas)[string];
  const makeServer = servers[server] as (typeof servers)[string];
  const { log, task } = send(makeServer(limits), networks[network] as Network, numbersFrom(1), realTime);
  const call = (await contender.load()).one(limits);
  const start = performance.now();
  await Promise.allSettled(Array.from({ length: calls }, () => call(task)));
  return summary(log, limits, start);
}

const summary = (log: readonly Arrival[], limits: Quota, start: number) => ({
  calls: log.length,
  refused: log.filter(({ accepted }) => !accepted).length,
  share: shareOf(log, limits),
  seconds: ((log.at(-1)?.at ?? 0) - start) / 1_000,
});

/** @returns by cell: calls, how many of them were refused, the share of the quota, seconds */
export async function utilisation(contender: Contender, { real = 0 }: Numbers): Promise<Outcome> {
  if (real) return inRealTime(contender);
  const cells: Record<string, Numbers | Failure> = {};
  for (const server of Object.keys(servers)) {
    for (const quota of Object.keys(quotas)) {
      for (const network of Object.keys(networks)) {
        cells[cellName(server, quota, network)] = await cell(contender, server, quota, network);
      }
    }
  }
  return cells;
}
