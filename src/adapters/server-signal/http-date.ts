const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Every form of a date that servers are known to send. Each names its parts alike. */
const forms: readonly RegExp[] = [
  // RFC 9110 section 5.6.7: IMF-fixdate, its day also in one digit and its zone also in numbers, then rfc850 and asctime.
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d{1,2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) (?<zone>GMT|UTC|[+-]\d{4})$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<shortYear>\d{2}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) (?<year>\d{4})$/,
  // What `String(new Date())` gives.
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>\d{2}) (?<year>\d{4}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) GMT(?<zone>[+-]\d{4})(?: \(.*\))?$/,
  // RFC 3339 and ISO 8601, with or without seconds and zone.
  /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})[Tt ](?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:\.(?<fraction>\d{1,9}))?)?(?<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?$/,
];

/** Every form begins like this: what does not need not be tried. */
const beginning = /^(?:[A-Z][a-z]{2}|\d{4}-)/;

/**
 * Reads a date, in ms since the epoch; undefined if it is none of the calendar. One without a zone is in UTC.
 * @param year the year that it is, for dates that tell two digits of theirs
 * @see RFC 9110 section 5.6.7, RFC 3339
 */
export function readDate(text: string, year: number): number | undefined {
  if (!beginning.test(text)) return undefined;
  for (const form of forms) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return instantOf(parts, year);
  }
  return undefined;
}

function instantOf(parts: Readonly<Record<string, string | undefined>>, currentYear: number): number | undefined {
  const number = (name: string) => Number(parts[name] ?? 0);
  const year = parts.shortYear === undefined ? number('year') : fullYear(number('shortYear'), currentYear);
  const named = months.indexOf(parts.month ?? '') + 1;
  const month = named > 0 ? named : number('month');
  const day = number('day');
  const [hour, minute, second] = [number('hour'), number('minute'), number('second')];
  const offset = offsetOf(parts.zone ?? 'Z');
  // Second 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60 || offset === undefined) return undefined;
  if (!(month >= 1 && month <= 12) || day < 1 || day > daysIn(month, year)) return undefined;
  const ms = Math.floor(Number(`0.${parts.fraction ?? 0}`) * 1_000 + 1e-6);
  const minutes = (daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute - offset;
  return minutes * 60_000 + second * 1_000 + ms;
}

/** A year of two digits that seems to be more than 50 years ahead is the last one that ended like this. */
function fullYear(short: number, currentYear: number): number {
  const year = currentYear - (currentYear % 100) + short;
  if (year > currentYear + 50) return year - 100;
  return year <= currentYear - 50 ? year + 100 : year;
}

/** Minutes east of Greenwich. */
function offsetOf(zone: string): number | undefined {
  const parts = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (parts === null) return 0;
  const [hours, minutes] = [Number(parts[2]), Number(parts[3] ?? 0)];
  if (hours > 23 || minutes > 59) return undefined;
  return (parts[1] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function daysIn(month: number, year: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days from 1970-01-01 to a day of the Gregorian calendar, counted in years that begin in March. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = (month + 9) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + Math.floor((marchMonth * 153 + 2) / 5) + day - 1 - 719_468;
}
