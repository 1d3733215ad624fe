import { readServerSignal } from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  canTell,
  type HeaderFamily,
  headerFields,
  retryAfterField,
  type Statement,
} from '../../demo/servers/header-fields.ts';

const now = Date.UTC(2026, 0, 1) + 370;
const second: Statement = { name: 'second', limit: 20, remaining: 3, resetAfter: 250, window: 1_000 };
const minute: Statement = { name: 'minute', limit: 300, remaining: 120, resetAfter: 31_400, window: 60_000 };
const families: readonly HeaderFamily[] = ['draft-3', 'draft-7', 'draft-11', 'x-epoch', 'x-delta'];

describe('header fields of one quota', () => {
  it.each<[HeaderFamily, 'seconds' | 'ms', Record<string, string>]>([
    ['none', 'seconds', {}],
    ['draft-3', 'seconds', { 'ratelimit-limit': '20, 20;w=1', 'ratelimit-remaining': '3', 'ratelimit-reset': '1' }],
    ['draft-7', 'seconds', { ratelimit: 'limit=20, remaining=3, reset=1', 'ratelimit-policy': '20;w=1' }],
    ['draft-11', 'seconds', { ratelimit: '"second";r=3;t=1', 'ratelimit-policy': '"second";q=20;w=1' }],
    [
      'x-epoch',
      'seconds',
      { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '1767225601' },
    ],
    [
      'x-epoch',
      'ms',
      { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '1767225600620' },
    ],
    ['x-delta', 'seconds', { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '1' }],
    ['x-delta', 'ms', { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset-after': '0.250' }],
  ])('%s in %s', (family, resolution, fields) => {
    expect(headerFields(family, [second], now, resolution)).toEqual(fields);
  });

  it.each(families)('of %s are read back: never earlier than meant, and less than a second later', (family) => {
    for (const resolution of ['seconds', 'ms'] as const) {
      if (!canTell(family, resolution)) continue;
      const headers = headerFields(family, [second], now, resolution);
      const { limit, remaining, resetAt = 0, ignored } = readServerSignal({ status: 200, headers, now });
      expect({ limit, remaining, ignored }).toEqual({ limit: 20, remaining: 3, ignored: [] });
      expect(resetAt).toBeGreaterThanOrEqual(now + 250);
      expect(resetAt).toBeLessThan(now + 250 + (resolution === 'ms' ? 1 : 1_000));
    }
  });
});

describe('header fields of two quotas', () => {
  it.each(['draft-11', 'x-epoch', 'x-delta'] as const)('of %s tell both', (family) => {
    const headers = headerFields(family, [second, minute], now);
    const { buckets } = readServerSignal({ status: 200, headers, now });
    expect(buckets).toMatchObject([
      { policyName: 'second', limit: 20, remaining: 3, window: 1_000 },
      { policyName: 'minute', limit: 300, remaining: 120, window: 60_000 },
    ]);
  });

  it.each(['draft-3', 'draft-7'] as const)('of %s tell both limits, and what is left of one', (family) => {
    const headers = headerFields(family, [second, minute], now);
    const { buckets } = readServerSignal({ status: 200, headers, now });
    expect(buckets.map(({ limit, window }) => [limit, window])).toEqual([
      [20, 1_000],
      [300, 60_000],
    ]);
    expect(buckets.map(({ remaining }) => remaining)).toEqual([3, undefined]);
  });
});

it('whole seconds are rounded up, and no hair of a millisecond makes one', () => {
  const resets = [0, 0.0001, 1, 1_000, 1_000.0000001, 1_000.5].map(
    (resetAfter) => headerFields('x-delta', [{ ...second, resetAfter }], now)['x-ratelimit-reset'],
  );
  expect(resets).toEqual(['0', '0', '1', '1', '1', '2']);
});

it('a refusal asks for one second at least', () => {
  expect([0, 20, 1_000, 1_001].map(retryAfterField)).toEqual(
    ['1', '1', '1', '2'].map((seconds) => ({ 'retry-after': seconds })),
  );
});
