import type { Answered } from './answer.ts';
import { jsonOf } from './json-body.ts';
import { valuesAt } from './server-signal/body.ts';
import { readingOf } from './server-signal/reading.ts';
import type { Dialect } from './server-signal.ts';

/** Adds the body of the HTTP answer behind the result or error of a call, by the code that comes with the dialect. */
export function withBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered> {
  return readingOf(dialect)?.addBody(answered, said, dialect) ?? Promise.resolve(answered);
}

/**
 * Adds the body of the HTTP answer behind the result or error of a call, if the dialect finds something in it. SDKs
 * return the body itself, an answer that has it, or a Response, whose body stays unread.
 */
export async function addBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered> {
  try {
    for (const place of placesIn(said)) {
      const body = isResponse(place) ? await jsonOf(place) : place;
      // An SDK that returns only the body does so for an answer that it takes for a success.
      if (tellsSomething(body, dialect)) return { ...answered, status: answered.status || 200, body };
    }
  } catch {
    // Unreadable values are ignored.
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
  // An error is not a body: its message is not the server's.
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
