import Anthropic, { type Middleware } from '@anthropic-ai/sdk';
import { Client as Notion } from '@notionhq/client';
import { LogLevel, WebClient } from '@slack/web-api';
import { createClient } from '@supabase/supabase-js';
import { Gaxios } from 'gaxios';
import ky from 'ky';
import { createFetch, ofetch } from 'ofetch';
import OpenAI from 'openai';
import {
  createThrottle,
  slidingWindow,
  type Throttle,
  type ThrottleEvents,
  throttleCalls,
  throttleFetch,
} from 'sluice';
import { throttleKy } from 'sluice/ky';
import Stripe from 'stripe';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startServerProcess } from '../../demo/servers/server-process.ts';

/** A client whose time-out begins before it calls its fetch. */
interface Row {
  readonly client: string;
  /** What the server answers, as the client expects it. */
  readonly answer?: object;
  /** Throttles the fetch of the client. */
  readonly byFetch: (url: string, send: typeof fetch) => () => Promise<unknown>;
  /** Throttles it as docs/adapters.md recommends. */
  readonly recommended: (url: string, throttle: Throttle) => () => Promise<unknown>;
  /** Whether the client aborts the signal of a call that took too long; otherwise the call goes, and nobody hears its answer. */
  readonly aborts?: boolean;
}

/** The time-out of the clients, in ms: shorter than the second half of the calls waits. */
const timeout = 1_000;
const LIMIT = 4;
const INTERVAL = 1_400;
const CALLS = 2 * LIMIT;

const servers = startServerProcess();
afterAll(() => servers.close());

const openai = (baseURL: string, more: object) =>
  new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0, timeout, ...more });
const ask = (client: OpenAI) => () => client.chat.completions.create({ model: 'small', messages: [] });
const anthropic = (baseURL: string, more: object) =>
  new Anthropic({ apiKey: 'none', baseURL, maxRetries: 0, timeout, ...more });
const tell = (client: Anthropic) => () => client.messages.create({ model: 'small', max_tokens: 9, messages: [] });
const stripe = (url: string, httpClient: Stripe.HttpClient = Stripe.createNodeHttpClient()) => {
  const { hostname: host, port } = new URL(url);
  return new Stripe('sk_test_none', {
    protocol: 'http',
    host,
    port,
    maxNetworkRetries: 0,
    timeout,
    telemetry: false,
    httpClient,
  });
};
const notion = (baseUrl: string, more: object = {}) =>
  new Notion({ auth: 'none', baseUrl, retry: false, timeoutMs: timeout, logger: () => {}, ...more });
const page = { page_id: '11111111-1111-4111-8111-111111111111' };
const slack = (url: string, more: object = {}) =>
  new WebClient('none', {
    slackApiUrl: `${url}/api/`,
    retryConfig: { retries: 0 },
    logLevel: LogLevel.ERROR,
    timeout,
    ...more,
  });
const post = (client: WebClient) => () => client.chat.postMessage({ channel: 'general', text: 'A message' });
const supabase = (url: string, more: object = {}) =>
  createClient(url, 'none', { auth: { persistSession: false, autoRefreshToken: false }, ...more });
const invoke = (client: ReturnType<typeof supabase>) => async () => {
  const { data, error } = await client.functions.invoke('job', { timeout });
  if (error) throw error;
  return data;
};

