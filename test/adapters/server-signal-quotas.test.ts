import { readServerSignal, type ServerSignal } from 'sluice';
import { describe, expect, it } from 'vitest';

const now = Date.UTC(2026, 0, 1);
const s = 1_000;

type Headers = Record<string, string>;

/** What an answer with status 200 says of the quota that binds. */
function binding(headers: Headers): Partial<ServerSignal> {
  const { throttled, retryAt, buckets, ignored, source, ...bucket } = readServerSignal({ status: 200, headers, now });
  return bucket;
}
const bucketsOf = (headers: Headers) => readServerSignal({ status: 200, headers, now }).buckets;

const day = 86_400 * s;

describe('the X-RateLimit families', () => {
  it.each<[string, Headers, Partial<ServerSignal>]>([
    [
      'with a dash or without',
      { 'X-Rate-Limit-Limit': '5', 'X-Rate-Limit-Remaining': '4' },
      { limit: 5, remaining: 4 },
    ],
    ['available', { 'X-RateLimit-Limit': '5', 'X-RateLimit-Available': '4' }, { limit: 5, remaining: 4 }],
    ['used fills in what is left', { 'X-RateLimit-Limit': '5', 'X-RateLimit-Used': '2' }, { limit: 5, remaining: 3 }],
    [
      'used beyond the limit leaves 0',
      { 'X-RateLimit-Limit': '5', 'X-RateLimit-Used': '7' },
      { limit: 5, remaining: 0 },
    ],
    [
      'used fills in the limit',
      { 'X-RateLimit-Used': '4', 'X-RateLimit-Remaining': '6.0' },
      { limit: 10, remaining: 6 },
    ],
    ['floats are rounded down', { 'X-RateLimit-Remaining': '596.9' }, { remaining: 596 }],
    ['numbers of more than 15 digits are none', { 'X-RateLimit-Remaining': '1'.repeat(16) }, {}],
    ['-1 is unknown', { 'X-RateLimit-Limit': '5', 'X-RateLimit-Remaining': '-1' }, {}],
    ['a reset of -1 is unknown too', { 'X-RateLimit-Limit': '5', 'X-RateLimit-Reset': '-1' }, {}],
    [
      'Reset-After goes before Reset',
      { 'X-RateLimit-Reset': '1767225699', 'X-RateLimit-Reset-After': '9.5' },
      { resetAt: now + 9_500 },
    ],
    [
      'Reset stands in for a Reset-After that says nothing',
      { 'X-RateLimit-Reset': '9', 'X-RateLimit-Reset-After': '0' },
      { resetAt: now + 9 * s },
    ],
    [
      'a period for a limit',
      { 'x-rate-limit-limit': '1m', 'x-rate-limit-remaining': '59' },
      { remaining: 59, window: 60 * s },
    ],
    [
      'what is no number is no limit',
      { 'X-RateLimit-Limit': 'burst:100;rate:10', 'X-RateLimit-Remaining': '7' },
      { remaining: 7 },
    ],
    ['a window in seconds', { 'X-RateLimit-Limit': '5', 'X-RateLimit-Window': '60' }, { limit: 5, window: 60 * s }],
    [
      'an interval with its unit',
      { 'x-rate-limit-limit': '50', 'x-rate-limit-interval': '1s' },
      { limit: 50, window: s },
    ],
    [
      'a dimension that is a window',
      { 'X-RateLimit-Limit-Hour': '5' },
      { limit: 5, window: 3_600 * s, policyName: 'hour' },
    ],
    [
      'a dimension in the middle',
      { 'x-ratelimit-tokens-limit': '5' },
      { limit: 5, unit: 'tokens', policyName: 'tokens' },
    ],
    [
      'two dimensions',
      { 'x-ratelimit-limit-tokens-minute': '5' },
      { limit: 5, window: 60 * s, unit: 'tokens', policyName: 'tokens-minute' },
    ],
    [
      'complexity is a unit',
      { 'x-complexity': '9', 'x-ratelimit-complexity-limit': '5' },
      { limit: 5, unit: 'complexity', policyName: 'complexity' },
    ],
    [
      'a policy behind the number',
      { 'X-RateLimit-Limit': '10, 10;w=1;name="per-ip", 1000;w=3600' },
      { limit: 10, window: s, policyName: 'per-ip' },
    ],
    [
      'the first number of a list with policies',
      { 'X-RateLimit-Limit': '100, 10;w=1, 100;w=60', 'X-RateLimit-Remaining': '9' },
      { limit: 100, remaining: 9, window: 60 * s },
    ],
    ['a window behind what is left', { 'RateLimit-Remaining': '9;w=60' }, { remaining: 9, window: 60 * s }],
    ['a parameter behind a reset', { 'RateLimit-Reset': '41;w=60' }, { resetAt: now + 41 * s }],
    [
      'policies of their own',
      { 'RateLimit-Limit': '100', 'RateLimit-Remaining': '9', 'RateLimit-Policy': '100;w=60, 5000;w=3600' },
      { limit: 100, remaining: 9, window: 60 * s },
    ],
    [
      'the only policy',
      { 'RateLimit-Remaining': '9', 'RateLimit-Policy': '100;w=60' },
      { limit: 100, remaining: 9, window: 60 * s },
    ],
    [
      'a window with a unit',
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '20;w=21600' },
      { limit: 100, remaining: 20, window: 21_600 * s },
    ],
    [
      'commas in quotes',
      { 'RateLimit-Limit': '5;w=60;comment="1, 2"', 'RateLimit-Remaining': '4' },
      { limit: 5, remaining: 4, window: 60 * s },
    ],
    ['beta fields say nothing', { 'Beta-RateLimit': '"x";r=0;t=5', 'Beta-RateLimit-Limit': '5' }, {}],
    ['a name is no quota', { 'X-RateLimit-Bucket': 'abc', 'X-RateLimit-Global': 'true' }, {}],
  ])('are read: %s', (_, headers, expected) => expect(binding(headers)).toEqual(expected));

  it('keep the policies that do not bind', () => {
    expect(bucketsOf({ 'X-RateLimit-Limit': '10, 10;w=1;name="per-ip", 1000;w=3600;name="all"' })).toEqual([
      { limit: 10, window: s, policyName: 'per-ip' },
      { limit: 1_000, window: 3_600 * s, policyName: 'all' },
    ]);
  });
});

