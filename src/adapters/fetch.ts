import { type AdapterLink, linkOf } from '../core/adapter-link.ts';
import { wrongType } from '../core/check.ts';
import { isThrottleError } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import type { Throttle } from '../core/throttle.ts';
import { hear, looksIntoBody } from './answer.ts';
import { type CallOptions, type CallTerms, checkCallOptions, termsOf } from './call-options.ts';
import { warnOfHiddenTiming } from './hidden-headers.ts';
import { canBeSentAgain, type FetchArguments, isRequest, membersOf, snapshot } from './request-snapshot.ts';

/** One call of `fetch`, as the options' functions see it. */
export interface FetchCall {
  /** Where it goes; relative URLs are resolved. */
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** What fetch was called with. */
  readonly input: RequestInfo | URL;
  /** What fetch was called with. */
  readonly init: RequestInit | undefined;
}

/** What `throttleFetch` takes besides the throttle. */
export interface ThrottleFetchOptions extends CallOptions<FetchCall, Response> {
  /**
   * The fetch to send calls with.
   * @default the global one, as it is when `throttleFetch` is called
   */
  readonly fetch?: typeof fetch;
}

/**
 * Makes a `fetch` that waits for its turn: the same type and the same semantics, whatever its arguments. Calls to other schemes
 * than http and https go straight through. A call whose signal aborts while it waits is handed to the real fetch at once, so that
 * it fails with fetch's own error. A call that `readServerSignal` finds refused pauses its key and is sent again after the pause.
 * @throws TypeError, RangeError for a wrong option. The fetch it returns rejects as fetch does, and with WaitTooLongError,
 * QueueFullError, CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * const fetch = throttleFetch(throttle);
 * const answer = await fetch('https://api.github.com/zen');
 */
export function throttleFetch(throttle: Throttle, options: ThrottleFetchOptions = {}): typeof fetch {
  const link = linkOf(throttle);
  checkCallOptions(options);
  const send = options.fetch ?? globalThis.fetch;
  if (typeof send !== 'function') wrongType('fetch', 'a function', send);
  link.attach();
  const line: Line = { throttle, link, send };

  const throttled = async (...args: FetchArguments): Promise<Response> => {
    const [input, init = undefined] = args;
    // What fetch will refuse is for fetch to refuse.
    if ((args.length as number) === 0 || !isDictionary(init)) return send(...args);
    const members = init ? membersOf(init) : undefined;
    const place = placeOf(input);
    if (place === undefined) return send(...args);
    const { url, target } = place;
    const { origin } = url;
    const method = members?.method ?? (isRequest(input) ? input.method : 'GET');
    const call: FetchCall = { url, method: String(method).toUpperCase(), input, init: init ?? undefined };
    if (options.match !== undefined && !options.match(call)) return send(...args);
    const signal = members?.signal === undefined && isRequest(input) ? input.signal : members?.signal;
    if (signal !== undefined && signal !== null && (!isSignal(signal) || signal.aborted)) return send(...args);
    const terms = termsOf(options, call, origin);
    const note = async (grant: Grant, response: Response) => {
      const { status, headers } = response;
      const body = looksIntoBody(options) ? await jsonOf(response) : undefined;
      const { throttled, retryAt } = hear(link, terms.key, grant, options, call, { status, headers, body });
      if (throttled && retryAt === undefined) warnOfHiddenTiming(response);
      return throttled;
    };
    return sendInTurn(line, terms, note, snapshot(args, target, members), signal ?? undefined);
  };
  return Object.defineProperties(throttled, {
    name: { value: send.name, configurable: true },
    length: { value: send.length, configurable: true },
  });
}

/** Where calls wait and how they go. */
interface Line {
  readonly throttle: Throttle;
  readonly link: AdapterLink;
  readonly send: typeof fetch;
}

/** Sends a call when its turn comes, and again as often as it may be when the server refuses it for its quota. */
async function sendInTurn(
  { throttle, link, send }: Line,
  { key, wait, retry, settle }: CallTerms<Response>,
  isRefusal: (grant: Grant, response: Response) => Promise<boolean>,
  args: FetchArguments,
  signal: AbortSignal | undefined,
): Promise<Response> {
  let refused: Response | undefined;
  for (let attempt = 0; ; attempt++) {
    let started = false;
    const task = async (grant: Grant) => {
      started = true;
      discard(refused);
      const answered = link.noteDeparture(grant);
      const response = await send(...args);
      answered();
      // The pause is on before this call's place is free for the next.
      const isRefused = await isRefusal(grant, response);
      if (!isRefused) settle?.(throttle, grant, () => response.clone(), discard);
      return { response, isRefused };
    };
    let answer: Awaited<ReturnType<typeof task>>;
    try {
      answer = await throttle.run(task, { ...wait, key, signal });
    } catch (error) {
      if (started) throw error;
      if (signal?.aborted) {
        discard(refused);
        return send(...args);
      }
      if (refused !== undefined && isThrottleError(error)) return refused;
      throw error;
    }
    if (!answer.isRefused || attempt >= retry || !canBeSentAgain(args)) return answer.response;
    refused = answer.response;
  }
}

/** Frees the connection of an answer that nobody will read. */
async function discard(response: Response | undefined): Promise<void> {
  try {
    await response?.body?.cancel();
  } catch {
    // Then it is in other hands.
  }
}

/** The longest body that is looked into, in bytes. */
const longestBody = 1_000_000;

/** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
async function jsonOf(response: Response): Promise<unknown> {
  const { headers } = response;
  if (!/\bjson\b/i.test(headers.get('content-type') ?? '')) return undefined;
  if (Number(headers.get('content-length') ?? 0) > longestBody) return undefined;
  try {
    return await response.clone().json();
  } catch {
    return undefined;
  }
}

/** Reads where a call goes, now that relative URLs mean what they mean; undefined if it is not ours to hold back. */
function placeOf(input: RequestInfo | URL): { readonly url: URL; readonly target: string } | undefined {
  const base = baseUrl();
  try {
    const text = isRequest(input) ? input.url : `${input}`;
    const url = new URL(text, base);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
    return { url, target: base === undefined ? text : url.href };
  } catch {
    return undefined;
  }
}

/** What relative URLs are relative to: the document in a page, the script in a worker, nothing elsewhere. */
function baseUrl(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return document?.baseURI ?? location?.href;
}

/** Whether fetch takes a value for an init. */
function isDictionary(init: unknown): boolean {
  return init === undefined || init === null || typeof init === 'object' || typeof init === 'function';
}

/** Whether a value can be listened to as a signal, of this window or of another. */
function isSignal(signal: AbortSignal): boolean {
  return (
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}
