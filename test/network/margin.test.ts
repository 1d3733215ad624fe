import { createThrottle, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { jitteryServer } from './jittery-server.ts';

const calls = 1_000;
const interval = 1_000;
const seeds = Array.from({ length: Number(process.env.SLUICE_RUNS ?? 3) }, (_, seed) => seed + 1);

async function send(limit: number, margin: number | 'auto', seed: number) {
  const clock = new ManualClock();
  const server = jitteryServer(clock, limit, interval, 60, seed);
  const throttle = createThrottle({ limits: slidingWindow({ limit, interval }), margin, clock });
  const fetch = throttleFetch(throttle, { fetch: server.fetch, retry: 0 });
  const answers = Promise.all(Array.from({ length: calls }, () => fetch('https://api.example.com/')));
  for (let window = 0; window < (2 * calls) / limit; window++) await clock.advance(interval);
  await answers;
  const { accepted, refused } = server;
  const took = (accepted.at(-1) ?? 0) - (accepted[0] ?? 0);
  return {
    refused,
    share: accepted.length / ((limit * took) / interval + limit),
    margin: (await throttle.status('https://api.example.com')).margin,
  };
}

describe.each([100, 10])('an exact window of %i per second behind 0 to 60 ms of jitter', (limit) => {
  describe.each(['auto', 60] as const)('at a margin of %s', (margin) => {
    it.each(seeds)(
      `refuses none of ${calls} calls and gives at least 93 percent of the quota, seed %i`,
      async (seed) => {
        const { refused, share, margin: kept } = await send(limit, margin, seed);
        expect(refused).toBe(0);
        expect(share, `at a margin of ${kept} ms`).toBeGreaterThanOrEqual(0.93);
      },
    );
  });

  it('refuses some with a margin of 0, so the test can fail', async () => {
    expect((await send(limit, 0, 1)).refused).toBeGreaterThan(0);
  });
});
