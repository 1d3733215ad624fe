import type { Grant } from '../core/base/grant.ts';
import { type Answered, type AnswerOptions, hear, looksIntoBody } from './answer.ts';
import { warnOfHiddenTiming } from './hidden-headers.ts';
import type { AdapterLink } from './link.ts';
import { readingOf } from './server-signal/reading.ts';

/**
 * Hears what a Response says about the quota, and leaves it as it is.
 * @returns whether the server refused its call
 */
export function hearResponse<Call>(
  link: AdapterLink,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  response: Response,
): boolean | Promise<boolean> {
  const heardWith = (body?: unknown) => heardOf(link, key, grant, options, call, response, body);
  const reading = looksIntoBody(options) ? readingOf(options.dialect) : undefined;
  return reading === undefined ? heardWith() : reading.jsonOf(response).then(heardWith);
}

function heardOf<Call>(
  link: AdapterLink,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  response: Response,
  body: unknown,
): boolean {
  const answered = partsOf(response);
  if (answered === undefined) return false;
  const { throttled, retryAt } = hear(link, key, grant, options, call, { ...answered, body });
  if (throttled && retryAt === undefined && response instanceof Response) warnOfHiddenTiming(response);
  return throttled;
}

/** Reads what a fetch of the caller's own gave; undefined if that cannot be read: it goes to the caller as it is. */
function partsOf(response: Pick<Answered, 'status' | 'headers'>): Answered | undefined {
  try {
    const { status, headers } = response;
    return { status, headers };
  } catch {
    return undefined;
  }
}

/** Frees the connection of a Response that nobody will read. */
export async function discardResponse(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // Then it is in other hands.
  }
}
