import { discord, github, openai, shopify } from 'sluice/presets';

/** What a quota says about one call. Times in ms from now. */
interface Verdict {
  readonly isTaken: boolean;
  readonly left: number;
  /** Until the window ends or the bucket is full. */
  readonly reset: number;
  /** Until there is room for the next call. */
  readonly retry: number;
}

/** A quota that another client can use up. */
export interface Quota {
  take(now: number): Verdict;
  useUp(now: number): void;
}

/** An API as its documentation says it answers; see the table of presets for the sources. */
export interface Api {
  readonly preset: () => ReturnType<typeof discord> | ReturnType<typeof github> | ReturnType<typeof shopify>;
  readonly cost: number;
  /** What the body of a call that was taken has. */
  readonly success: object;
  /** More of 40 calls than these are never refused. */
  readonly mostRefused: number;
  readonly quota: () => Quota;
  readonly answer: (
    verdict: Verdict,
    now: number,
  ) => { status: number; headers: Record<string, string>; body: unknown };
}

function fixedWindow(limit: number, interval: number): Quota {
  let used = 0;
  let beginning = 0;
  const turn = (now: number) => {
    if (now - beginning < interval) return;
    beginning = now - (now % interval);
    used = 0;
  };
  return {
    take: (now) => {
      turn(now);
      const isTaken = used < limit;
      if (isTaken) used++;
      const reset = beginning + interval - now;
      return { isTaken, left: limit - used, reset, retry: reset };
    },
    useUp: (now) => {
      turn(now);
      used = limit;
    },
  };
}

/** @param eatenFor for how long another client that uses it up eats what comes in, in ms */
function bucket(size: number, perSecond: number, cost: number, eatenFor: number): Quota {
  let left = size;
  let at = 0;
  const fill = (now: number) => {
    left = Math.min(size, left + ((now - at) * perSecond) / 1_000);
    at = now;
  };
  return {
    take: (now) => {
      fill(now);
      const isTaken = left >= cost;
      if (isTaken) left -= cost;
      const until = (calls: number) => Math.max(0, Math.ceil(((calls - left) * 1_000) / perSecond));
      return { isTaken, left: Math.max(0, Math.floor(left)), reset: until(size), retry: until(cost) };
    },
    useUp: (now) => {
      fill(now);
      left = (-eatenFor * perSecond) / 1_000;
    },
  };
}

export const apis: Readonly<Record<'GitHub' | 'OpenAI' | 'Shopify' | 'Discord', Api>> = {
  GitHub: {
    preset: github,
    cost: 1,
    success: { id: 1 },
    mostRefused: 2,
    quota: () => fixedWindow(30, 2_000),
    answer: ({ isTaken, left, reset }, now) => ({
      status: isTaken ? 200 : 403,
      headers: {
        'x-ratelimit-limit': '30',
        'x-ratelimit-remaining': `${left}`,
        'x-ratelimit-used': `${30 - left}`,
        'x-ratelimit-reset': `${Math.round((now + reset) / 1_000)}`,
        'x-ratelimit-resource': 'core',
      },
      body: isTaken ? { id: 1 } : { message: 'API rate limit exceeded for user ID 1.' },
    }),
  },
  OpenAI: {
    preset: openai,
    cost: 1,
    success: { object: 'chat.completion' },
    mostRefused: 3,
    quota: () => bucket(20, 20, 1, 400),
    answer: ({ isTaken, left, reset, retry }) => ({
      status: isTaken ? 200 : 429,
      headers: {
        'x-ratelimit-limit-requests': '20',
        'x-ratelimit-limit-tokens': '40000',
        'x-ratelimit-remaining-requests': `${left}`,
        'x-ratelimit-remaining-tokens': '39500',
        'x-ratelimit-reset-requests': `${reset}ms`,
        'x-ratelimit-reset-tokens': '0.75s',
        ...(isTaken ? undefined : { 'retry-after-ms': `${retry}`, 'retry-after': `${Math.ceil(retry / 1_000)}` }),
      },
      body: isTaken ? { object: 'chat.completion' } : { error: { code: 'rate_limit_exceeded', type: 'requests' } },
    }),
  },
  Shopify: {
    preset: () => shopify({ plan: 'enterprise' }),
    cost: 100,
    success: { data: {} },
    mostRefused: 4,
    quota: () => bucket(1_000, 2_000, 100, 0),
    answer: ({ isTaken, left }) => ({
      status: 200,
      headers: {},
      body: {
        ...(isTaken ? { data: {} } : { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] }),
        extensions: {
          cost: {
            requestedQueryCost: 100,
            actualQueryCost: isTaken ? 100 : null,
            throttleStatus: { maximumAvailable: 1_000, currentlyAvailable: left, restoreRate: 2_000 },
          },
        },
      },
    }),
  },
  Discord: {
    preset: discord,
    cost: 1,
    success: { id: '1' },
    mostRefused: 6,
    quota: () => fixedWindow(10, 1_000),
    answer: ({ isTaken, left, reset }, now) => ({
      status: isTaken ? 200 : 429,
      headers: {
        'x-ratelimit-limit': '10',
        'x-ratelimit-remaining': `${left}`,
        'x-ratelimit-reset': `${((now + reset) / 1_000).toFixed(3)}`,
        'x-ratelimit-reset-after': `${(reset / 1_000).toFixed(3)}`,
        'x-ratelimit-bucket': 'abcd1234',
        ...(isTaken ? undefined : { 'retry-after': `${Math.ceil(reset / 1_000)}`, 'x-ratelimit-scope': 'user' }),
      },
      body: isTaken
        ? { id: '1' }
        : { message: 'You are being rate limited.', retry_after: reset / 1_000, global: false },
    }),
  },
};