describe('fields of vendors', () => {
  it.each<[string, Headers, Partial<ServerSignal>]>([
    [
      'GitLab',
      {
        'RateLimit-Limit': '60',
        'RateLimit-Observed': '67',
        'RateLimit-Remaining': '0',
        'RateLimit-Name': 'throttle_api',
        'RateLimit-Reset': '1767225660',
        'RateLimit-ResetTime': 'Thu, 01 Jan 2026 00:01:00 GMT',
      },
      { limit: 60, remaining: 0, policyName: 'throttle_api', resetAt: now + 60 * s },
    ],
    [
      'GitLab, by its date',
      { 'RateLimit-Remaining': '1', 'RateLimit-ResetTime': 'Thu, 01 Jan 2026 00:01:00 GMT' },
      { remaining: 1, resetAt: now + 60 * s },
    ],
    [
      'Contentful',
      { 'X-Contentful-RateLimit-Second-Limit': '10', 'X-Contentful-RateLimit-Second-Remaining': '3' },
      { limit: 10, remaining: 3, window: s, policyName: 'second' },
    ],
    ['Zendesk', { 'X-Rate-Limit': '700', 'X-Rate-Limit-Remaining': '699' }, { limit: 700, remaining: 699 }],
    [
      'Zendesk, an endpoint',
      { 'zendesk-ratelimit-tickets-index': 'total=100; remaining=99; resets=41' },
      { limit: 100, remaining: 99, resetAt: now + 41 * s, policyName: 'tickets-index', unit: 'tickets-index' },
    ],
    [
      'Salesforce',
      { 'Sforce-Limit-Info': 'api-usage=18/5000' },
      { limit: 5_000, remaining: 4_982, policyName: 'api-usage' },
    ],
    ['Shopify', { 'X-Shopify-Shop-Api-Call-Limit': '32/40' }, { limit: 40, remaining: 8 }],
    [
      'Azure',
      { 'x-ms-ratelimit-remaining-subscription-reads': '11999' },
      { remaining: 11_999, policyName: 'subscription-reads' },
    ],
    ['Azure, several', { 'x-ms-ratelimit-remaining-resource': 'Microsoft.Compute/GetVM;107' }, {}],
    [
      'Anthropic',
      { 'anthropic-ratelimit-requests-remaining': '9', 'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:03Z' },
      { remaining: 9, resetAt: now + 3 * s, policyName: 'requests' },
    ],
    [
      'HubSpot',
      { 'X-HubSpot-RateLimit-Daily': '5', 'X-HubSpot-RateLimit-Daily-Remaining': '4' },
      { limit: 5, remaining: 4, policyName: 'daily' },
    ],
    ['Docker', { 'docker-ratelimit-source': '192.0.2.1' }, {}],
    [
      'Jira',
      { 'X-RateLimit-Limit': '5', 'X-RateLimit-NearLimit': 'true', 'X-RateLimit-Reset': '2026-01-01T00:01Z' },
      { limit: 5, resetAt: now + 60 * s },
    ],
    [
      'Cloudflare',
      { Ratelimit: '"default";r=50;t=30', 'Ratelimit-Policy': '"burst";q=100;w=60' },
      { remaining: 50, resetAt: now + 30 * s, policyName: 'default' },
    ],
  ])('are read: %s', (_, headers, expected) => expect(binding(headers)).toEqual(expected));

  it('tell of a quota for each vendor', () => {
    const headers = { 'X-HubSpot-RateLimit-Max': '5', 'X-Shopify-Shop-Api-Call-Limit': '32/40' };
    expect(bucketsOf(headers)).toEqual([{ limit: 5 }, { limit: 40, remaining: 8 }]);
  });
});

