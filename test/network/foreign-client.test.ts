import { createThrottle, quota, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { type Refused, type SharedServerOptions, sharedServer } from './shared-server.ts';

const seeds = Array.from({ length: Number(process.env.SLUICE_RUNS ?? 1) }, (_, seed) => seed + 1);

/** Sends calls, all at once, by the numbers that the server documents, until all are answered. */
async function send(options: SharedServerOptions, limitOf: typeof quota | typeof slidingWindow, calls: number) {
  const { limit, interval } = options;
  const clock = new ManualClock();
  const server = sharedServer(clock, options);
  const throttle = createThrottle({ limits: limitOf({ limit, interval }), clock });
  const fetch = throttleFetch(throttle, { fetch: server.fetch });
  const statuses: number[] = [];
  for (let call = 0; call < calls; call++)
    void fetch('https://api.example.com/').then(({ status }) => statuses.push(status));
  await clock.advance(0);
  let windows = 0;
  for (; statuses.length < calls; windows++) await clock.advance(interval);
  return {
    windows,
    taken: statuses.filter((status) => status === 200).length,
    refused: server.refused.length,
    mostInWindow: mostWithin(interval, afterFirst(server.refused)),
  };
}

/** When calls were refused, those as one that were on their way when the client first heard of a refusal: nobody had shown yet. */
function afterFirst(refused: readonly Refused[]): number[] {
  const heardAt = refused[0]?.heardAt ?? 0;
  const first = refused.filter(({ leftAt }) => leftAt <= heardAt).slice(-1);
  return [...first, ...refused.filter(({ leftAt }) => leftAt > heardAt)].map(({ at }) => at);
}

/** The most of some instants in any span of `ms`, wherever it begins. */
function mostWithin(ms: number, instants: readonly number[]): number {
  return Math.max(0, ...instants.map((from) => instants.filter((at) => at >= from && at < from + ms).length));
}

const quotas = [
  [300, 60_000],
  [100, 10_000],
  [60, 60_000],
  [20, 1_000],
] as const;
const kinds = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const;
const servers = kinds.flatMap((counts) =>
  (['steady', 'random'] as const).flatMap((foreign) =>
    quotas.flatMap(([limit, interval]) => seeds.map((seed) => ({ counts, foreign, limit, interval, seed }))),
  ),
);
const ways = [quota, slidingWindow];
/** How long a call takes each way, in ms. */
const latencies = [5, 30, 100, 200];

describe('beside a foreign client that eats half the quota', () => {
  describe.each(['ratelimit', 'x-ratelimit'] as const)('of a server that tells by %s', (tells) => {
    // A window changes at one instant or with each call that grows old: no span as long as one may hold two refusals.
    it.each(servers)(
      'at most one call a window is refused: $counts of $limit per $interval ms, $foreign',
      async (one) => {
        // Each server meets one way and two of the latencies.
        const first = servers.indexOf(one);
        for (const [index, limitOf] of ways.entries()) {
          const latency = latencies[(first + one.seed + 2 * index + (tells === 'ratelimit' ? 1 : 0)) % 4] as number;
          const way = [0.7 * latency, 1.3 * latency] as const;
          const calls = 8 * one.limit;
          const { windows, taken, mostInWindow } = await send({ ...one, tells, way }, limitOf, calls);
          expect([taken, mostInWindow <= 1], `${limitOf.name}, ${latency} ms, ${windows} windows`).toEqual([
            calls,
            true,
          ]);
        }
      },
    );
  });

  it.each(servers.filter(({ limit }) => limit <= 100))(
    'of a server that tells nothing under 2 percent are refused: $counts of $limit per $interval ms, $foreign',
    async (one) => {
      // All of a window at once meets a bucket that is half empty, before anybody can know: that counts once.
      const calls = Math.max(2_000, 40 * one.limit);
      for (const limitOf of ways) {
        const { taken, refused } = await send({ ...one, tells: 'nothing' }, limitOf, calls);
        expect(taken, limitOf.name).toBe(calls);
        expect(refused / calls, limitOf.name).toBeLessThan(0.02);
      }
    },
  );
});

describe('where nobody else uses the quota', () => {
  it.each(servers.filter(({ foreign, limit }) => foreign === 'steady' && limit >= 60))(
    'all of it is used, though the server tells what is left: $counts of $limit per $interval ms',
    async (one) => {
      const calls = 20 * one.limit;
      const { windows, refused } = await send({ ...one, foreign: 'none', tells: 'ratelimit' }, slidingWindow, calls);
      expect(refused).toBe(0);
      expect(calls / (windows * one.limit)).toBeGreaterThanOrEqual(0.95);
    },
  );
});
