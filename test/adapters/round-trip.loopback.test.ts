import axios from 'axios';
import ky from 'ky';
import { createThrottle, type Status, type Throttle, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { throttleKy } from 'sluice/ky';
import type { Preset } from 'sluice/presets';
import { describe, expect, it } from 'vitest';
import { type Api, apis } from './api-answers.ts';
import { startServer } from './test-server.ts';

const calls = 40;
/** The call at whose arrival, or soon after it, somebody else has just used the quota up. */
const robbed = 12;

/** How long a call takes to the server at most, and how much the instants of two clocks differ, in ms. */
const onItsWay = 100;
const clockStep = 2;

/** Starts an API, which counts what it refuses. */
async function start({ quota, answer }: Api) {
  const own = quota();
  const seen = { arrived: 0, refused: 0 };
  let isRobbed = false;
  const arrivals: number[] = [];
  const server = await startServer((_request, response) => {
    const now = Date.now();
    arrivals.push(now);
    // Not at the end of a second: a reset that is past when the answer comes says nothing, and GitHub's pause is a minute then.
    if (++seen.arrived >= robbed && !isRobbed && now % 1_000 < 700) {
      isRobbed = true;
      own.useUp(now);
    }
    const verdict = own.take(now);
    if (!verdict.isTaken) seen.refused++;
    const { status, headers, body } = answer(verdict, now);
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  return { ...server, counts: seen, arrivals };
}

interface Terms {
  readonly dialect: Preset<unknown>['dialect'];
  readonly cost: number;
}

const clients: Readonly<Record<string, (throttle: Throttle, terms: Terms, url: string) => () => Promise<unknown>>> = {
  fetch: (throttle, terms, url) => {
    const fetch = throttleFetch(throttle, terms);
    return async () => (await fetch(url)).json();
  },
  axios: (throttle, terms, url) => {
    const instance = axios.create();
    throttleAxios(instance, throttle, terms);
    return async () => (await instance.get(url)).data;
  },
  ky: (throttle, terms, url) => {
    const api = throttleKy(ky, throttle, terms);
    return () => api.get(url).json();
  },
};

const cases = Object.entries(apis).flatMap(([name, api]) =>
  Object.entries(clients).map(([client, connect]) => ({ name, client, api, connect })),
);

describe('40 calls to a local server whose quota somebody else uses up on the way', () => {
  it.concurrent.each(cases)(
    'that answers as $name does all succeed through $client, after few refusals',
    async (one) => {
      const { api, connect } = one;
      const server = await start(api);
      const { dialect, ...options } = api.preset();
      const throttle = createThrottle(options);
      const paused: { since: number; until: number; status: Promise<Status> }[] = [];
      /** Calls that were let go while the server had said stop, by how long before the end in ms. */
      const wereEarly: number[] = [];
      throttle.on('paused', ({ key, until }) =>
        paused.push({ since: Date.now(), until, status: throttle.status(key) }),
      );
      throttle.on('granted', () => {
        const before = Math.max(...paused.map(({ until }) => until)) - Date.now();
        if (before > clockStep) wereEarly.push(before);
      });
      try {
        const call = connect(throttle, { dialect, cost: api.cost }, server.url);
        const bodies = await Promise.all(Array.from({ length: calls }, call));
        expect(bodies).toEqual(Array(calls).fill(expect.objectContaining(api.success)));
        expect(server.counts).toEqual({ arrived: calls + server.counts.refused, refused: expect.any(Number) });
        expect(server.counts.refused).toBeGreaterThanOrEqual(1);
        expect(server.counts.refused).toBeLessThanOrEqual(api.mostRefused);
        for (const { until, status } of paused)
          expect(Math.abs(((await status).pausedUntil ?? 0) - until)).toBeLessThan(20);
        // What was on its way when the server said stop may still come, at once.
        const early = ({ since, until }: (typeof paused)[number]) =>
          server.arrivals.filter((at) => at > since + onItsWay && at < until - clockStep);
        expect(paused.flatMap(early)).toEqual([]);
        expect(wereEarly).toEqual([]);
        expect(paused.length).toBeGreaterThanOrEqual(1);
        expect(await throttle.status(server.url)).toMatchObject({ waiting: 0, inFlight: 0 });
      } finally {
        await throttle.close();
        await server.close();
      }
    },
  );
});
