import { readFileSync } from 'node:fs';
import { createThrottle, perMinute, readServerSignal } from 'sluice';
import * as everything from 'sluice/presets';
import { describe, expect, it } from 'vitest';
import { presetTable } from '../scripts/preset-table.ts';

const { completeDialect, ...presets } = everything;
const now = Date.UTC(2026, 0, 1);
const all = Object.entries(presets);
const byName = new Map(all);

describe('every preset', () => {
  it('is in a list of at least 20', () => expect(all.length).toBeGreaterThanOrEqual(20));

  it.each(all)('says where it comes from: %s', (_, preset) => {
    const { about } = preset();
    expect(about.api).not.toBe('');
    expect(about.countsBy).not.toBe('');
    expect(about.source).toMatch(/^https:\/\//);
    expect(about.checked).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(['primary', 'copy', 'secondhand', 'memory']).toContain(about.confidence);
  });

  it.each(all)('is accepted by a throttle, with limits of its own or given: %s', async (_, preset) => {
    await createThrottle(preset()).close();
    const given = preset({ limits: perMinute(5) });
    expect(given.limits).toEqual(perMinute(5));
    await createThrottle(given).close();
  });

  it.each(all)('has a dialect that reads a refusal: %s', (_, preset) => {
    const signal = readServerSignal({ status: 429, headers: { 'Retry-After': '7' }, now, dialect: preset().dialect });
    expect(signal).toMatchObject({ throttled: true, retryAt: now + 7_000 });
  });

  it.each(all)('refuses invalid options: %s', (_, preset) => {
    expect(() => preset(5 as never)).toThrow(TypeError);
  });
});

describe('a preset with plans', () => {
  it('has numbers for each', async () => {
    for (const [, preset] of all) {
      if (!('plans' in preset)) continue;
      for (const plan of preset.plans) await createThrottle(preset({ plan: plan as never })).close();
      expect(preset()).toEqual(preset({ plan: preset.plans[0] as never }));
      expect(() => preset({ plan: 'none' as never })).toThrow(RangeError);
    }
  });

  it('gives the limits of the plan', () => {
    expect(presets.ncbi({ plan: 'key' }).limits).toMatchObject([{ rate: 10, interval: 1_000 }]);
    expect(presets.nasa({ plan: 'demo' }).limits).toHaveLength(2);
    expect(presets.shopify({ plan: 'plus' }).limits).toEqual([{ rate: 1_000, interval: 1_000, burst: 1_000 }]);
  });
});

describe('a refusal with another status', () => {
  it.each<[string, number, object, unknown]>([
    ['github', 200, {}, { errors: [{ type: 'RATE_LIMITED' }] }],
    ['github', 403, {}, { message: 'You have exceeded a secondary rate limit.' }],
    [
      'github',
      403,
      { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${now / 1_000}` },
      { message: 'API rate limit exceeded for user ID 1.' },
    ],
    ['shopify', 200, {}, { errors: [{ message: 'Throttled' }] }],
    ['linear', 400, {}, { errors: [{ extensions: { code: 'RATELIMITED' } }] }],
    ['salesforce', 403, {}, [{ errorCode: 'REQUEST_LIMIT_EXCEEDED' }]],
    ['googleSheets', 403, {}, { error: { errors: [{ reason: 'userRateLimitExceeded' }] } }],
    ['mediaWiki', 200, { 'MediaWiki-API-Error': 'maxlag' }, undefined],
  ])('is known: %s, %i', (name, status, headers, body) => {
    const { dialect } = (byName.get(name) as (typeof all)[number][1])();
    expect(readServerSignal({ status, headers, now, dialect, body }).throttled).toBe(true);
    expect(readServerSignal({ status, headers: {}, now, dialect, body: { errors: [] } }).throttled).toBe(false);
  });
});

describe('anthropic', () => {
  it('has limits per minute, whatever resets in whole seconds make of them', () => {
    const headers = {
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-requests-remaining': '3999',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:01Z',
    };
    const { buckets } = readServerSignal({ status: 200, headers, now, dialect: presets.anthropic().dialect });
    expect(buckets).toContainEqual({ policyName: 'requests', limit: 4_000, window: 60_000 });
  });
});

describe('docs/presets.md', () => {
  it('has the table that scripts/preset-table.ts prints', () => {
    const page = readFileSync(new URL('../docs/presets.md', import.meta.url), 'utf8');
    expect(page).toContain(presetTable());
  });
});
