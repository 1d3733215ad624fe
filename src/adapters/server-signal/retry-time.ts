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

/** A time that a server named and that lies ahead. */
export interface RetryTime {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. */
  readonly at: number;
  /** It was an instant and no span, so that the server's rounding is in it. */
  readonly absolute: boolean;
  /** Which field named it. */
  readonly field: string;
}

/** Further ahead than this nobody means it: 400 days. */
export const never = 34_560_000_000;

/** Clocks that differ by less show the seconds that dates are rounded to, nothing else. */
const rounding = 2_000;

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
    const time = readOne(
      one
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .trim(),
      arrival,
      hint,
      window,
    );
    if (time !== undefined && time.at > (latest?.at ?? arrival.now)) latest = { ...time, field };
  }
  if (latest === undefined) arrival.ignored.add(field);
  return latest;
}

function readOne(
  text: string,
  { now, skew, reading }: Arrival,
  hint: TimeHint | undefined,
  window: number | undefined,
): Omit<RetryTime, 'field'> | undefined {
  const isNumber = /^\d{1,20}(?:\.\d{1,9})?$/.test(text);
  const number = Number(text);
  const isInstant = isNumber && hint === undefined && number >= 1e9;
  const date = isInstant ? number * msIn(number) : isNumber ? undefined : readDate(text, reading);
  const isInMs =
    hint === 'delta-ms' ||
    (hint === undefined && window !== undefined && number * 1_000 > 2 * window && number <= window);
  const ms =
    date === undefined ? (isNumber ? number * (isInMs ? 1 : 1_000) : (readDuration(text) ?? 0)) : date - (now + skew);
  if (ms <= 0) return undefined;
  // Whole milliseconds that are enough, or of an instant; what lies below a nanosecond came from the arithmetic.
  const wait = date === undefined ? Math.max(1, Math.ceil(ms - 1e-6)) : Math.floor(ms + 1e-3);
  return { at: ms > never ? Infinity : now + wait, absolute: date !== undefined };
}

/** What a large number since the epoch counts, in ms: nanoseconds, microseconds, milliseconds or seconds. */
const msIn = (number: number): number => (number >= 1e17 ? 1e-6 : number >= 1e14 ? 1e-3 : number >= 1e11 ? 1 : 1_000);

/** The forms of RFC 9110 section 5.6.7: IMF-fixdate, rfc850 and asctime. */
const httpDate =
  /^[A-Z][a-z]+(?:, \d\d?[ -][A-Z][a-z]{2}[ -](?:\d\d){1,2}| [A-Z][a-z]{2} [ \d]\d) \d\d:\d\d:[0-5]\d (?:GMT|UTC|\d{4})$/;

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
