import type { Dialect } from './dialect.ts';
import { knownFields } from './known-fields.ts';
import type { HeaderSource } from './signal.ts';

/** Longer fields are skipped. */
const longestField = 1_024;

/** Further fields are not looked at. */
const mostFields = 1_024;

/** Further values of one field are not looked at. */
const mostRepeats = 32;

/** More fields about quotas than these are skipped. */
const mostKept = 192;

/** The fields of an answer that may tell about quotas. Those of more than 1,024 characters are skipped. */
export class Fields {
  /** Lower-case names of those that are too long to be read. */
  readonly tooLong: string[] = [];
  readonly #isWanted: (name: string) => boolean;
  #texts: Map<string, string> | undefined;
  /** Kept for what may come besides: most answers tell of no more than their time. */
  #date: string | undefined;
  #seen = 0;

  /** Takes the fields that `isWanted` wants out of whatever holds headers. */
  constructor(headers: HeaderSource, isWanted: (name: string) => boolean, dialect: Dialect) {
    this.#isWanted = isWanted;
    readPairs(headers, dialect, this);
    for (const name of this.tooLong) this.texts.delete(name);
  }

  /** Whether they tell of nothing but the time of the answer. */
  get isSilent(): boolean {
    return this.#texts === undefined;
  }

  /** By their lower-case names. Those sent twice are joined by a comma. */
  get texts(): Map<string, string> {
    if (this.#texts === undefined) {
      this.#texts = new Map(this.#date === undefined ? [] : [['date', this.#date]]);
    }
    return this.#texts;
  }

  /** Looks at one field. Tells whether to go on. */
  take(name: unknown, value: unknown): boolean {
    if (++this.#seen > mostFields) return false;
    if (typeof name !== 'string' || name.length > 128) return true;
    const lowerCase = name.toLowerCase();
    if (!this.#isWanted(lowerCase)) return true;
    if (lowerCase === 'date' && this.#mayStandAlone(value)) this.#date = value;
    else if (!keep(this.texts, lowerCase, value)) this.tooLong.push(lowerCase);
    return true;
  }

  #mayStandAlone(value: unknown): value is string {
    const isFirst = this.#texts === undefined && this.#date === undefined;
    return isFirst && typeof value === 'string' && value.length <= longestField;
  }
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
 * Reads names and values until `fields` wants no more. No generator: every answer is read here, and a generator costs more than all
 * the rest of it.
 */
function readPairs(headers: unknown, dialect: Dialect, fields: Fields): void {
  if (typeof headers === 'function') {
    for (const name of knownFields(dialect)) if (!fields.take(name, headers(name))) return;
  } else if (typeof headers === 'object' && headers !== null) {
    const { get } = headers as { get?: unknown };
    if (Symbol.iterator in headers) {
      for (const pair of headers as Iterable<unknown>)
        if (!(Array.isArray(pair) ? fields.take(pair[0], pair[1]) : fields.take(undefined, undefined))) return;
    } else if (typeof get === 'function') {
      for (const name of knownFields(dialect)) if (!fields.take(name, get.call(headers, name))) return;
    } else {
      for (const name of Object.keys(headers))
        if (!fields.take(name, (headers as Record<string, unknown>)[name])) return;
    }
  }
}
