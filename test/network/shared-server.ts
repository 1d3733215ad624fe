import type { ManualClock } from 'sluice/testing';
import { numbersFrom } from './jittery-server.ts';

/** How a server counts, what it tells, and who else uses it up. */
export interface SharedServerOptions {
  readonly counts: 'fixed-window' | 'sliding-window';
  readonly tells: 'ratelimit' | 'x-ratelimit' | 'nothing';
  readonly limit: number;
  /** Length of its window in ms. */
  readonly interval: number;
  /** When the calls of the foreign client come, which are half of the quota. */
  readonly foreign: 'steady' | 'random';
  readonly seed: number;
}

export interface SharedServer {
  readonly fetch: typeof fetch;
  /** Calls of ours that were taken. */
  taken: number;
  /** When it refused calls of ours, in ms on the clock's monotonic scale. */
  readonly refusedAt: number[];
}

/** The least and the most that an answer or a call is on its way, in ms. */
const way = [10, 40] as const;

/** A server in virtual time whose quota a foreign client eats half of. */
export function sharedServer(clock: ManualClock, options: SharedServerOptions): SharedServer {
  const { counts, tells, limit, interval, foreign, seed } = options;
  const random = numbersFrom(seed);
  const travel = () => new Promise<void>((resolve) => clock.setTimeout(resolve, way[0] + random() * (way[1] - way[0])));
  let recent: number[] = [];
  const beginning = (now: number) => (counts === 'fixed-window' ? now - (now % interval) : now - interval);
  /** What is left before a call, after the calls that are too old to count are forgotten. */
  const left = (now: number) => {
    recent = recent.filter((at) => (counts === 'fixed-window' ? at >= beginning(now) : at > beginning(now)));
    return limit - recent.length;
  };
  const take = (now: number): boolean => {
    if (left(now) <= 0) return false;
    recent.push(now);
    return true;
  };
  const headersAt = (now: number): Record<string, string> => {
    const remaining = `${Math.max(0, left(now))}`;
    const end = counts === 'fixed-window' ? beginning(now) + interval : (recent[0] ?? now) + interval;
    if (tells === 'ratelimit')
      return {
        'ratelimit-policy': `"default";q=${limit};w=${interval / 1_000}`,
        ratelimit: `"default";r=${remaining};t=${Math.ceil((end - now) / 1_000)}`,
      };
    if (tells === 'x-ratelimit')
      return {
        'x-ratelimit-limit': `${limit}`,
        'x-ratelimit-remaining': remaining,
        'x-ratelimit-reset': `${Math.ceil((clock.now() + end - now) / 1_000)}`,
      };
    return {};
  };
  const spacing = (2 * interval) / limit;
  const live = () => {
    take(clock.monotonic());
    clock.setTimeout(live, foreign === 'steady' ? spacing : -Math.log(1 - random()) * spacing);
  };
  live();
  const server: SharedServer = {
    taken: 0,
    refusedAt: [],
    fetch: (async () => {
      await travel();
      const now = clock.monotonic();
      const isTaken = take(now);
      if (isTaken) server.taken++;
      else server.refusedAt.push(now);
      const headers = headersAt(now);
      await travel();
      return new Response(null, { status: isTaken ? 200 : 429, headers });
    }) as typeof fetch,
  };
  return server;
}
