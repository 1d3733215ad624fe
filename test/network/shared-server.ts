import type { ManualClock } from 'sluice/testing';
import { numbersFrom } from './jittery-server.ts';

/** How a server counts, what it tells, and who else uses it up. */
export interface SharedServerOptions {
  readonly counts: 'fixed-window' | 'sliding-window' | 'token-bucket';
  readonly tells: 'ratelimit' | 'x-ratelimit' | 'nothing';
  readonly limit: number;
  /** Length of its window in ms. */
  readonly interval: number;
  /** When the calls of the foreign client come, which are half of the quota; `once` is all of it after 5.5 intervals. */
  readonly foreign: 'steady' | 'random' | 'once' | 'none';
  readonly seed: number;
  /** The least and the most that an answer or a call is on its way, in ms. */
  readonly way?: readonly [least: number, most: number];
  /** How long the server works on an answer after it has counted the call, in ms. */
  readonly works?: number;
}

export interface SharedServer {
  readonly fetch: typeof fetch;
  /** Calls of ours that were taken. */
  taken: number;
  /** When it refused calls of ours, in ms on the clock's monotonic scale. */
  readonly refusedAt: number[];
}

/** A server in virtual time whose quota a foreign client eats half of. */
export function sharedServer(clock: ManualClock, options: SharedServerOptions): SharedServer {
  const { tells, limit, interval, foreign, seed, way = [10, 40], works = 0 } = options;
  const random = numbersFrom(seed);
  const travel = () => new Promise<void>((resolve) => clock.setTimeout(resolve, way[0] + random() * (way[1] - way[0])));
  const counter = counters[options.counts](limit, interval);
  const headersAt = (now: number): Record<string, string> => {
    const remaining = `${Math.floor(counter.left(now))}`;
    const ms = counter.resetAt(now) - now;
    if (tells === 'ratelimit')
      return {
        'ratelimit-policy': `"default";q=${limit};w=${interval / 1_000}`,
        ratelimit: `"default";r=${remaining};t=${Math.ceil(ms / 1_000)}`,
      };
    if (tells === 'x-ratelimit')
      return {
        'x-ratelimit-limit': `${limit}`,
        'x-ratelimit-remaining': remaining,
        'x-ratelimit-reset': `${Math.ceil((clock.now() + ms) / 1_000)}`,
      };
    return {};
  };
  const spacing = (2 * interval) / limit;
  const live = () => {
    counter.take(clock.monotonic());
    clock.setTimeout(live, foreign === 'steady' ? spacing : -Math.log(1 - random()) * spacing);
  };
  const burst = () => {
    for (let calls = 0; calls < limit; calls++) counter.take(clock.monotonic());
  };
  if (foreign === 'once') clock.setTimeout(burst, 5.5 * interval);
  else if (foreign !== 'none') live();
  const server: SharedServer = {
    taken: 0,
    refusedAt: [],
    fetch: (async () => {
      await travel();
      const now = clock.monotonic();
      const isTaken = counter.take(now);
      if (isTaken) server.taken++;
      else server.refusedAt.push(now);
      const headers = headersAt(now);
      if (works > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, works));
      await travel();
      return new Response(null, { status: isTaken ? 200 : 429, headers });
    }) as typeof fetch,
  };
  return server;
}

/** What is left of a quota. Instants on the clock's monotonic scale. */
interface Counter {
  left(now: number): number;
  /** When the window ends, or when there is more. */
  resetAt(now: number): number;
  take(now: number): boolean;
}

const counters: Readonly<Record<SharedServerOptions['counts'], (limit: number, interval: number) => Counter>> = {
  'fixed-window': (limit, interval) =>
    windowed(
      limit,
      (now) => now - (now % interval),
      (now) => now - (now % interval) + interval,
    ),
  'sliding-window': (limit, interval) =>
    windowed(
      limit,
      (now) => now - interval + Number.EPSILON * now,
      (now, oldest = now) => oldest + interval,
    ),
  'token-bucket': (limit, interval) => {
    let level = limit;
    let at = 0;
    const fill = (now: number) => {
      level = Math.min(limit, level + ((now - at) * limit) / interval);
      at = now;
      return level;
    };
    return {
      left: fill,
      resetAt: (now) => now + ((limit - fill(now)) * interval) / limit,
      take: (now) => {
        const isTaken = fill(now) >= 1;
        if (isTaken) level--;
        return isTaken;
      },
    };
  },
};

function windowed(
  limit: number,
  beginning: (now: number) => number,
  end: (now: number, oldest: number | undefined) => number,
): Counter {
  let calls: number[] = [];
  const left = (now: number) => {
    calls = calls.filter((at) => at >= beginning(now));
    return limit - calls.length;
  };
  return {
    left,
    resetAt: (now) => end(now, calls[0]),
    take: (now) => {
      if (left(now) <= 0) return false;
      calls.push(now);
      return true;
    },
  };
}
