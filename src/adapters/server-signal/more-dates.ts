import { parsedDate } from '../../core/time/clock.ts';

/** With a numeric zone, and the form of `String(new Date())`. The platform reads both. */
const inWords =
  /^(?:[A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:[0-5]\d |[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:[0-5]\d GMT)[+-]\d{4}(?: \(.*\))?$/;

/** ISO 8601 with a blank, in lower case, with hours alone for a zone, or without one. */
const loose = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?:[Zz]|([+-]\d\d)(?::?(\d\d))?)?$/;

/** Reads a date in words or in the looser forms of ISO 8601, in ms since the epoch. One without a zone is in UTC. */
export function dateIn(text: string): number | undefined {
  if (inWords.test(text)) return parsedDate(text.replace(/ \(.*/, ''));
  const [, day, time, hours, minutes = '00'] = loose.exec(text) ?? [];
  const zone = hours === undefined ? 'Z' : `${hours}:${minutes}`;
  return day === undefined ? undefined : parsedDate(`${day}T${time}${zone}`);
}