const rows: readonly Row[] = [
  {
    client: 'openai',
    byFetch: (url, send) => ask(openai(url, { fetch: send })),
    recommended: (url, throttle) => ask(throttleCalls(openai(url, {}), throttle, { methods: ['chat.completions.*'] })),
  },
  {
    client: '@anthropic-ai/sdk',
    byFetch: (url, send) => tell(anthropic(url, { fetch: send })),
    recommended: (url, throttle) => {
      const inTurn: Middleware = (request, next) =>
        throttleFetch(throttle, { fetch: () => next(request) })(request.url, request);
      return tell(anthropic(url, { middleware: [inTurn] }));
    },
  },
  {
    client: 'stripe',
    byFetch: (url, send) => {
      const client = stripe(url, Stripe.createFetchHttpClient(send));
      return () => client.customers.retrieve('cus_1');
    },
    recommended: (url, throttle) => {
      const client = throttleCalls(stripe(url), throttle, { methods: ['customers.*'] });
      return () => client.customers.retrieve('cus_1');
    },
  },
  {
    client: '@notionhq/client',
    aborts: false,
    byFetch: (url, send) => {
      const client = notion(url, { fetch: send });
      return () => client.pages.retrieve(page);
    },
    recommended: (url, throttle) => {
      const client = throttleCalls(notion(url), throttle, { methods: ['pages.*'] });
      return () => client.pages.retrieve(page);
    },
  },
  {
    client: '@slack/web-api',
    answer: { ok: true },
    byFetch: (url, send) => post(slack(url, { fetch: send })),
    recommended: (url, throttle) => post(throttleCalls(slack(url), throttle, { methods: ['chat.*'] })),
  },
  {
    client: 'gaxios',
    byFetch: (url, send) => {
      const client = new Gaxios({ baseURL: url, timeout, fetchImplementation: send });
      return () => client.request({ url: '/items' });
    },
    recommended: (url, throttle) => {
      const client = throttleCalls(new Gaxios({ baseURL: url, timeout }), throttle, { methods: ['request'] });
      return () => client.request({ url: '/items' });
    },
  },
  {
    client: 'ofetch',
    byFetch: (url, send) => {
      const client = createFetch({ fetch: send, defaults: { retry: 0, timeout } });
      return () => client(`${url}/items`);
    },
    recommended: (url, throttle) => {
      const client = throttleCalls(ofetch.create({ retry: 0, timeout }), throttle);
      return () => client(`${url}/items`);
    },
  },
  {
    client: '@supabase/supabase-js',
    byFetch: (url, send) => invoke(supabase(url, { global: { fetch: send } })),
    recommended: (url, throttle) => invoke(throttleCalls(supabase(url), throttle, { methods: ['functions.invoke'] })),
  },
  {
    client: 'ky',
    byFetch: (url, send) => {
      const client = ky.create({ prefixUrl: url, retry: 0, timeout, fetch: send });
      return () => client.get('items').json();
    },
    recommended: (url, throttle) => {
      const client = throttleKy(ky.create({ prefixUrl: url, retry: 0, timeout }), throttle);
      return () => client.get('items').json();
    },
  },
];

/**
 * Makes the calls at once, and counts what came of them.
 * @param arrivals how many the server is to see at least
 */
async function measure(
  arrivals: number,
  answer: object | undefined,
  connect: (url: string, throttle: Throttle) => () => Promise<unknown>,
) {
  const server = await servers.startQuotaServer({
    algorithm: 'sliding-window',
    limit: LIMIT,
    interval: INTERVAL,
    ...(answer && { answer }),
  });
  const throttle = createThrottle({ limits: slidingWindow({ limit: LIMIT, interval: INTERVAL, margin: 200 }) });
  const rejected: ThrottleEvents['rejected'][] = [];
  const warnings: string[] = [];
  throttle.on('rejected', (event) => rejected.push(event));
  throttle.on('warning', ({ message }) => warnings.push(message));
  const call = connect(server.url, throttle);
  const ends = await Promise.allSettled(Array.from({ length: CALLS }, call));
  // Calls that nobody hears of may still wait.
  await vi.waitFor(async () => expect((await server.stats()).arrivals).toBeGreaterThanOrEqual(arrivals), 10_000);
  await throttle.close();
  const answered = ends.filter(({ status }) => status === 'fulfilled').length;
  return { answered, ...(await server.stats()), rejected, warnings };
}

it('a time-out below the throttle begins when the call goes, if that of the SDK is longer than the wait', async () => {
  const timed: typeof fetch = (input, init) => {
    const tooLate = AbortSignal.timeout(timeout);
    return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, tooLate]) : tooLate });
  };
  const { answered, refused } = await measure(CALLS, undefined, (url, throttle) =>
    ask(openai(url, { timeout: 3_600_000, fetch: throttleFetch(throttle, { fetch: timed }) })),
  );
  expect({ answered, refused }).toEqual({ answered: CALLS, refused: 0 });
});

describe.concurrent.each(rows)('$client with a time-out of a second, and calls that wait longer', (row) => {
  it('answers all calls as docs/adapters.md recommends', async () => {
    const { answered, arrivals, refused, rejected, warnings } = await measure(CALLS, row.answer, row.recommended);
    expect({ answered, arrivals, refused }).toEqual({ answered: CALLS, arrivals: CALLS, refused: 0 });
    expect([...rejected, ...warnings]).toEqual([]);
  });

  it('times out calls that were not sent if its fetch is throttled; events tell where it aborts them', async () => {
    const { byFetch, answer, aborts = true } = row;
    const outcome = await measure(aborts ? LIMIT : CALLS, answer, (url, throttle) =>
      byFetch(url, throttleFetch(throttle)),
    );
    expect(outcome).toMatchObject({ answered: LIMIT, arrivals: aborts ? LIMIT : CALLS, refused: 0 });
    const waits = outcome.rejected.map(({ wait }) => wait);
    expect(waits).toHaveLength(aborts ? CALLS - LIMIT : 0);
    for (const wait of waits) expect(wait).toBeGreaterThan(0.9 * timeout);
    for (const wait of waits) expect(wait).toBeLessThan(INTERVAL);
    expect(outcome.warnings).toHaveLength(aborts ? 1 : 0);
  });
});