describe('RateLimit', () => {
  it.each<[string, string, Partial<ServerSignal>]>([
    [
      'blanks around commas, and after semicolons',
      '  "a"; r=1;  t=9 \t,\t"b";r=5  ',
      { policyName: 'a', remaining: 1, resetAt: now + 9 * s },
    ],
    ['escapes', '"a\\"\\\\";r=1', { policyName: 'a"\\', remaining: 1 }],
    ['the last of two parameters', '"a";r=1;r=2', { policyName: 'a', remaining: 2 }],
    ['a partition key that is no proper base64', '"a";r=1;pk=:dHJpYWxOj9=:', { policyName: 'a', remaining: 1 }],
    [
      'other types in other parameters',
      '"a";r=1;x=1.5;y=?0;z=@12;u=%"%c3%bc";v=tok/en:*',
      { policyName: 'a', remaining: 1 },
    ],
    ['0 seconds are no reset', '"a";r=1;t=0', { policyName: 'a', remaining: 1 }],
    [
      'available, of an unmerged revision',
      '"a";a=3;w=60;t=9',
      { policyName: 'a', remaining: 3, window: 60 * s, resetAt: now + 9 * s },
    ],
    ['available counts only without r', '"a";a=3;w=60;r=5', { policyName: 'a', remaining: 5 }],
    [
      'a name of more than 128 characters is cut',
      `"${'n'.repeat(200)}";r=1`,
      { policyName: 'n'.repeat(128), remaining: 1 },
    ],
    ['an item without r, a and t is dropped', '"a", "b";r=5', { policyName: 'b', remaining: 5 }],
    ['a negative r is dropped', '"a";r=-1, "b";r=5', { policyName: 'b', remaining: 5 }],
    ['a t that is no whole number is dropped', '"a";r=1;t=0.5, "b";r=5', { policyName: 'b', remaining: 5 }],
    ['a number for a name is dropped', '100;r=1, "b";r=5', { policyName: 'b', remaining: 5 }],
    ['a comma at the end', '"a";r=1,', {}],
    ['a blank before the semicolon', '"a" ;r=1', {}],
    ['an upper-case parameter', '"a";R=1', {}],
    ['an umlaut in a name', '"ä";r=1', {}],
    ['a name without an end', '"a;r=1', {}],
    ['a wrong escape', '"\\a";r=1', {}],
    ['16 digits', '"a";r=1;t=1234567890123456', {}],
    ['an inner list', '("a" "b");r=1', {}],
    ['33 items', Array.from({ length: 33 }, () => '"a";r=1').join(), {}],
    [
      'the dictionary of draft 07',
      'limit=100, remaining=50, reset=5',
      { limit: 100, remaining: 50, resetAt: now + 5 * s },
    ],
    ['a dictionary with more in it', 'limit=100, x, remaining=50;y=1', { limit: 100, remaining: 50 }],
    ['a dictionary with a fraction', 'limit=100, remaining=0.5', { limit: 100 }],
    ['a dictionary of other things', 'x=1', {}],
  ])('is read: %s', (_, text, expected) => expect(binding({ RateLimit: text })).toEqual(expected));
});

