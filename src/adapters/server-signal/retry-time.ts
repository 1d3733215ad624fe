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
  /** How numbers are to be read, by field. */
  readonly hints: Readonly<Record<string, TimeHint>>;
  /** Takes the names of fields that name no time to come. */
  readonly ignored: Set<string>;
}

/** Until when a server wants no calls. */
export interface Pause {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. */
  readonly until: number;
  /** Which field said so. */
  readonly field: string;
}

/** A time that a server named and that lies ahead. */
export interface RetryTime extends Pause {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. Before `until` by the server's rounding. */
  readonly at: number;
}

/** Further ahead than this nobody means it: 400 days. */
export const never = 34_560_000_000;

/** Clocks that differ by less show the seconds that dates are rounded to, nothing else. */
const rounding = 2_000;

/** An instant that the server named is past by its own clock's rounding only a second later. */
const roundingOfInstants = 1_000;

/**
 * How far the server's clock is ahead of the client's, in ms.
 * @param date the Date field
 */
export function skewOf(date: string | undefined, now: number, reading: Reading | undefined): number {
  const skew = (readDate(date?.trim() ?? '', reading) ?? now) - now;
  return Math.abs(skew) <= rounding ? 0 : skew;
}

/** The comma in a date with a day's name is no end. */
const oneOfSeveral = /(?:[ \t]{0,4}"?[A-Z][a-z]{2,8}, )?[^,]+/g;

/** Longer lists are not worth reading. */
const mostTimes = 32;

/**
 * Reads when a server says that calls may come back: seconds, an instant in any unit, a duration such as `6m0s`, a date. Of
 * several, since fields that were sent twice arrive joined by a comma, the latest counts.
 * @param usualHint how to read numbers if no hint says otherwise
 * @param window of the quota that the field belongs to, in ms: it may show that milliseconds are meant
 * @returns undefined if it does not say, or if the time is past
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
  // Whole milliseconds that are enough, or of an instant; what lies below a nanosecond came from the arithmetic.
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

/** Reads a duration such as `1s`, `6m0s` or `120ms`, in ms; undefined if it is none. */
export function readDuration(text: string): number | undefined {
  if (!duration.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)(\D+)/g)) ms += Number(number) * (units[unit] ?? 1e-3);
  return Number.isFinite(ms) ? ms : undefined;
}
