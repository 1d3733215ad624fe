import type { AdapterLink } from '../core/adapter-link.ts';
import type { Grant } from '../core/grant.ts';
import { type AnswerOptions, hear, looksIntoBody } from './answer.ts';
import { warnOfHiddenTiming } from './hidden-headers.ts';

/**
 * Hears what a Response says about the quota, and leaves it as it is.
 * @returns whether the server refused its call
 */
export async function hearResponse<Call>(
  link: AdapterLink,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  response: Response,
): Promise<boolean> {
  const { status, headers } = response;
  const body = looksIntoBody(options) ? await jsonOf(response) : undefined;
  const { throttled, retryAt } = hear(link, key, grant, options, call, { status, headers, body });
  if (throttled && retryAt === undefined) warnOfHiddenTiming(response);
  return throttled;
}

/** Frees the connection of a Response that nobody will read. */
export async function discardResponse(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // Then it is in other hands.
  }
}

/** The longest body that is looked into, in bytes. */
const longestBody = 1_000_000;

/** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
async function jsonOf(response: Response): Promise<unknown> {
  const { headers } = response;
  if (!isJson(headers.get('content-type'))) return undefined;
  if (Number(headers.get('content-length') ?? 0) > longestBody) return undefined;
  try {
    return await response.clone().json();
  } catch {
    return undefined;
  }
}

/** Whether a Content-Type is one of JSON. */
export function isJson(contentType: string | null | undefined): boolean {
  return /\bjson\b/i.test(contentType ?? '');
}
