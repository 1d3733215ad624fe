/** Random numbers from 0 to 1 that are the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const names = [
  'Retry-After',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-amz-retry-after',
  'X-RateLimit-Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-RateLimit-Reset-After',
  'X-RateLimit-Used',
  'X-RateLimit-Bucket',
  'X-RateLimit-Window',
  'X-RateLimit-Limit-Minute',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
  'anthropic-ratelimit-requests-remaining',
  'anthropic-ratelimit-requests-reset',
  'X-Shopify-Shop-Api-Call-Limit',
  'Sforce-Limit-Info',
  'zendesk-ratelimit-tickets-index',
  'x-ms-ratelimit-remaining-subscription-reads',
  'Date',
  'Age',
  'Content-Type',
];

const texts = [
  '0',
  '1',
  '60',
  '2.0',
  '-1',
  '-5',
  '0x10',
  '1e3',
  'Infinity',
  'NaN',
  'soon',
  '',
  ' ',
  '1767225660',
  '1767225660000',
  '1767225660000000000',
  '99999999999999999999',
  '6m0s',
  '120ms',
  '1m',
  'Thu, 01 Jan 2026 00:00:30 GMT',
  'Thursday, 01-Jan-26 00:00:30 GMT',
  'Thu Jan  1 00:00:30 2026',
  'Thu, 01 Jan 1970 00:00:00 GMT',
  '2026-01-01T00:00:30Z',
  '9999-12-31T23:59:59.999999999+23:59',
  '"default";r=0;t=30',
  '"default";q=100;w=60',
  '"day";r=0, "hour";r=5;t=2',
  'limit=100, remaining=0, reset=5',
  '100;w=60, 5000;w=3600',
  '100, 100;w=60;comment="a, b"',
  '40/40',
  'api-usage=18/18; per-app-api-usage=17/250(appName=x)',
  'total=100; remaining=0; resets=41',
  '__proto__',
  'constructor',
];

const statuses = [
  0,
  200,
  202,
  304,
  403,
  404,
  413,
  418,
  420,
  429,
  429,
  429,
  430,
  500,
  503,
  503,
  509,
  529,
  -1,
  1e9,
  Number.NaN,
];
const characters = '0123456789:;=,."-+TZ?@ \t\\%GMTsmhdrqwt/()é\u0000\uD800';

/** An answer with up to eight headers, some of which say something, whole, in pieces or many times over. */
export function anyAnswer(random: () => number, now: number) {
  const below = (most: number) => Math.floor(random() * most);
  const pick = <Value>(from: ArrayLike<Value>): Value => from[below(from.length)] as Value;
  const text = (): string => {
    const kind = below(10);
    if (kind < 5) return pick(texts);
    if (kind === 5) return String(random() * 10 ** below(25));
    if (kind === 6) return `${pick(texts)}, ${pick(texts)}`;
    if (kind === 7) return pick(texts).repeat(below(200));
    const whole = [...pick(texts)];
    for (let change = below(4); change >= 0; change--)
      whole.splice(below(whole.length + 1), below(3), pick(characters));
    return kind === 8 ? whole.join('') : Array.from({ length: below(40) }, () => pick(characters)).join('');
  };
  const headers: [string, unknown][] = Array.from({ length: below(9) }, () => [pick(names), text()]);
  const isList = below(2) === 0;
  return {
    status: pick(statuses),
    headers: isList ? headers : Object.fromEntries(headers),
    now,
    ...(below(8) === 0 && { body: { errors: [{ message: 'Throttled', type: text() }], message: text() } }),
  };
}
