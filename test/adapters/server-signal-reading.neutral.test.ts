import {
  createThrottle,
  type Dialect,
  perSecond,
  type ServerSignal,
  type ThrottleEvents,
  type ThrottleFetchOptions,
  throttleFetch,
} from 'sluice';
import { airtable, azureResourceManager, completeDialect, hubspot, salesforce, shopify, zendesk } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { fakeFetch, watch } from './fake-fetch.ts';

const T = 1_000;
const url = 'https://a.example/';
type Headers = Record<string, string>;

/** Sends one call for each of the answers, and takes down what an adapter made of them. */
async function hear(answers: readonly Response[], options: ThrottleFetchOptions = {}) {
  const clock = new ManualClock();
  const now = clock.now();
  const throttle = createThrottle({ limits: { rate: 1_000, interval: T, burst: 1_000 }, margin: 0, clock });
  const warnings: ThrottleEvents['warning'][] = [];
  throttle.on('warning', (warning) => warnings.push(warning));
  const signals: ServerSignal[] = [];
  const { fetch } = fakeFetch(clock, (_, index) => answers[index] as Response);
  const send = throttleFetch(throttle, {
    retry: 0,
    onSignal: (signal) => signals.push(signal),
    ...options,
    fetch,
  });
  for (const _ of answers) {
    const call = watch(send(url));
    // Through the pause that the answer before may have begun.
    while (call.state === 'pending') await clock.advance(T);
  }
  return { now, signals, warnings, clock, throttle };
}

const answer = (headers: Headers) => new Response('', { headers });

/** What an adapter reads of the quota in one answer with status 200. */
async function read(headers: Headers, dialect?: Dialect) {
  const { signals, now } = await hear([answer(headers)], dialect && { dialect });
  const { buckets, ignored, throttled, source, ...bucket } = signals[0] as ServerSignal;
  return { bucket, buckets, ignored, now };
}

describe('an adapter without a preset', () => {
  it.each<[string, Headers, object]>([
    [
      'the fields of drafts 00 to 03',
      { 'RateLimit-Limit': '10, 10;w=60', 'RateLimit-Remaining': '9' },
      { limit: 10, remaining: 9, window: 60 * T },
    ],
    [
      'the fields of drafts 04 to 06',
      { 'RateLimit-Limit': '10', 'RateLimit-Remaining': '9', 'RateLimit-Policy': '10;w=60' },
      { limit: 10, remaining: 9, window: 60 * T },
    ],
    [
      'the dictionary of draft 07',
      { RateLimit: 'limit=10, remaining=9', 'RateLimit-Policy': '10;w=60' },
      { limit: 10, remaining: 9, window: 60 * T },
    ],
    [
      'the list of drafts 08 to 11',
      { RateLimit: '"a";r=9', 'RateLimit-Policy': '"a";q=10;w=60' },
      { policyName: 'a', limit: 10, remaining: 9, window: 60 * T },
    ],
    ['the X-RateLimit families', { 'X-Rate-Limit-Limit': '10', 'X-Rate-Limit-Used': '1' }, { limit: 10, remaining: 9 }],
    [
      'a dimension',
      { 'X-RateLimit-Remaining-Tokens-Minute': '9' },
      { policyName: 'tokens-minute', unit: 'tokens', remaining: 9, window: 60 * T },
    ],
    [
      'Anthropic',
      { 'anthropic-ratelimit-tokens-remaining': '9' },
      { policyName: 'tokens', unit: 'tokens', remaining: 9 },
    ],
  ])('reads %s', async (_, headers, expected) => {
    const { bucket, ignored } = await read(headers);
    expect(bucket).toEqual(expected);
    expect(ignored).toEqual([]);
  });

  it.each<[string, string]>([
    ['seconds', '30'],
    ['a duration', '30s'],
    ['IMF-fixdate', 'Thu, 01 Jan 2026 00:00:30 GMT'],
    ['asctime', 'Thu Jan  1 00:00:30 2026'],
    ['RFC 3339', '2026-01-01T00:00:30Z'],
  ])('reads a time: %s', async (_, text) => {
    const { bucket, now } = await read({ 'X-RateLimit-Reset': text }, undefined);
    expect(bucket).toEqual({ resetAt: now + 30 * T });
  });

  it.each([
    'Thu Jan 01 2026 00:00:30 GMT+0000 (Coordinated Universal Time)',
    'Thu, 01 Jan 2026 00:00:30 +0000',
    '2026-01-01 00:00:30',
  ])('does not read %j, one with a preset does', async (text) => {
    expect(await read({ 'X-RateLimit-Reset': text })).toMatchObject({ bucket: {}, ignored: ['x-ratelimit-reset'] });
    const { bucket, now } = await read({ 'X-RateLimit-Reset': text }, airtable().dialect);
    expect(bucket).toEqual({ resetAt: now + 30 * T });
  });

  it('reads what a dialect of data tells: hints, fields, refusals by status and header, refills', async () => {
    const dialect: Dialect = {
      hints: { 'x-ratelimit-reset': 'delta-ms' },
      fields: { 'x-credits-left': { field: 'remaining', unit: 'credits' }, 'x-share': { field: 'used/limit' } },
      refusals: [{ status: [402] }, { header: ['X-Error', 'maxlag'] }],
      refills: true,
    };
    expect((await read({ 'x-credits-left': '7' }, dialect)).bucket).toEqual({ remaining: 7, unit: 'credits' });
    expect((await read({ 'x-share': '3/4' }, dialect)).bucket).toEqual({ limit: 4, remaining: 1 });
    const reset = { 'x-ratelimit-limit': '4', 'x-ratelimit-remaining': '2', 'x-ratelimit-reset': '500' };
    expect((await read(reset, dialect)).buckets).toContainEqual({ limit: 4, window: T });
    const refusals = [new Response('', { status: 402 }), answer({ 'x-error': 'MaxLag' }), answer({})];
    const { signals } = await hear(refusals, { dialect });
    expect(signals.map(({ throttled }) => throttled)).toEqual([true, true, false]);
  });
});

