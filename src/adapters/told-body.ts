import type { Answered } from './answer.ts';
import { jsonOf } from './json-body.ts';
import { valuesAt } from './server-signal/body.ts';
import { readingOf } from './server-signal/reading.ts';
import type { Dialect } from './server-signal.ts';

/** Adds the body of the HTTP answer behind what a call gave or threw, by the code that the dialect brings along. */
export function withBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered> {
  return readingOf(dialect)?.addBody(answered, said, dialect) ?? Promise.resolve(answered);
}

/**
 * Adds the body of the HTTP answer behind what a call gave or threw, if the dialect finds something in it. SDKs give the body
 * itself, an answer that has it, or a Response, whose body stays unread.
 */
export async function addBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered> {
  try {
    for (const place of placesIn(said)) {
      const body = isResponse(place) ? await jsonOf(place) : place;
      // Who gives nothing but the body gives it of an answer that was taken for a good one.
      if (tellsSomething(body, dialect)) return { ...answered, status: answered.status || 200, body };
    }
  } catch {
    // What cannot be read says nothing.
  }
  return answered;
}

/** Where SDKs put the body of an answer. */
interface Told {
  readonly data?: unknown;
  readonly body?: unknown;
  readonly error?: unknown;
  readonly response?: { readonly data?: unknown; readonly body?: unknown };
}

function placesIn(said: unknown): readonly unknown[] {
  if (typeof said !== 'object' || said === null) return [];
  if (isResponse(said)) return [said];
  const { data, body, error, response } = said as Told;
  const places = [data, body, error, response, response?.data, response?.body];
  // An error is no body: its message is not the server's.
  return said instanceof Error ? places : [said, ...places];
}

function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  const { clone, headers } = value as Partial<Response>;
  return typeof clone === 'function' && typeof headers?.get === 'function';
}

function tellsSomething(body: unknown, { body: quota = {}, refusals = [] }: Dialect): boolean {
  const { unit: _, ...paths } = quota;
  const places = [...Object.values(paths), ...refusals.map(({ body }) => body?.[0])];
  return places.some((path) => path !== undefined && valuesAt(body, path).length > 0);
}
