import { parsedDate } from '../../core/time/clock.ts';
import type { TimeHint } from './dialect.ts';
import { own } from './own.ts';
import type { Reading } from './reading.ts';

/** When the answer came, by both clocks. */
export interface Arrival {
  /** By the client's clock, in ms since the epoch. */
  readonly now: number;
  /** How far the server's clock is ahead of it, in ms. */
  readonly skew: number;
  /** Reads further forms of dates. */
  readonly reading: Reading | undefined;
  /** How to read numbers, by field. */
  readonly hints: Readonly<Record<string, TimeHint>>;
  /** Collects the names of fields without a future time. */
  readonly ignored: Set<string>;
}

/** The end of a pause that a server asked for. */
export interface Pause {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. */
  readonly until: number;
  /** The field it is from. */
  readonly field: string;
}

/** A future time from a server. */
export interface RetryTime extends Pause {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. Before `until` by the server's rounding. */
  readonly at: number;
}

/** A time further ahead than this is not plausible: 400 days. */
export const never = 34_560_000_000;

/** A smaller difference between clocks is only the rounding of dates to seconds. */
const rounding = 2_000;

/** Because of rounding, an instant from the server is over a second later. */
const roundingOfInstants = 1_000;

/**
 * How far the server's clock is ahead of the client's, in ms.
 * @param date the Date field
 */
export function skewOf(date: string | undefined, now: number, reading: Reading | undefined): number {
  const skew = (readDate(date?.trim() ?? '', reading) ?? now) - now;
  return Math.abs(skew) <= rounding ? 0 : skew;
}

/** The comma in a date with a day's name does not end it. */
const oneOfSeveral = /(?:[ \t]{0,4}"?[A-Z][a-z]{2,8}, )?[^,]+/g;

/** Longer lists are not worth reading. */
const mostTimes = 32;

/**
 * Reads the time from which calls may come back: seconds, an instant in any unit, a duration such as `6m0s`, a date.
 * Fields that were sent twice arrive joined by a comma; then the latest time counts.
 * @param usualHint how to read numbers without a hint
 * @param window of the quota that the field belongs to, in ms: it may show that milliseconds are meant
 * @returns undefined if there is no time, or it is past
 * @see RFC 9110 section 10.2.3 for Retry-After
 */
export function readTime(
  field: string,
  text: string,
  arrival: Arrival,
  usualHint?: TimeHint,
  window?: number,
): RetryTime | undefined {
  const hint = own(arrival.hints, field) ?? usualHint;
  const times = text.match(oneOfSeveral) ?? [];
  let latest: RetryTime | undefined;
  for (const one of times.length > mostTimes ? [] : times) {
    const inner = one.trim().replace(/^"(.*)"$/, '$1');
    const time = readOne(field, inner.trim(), arrival, hint, window);
    if (time !== undefined && time.at > (latest?.at ?? arrival.now)) latest = time;
  }
  if (latest === undefined) arrival.ignored.add(field);
  return latest;
}

function readOne(
  field: string,
  text: string,
  { now, skew, reading }: Arrival,
  hint: TimeHint | undefined,
  window = Infinity,
): RetryTime | undefined {
  const isNumber = /^\d{1,20}(?:\.\d{1,9})?$/.test(text);
  const number = Number(text);
  const isInstant = isNumber && hint === undefined && number >= 1e9;
  const instant = isInstant ? sinceEpoch(number) : isNumber ? undefined : readDate(text, reading);
  const isInMs = hint === 'delta-ms' || (hint === undefined && number * 1_000 > 2 * window && number <= window);
  const span = isNumber ? text + (isInMs ? 'ms' : 's') : text;
  const ms = instant === undefined ? (readDuration(span) ?? 0) : instant - (now + skew);
  if (ms <= 0) return undefined;
  // Milliseconds rounded up, or those of an instant; a rest below a nanosecond comes from the arithmetic.
  const wait = instant === undefined ? Math.ceil(ms - 1e-7) : Math.floor(ms + 1e-3);
  const at = ms > never ? Infinity : now + wait;
  return { at, until: instant === undefined ? at : at + roundingOfInstants, field };
}

/** Reads a large number since the epoch, in ms: it may count seconds, milliseconds, microseconds or nanoseconds. */
function sinceEpoch(number: number): number {
  let ms = number * 1_000;
  while (ms >= 1e14) ms /= 1_000;
  return ms;
}

/** What looks like one of the forms of RFC 9110 section 5.6.7, IMF-fixdate, rfc850 and asctime: the platform reads the rest. */
const httpDate = /^[A-Z][a-z]+,? [\w -]+ \d\d:\d\d:[0-5]\d (?:GMT|UTC|\d{4})$/;

/** RFC 3339, seconds optional. */
const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a date, in ms since the epoch. The platform's parser has no form of HTTP with hyphens, and takes asctime for local time.
 * @see RFC 9110 section 5.6.7, RFC 3339
 */
function readDate(text: string, reading: Reading | undefined): number | undefined {
  if (httpDate.test(text)) return parsedDate(text.replaceAll('-', ' ').replace(/\d{4}$/, '$& GMT'));
  return isoDate.test(text) ? parsedDate(text) : reading?.dateIn(text);
}

/** Milliseconds in each unit of a duration but microseconds, whose sign may arrive as the two bytes that it is in UTF-8. */
export const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const duration = /^(?:\d+(?:\.\d+)?(?:[nm]?s|[mhd]|(?:u|Â?µ|μ)s))+$/;

/** Reads a duration such as `1s`, `6m0s` or `120ms`, in ms; undefined if it is not one. */
export function readDuration(text: string): number | undefined {
  if (!duration.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)(\D+)/g)) ms += Number(number) * (units[unit] ?? 1e-3);
  return Number.isFinite(ms) ? ms : undefined;
}
