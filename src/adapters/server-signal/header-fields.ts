import type { HeaderSource } from './signal.ts';

/** The fields of an answer that may tell about quotas. */
export interface Fields {
  /** By their lower-case names. Those sent twice are joined by a comma. */
  readonly texts: ReadonlyMap<string, string>;
  /** Lower-case names of those that are too long to be read. */
  readonly tooLong: readonly string[];
}

/** Longer fields are skipped. */
const longestField = 1_024;

/** Further fields are not looked at. */
const mostFields = 1_024;

/** Further values of one field are not looked at. */
const mostRepeats = 32;

/** More fields about quotas than these are skipped. */
const mostKept = 192;

/**
 * Takes the fields that `isWanted` wants out of whatever holds headers. Fields of more than 1,024 characters are skipped.
 * @param known lower-case names to ask for where names cannot be listed
 */
export function fieldsOf(
  headers: HeaderSource,
  isWanted: (name: string) => boolean,
  known: () => Iterable<string>,
): Fields {
  const fields = new Map<string, string>();
  let seen = 0;
  for (const [name, value] of pairsOf(headers, known)) {
    if (++seen > mostFields) break;
    if (typeof name !== 'string' || name.length > 128) continue;
    const lowerCase = name.toLowerCase();
    if (!isWanted(lowerCase)) continue;
    const text = textOf(value);
    if (text === undefined) continue;
    const before = fields.get(lowerCase);
    if (before === undefined && fields.size >= mostKept) continue;
    const joined = before === undefined ? text : `${before}, ${text}`;
    // One that has grown too long stays too long.
    fields.set(lowerCase, joined.slice(0, longestField + 1));
  }
  const tooLong = [...fields.keys()].filter((name) => (fields.get(name) as string).length > longestField);
  for (const name of tooLong) fields.delete(name);
  return { texts: fields, tooLong };
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, mostRepeats).join(', ');
}

function* pairsOf(headers: unknown, known: () => Iterable<string>): Iterable<readonly [unknown, unknown]> {
  if (typeof headers === 'function') {
    for (const name of known()) yield [name, headers(name)];
  } else if (typeof headers === 'object' && headers !== null) {
    const { get } = headers as { get?: unknown };
    if (Symbol.iterator in headers) yield* onlyPairs(headers as Iterable<unknown>);
    else if (typeof get === 'function') for (const name of known()) yield [name, get.call(headers, name)];
    else for (const name of Object.keys(headers)) yield [name, (headers as Record<string, unknown>)[name]];
  }
}

function* onlyPairs(entries: Iterable<unknown>): Iterable<readonly [unknown, unknown]> {
  for (const entry of entries) yield Array.isArray(entry) ? [entry[0], entry[1]] : [undefined, undefined];
}
