import { type Dialect, readServerSignal } from 'sluice';
import { describe, expect, it } from 'vitest';

const now = Date.UTC(2026, 0, 1);
const s = 1_000;

const read = (dialect: Dialect, status: number, headers: object = {}, body?: unknown) =>
  readServerSignal({ status, headers, now, dialect, body });

describe('a hint', () => {
  it('reads numbers as seconds, however large', () => {
    const headers = { 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': '2000' };
    expect(read({ hints: { 'x-ratelimit-reset': 'delta' } }, 200, headers).resetAt).toBe(now + 2_000 * s);
    const epoch = { ...headers, 'X-RateLimit-Reset': '1767225660' };
    expect(read({ hints: { 'x-ratelimit-reset': 'delta' } }, 200, epoch)).not.toHaveProperty('resetAt');
  });

  it('reads numbers as milliseconds, those of Retry-After too', () => {
    expect(read({ hints: { 'retry-after': 'delta-ms' } }, 429, { 'Retry-After': '2000' }).retryAt).toBe(now + 2 * s);
  });

  it('leaves dates alone', () => {
    const headers = { 'Retry-After': 'Thu, 01 Jan 2026 00:00:30 GMT' };
    expect(read({ hints: { 'retry-after': 'delta-ms' } }, 429, headers).retryAt).toBe(now + 31 * s);
  });
});

describe('a field of a dialect', () => {
  const dialect: Dialect = {
    fields: {
      'x-weight-used': { field: 'used', policyName: 'weight', unit: 'weight' },
      'x-weight-max': { field: 'limit', policyName: 'weight', unit: 'weight' },
      'x-weight-back': { field: 'reset', policyName: 'weight' },
      'x-weight-span': { field: 'window-ms', policyName: 'weight' },
      'x-share': { field: 'used/limit' },
      'x-share-span': { field: 'window' },
    },
  };

  it('tells of its quota', () => {
    const headers = { 'X-Weight-Used': '90', 'X-Weight-Max': '100', 'X-Weight-Back': '5', 'X-Weight-Span': '60000' };
    const weight = {
      policyName: 'weight',
      unit: 'weight',
      limit: 100,
      remaining: 10,
      window: 60 * s,
      resetAt: now + 5 * s,
    };
    expect(read(dialect, 200, headers).buckets).toEqual([weight]);
    expect(read({}, 200, headers).buckets).toEqual([]);
  });

  it('tells of one quota with the others of its name, whatever they are called', () => {
    const fields: Dialect['fields'] = { 'x-most-limit': { field: 'limit' }, 'x-left': { field: 'remaining' } };
    expect(read({ fields }, 200, { 'x-most-limit': '9', 'x-left': '8' }).buckets).toEqual([{ limit: 9, remaining: 8 }]);
  });

  it('tells two numbers in one', () => {
    expect(read(dialect, 200, { 'X-Share': '3/4', 'X-Share-Span': '10' })).toMatchObject({
      limit: 4,
      remaining: 1,
      window: 10 * s,
    });
  });

  it('is read by name where names cannot be listed', () => {
    const get = (name: string) => (name === 'x-share' ? '3/4' : undefined);
    expect(read(dialect, 200, get).limit).toBe(4);
  });
});

describe('a mark of a refusal', () => {
  it.each<[string, Dialect['refusals'], number, object, unknown, boolean]>([
    ['a status', [{ status: [402] }], 402, {}, undefined, true],
    ['another status', [{ status: [402] }], 200, {}, undefined, false],
    ['a header in another case', [{ header: ['X-Error', 'maxlag'] }], 200, { 'x-error': 'MaxLag' }, undefined, true],
    ['a header with another text', [{ header: ['x-error', 'maxlag'] }], 200, { 'x-error': 'none' }, undefined, false],
    ['a text in the body', [{ body: ['error.code', 'limit'] }], 200, {}, { error: { code: 'RATE_LIMITED' } }, true],
    ['a number in the body', [{ body: ['code', '88'] }], 200, {}, { code: 88 }, true],
    ['any member of a list', [{ body: ['errors.*.code', 'X'] }], 200, {}, { errors: [null, {}, { code: 'x' }] }, true],
    ['a body that is a list', [{ body: ['*.code', 'X'] }], 200, {}, [{ code: 'x' }], true],
    ['no list', [{ body: ['errors.*.code', 'X'] }], 200, {}, { errors: { code: 'x' } }, false],
    ['an object', [{ body: ['error', 'object'] }], 200, {}, { error: {} }, false],
    ['a place on the prototype', [{ body: ['error', 'x'] }], 200, {}, Object.create({ error: 'x' }), false],
    ['no body', [{ body: ['error', 'x'] }], 200, {}, undefined, false],
    ['all that is given', [{ status: [403], body: ['error', 'x'] }], 403, {}, { error: 'x' }, true],
    ['not all that is given', [{ status: [403], body: ['error', 'x'] }], 200, {}, { error: 'x' }, false],
    ['one of several', [{ status: [402] }, { status: [403] }], 403, {}, undefined, true],
    ['nothing', [{}], 200, {}, undefined, false],
  ])('is found or not: %s', (_, refusals, status, headers, body, throttled) => {
    expect(read({ refusals: refusals ?? [] }, status, headers, body).throttled).toBe(throttled);
  });

  it('lets Retry-After count', () => {
    const dialect: Dialect = { refusals: [{ header: ['mediawiki-api-error', 'maxlag'] }] };
    const headers = { 'Retry-After': '5', 'MediaWiki-API-Error': 'maxlag' };
    expect(read(dialect, 200, headers)).toMatchObject({ throttled: true, retryAt: now + 5 * s });
  });

  it('of 32 members is found, of more is not looked for', () => {
    const dialect: Dialect = { refusals: [{ body: ['*', 'x'] }] };
    const at = (place: number) => Array.from({ length: place }, (_, index) => (index === place - 1 ? 'x' : ''));
    expect(read(dialect, 200, {}, at(32)).throttled).toBe(true);
    expect(read(dialect, 200, {}, at(33)).throttled).toBe(false);
  });
});

describe('a quota in the body', () => {
  const dialect: Dialect = {
    refusals: [{ body: ['error', 'throttled'] }],
    body: {
      limit: 'cost.max',
      remaining: 'cost.left',
      restoreRate: 'cost.rate',
      requested: 'cost.asked',
      resetAt: 'reset',
      unit: 'points',
    },
  };
  const cost = { max: 1_000, left: 100.5, rate: 50, asked: 200.5 };

  it('tells how long a refused call has to wait', () => {
    expect(read(dialect, 200, {}, { error: 'Throttled', cost })).toMatchObject({
      ...{ throttled: true, limit: 1_000, remaining: 100, unit: 'points', retryAt: now + 2 * s, source: 'body' },
    });
  });

  it('gives an accepted call only what is left', () => {
    expect(read(dialect, 200, {}, { cost })).toEqual({
      ...{ throttled: false, limit: 1_000, remaining: 100, unit: 'points', ignored: [] },
      buckets: [{ limit: 1_000, remaining: 100, unit: 'points' }],
    });
  });

  it('waits for its reset when it is used up', () => {
    const body = { cost: { left: 0 }, reset: '2026-01-01T00:00:30Z' };
    expect(read(dialect, 200, {}, body)).toMatchObject({
      throttled: false,
      resetAt: now + 30 * s,
      retryAt: now + 31 * s,
    });
  });

  it('binds before those in headers, unless one of them is used up', () => {
    const headers = { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '1' };
    expect(read(dialect, 200, headers, { cost }).limit).toBe(1_000);
    expect(read(dialect, 200, { ...headers, 'x-ratelimit-remaining': '0' }, { cost }).limit).toBe(10);
  });

  it.each<[unknown]>([
    [{ cost: { max: -1 } }],
    [{ cost: { max: '5' } }],
    [{ cost: { max: Number.NaN } }],
    [{}],
    [null],
    ['x'],
    [[]],
  ])('is none in %j', (body) => expect(read(dialect, 200, {}, body).buckets).toEqual([]));

  it('gives way to Retry-After', () => {
    expect(read(dialect, 200, { 'Retry-After': '9' }, { error: 'throttled', cost }).retryAt).toBe(now + 9 * s);
  });
});

describe('a quota that refills', () => {
  const quota = (remaining: string, reset: string, refills: boolean | number = true) =>
    read({ refills }, 200, {
      'x-ratelimit-limit': '60',
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-reset': reset,
    });

  it('has a policy beside it whose window is the time in which all of it comes back', () => {
    expect(quota('59', '1s').buckets).toEqual([
      { limit: 60, remaining: 59, resetAt: now + s },
      { limit: 60, window: 60 * s },
    ]);
    expect(quota('0', '6m0s').buckets[1]).toEqual({ limit: 60, window: 360 * s });
    expect(quota('0', '6m0s')).toMatchObject({ retryAt: now + 360 * s });
  });

  it('names no window that the server does not', () => expect(quota('59', '1s').window).toBeUndefined());

  it('comes back in no more than the dialect says, whatever whole seconds make of it', () => {
    expect(quota('59', '2', 60 * s).buckets[1]).toEqual({ limit: 60, window: 60 * s });
    expect(quota('30', '20', 60 * s).buckets[1]).toEqual({ limit: 60, window: 40 * s });
  });

  it('has none where nothing is missing, or never', () => {
    expect(quota('60', '1s').buckets).toHaveLength(1);
    expect(quota('59', '9999h').buckets).toHaveLength(1);
  });

  it('keeps a window that the server tells', () => {
    const headers = { ratelimit: '"a";r=5;t=3', 'ratelimit-policy': '"a";q=10;w=20' };
    expect(read({ refills: true }, 200, headers)).toMatchObject({ window: 20 * s, buckets: { length: 1 } });
  });
});
