/** What of an answer tells whether the server refused the call for its quota. */
export interface Answered {
  readonly status: number;
  /** Reads a header; null or undefined if it is not there, or not shown to us. */
  header(name: string): string | null | undefined;
}

/** The server refused a call for its quota. */
export interface Refusal {
  /** When it may be sent again, in ms since the epoch; undefined if the server did not say. */
  readonly retryAt: number | undefined;
}

/**
 * Tells whether an answer refuses a call for its quota: 429 always, 503 only if it says when to come back.
 * @param now ms since the epoch
 * @see RFC 9110 section 10.2.3 for Retry-After, RFC 6585 section 4 for 429
 */
export function refusalOf({ status, header }: Answered, now: number): Refusal | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const retryAt = retryAtOf(header('retry-after'), header('date'), now);
  return status === 429 || retryAt !== undefined ? { retryAt } : undefined;
}

/** An instant that the server named is past by its own clock's rounding only a second later. */
const roundingOfDates = 1_000;

/** A date, in which a comma is no end, or anything else up to the next comma. */
const oneOfSeveral = / *[A-Za-z]{3}, [^,]+|[^,]+/g;

function retryAtOf(value: string | null | undefined, date: string | null | undefined, now: number): number | undefined {
  const serverNow = httpDate(date?.trim() ?? '') ?? now;
  // Header fields that were sent twice arrive joined by a comma: the latest counts.
  const waits = (value?.match(oneOfSeveral) ?? []).map((one) => waitOf(one.trim(), serverNow));
  const longest = Math.max(0, ...waits);
  return longest > 0 ? now + longest : undefined;
}

/** How long to wait, in ms; 0 if the text does not say or the time is past. */
function waitOf(text: string, serverNow: number): number {
  if (/^\d{1,20}(\.\d{1,9})?$/.test(text)) return Number(text) * 1_000;
  const instant = httpDate(text);
  return instant !== undefined && instant > serverNow ? instant - serverNow + roundingOfDates : 0;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Reads an IMF-fixdate, the one form of a date that servers may send, as ms since the epoch. */
function httpDate(text: string): number | undefined {
  const parts = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (parts === null) return undefined;
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((index) => Number(parts[index])) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const month = months.indexOf(parts[2] as string);
  if (month === -1) return undefined;
  return ((daysSinceEpoch(year, month + 1, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000;
}

/** Days from 1970-01-01 to a day of the Gregorian calendar, counted in years that begin in March. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = (month + 9) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + Math.floor((marchMonth * 153 + 2) / 5) + day - 1 - 719_468;
}
