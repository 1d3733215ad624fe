import { createThrottle, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { fakeFetch } from './fake-fetch.ts';

const origin = 'https://api.example.com';
const limits = [
  slidingWindow({ name: 'requests', limit: 10, interval: 60_000 }),
  slidingWindow({ name: 'tokens', limit: 1_000, interval: 60_000 }),
];

type Settle = NonNullable<NonNullable<Parameters<typeof throttleFetch>[1]>['settle']>;

function setUp(settle: Settle, answer = () => Response.json({ usage: { total_tokens: 300 } })) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, clock });
  const { fetch: send } = fakeFetch(clock, answer);
  const fetch = throttleFetch(throttle, { fetch: send, cost: { requests: 1, tokens: 700 }, retry: 0, settle });
  const tokensLeft = async () => (await throttle.status(origin)).limits[1]?.remaining;
  return { clock, throttle, fetch, tokensLeft };
}

const usage: Settle = async (answer) => ({ tokens: (await answer.json()).usage.total_tokens });

afterEach(() => vi.restoreAllMocks());

it('settles a call with what its answer says, and leaves the answer to the caller', async () => {
  const { clock, fetch, tokensLeft } = setUp(usage);
  const answer = await fetch(origin);
  expect(await answer.json()).toEqual({ usage: { total_tokens: 300 } });
  await clock.advance(0);
  expect(await tokensLeft()).toBe(700);
});

it('keeps the cost where the function gives undefined', async () => {
  const { clock, fetch, tokensLeft } = setUp(() => undefined);
  await fetch(origin);
  await clock.advance(0);
  expect(await tokensLeft()).toBe(300);
});

it('lets a waiting call go as soon as there is room', async () => {
  const { clock, fetch } = setUp(usage);
  await Promise.all([fetch(origin), fetch(origin)]);
  expect(clock.monotonic()).toBe(0);
});

it('does not settle a refused call', async () => {
  const settle = vi.fn<Settle>(() => undefined);
  const { fetch } = setUp(settle, () => new Response(null, { status: 429, headers: { 'retry-after': '1' } }));
  await fetch(origin);
  expect(settle).not.toHaveBeenCalled();
});

it('reports what the function throws without harm to the call and the line', async () => {
  const report = vi.fn();
  vi.stubGlobal('reportError', report);
  const wrong = new Error('no usage');
  const { clock, fetch } = setUp(() => Promise.reject(wrong));
  const answer = await fetch(origin);
  expect(answer.status).toBe(200);
  await clock.advance(0);
  expect(report).toHaveBeenCalledWith(wrong);
  vi.unstubAllGlobals();
});
