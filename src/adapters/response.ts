import type { Grant } from '../core/base/grant.ts';
import { type Answered, type AnswerOptions, hear, looksIntoBody } from './answer.ts';
import type { Link } from './link.ts';
import { readingOf } from './server-signal/reading.ts';

/**
 * Reads what a Response tells about the quota, and leaves it as it is. An unreadable one tells nothing: the caller's
 * own fetch may return anything.
 * @returns whether the server refused its call
 */
export function hearResponse<Call>(
  link: Link,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  response: Response,
): boolean | Promise<boolean> {
  const heardWith = (body?: unknown): boolean => {
    let answered: Answered;
    try {
      const { status, headers, type } = response;
      answered = { status, headers, type, body };
    } catch {
      return false;
    }
    return hear(link, key, grant, options, call, answered).throttled;
  };
  const reading = looksIntoBody(options) ? readingOf(options.dialect) : undefined;
  return reading === undefined ? heardWith() : reading.jsonOf(response).then(heardWith);
}

/** Frees the connection of a Response that will not be read. */
export async function discardResponse(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // Then other code reads it.
  }
}
