import { readServerSignal } from 'sluice';
import { describe, expect, it } from 'vitest';

const now = Date.UTC(2026, 0, 1);
const s = 1_000;
const day = 86_400 * s;

/** How far ahead a text lies, in ms, by the reset of a quota: without the second that a pause adds to an instant. */
function ahead(text: string, more: Record<string, string> = {}, at = now): number | undefined {
  const { resetAt } = readServerSignal({ status: 200, headers: { 'X-RateLimit-Reset': text, ...more }, now: at });
  return resetAt === undefined ? undefined : resetAt - at;
}

describe('a number', () => {
  it.each<[string, number | undefined]>([
    ['30', 30 * s],
    ['007', 7 * s],
    [' 30\t', 30 * s],
    ['"30"', 30 * s],
    ['2.5', 2_500],
    ['64.57', 64_570],
    ['0.0001', 1],
    ['1767225630', 30 * s],
    ['1767225630.25', 30_250],
    ['1767225630000', 30 * s],
    ['1767225630000000', 30 * s],
    ['1767225630000000000', 30 * s],
    ['1767225600', undefined],
    ['1767225599', undefined],
    ['1000000000', undefined],
    ['0', undefined],
    ['0.0', undefined],
    ['10, 20', 20 * s],
    ['20,10', 20 * s],
    ['soon, 10', 10 * s],
    ['10,', 10 * s],
    ['10, 1767225630', 30 * s],
    ['34560000', 400 * day],
    ['34560001', undefined],
    ['99999999999999999999', undefined],
    ['9'.repeat(21), undefined],
    ['-5', undefined],
    ['+5', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    ['.5', undefined],
    ['5.', undefined],
    ['1.1234567890', undefined],
    ['5 5', undefined],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['', undefined],
    ['soon', undefined],
    ['١٢', undefined],
    [Array.from({ length: 33 }, () => '5').join(), undefined],
    [Array.from({ length: 32 }, () => '5').join(), 5 * s],
  ])('%j is so far ahead: %j', (text, ms) => expect(ahead(text)).toBe(ms));

  it('is in ms where its window shows it', () => {
    const inWindow = (text: string) => ahead(text, { 'X-RateLimit-Limit': '5;w=60' });
    expect(inWindow('60000')).toBe(60 * s);
    expect(inWindow('121')).toBe(121);
    expect(inWindow('120')).toBe(120 * s);
    expect(inWindow('60001')).toBe(60_001 * s);
  });
});

describe('a duration', () => {
  it.each<[string, number | undefined]>([
    ['1s', s],
    ['6m0s', 360 * s],
    ['120ms', 120],
    ['1.5h', 5_400 * s],
    ['1d2h3m4s', day + 7_384 * s],
    ['500us', 1],
    ['500µs', 1],
    ['500Âµs', 1],
    ['500μs', 1],
    ['1ns', 1],
    ['7m12.345s', 432_345],
    ['0s', undefined],
    ['1', s],
    ['1w', undefined],
    ['s', undefined],
    ['1 s', undefined],
    ['-1s', undefined],
    ['1S', undefined],
  ])('%j is so long: %j', (text, ms) => expect(ahead(text)).toBe(ms));
});

describe('a date', () => {
  it.each<[string, number | undefined]>([
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30 * s],
    ['Thu, 1 Jan 2026 00:00:30 GMT', 30 * s],
    ['Thu, 01 Jan 2026 00:00:30 UTC', 30 * s],
    ['Thu, 01 Jan 2026 01:00:30 +0100', 30 * s],
    ['Wed, 31 Dec 2025 19:00:30 -0500', 30 * s],
    ['"Thu, 01 Jan 2026 00:00:30 GMT"', 30 * s],
    ['Thursday, 01-Jan-26 00:00:30 GMT', 30 * s],
    ['Thu Jan  1 00:00:30 2026', 30 * s],
    ['Sat Jan 10 00:00:30 2026', 9 * day + 30 * s],
    ['Thu Jan 01 2026 01:00:30 GMT+0100 (Central European Standard Time)', 30 * s],
    ['Thu Jan 01 2026 00:00:30 GMT+0000', 30 * s],
    ['2026-01-01T00:00:30Z', 30 * s],
    ['2026-01-01t00:00:30z', 30 * s],
    ['2026-01-01 00:00:30', 30 * s],
    ['2026-01-01T00:00:30', 30 * s],
    ['2026-01-01T00:01Z', 60 * s],
    ['2026-01-01T00:01', 60 * s],
    ['2026-01-01T00:00:30.123456789Z', 30_123],
    ['2026-01-01T01:00:30+01:00', 30 * s],
    ['2026-01-01T01:00:30+0100', 30 * s],
    ['2026-01-01T01:00:30+01', 30 * s],
    ['2025-12-31T18:30:30-05:30', 30 * s],
    ['5, Thu, 01 Jan 2026 00:00:30 GMT, 10', 30 * s],
    ['Thu, 01 Jan 2026 00:00:30 GMT, Thu, 01 Jan 2026 00:00:40 GMT', 40 * s],
    ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
    ['Wed, 31 Dec 2025 23:59:59 GMT', undefined],
    ['Thu, 00 Feb 2026 00:00:00 GMT', undefined],
    ['Thu, 01 Foo 2026 00:00:30 GMT', undefined],
    ['Thu, 01 Jan 2026 00:60:00 GMT', undefined],
    ['Thu, 01 Jan 2026 00:00:61 GMT', undefined],
    ['Thu, 01 Jan 2026 00:00:30 EST', undefined],
    ['Thu, 01 Jan 2026 00:00:30', undefined],
    ['2026-13-01T00:00:30Z', undefined],
    ['2026-01-01T00:00:30+25:00', undefined],
    ['2026-01-02', undefined],
    ['Thu Jan  1 00:00:30', undefined],
  ])('%j is so far ahead: %j', (text, ms) => expect(ahead(text)).toBe(ms));

  it.each(['Thu Jan  1 00:00:30 2026', '2026-01-01 00:00:30'])('without a zone is in UTC: %s', (text) => {
    const { TZ } = process.env;
    process.env.TZ = 'America/New_York';
    try {
      expect(ahead(text)).toBe(30 * s);
    } finally {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    }
  });

  it('of two digits below 50 is of this century', () => {
    expect(ahead('Sunday, 06-Nov-94 08:49:37 GMT', {}, Date.UTC(1994, 10, 6, 8, 49))).toBe(37 * s);
    expect(ahead('Thursday, 01-Jan-26 00:00:30 GMT')).toBe(30 * s);
    expect(ahead('Sunday, 06-Nov-94 08:49:37 GMT')).toBeUndefined();
  });

  it('is read as the platform reads it, every fifth day of 400 years', () => {
    for (let at = now; at < Date.UTC(2426, 0, 1); at += 5 * day) {
      const date = new Date(at + day + 45_296 * s);
      for (const text of [date.toUTCString(), date.toISOString()])
        if (ahead(text, {}, at) !== date.getTime() - at) expect.fail(text);
    }
  });

  it('more than 400 days ahead stops us as long as may be, and is no reset', () => {
    const headers = { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '2028-01-01T00:00:00Z' };
    const signal = readServerSignal({ status: 429, headers, now });
    expect(signal).toMatchObject({ retryAt: now + 65 * 60 * s, clamped: true });
    expect(signal).not.toHaveProperty('resetAt');
  });
});

describe('the clock of the server', () => {
  const reset = 'Thu, 01 Jan 2026 00:00:30 GMT';
  it.each<[string, number | undefined]>([
    ['Thu, 01 Jan 2026 00:00:00 GMT', 30 * s],
    ['Thu, 01 Jan 2026 00:00:02 GMT', 30 * s],
    ['Wed, 31 Dec 2025 23:59:58 GMT', 30 * s],
    ['Thu, 01 Jan 2026 00:00:03 GMT', 27 * s],
    ['Wed, 31 Dec 2025 23:50:00 GMT', 630 * s],
    ['Thursday, 01-Jan-26 00:00:20 GMT', 10 * s],
    ['Thu, 01 Jan 2026 00:10:00 GMT', undefined],
    ['garbage', 30 * s],
    ['', 30 * s],
  ])('of %j is what instants are read by', (date, ms) => expect(ahead(reset, { date })).toBe(ms));

  it('does not touch spans', () => {
    expect(ahead('30', { date: 'Thu, 01 Jan 2026 00:10:00 GMT' })).toBe(30 * s);
  });
});
