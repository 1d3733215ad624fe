import {
  createThrottle,
  perHour,
  perMinute,
  perSecond,
  slidingWindow,
  spaced,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import type { Algorithm } from '../../demo/servers/algorithm.ts';
import { FixedWindow } from '../../demo/servers/fixed-window.ts';
import { LeakyBucket } from '../../demo/servers/leaky-bucket.ts';
import { SlidingWindow } from '../../demo/servers/sliding-window.ts';
import { TokenBucket } from '../../demo/servers/token-bucket.ts';

// Measures the tables of docs/choosing-limits.md: the documented numbers in a throttle, its fetch adapter, and the servers of the demo.

/** ms that a call is on its way to the server, and its answer on the way back. */
const way = 10;
/** Where in the server's own window the first call falls, as a share of the window. */
const phase = 0.4;
const hour = 3_600_000;

interface Question {
  readonly limits: ThrottleOptions['limits'];
  readonly server: Algorithm;
  /** What the server's documentation says. */
  readonly limit: number;
  readonly interval: number;
  /** Calls that the server accepts at one instant. */
  readonly burst?: number;
  /** Asked for at once. */
  readonly calls: number;
}

interface Reached {
  readonly refused: number;
  /** The rate of the accepted calls once the burst was used, as a share of `limit` per `interval`. */
  readonly share: number;
}

/** Sends calls in virtual time. What is refused is sent again until it is accepted. */
async function reach({ limits, server, limit, interval, burst = limit, calls }: Question): Promise<Reached> {
  const clock = new ManualClock();
  const arrivals: number[] = [];
  let refused = 0;
  const travel = () => new Promise<void>((resolve) => clock.setTimeout(resolve, way));
  const fetch = throttleFetch(createThrottle({ limits, clock }), {
    retry: Number.POSITIVE_INFINITY,
    fetch: async () => {
      await travel();
      const now = clock.monotonic();
      const verdict = server.accept(now + phase * interval);
      if (verdict.accepted) arrivals.push(now);
      else refused++;
      await travel();
      if (verdict.accepted) return new Response();
      const headers = { 'retry-after': `${Math.ceil(verdict.retryAfter / 1_000)}` };
      return new Response(null, { status: 429, headers });
    },
  });
  const answers = Promise.all(Array.from({ length: calls }, () => fetch('https://api.example.com/')));
  const longest = (3 * calls * interval) / limit;
  for (let time = 0; arrivals.length < calls && time < longest; time += interval) await clock.advance(interval);
  if (arrivals.length < calls) throw new Error(`${arrivals.length} of ${calls} calls were accepted in ${longest} ms.`);
  await clock.advance(interval);
  await answers;
  // Whole intervals, from one call to the one that takes its place: a part of a window would count too much or too little.
  const from = Math.max(burst, limit) - 1;
  const intervals = Math.floor((calls - 1 - from) / limit);
  const spent = (arrivals[from + intervals * limit] as number) - (arrivals[from] as number);
  return { refused, share: (intervals * interval) / spent };
}

const cell = ({ refused, share }: Reached) => `${refused} · ${Math.round(share * 100)} %`;

const minute = { limit: 100, interval: 60_000 };
const servers = [
  ['fixed window', () => new FixedWindow(minute)],
  ['sliding window', () => new SlidingWindow(minute)],
  ['token bucket of 100', () => new TokenBucket({ ...minute, burst: 100 })],
  ['leaky bucket of 5', () => new LeakyBucket({ ...minute, burst: 5 })],
  ['leaky bucket of 1', () => new LeakyBucket({ ...minute, burst: 1 })],
] as const;
const lines: readonly (readonly [string, ThrottleOptions['limits']])[] = [
  ['slidingWindow({ limit: 100, interval: 60_000 })', slidingWindow(minute)],
  ['perMinute(100)', perMinute(100)],
  ['perMinute(100, { burst: 1 })', perMinute(100, { burst: 1 })],
  ['{ rate: 100, interval: 60_000, burst: 100 }', { rate: 100, interval: 60_000, burst: 100 }],
  ["'server'", 'server'],
];

/** Each way to write "100 per minute" against each way to count it: calls refused of 1,100, and the share used of the quota. */
export async function waysToCount(): Promise<string> {
  const rows = [];
  for (const [line, limits] of lines) {
    const cells = [];
    for (const [, server] of servers)
      cells.push(cell(await reach({ limits, server: server(), ...minute, calls: 1_100 })));
    rows.push(`| \`${line}\` | ${cells.join(' | ')} |`);
  }
  const head = `| | ${servers.map(([name]) => name).join(' | ')} |`;
  return [head, `|---|${'---|'.repeat(servers.length)}`, ...rows].join('\n');
}

const second = { limit: 1, interval: 1_000 };
const points = { limit: 5_000, interval: hour };
const drip = { limit: 2, interval: 1_000, burst: 40 };
const burst = { limit: 5, interval: 1_000, burst: 20 };
const others: readonly (readonly [string, string, Question])[] = [
  [
    '1 per second',
    'spaced(1_000)',
    { ...second, limits: spaced(1_000), server: new SlidingWindow(second), calls: 200 },
  ],
  ['1 per second', 'perSecond(1)', { ...second, limits: perSecond(1), server: new SlidingWindow(second), calls: 200 }],
  [
    '5,000 per hour',
    'slidingWindow({ limit: 5_000, interval: 3_600_000 })',
    { ...points, limits: slidingWindow(points), server: new SlidingWindow(points), calls: 10_001 },
  ],
  [
    '5,000 per hour',
    'perHour(5_000)',
    { ...points, limits: perHour(5_000), server: new SlidingWindow(points), calls: 10_001 },
  ],
  [
    'bucket of 40, leaks 2 per second',
    '{ rate: 2, interval: 1_000, burst: 40 }',
    { ...drip, limits: { rate: 2, interval: 1_000, burst: 40 }, server: new LeakyBucket(drip), calls: 240 },
  ],
  [
    'burst of 20, then 5 per second',
    '{ rate: 5, interval: 1_000, burst: 20 }',
    { ...burst, limits: { rate: 5, interval: 1_000, burst: 20 }, server: new TokenBucket(burst), calls: 320 },
  ],
];

/** The other sentences of the page against a server that counts as its documentation says. */
export async function otherSentences(): Promise<string> {
  const rows = [];
  for (const [said, line, question] of others) rows.push(`| ${said} | \`${line}\` | ${cell(await reach(question))} |`);
  return ['| the documentation says | limit | refused · used |', '|---|---|---|', ...rows].join('\n');
}
