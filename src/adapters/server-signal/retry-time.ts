import type { TimeHint } from './dialect.ts';
import { readDate } from './http-date.ts';

/** When the answer came, by both clocks. */
export interface Arrival {
  /** By the client's clock, in ms since the epoch. */
  readonly now: number;
  /** How far the server's clock is ahead of it, in ms. */
  readonly skew: number;
}

/** A time that a server named and that lies ahead. */
export interface RetryTime {
  /** In ms since the epoch by the client's clock; Infinity for more than 400 days ahead. */
  readonly at: number;
  /** It was an instant and no span, so that the server's rounding is in it. */
  readonly absolute: boolean;
}

const day = 86_400_000;

/** Further ahead than this nobody means it. */
const never = 34_560_000_000;

/** Clocks that differ by less show the seconds that dates are rounded to, nothing else. */
const rounding = 2_000;

/**
 * Compares the server's clock with the client's.
 * @param date the Date field
 */
export function arrivalOf(date: string | undefined, now: number): Arrival {
  const serverNow = date === undefined ? undefined : readDate(date.trim(), yearOf(now));
  const skew = serverNow === undefined || Math.abs(serverNow - now) <= rounding ? 0 : serverNow - now;
  return { now, skew };
}

/** How a field's numbers are to be read. */
export interface TimeReading {
  readonly hint?: TimeHint | undefined;
  /** The window of the quota that the field belongs to, in ms: it may show that milliseconds are meant. */
  readonly window?: number | undefined;
}

/** The comma in a date with a day's name is no end. */
const oneOfSeveral = /(?:[ \t]{0,4}"?[A-Z][a-z]{2,8}, )?[^,]+/g;

/** Longer lists are not worth reading. */
const mostTimes = 32;

/**
 * Reads when a server says that calls may come back: seconds, an instant in any unit, a duration such as `6m0s`, a date. Of
 * several, since fields that were sent twice arrive joined by a comma, the latest counts.
 * @returns undefined if it does not say, or if the time is past
 * @see RFC 9110 section 10.2.3 for Retry-After
 */
export function readTime(text: string, arrival: Arrival, reading: TimeReading = {}): RetryTime | undefined {
  const times = text.match(oneOfSeveral) ?? [];
  if (times.length > mostTimes) return undefined;
  let latest: RetryTime | undefined;
  for (const one of times) {
    const time = readOne(unquote(one.trim()), arrival, reading);
    if (time !== undefined && time.at > (latest?.at ?? arrival.now)) latest = time;
  }
  return latest;
}

function unquote(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).trim() : text;
}

function readOne(text: string, arrival: Arrival, { hint, window }: TimeReading): RetryTime | undefined {
  if (/^\d{1,20}(?:\.\d{1,9})?$/.test(text)) {
    const number = Number(text);
    if (hint === 'delta-ms') return after(number, arrival);
    const scale = hint === 'delta' ? undefined : scales.find(({ from }) => number >= from);
    if (scale !== undefined) return instant(number * scale.ms, arrival);
    const isMs = hint === undefined && window !== undefined && number * 1_000 > 2 * window && number <= window;
    return after(isMs ? number : number * 1_000, arrival);
  }
  const duration = readDuration(text);
  if (duration !== undefined) return after(duration, arrival);
  const date = readDate(text, yearOf(arrival.now));
  return date === undefined ? undefined : instant(date, arrival);
}

/** What a large number of some unit since the epoch is worth in ms. */
const scales: readonly { readonly from: number; readonly ms: number }[] = [
  { from: 1e17, ms: 1e-6 },
  { from: 1e14, ms: 1e-3 },
  { from: 1e11, ms: 1 },
  { from: 1e9, ms: 1_000 },
];

function after(ms: number, { now }: Arrival): RetryTime | undefined {
  if (!(ms > 0)) return undefined;
  return { at: ms > never ? Infinity : now + wholeUp(ms), absolute: false };
}

function instant(at: number, { now, skew }: Arrival): RetryTime | undefined {
  const ahead = at - (now + skew);
  if (!(ahead > 0)) return undefined;
  return { at: ahead > never ? Infinity : now + Math.floor(ahead + 1e-3), absolute: true };
}

/** Whole milliseconds that are enough; what lies below a nanosecond came from the arithmetic. */
const wholeUp = (ms: number): number => Math.max(1, Math.ceil(ms - 1e-6));

/** Milliseconds in each unit of a duration. The micro sign may arrive as the two bytes that it is in UTF-8. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: day,
};
const part = /(\d+(?:\.\d+)?)(ns|us|Â?µs|μs|ms|s|m|h|d)/g;
const duration = /^(?:\d+(?:\.\d+)?(?:ns|us|Â?µs|μs|ms|s|m|h|d))+$/;

/** Reads a duration such as `1s`, `6m0s` or `120ms`, in ms; undefined if it is none. */
export function readDuration(text: string): number | undefined {
  if (!duration.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit = ''] of text.matchAll(part)) ms += Number(number) * (units[unit] ?? units.us ?? 0);
  return Number.isFinite(ms) ? ms : undefined;
}

/** The year of an instant, near enough to tell centuries apart. */
function yearOf(now: number): number {
  return 1970 + Math.floor(now / (365.2425 * day));
}