describe('a field of a vendor', () => {
  const vendors: readonly [string, string, string, () => { dialect: Dialect }, object][] = [
    ['hubspot', 'x-hubspot-ratelimit-max', '100', hubspot, { limit: 100 }],
    ['shopify', 'x-shopify-shop-api-call-limit', '32/40', shopify, { limit: 40, remaining: 8 }],
    [
      'zendesk',
      'zendesk-ratelimit-tickets-index',
      'total=9; remaining=8',
      zendesk,
      { policyName: 'tickets-index', limit: 9, remaining: 8 },
    ],
    [
      'salesforce',
      'sforce-limit-info',
      'api-usage=18/5000',
      salesforce,
      { policyName: 'api-usage', limit: 5_000, remaining: 4_982 },
    ],
    [
      'azureResourceManager',
      'x-ms-ratelimit-remaining-reads',
      '9',
      azureResourceManager,
      { policyName: 'reads', remaining: 9 },
    ],
  ];

  it.each(vendors)('needs its preset, which a warning names: %s', async (name, field, text, preset, expected) => {
    const without = await hear([answer({ [field]: text })]);
    expect(without.signals).toEqual([{ throttled: false, buckets: [], ignored: [field] }]);
    expect(without.warnings).toEqual([
      {
        key: 'https://a.example',
        message: `\`${field}\` is not read: pass \`dialect: ${name}().dialect\`, from sluice/presets`,
      },
    ]);
    const { signals, warnings } = await hear([answer({ [field]: text })], { dialect: preset().dialect });
    expect(signals).toMatchObject([{ ...expected, ignored: [] }]);
    expect(warnings).toEqual([]);
  });

  it('is warned of once per throttle and vendor, however many adapters, answers and fields there are', async () => {
    const shop = { 'x-shopify-shop-api-call-limit': '32/40' };
    const hub = { 'x-hubspot-ratelimit-max': '5', 'x-hubspot-ratelimit-daily': '5' };
    const { warnings, throttle, clock } = await hear([answer(shop), answer(hub), answer({ ...hub, ...shop })]);
    expect(warnings.map(({ message }) => /[a-z]+(?=\(\))/.exec(message)?.[0])).toEqual(['shopify', 'hubspot']);
    const other = throttleFetch(throttle, { fetch: async () => answer(shop) });
    const call = other(url);
    await clock.advance(0);
    await call;
    expect(warnings).toHaveLength(2);
    expect((await hear([answer(shop)])).warnings).toHaveLength(1);
  });

  it('is warned of when somebody listens, however late', async () => {
    const shop = { 'x-shopify-shop-api-call-limit': '32/40' };
    const throttle = createThrottle({ limits: { rate: 9, interval: T, burst: 9 }, clock: new ManualClock() });
    const send = throttleFetch(throttle, { fetch: async () => answer(shop) });
    await send(url);
    const warnings: string[] = [];
    throttle.on('warning', ({ message }) => warnings.push(message));
    await send(url);
    await send(url);
    expect(warnings).toEqual([expect.stringContaining('shopify()')]);
  });

  it('is warned of beside what a dialect of data reads', async () => {
    const dialect: Dialect = { leastPause: 5 };
    expect((await hear([answer({ 'sforce-limit-info': 'x' })], { dialect })).warnings).toHaveLength(1);
  });

  it.each([
    'x-limit',
    'x-hubspot-portal',
    'docker-ratelimit-source',
    'beta-ratelimit-limit',
    'x-shopify-stage',
    'access-control-max-age',
  ])('is none, and no warning: %s', async (field) => {
    expect((await hear([answer({ [field]: '1' })])).warnings).toEqual([]);
  });
});

