import type { HeaderSource } from './signal.ts';

/** Longer fields are skipped. */
const longestField = 1_024;

/** Further fields are not looked at. */
const mostFields = 1_024;

/** Further values of one field are not looked at. */
const mostRepeats = 32;

/** More fields about quotas than these are skipped. */
const mostKept = 64;

/**
 * Takes the fields that tell about quotas out of whatever holds headers. No generator: every answer is read here, and a generator
 * costs more than all the rest of it.
 * @param names what to ask for where names cannot be listed
 * @param isWanted picks fields by their lower-case names
 * @param ignored takes the names of fields of more than 1,024 characters: they are skipped
 * @returns texts by lower-case names. Those sent twice are joined by a comma.
 */
export function fieldsIn(
  headers: HeaderSource,
  names: () => readonly string[],
  isWanted: (name: string) => boolean,
  ignored: Set<string>,
): Map<string, string> {
  const texts = new Map<string, string>();
  let seen = 0;
  const take = (name: unknown, value: unknown): void => {
    if (typeof name !== 'string' || name.length > 128) return;
    const lowerCase = name.toLowerCase();
    const text = isWanted(lowerCase) ? textOf(value) : undefined;
    const before = texts.get(lowerCase);
    if (text === undefined || (before === undefined && texts.size >= mostKept)) return;
    const joined = before === undefined ? text : `${before}, ${text}`;
    // One that has grown too long stays too long.
    texts.set(lowerCase, joined.slice(0, longestField + 1));
    if (joined.length > longestField) ignored.add(lowerCase);
  };
  if (Symbol.iterator in headers)
    for (const pair of headers as Iterable<unknown>) {
      if (++seen > mostFields) break;
      if (Array.isArray(pair)) take(pair[0], pair[1]);
    }
  else {
    const get = typeof headers === 'function' ? headers : (headers as { get?: unknown }).get;
    const isAsked = typeof get === 'function';
    for (const name of isAsked ? names() : Object.keys(headers).slice(0, mostFields))
      take(name, isAsked ? get.call(headers, name) : (headers as Record<string, unknown>)[name]);
  }
  for (const name of ignored) texts.delete(name);
  return texts;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.slice(0, mostRepeats).join(', ');
  return typeof value === 'string' ? value : undefined;
}
