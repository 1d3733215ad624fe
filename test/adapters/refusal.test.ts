import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../src/adapters/refusal.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const s = 1_000;

/** What an answer with these headers means: ms until the next try, undefined if it does not say, false if it is no refusal. */
function read(status: number, headers: Record<string, string | null | undefined>): number | undefined | false {
  const refusal = refusalOf({ status, header: (name) => headers[name] }, now);
  if (refusal === undefined) return false;
  return refusal.retryAt === undefined ? undefined : refusal.retryAt - now;
}

describe('Retry-After', () => {
  it.each<[string, string | null | undefined, number | undefined]>([
    ['seconds', '120', 120 * s],
    ['one second', '1', s],
    ['zero', '0', undefined],
    ['zero with a fraction', '0.0', undefined],
    ['leading zeros', '007', 7 * s],
    ['a fraction', '2.5', 2_500],
    ['a whole number with a fraction', '2.0', 2 * s],
    ['blanks around', '  3\t', 3 * s],
    ['a number of 20 digits', '1'.padEnd(20, '0'), 1e19 * s],
    ['a number of 21 digits', '1'.repeat(21), undefined],
    ['absent', null, undefined],
    ['undefined', undefined, undefined],
    ['empty', '', undefined],
    ['a sign', '-5', undefined],
    ['a plus', '+5', undefined],
    ['hexadecimal', '0x10', undefined],
    ['an exponent', '1e3', undefined],
    ['Infinity', 'Infinity', undefined],
    ['NaN', 'NaN', undefined],
    ['a word', 'soon', undefined],
    ['a unit', '5s', undefined],
    ['no digit before the point', '.5', undefined],
    ['no digit after it', '5.', undefined],
    ['duplicates', '10, 20', 20 * s],
    ['duplicates without a blank', '20,10', 20 * s],
    ['three digits before the comma', '100, 20', 100 * s],
    ['one of them garbage', 'soon, 10', 10 * s],
    ['all of them garbage', 'soon, later', undefined],
    ['one of them empty', '10,', 10 * s],
    ['a date in the future', 'Thu, 01 Jan 2026 12:00:30 GMT', 31 * s],
    ['a date in the past', 'Thu, 01 Jan 2026 11:59:59 GMT', undefined],
    ['now', 'Thu, 01 Jan 2026 12:00:00 GMT', undefined],
    ['a second and a date', '10, Thu, 01 Jan 2026 12:00:30 GMT', 31 * s],
    ['a date and a second', 'Thu, 01 Jan 2026 12:00:30 GMT, 40', 40 * s],
    ['two dates', 'Thu, 01 Jan 2026 12:00:30 GMT, Thu, 01 Jan 2026 12:00:10 GMT', 31 * s],
    ['a leap day', 'Tue, 29 Feb 2028 12:00:00 GMT', Date.UTC(2028, 1, 29, 12) - now + s],
    ['the year 9999', 'Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59) - now + s],
    ['a month that is none', 'Thu, 01 Foo 2027 12:00:30 GMT', undefined],
    ['another zone', 'Thu, 01 Jan 2027 12:00:30 EST', undefined],
    ['an ISO date', '2027-01-01T12:00:30Z', undefined],
  ])('is read: %s', (_, value, ms) => {
    expect(read(429, { 'retry-after': value })).toBe(ms);
  });

  it('in a date is read by the clock of the server', () => {
    const retryAfter = 'Thu, 01 Jan 2026 12:00:30 GMT';
    const rows: [string | null | undefined, number | undefined][] = [
      ['Thu, 01 Jan 2026 12:00:00 GMT', 31 * s],
      ['Thu, 01 Jan 2026 12:00:20 GMT', 11 * s],
      ['Thu, 01 Jan 2026 11:50:00 GMT', 631 * s],
      ['Thu, 01 Jan 2026 12:10:00 GMT', undefined],
      ['garbage', 31 * s],
      ['', 31 * s],
      [null, 31 * s],
      [undefined, 31 * s],
    ];
    for (const [date, ms] of rows) expect(read(429, { 'retry-after': retryAfter, date }), String(date)).toBe(ms);
  });

  it('in seconds is not touched by the clock of the server', () => {
    expect(read(429, { 'retry-after': '30', date: 'Thu, 01 Jan 2026 12:10:00 GMT' })).toBe(30 * s);
  });

  it('reads every day of 400 years as the platform does', () => {
    for (let day = now + 86_400 * s; day < Date.UTC(2426, 0, 1); day += 86_400 * s) {
      const text = new Date(day).toUTCString();
      if (read(429, { 'retry-after': text }) !== day - now + s) expect.fail(text);
    }
  });
});

describe('a status', () => {
  it.each([
    [429, undefined, undefined],
    [429, '5', 5 * s],
    [503, undefined, false],
    [503, '0', false],
    [503, 'soon', false],
    [503, 'Thu, 01 Jan 2026 11:59:59 GMT', false],
    [503, '5', 5 * s],
    [0, '5', false],
    [200, '5', false],
    [202, '5', false],
    [301, '5', false],
    [403, '5', false],
    [404, '5', false],
    [413, '5', false],
    [500, '5', false],
    [502, '5', false],
    [undefined as never, '5', false],
  ])('of %j with Retry-After %j', (status, value, outcome) => {
    expect(read(status, { 'retry-after': value })).toBe(outcome);
  });

  it('that is no refusal is told without a look at the headers', () => {
    const header = () => {
      throw new Error('looked');
    };
    expect(refusalOf({ status: 200, header }, now)).toBeUndefined();
  });
});
