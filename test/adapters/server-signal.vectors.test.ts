import { readFileSync } from 'node:fs';
import { type Dialect, readServerSignal, type ServerSignal } from 'sluice';
import { shopify } from 'sluice/presets';
import { describe, expect, it } from 'vitest';

/** An answer that some server gave, or that a specification has as an example, and what it says. */
interface Vector {
  readonly group: string;
  readonly name: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly now: number;
  readonly dialect?: Dialect;
  /** Takes the dialect of a preset. */
  readonly preset?: keyof typeof presets;
  readonly body?: unknown;
  /** All that the signal has, `buckets` and what else explains it left out. */
  readonly expect: Partial<ServerSignal>;
  readonly source: string;
}

const presets = { shopify };

const file = new URL('server-signal.vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[];

function read({ dialect, preset, ...answer }: Vector, headers: object = answer.headers) {
  const used = preset === undefined ? dialect : presets[preset]().dialect;
  const { buckets, ignored, source, ...signal } = readServerSignal({ ...answer, headers, dialect: used });
  return signal;
}

function lines({ headers }: Vector): [string, string][] {
  return Object.entries(headers).flatMap(([name, texts]) =>
    [texts].flat().map((text): [string, string] => [name, text]),
  );
}

describe('an answer', () => {
  it('has an example of each kind', () => expect(vectors.length).toBeGreaterThan(70));

  it.each(vectors)('is read: $group, $name', (vector) => expect(read(vector)).toEqual(vector.expect));

  it.each(vectors)('is read alike from whatever holds its headers: $name', (vector) => {
    const sent = lines(vector);
    const joined = new Map(Object.entries(vector.headers).map(([name, texts]) => [name, [texts].flat().join(', ')]));
    const lowerCase = new Map([...joined].map(([name, text]) => [name.toLowerCase(), text]));
    for (const headers of [
      new Headers(sent),
      sent,
      joined,
      Object.fromEntries([...joined].map(([name, text]) => [name.toUpperCase(), text])),
      { get: (name: string) => lowerCase.get(name) ?? null },
      (name: string) => lowerCase.get(name),
    ]) {
      // Of these fields nobody knows to ask for by name.
      const isListed = typeof headers !== 'function' && !('get' in headers && !(Symbol.iterator in headers));
      if (!isListed && [...lowerCase.keys()].some((name) => /requests-|complexity-|subscription/.test(name))) continue;
      expect(read(vector, headers)).toEqual(vector.expect);
    }
  });
});

describe('what a strict reader would read otherwise', () => {
  const now = Date.UTC(2026, 1, 1);
  const s = 1_000;
  const day = 86_400 * s;

  // The platform's parser weighs no calendar, and lists are read by one expression: that is small, and no server is known to send these.
  it.each<[string, string, Record<string, string>, Partial<ServerSignal>]>([
    [
      '30 February',
      'is 2 March',
      { 'x-ratelimit-reset': 'Mon, 30 Feb 2026 00:00:00 GMT' },
      { resetAt: now + 29 * day },
    ],
    [
      'the same in ISO 8601',
      'is 2 March',
      { 'x-ratelimit-reset': '2026-02-30T00:00:00Z' },
      { resetAt: now + 29 * day },
    ],
    ['24:00', 'is midnight', { 'x-ratelimit-reset': 'Sun, 01 Feb 2026 24:00:00 GMT' }, { resetAt: now + day }],
    [
      'a leap second',
      'is not read: the next comes in years',
      { 'x-ratelimit-reset': 'Sun, 01 Feb 2026 00:00:60 GMT' },
      {},
    ],
    [
      'a wrong day of the week',
      'is not looked at',
      { 'x-ratelimit-reset': 'Foo, 01 Feb 2026 00:00:30 GMT' },
      { resetAt: now + 30 * s },
    ],
    [
      'two digits from 50 on',
      'are of the last century, also in 2049',
      { 'x-ratelimit-reset': 'Friday, 01-Feb-76 00:00:30 GMT' },
      {},
    ],
    [
      'ten digits of a second',
      'are cut',
      { 'x-ratelimit-reset': '2026-02-01T00:00:30.1234567890Z' },
      { resetAt: now + 30_123 },
    ],
    [
      'a number too long in a parameter that is not ours',
      'is skipped',
      { RateLimit: '"a";r=1;x=1234567890123.5' },
      { policyName: 'a', remaining: 1 },
    ],
    ['a list of counts with an error', 'is ignored, as IETF fields are', { 'x-ratelimit-remaining': '5,' }, {}],
    ['a blank before a semicolon', 'is such an error', { 'x-ratelimit-limit': '5 ;w=60' }, {}],
    ['a unit that is no name', 'is no unit', { 'ratelimit-policy': '"a";q=5;qu=7' }, { policyName: 'a', limit: 5 }],
    ['an empty part of a dictionary', 'leaves the others', { RateLimit: 'limit=100, remaining=' }, { limit: 100 }],
  ])('%s %s', (_name, _reason, headers, expected) => {
    const { throttled, buckets, ignored, ...signal } = readServerSignal({ status: 200, headers, now });
    expect(signal).toEqual(expected);
  });
});

describe('fields that no server sends', () => {
  const read = (status: number, headers: Readonly<Record<string, string>>, dialect?: Dialect) =>
    readServerSignal({ status, headers, now: 0, ...(dialect && { dialect }) });

  it('makes no quota: an item with an invalid number, even if it says what is left', () => {
    expect(read(200, { RateLimit: '"a";r=5;q=x' })).toMatchObject({ buckets: [], ignored: ['ratelimit'] });
    expect(read(200, { RateLimit: '"a";a=5;w=0' })).toMatchObject({ buckets: [], ignored: ['ratelimit'] });
  });

  it('is told of by the first field of its quota: a pause of one window', () => {
    const headers = { 'RateLimit-Remaining': '0', 'RateLimit-Limit': '5;w=60' };
    expect(read(429, headers)).toMatchObject({ retryAt: 60_000, source: 'ratelimit-remaining' });
  });
});