describe('RateLimit-Policy', () => {
  it.each<[string, Headers, Partial<ServerSignal>]>([
    [
      'by its name',
      { RateLimit: '"b";r=5', 'RateLimit-Policy': '"a";q=9;w=1, "b";q=10;w=60' },
      { policyName: 'b', remaining: 5, limit: 10, window: 60 * s },
    ],
    [
      'by its partition',
      { RateLimit: '"a";r=5;pk=:eA==:', 'RateLimit-Policy': '"a";q=9;w=1;pk=:eQ==:, "a";q=10;w=60;pk=:eA==:' },
      { policyName: 'a', remaining: 5, limit: 10, window: 60 * s },
    ],
    [
      'not of another partition',
      { RateLimit: '"a";r=5;pk=:eA==:', 'RateLimit-Policy': '"a";q=9;pk=:eQ==:' },
      { policyName: 'a', remaining: 5 },
    ],
    ['with requests for a unit', { 'RateLimit-Policy': '"a";q=9;qu="requests"' }, { policyName: 'a', limit: 9 }],
    ['with request for a unit', { 'RateLimit-Policy': '"a";q=9;qu=request' }, { policyName: 'a', limit: 9 }],
    [
      'with another unit',
      { RateLimit: '"a";r=5', 'RateLimit-Policy': '"a";q=9;qu="content-bytes"' },
      { policyName: 'a', limit: 9, remaining: 5, unit: 'content-bytes' },
    ],
    ['without q it is dropped', { 'RateLimit-Policy': '"a";w=9, "b";q=5' }, { policyName: 'b', limit: 5 }],
    ['with a w of 0 it is dropped', { 'RateLimit-Policy': '"a";q=9;w=0, "b";q=5' }, { policyName: 'b', limit: 5 }],
    [
      'with a q that is no whole number it is dropped',
      { 'RateLimit-Policy': '"a";q=9.5, "b";q=5' },
      { policyName: 'b', limit: 5 },
    ],
    [
      'of draft 07',
      { RateLimit: 'limit=100, remaining=50, reset=5', 'RateLimit-Policy': '10;w=1, 100;w=60' },
      { limit: 100, remaining: 50, resetAt: now + 5 * s, window: 60 * s },
    ],
    [
      'in error it takes nothing along',
      { RateLimit: '"a";r=5', 'RateLimit-Policy': '"a" ;q=9' },
      { policyName: 'a', remaining: 5 },
    ],
  ])('is found: %s', (_, headers, expected) => expect(binding(headers)).toEqual(expected));

  it('keeps what no item names', () => {
    expect(bucketsOf({ RateLimit: '"a";r=5', 'RateLimit-Policy': '"a";q=9;w=1, "b";q=10;w=60' })).toEqual([
      { policyName: 'a', remaining: 5, limit: 9, window: s },
      { policyName: 'b', limit: 10, window: 60 * s },
    ]);
  });
});

describe('the quota that binds', () => {
  const quota = (name: string, limit: number, remaining: number, reset?: number): Headers => ({
    [`x-ratelimit-limit-${name}`]: String(limit),
    [`x-ratelimit-remaining-${name}`]: String(remaining),
    ...(reset !== undefined && { [`x-ratelimit-reset-${name}`]: String(reset) }),
  });

  it.each<[string, Headers, string]>([
    ['has the least left of its limit', { ...quota('a', 10, 5), ...quota('b', 100, 20), ...quota('c', 10, 9) }, 'b'],
    ['counts requests rather than tokens', { ...quota('tokens', 100, 1), ...quota('requests', 10, 9) }, 'requests'],
    [
      'counts tokens where nothing else is counted',
      { ...quota('tokens', 100, 1), ...quota('input-tokens', 9, 8) },
      'tokens',
    ],
    ['is used up, in tokens too', { ...quota('requests', 10, 1), ...quota('tokens', 100, 0, 9) }, 'tokens'],
    ['is used up for longest', { ...quota('a', 9, 0, 5), ...quota('b', 9, 0, 50), ...quota('c', 9, 0, 20) }, 'b'],
    ['is used up, never to come back', { ...quota('a', 9, 0, 5), ...quota('b', 9, 0, 9e8) }, 'b'],
    ['is used up and says until when', { ...quota('minute', 9, 0), ...quota('a', 9, 0, 5) }, 'a'],
    ['is used up, for the longer window', { ...quota('minute', 9, 0), ...quota('hour', 9, 0) }, 'hour'],
    ['says when more will be there', { ...quota('a', 10, 5), ...quota('b', 10, 5, 9) }, 'b'],
    ['has a limit that is known', { 'x-ratelimit-remaining-a': '1', ...quota('b', 10, 9) }, 'b'],
    ['has something left that is known', { 'x-ratelimit-limit-a': '1', 'x-ratelimit-remaining-b': '9' }, 'b'],
    ['is the first of equals', { ...quota('a', 10, 5), ...quota('b', 10, 5) }, 'a'],
  ])('%s', (_, headers, name) => expect(binding(headers).policyName).toBe(name));

  it('is one of all the quotas', () => {
    expect(bucketsOf({ ...quota('day', 10, 5), ...quota('tokens', 9, 8, 7) })).toEqual([
      { policyName: 'day', limit: 10, remaining: 5, window: day },
      { policyName: 'tokens', unit: 'tokens', limit: 9, remaining: 8, resetAt: now + 7 * s },
    ]);
  });
});
