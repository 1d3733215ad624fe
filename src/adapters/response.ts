import type { Grant } from '../core/base/grant.ts';
import { type Answered, type AnswerOptions, hear, looksIntoBody } from './answer.ts';
import { warnOfHiddenTiming } from './hidden-headers.ts';
import { isJson, longestBody, parsedStream } from './json-body.ts';
import type { AdapterLink } from './link.ts';

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
  if (!looksIntoBody(options)) return heardOf(link, key, grant, options, call, response, undefined);
  return jsonOf(response).then((body) => heardOf(link, key, grant, options, call, response, body));
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

/** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
export async function jsonOf(response: Response): Promise<unknown> {
  try {
    const { headers, body } = response;
    if (!isJson(headers.get('content-type'))) return undefined;
    if (Number(headers.get('content-length') ?? 0) > longestBody) return undefined;
    // The copy of a stream of Node's, as node-fetch has them, stalls unless the original is read too.
    if (typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function') return undefined;
    const copy = response.clone();
    return await (copy.body ? parsedStream(copy.body) : copy.json());
  } catch {
    return undefined;
  }
}
