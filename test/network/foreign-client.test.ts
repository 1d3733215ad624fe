import { createThrottle, quota, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { type SharedServerOptions, sharedServer } from './shared-server.ts';

const calls = 2_000;
const seeds = Array.from({ length: Number(process.env.SLUICE_RUNS ?? 1) }, (_, seed) => seed + 1);

/** Sends calls, all at once, by the numbers that the server documents, until all are answered. */
async function send(options: SharedServerOptions, limitOf: typeof quota | typeof slidingWindow) {
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
  const inWindow = new Map<number, number>();
  for (const at of server.refusedAt) {
    const window = Math.floor(at / interval);
    inWindow.set(window, (inWindow.get(window) ?? 0) + 1);
  }
  return {
    windows,
    taken: statuses.filter((status) => status === 200).length,
    refused: server.refusedAt.length,
    mostInWindow: Math.max(0, ...inWindow.values()),
  };
}

const servers = (['fixed-window', 'sliding-window'] as const).flatMap((counts) =>
  (['steady', 'random'] as const).flatMap((foreign) =>
    (
      [
        [100, 10_000],
        [60, 60_000],
        [20, 1_000],
      ] as const
    ).flatMap(([limit, interval]) => seeds.map((seed) => ({ counts, foreign, limit, interval, seed }))),
  ),
);
const ways = [quota, slidingWindow];

describe('beside a foreign client that eats half the quota', () => {
  describe.each(['ratelimit', 'x-ratelimit'] as const)('of a server that tells by %s', (tells) => {
    it.each(servers)(
      'at most one call a window is refused: $counts of $limit per $interval ms, $foreign',
      async (one) => {
        for (const limitOf of ways) {
          const { windows, taken, refused, mostInWindow } = await send({ ...one, tells }, limitOf);
          expect(taken, limitOf.name).toBe(calls);
          expect(refused, limitOf.name).toBeLessThanOrEqual(windows);
          // Those that go at once, or within one round trip, are refused together.
          if (limitOf === quota && one.counts === 'fixed-window' && one.foreign === 'steady')
            expect(mostInWindow).toBeLessThanOrEqual(1);
        }
      },
    );
  });

  it.each(servers)(
    'of a server that tells nothing under 2 percent are refused: $counts of $limit per $interval ms, $foreign',
    async (one) => {
      for (const limitOf of ways) {
        const { taken, refused } = await send({ ...one, tells: 'nothing' }, limitOf);
        expect(taken, limitOf.name).toBe(calls);
        expect(refused / calls, limitOf.name).toBeLessThan(0.02);
      }
    },
  );
});
