import { readFileSync } from 'node:fs';
import { type Dialect, readServerSignal, type ServerSignal } from 'sluice';
import { shopify } from 'sluice/presets';
import { describe, expect, it } from 'vitest';

/** An answer that some server gave, or that a specification has as an example, and what it says. */
interface Vector {
  readonly group: string;
  readonly name: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly now: number;
  readonly dialect?: Dialect;
  /** Takes the dialect of a preset. */
  readonly preset?: keyof typeof presets;
  readonly body?: unknown;
  /** All that the signal has, `buckets` and what else explains it left out. */
  readonly expect: Partial<ServerSignal>;
  readonly source: string;
}

const presets = { shopify };

const file = new URL('server-signal.vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[];

function read({ dialect, preset, ...answer }: Vector, headers: object = answer.headers) {
  const used = preset === undefined ? dialect : presets[preset]().dialect;
  const { buckets, ignored, source, ...signal } = readServerSignal({ ...answer, headers, dialect: used });
  return signal;
}

function lines({ headers }: Vector): [string, string][] {
  return Object.entries(headers).flatMap(([name, texts]) =>
    [texts].flat().map((text): [string, string] => [name, text]),
  );
}

describe('an answer', () => {
  it('is there for each kind', () => expect(vectors.length).toBeGreaterThan(70));

  it.each(vectors)('is read: $group, $name', (vector) => expect(read(vector)).toEqual(vector.expect));

  it.each(vectors)('is read alike from whatever holds its headers: $name', (vector) => {
    const sent = lines(vector);
    const joined = new Map(Object.entries(vector.headers).map(([name, texts]) => [name, [texts].flat().join(', ')]));
    const lowerCase = new Map([...joined].map(([name, text]) => [name.toLowerCase(), text]));
    for (const headers of [
      new Headers(sent),
      sent,
      joined,
      Object.fromEntries([...joined].map(([name, text]) => [name.toUpperCase(), text])),
      { get: (name: string) => lowerCase.get(name) ?? null },
      (name: string) => lowerCase.get(name),
    ]) {
      // Of these fields nobody knows to ask for by name.
      const isListed = typeof headers !== 'function' && !('get' in headers && !(Symbol.iterator in headers));
      if (!isListed && [...lowerCase.keys()].some((name) => /requests-|complexity-|subscription/.test(name))) continue;
      expect(read(vector, headers)).toEqual(vector.expect);
    }
  });
});
