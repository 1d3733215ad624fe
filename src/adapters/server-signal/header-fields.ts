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
 * Reads the fields about quotas from any kind of headers. It is not a generator: every answer is read here, and a
 * generator costs more than all the rest.
 * @param names what to ask for if names cannot be listed
 * @param isWanted picks fields by their lower-case names
 * @param ignored takes the names of fields of more than 1,024 characters: they are skipped
 * @returns texts by lower-case names. Fields sent twice are joined by a comma.
 */
export function fieldsIn(
  headers: HeaderSource,
  names: () => readonly string[],
  isWanted: (name: string) => boolean,
  ignored: Set<string>,
): Map<string, string> {
  const texts = new Map<string, string>();
  let seen = 0;
  for (const pair of pairsIn(headers, names)) {
    if (++seen > mostFields) break;
    const [name, value] = Array.isArray(pair) ? pair : [];
    if (typeof name !== 'string' || name.length > 128) continue;
    const lowerCase = name.toLowerCase();
    const text = isWanted(lowerCase) ? textOf(value) : undefined;
    const before = texts.get(lowerCase);
    if (text === undefined || (before === undefined && texts.size >= mostKept)) continue;
    const joined = before === undefined ? text : `${before}, ${text}`;
    // A field that has become too long stays too long.
    texts.set(lowerCase, joined.slice(0, longestField + 1));
    if (joined.length > longestField) ignored.add(lowerCase);
  }
  for (const name of ignored) texts.delete(name);
  return texts;
}

function pairsIn(headers: HeaderSource, names: () => readonly string[]): Iterable<unknown> {
  if (Symbol.iterator in headers) return headers as Iterable<unknown>;
  const get = typeof headers === 'function' ? headers : (headers as { get?: unknown }).get;
  return typeof get === 'function' ? names().map((name) => [name, get.call(headers, name)]) : Object.entries(headers);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.slice(0, mostRepeats).join(', ');
  return typeof value === 'string' ? value : undefined;
}