describe('a refusal whose timing the browser hides from the page', () => {
  const refusal = (type: ResponseType, headers: Headers = {}) =>
    Object.defineProperty(new Response('', { status: 429, headers }), 'type', { value: type });

  it('is warned of once per key', async () => {
    const { warnings } = await hear([refusal('cors'), refusal('cors')]);
    expect(warnings).toEqual([{ key: 'https://a.example', message: expect.stringContaining('Expose-Headers') }]);
  });

  it.each<[string, Response]>([
    ['a refusal from the own origin', refusal('basic')],
    ['one that a script made', refusal('default')],
    ['one that names a time', refusal('cors', { 'Retry-After': '5' })],
    ['one whose time cannot be read', refusal('cors', { 'Retry-After': 'soon' })],
  ])('is not %s', async (_, answer) => expect((await hear([answer])).warnings).toEqual([]));
});

describe('a dialect that looks into bodies', () => {
  const refusals: Dialect['refusals'] = [{ status: [402] }, { body: ['error', 'x'] }];
  const attach = (dialect: Dialect) => () => throttleFetch(createThrottle({ limits: perSecond(1) }), { dialect });

  it('is refused when it is attached, unless it was completed', () => {
    const rule = 'completed by `completeDialect` from sluice/presets, which reads bodies';
    expect(attach({ refusals })).toThrow(TypeError);
    expect(attach({ refusals })).toThrow(`Expected \`dialect.refusals[1].body\` to be ${rule}, got \`array of 2\`.`);
    expect(attach({ body: { remaining: 'left' } })).toThrow(
      `Expected \`dialect.body\` to be ${rule}, got \`[object Object]\`.`,
    );
    expect(attach(JSON.parse(JSON.stringify(shopify().dialect)))).toThrow('completeDialect');
    expect(attach(completeDialect({ refusals }))).not.toThrow();
    expect(() => completeDialect(null as never)).toThrow('Expected `dialect` to be an object, got `null`.');
  });

  it.each<[string, (dialect: Dialect) => Dialect]>([
    ['itself', (dialect) => dialect],
    ['a copy', (dialect) => ({ ...dialect, leastPause: 5 * T })],
    ['frozen', (dialect) => Object.freeze(dialect)],
  ])('reads them when it was completed: %s', async (_, change) => {
    const given: Dialect = Object.freeze({ refusals, body: { remaining: 'left' } });
    const json = { headers: { 'content-type': 'application/json' } };
    const answers = [new Response('{"left":5,"error":"X"}', json), new Response('{"left":5}', json)];
    const { signals } = await hear(answers, { dialect: change(completeDialect(given)) });
    expect(signals.map(({ throttled, remaining }) => [throttled, remaining])).toEqual([
      [true, 5],
      [false, 5],
    ]);
  });

  it('may come from another copy of the package', async () => {
    vi.resetModules();
    const other: { completeDialect: typeof completeDialect } = await import('sluice/presets');
    expect(other.completeDialect).not.toBe(completeDialect);
    const json = { headers: { 'content-type': 'application/json' } };
    const dialect = other.completeDialect({ refusals });
    const { signals } = await hear([new Response('{"error":"X"}', json)], { dialect });
    expect(signals).toMatchObject([{ throttled: true }]);
  });
});
