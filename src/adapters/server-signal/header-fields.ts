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
  const texts = new Map<string, string>();
  const tooLong: string[] = [];
  let seen = 0;
  readPairs(headers, known, (name, value) => {
    if (++seen > mostFields) return false;
    if (typeof name === 'string' && name.length <= 128) {
      const lowerCase = name.toLowerCase();
      if (isWanted(lowerCase) && !keep(texts, lowerCase, value)) tooLong.push(lowerCase);
    }
    return true;
  });
  for (const name of tooLong) texts.delete(name);
  return { texts, tooLong };
}

/** Tells whether a field is not too long. */
function keep(texts: Map<string, string>, name: string, value: unknown): boolean {
  const text = textOf(value);
  if (text === undefined) return true;
  const before = texts.get(name);
  if (before === undefined && texts.size >= mostKept) return true;
  const joined = before === undefined ? text : `${before}, ${text}`;
  // One that has grown too long stays too long.
  texts.set(name, joined.slice(0, longestField + 1));
  return joined.length <= longestField;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, mostRepeats).join(', ');
}

/**
 * Reads names and values until `take` wants no more. No generator: every answer is read here, and a generator costs more than all
 * the rest of it.
 */
function readPairs(
  headers: unknown,
  known: () => Iterable<string>,
  take: (name: unknown, value: unknown) => boolean,
): void {
  if (typeof headers === 'function') {
    for (const name of known()) if (!take(name, headers(name))) return;
  } else if (typeof headers === 'object' && headers !== null) {
    const { get } = headers as { get?: unknown };
    if (Symbol.iterator in headers) {
      for (const pair of headers as Iterable<unknown>)
        if (!(Array.isArray(pair) ? take(pair[0], pair[1]) : take(undefined, undefined))) return;
    } else if (typeof get === 'function') {
      for (const name of known()) if (!take(name, get.call(headers, name))) return;
    } else {
      for (const name of Object.keys(headers)) if (!take(name, (headers as Record<string, unknown>)[name])) return;
    }
  }
}
