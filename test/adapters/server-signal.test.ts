import { readServerSignal } from 'sluice';
import { describe, expect, it } from 'vitest';

const now = Date.UTC(2026, 0, 1);
const s = 1_000;
const maxPause = 65 * 60 * s;

type Headers = Record<string, unknown>;

const read = (status: number, headers: object = {}) => readServerSignal({ status, headers, now });
/** How long to wait, in ms; undefined if the answer does not say. */
const wait = (status: number, headers: Headers) => {
  const { retryAt } = read(status, headers);
  return retryAt === undefined ? undefined : retryAt - now;
};

const usedUp: Headers = { 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' };
const windowOnly: Headers = { 'ratelimit-limit': '5;w=60', 'ratelimit-remaining': '0' };

describe('an answer with status', () => {
  it.each([
    [429, true, true, true, true],
    [503, false, true, true, true],
    [403, false, true, true, true],
    [418, false, true, true, true],
    [420, false, true, true, true],
    [430, false, true, true, true],
    [509, false, true, true, true],
    [529, false, true, true, true],
    [200, false, false, false, false],
    [202, false, false, false, false],
    [301, false, false, false, false],
    [400, false, false, false, false],
    [404, false, false, false, false],
    [413, false, false, false, false],
    [425, false, false, false, false],
    [500, false, false, false, false],
    [502, false, false, false, false],
    [504, false, false, false, false],
  ])(
    '%i is a refusal: alone %j, with Retry-After %j, with a quota used up %j, with its window %j',
    (status, ...refused) => {
      const headers = [{}, { 'Retry-After': '5' }, usedUp, windowOnly];
      expect(headers.map((one) => read(status, one).throttled)).toEqual(refused);
    },
  );

  it('0 says nothing', () => {
    expect(read(0, { 'Retry-After': '5', ...usedUp })).toEqual({ throttled: false, buckets: [], ignored: [] });
  });

  it('403 is no refusal for a Retry-After of 0', () => expect(read(403, { 'Retry-After': '0' }).throttled).toBe(false));
});

describe('the pause', () => {
  it.each<[string, number, Headers, number | undefined]>([
    ['is what Retry-After says, whatever the quota', 429, { ...usedUp, 'retry-after': '7' }, 7 * s],
    ['is the latest of Retry-After and its relatives', 429, { 'retry-after': '7', 'x-retry-after': '9' }, 9 * s],
    ['is read from a field of Symfony', 429, { 'x-ratelimit-retry-after': '9' }, 9 * s],
    ['is read from a field of CrowdStrike', 429, { 'x-ratelimit-retryafter': '9' }, 9 * s],
    ['is in ms where both agree within a second', 429, { 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
    ['is the later where they do not', 429, { 'retry-after-ms': '1500', 'retry-after': '60' }, 60 * s],
    ['is the later where they do not, in ms too', 429, { 'retry-after-ms': '90000', 'retry-after': '60' }, 90 * s],
    ['is in ms where AWS says so', 429, { 'x-amz-retry-after': '1500' }, 1_500],
    ['is in seconds where ms are 0', 429, { 'retry-after-ms': '0', 'retry-after': '1' }, s],
    [
      'is the reset where Retry-After is past',
      429,
      { ...usedUp, 'retry-after': 'Wed, 31 Dec 2025 23:59:59 GMT' },
      30 * s,
    ],
    ['is the reset of a quota whose rest is unknown', 429, { 'x-ratelimit-reset': '30' }, 30 * s],
    ['is not the reset of a quota with something left', 429, { ...usedUp, 'x-ratelimit-remaining': '1' }, undefined],
    ['is the window where there is no reset', 429, windowOnly, 60 * s],
    ['is the window where the reset is past', 429, { ...windowOnly, 'ratelimit-reset': '0' }, 60 * s],
    ['is not the window of a quota whose rest is unknown', 429, { 'ratelimit-policy': '5;w=60' }, undefined],
    ['comes ahead of a refusal', 200, usedUp, 30 * s],
    ['comes ahead of a refusal by the window', 200, windowOnly, 60 * s],
    ['does not come from Retry-After of what is no refusal', 200, { 'retry-after': '7' }, undefined],
    ['does not come from a reset while something is left', 200, { ...usedUp, 'x-ratelimit-remaining': '1' }, undefined],
    ['has a second more for an instant', 429, { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 31 * s],
    ['has a second more for a reset that is an instant', 429, { ...usedUp, 'x-ratelimit-reset': '1767225630' }, 31 * s],
    ['is cut to maxPause', 429, { 'retry-after': '1000000' }, maxPause],
    ['is not cut at maxPause', 429, { 'retry-after': '3900' }, maxPause],
  ])('%s', (_, status, headers, ms) => expect(wait(status, headers)).toBe(ms));

  it('is at most the given maxPause', () => {
    const answer = { status: 429, headers: { 'retry-after': '30' }, now };
    expect(readServerSignal({ ...answer, maxPause: 10 * s })).toMatchObject({ retryAt: now + 10 * s, clamped: true });
    expect(readServerSignal({ ...answer, maxPause: 60 * s })).not.toHaveProperty('clamped');
    expect(readServerSignal({ ...answer, maxPause: Number.NaN }).retryAt).toBe(now + 30 * s);
    const ages = { 'retry-after': '99999999999' };
    expect(readServerSignal({ ...answer, headers: ages, maxPause: Infinity }).retryAt).toBe(now + 400 * 86_400 * s);
  });

  it('says where it comes from', () => {
    expect(read(429, { 'Retry-After': '5', ...usedUp }).source).toBe('retry-after');
    expect(read(429, usedUp).source).toBe('x-ratelimit-reset');
    expect(read(429, windowOnly).source).toBe('ratelimit-limit');
    expect(read(429).source).toBeUndefined();
  });
});

describe('an answer from a cache', () => {
  it.each(['1', ' 120 ', '120, 0'])('says nothing about quotas: Age %j', (age) => {
    expect(read(200, { age, ...usedUp })).toEqual({ throttled: false, buckets: [], ignored: [] });
  });
  it.each(['0', '', '-1', 'soon'])('is none: Age %j', (age) => expect(read(200, { age, ...usedUp }).limit).toBe(5));
  it('that refuses is heard', () => expect(wait(429, { age: '120', 'retry-after': '7' })).toBe(7 * s));
});

describe('headers', () => {
  it.each<[string, object]>([
    ['in any case', { 'RETRY-AFTER': '5' }],
    ['of several texts', { 'retry-after': ['3', '5'] }],
    ['of several names that differ in case', { 'retry-after': '3', 'Retry-After': '5' }],
    ['in numbers', { 'retry-after': 5 }],
    [
      'in pairs that repeat',
      [
        ['retry-after', '3'],
        ['Retry-After', '5'],
      ],
    ],
    [
      'in a generator',
      (function* () {
        yield ['retry-after', '5'] as const;
      })(),
    ],
    ['behind get alone', { get: (name: string) => (name === 'retry-after' ? '5' : null) }],
    ['behind a function', (name: string) => (name === 'retry-after' ? '5' : undefined)],
  ])('are read: %s', (_, headers) => expect(read(429, headers).retryAt).toBe(now + 5 * s));

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    ['a text', 'retry-after: 5'],
    ['pairs that are none', [null, 5, 'x', []]],
    [
      'names that are none',
      [
        [5, '5'],
        [null, '5'],
        [Symbol('x'), '5'],
      ],
    ],
    ['values that are none', { 'retry-after': { toString: null }, age: Symbol('x'), date: null }],
    ['lists in lists', { 'retry-after': [[['x']], { toString: null }] }],
    [
      'a function that throws',
      () => {
        throw new Error('no');
      },
    ],
    [
      'an object that throws',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
    ],
    [
      'an endless list',
      (function* () {
        for (;;) yield ['x', 'y'];
      })(),
    ],
  ])('that are none are as good as none: %s', (_, headers) => {
    expect(read(429, headers as object)).toEqual({ throttled: true, buckets: [], ignored: [] });
  });

  it('of more than 1,024 characters are not read, together or alone', () => {
    const long = '9'.padStart(1_025, ' ');
    expect(read(429, { 'retry-after': long })).toEqual({ throttled: true, buckets: [], ignored: ['retry-after'] });
    expect(read(429, { 'retry-after': [long.slice(1), '5'] }).retryAt).toBeUndefined();
    expect(read(429, { 'retry-after': long.slice(1) }).retryAt).toBe(now + 9 * s);
  });

  it('that cannot be used are named', () => {
    const headers = { 'Retry-After': 'soon', RateLimit: '!', 'X-RateLimit-Limit': 'many', 'X-RateLimit-Reset': '0' };
    expect(read(429, headers).ignored).toEqual(['ratelimit', 'x-ratelimit-limit', 'x-ratelimit-reset', 'retry-after']);
  });

  it.each([Number.NaN, Infinity, undefined as never])('tell nothing at an invalid instant: %j', (instant) => {
    expect(readServerSignal({ status: 429, headers: { 'retry-after': '5' }, now: instant }).retryAt).toBeUndefined();
  });

  it('make no trouble without an answer', () => {
    expect(readServerSignal(undefined as never)).toEqual({ throttled: false, buckets: [], ignored: [] });
  });

  it('are read up to the 64th that is about quotas', () => {
    const quotas = (count: number) => Array.from({ length: count }, (_, index) => [`x-ratelimit-limit-a${index}`, '5']);
    expect(read(429, [...quotas(63), ['retry-after', '5']]).retryAt).toBe(now + 5 * s);
    expect(read(429, [...quotas(64), ['retry-after', '5']]).retryAt).toBeUndefined();
  });

  it('give a quota no more than 32 names', () => {
    const headers = Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`x-ratelimit-limit-a${index}`, '5']));
    expect(read(200, headers).buckets).toHaveLength(32);
  });
});
