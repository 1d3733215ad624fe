import { wrongType } from '../core/base/check.ts';
import type { Grant } from '../core/base/grant.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import { type CallOptions, type CallTerms, checkCallOptions, looksAtCalls, termsBy } from './call-options.ts';
import { isSignal, type Line, type Sendable, sendInTurn } from './in-turn.ts';
import { linkOf } from './link.ts';
import { type Place, placeOf } from './place.ts';
import { canBeSentAgain, type FetchArguments, isRequest, membersOf, snapshot } from './request-snapshot.ts';
import { discardResponse, hearResponse } from './response.ts';

/** One call of `fetch`, as the options' functions see it. */
export interface FetchCall {
  /** Where it goes; relative URLs are resolved. */
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** What fetch was called with. Taken from `fetch`, as the types of Node have no `RequestInfo`. */
  readonly input: Parameters<typeof fetch>[0];
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
  const sender = { throttle, link, options, send };
  const isLookedAt = looksAtCalls(options);
  const termsOf = termsBy(options);

  const sendOne = (args: FetchArguments): Promise<Response> => {
    const [input, init = undefined] = args;
    // What fetch will refuse is for fetch to refuse.
    if ((args.length as number) === 0 || !isDictionary(init)) return send(...args);
    const members = init ? membersOf(init) : undefined;
    const place = placeOfInput(input);
    if (place === undefined) return send(...args);
    const { origin, href } = place;
    const method = members?.method ?? (isRequest(input) ? input.method : 'GET');
    const call: FetchCall = isLookedAt
      ? { url: new URL(href), method: String(method).toUpperCase(), input, init: init ?? undefined }
      : unseen;
    if (options.match !== undefined && !options.match(call)) return send(...args);
    const signal = members?.signal === undefined && isRequest(input) ? input.signal : members?.signal;
    if (signal !== undefined && signal !== null && (!isSignal(signal) || signal.aborted)) return send(...args);
    const terms = termsOf(call, origin);
    const kept = snapshot(args, href, members);
    return sendInTurn(sender, terms, new SentFetch(sender, terms, call, kept, signal ?? undefined));
  };
  // Not async: that would make another promise of each.
  const throttled = (...args: FetchArguments): Promise<Response> => {
    try {
      return sendOne(args);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.defineProperties(throttled, {
    name: { value: send.name, configurable: true },
    length: { value: send.length, configurable: true },
  });
}

/** What all calls of one throttled fetch have in common. */
interface Sender extends Line {
  readonly options: ThrottleFetchOptions;
  readonly send: typeof fetch;
}

/** One call of it. */
class SentFetch implements Sendable<Response> {
  readonly signal: AbortSignal | undefined;
  readonly endsAborted = true;
  readonly #sender: Sender;
  readonly #terms: CallTerms<Response>;
  readonly #call: FetchCall;
  readonly #args: FetchArguments;

  constructor(
    sender: Sender,
    terms: CallTerms<Response>,
    call: FetchCall,
    args: FetchArguments,
    signal: AbortSignal | undefined,
  ) {
    this.signal = signal;
    this.#sender = sender;
    this.#terms = terms;
    this.#call = call;
    this.#args = args;
  }

  send(): Promise<Response> {
    // Not as a method.
    const { send } = this.#sender;
    return send(...this.#args);
  }

  get bodies(): readonly unknown[] | undefined {
    const body = this.#args[1]?.body;
    return typeof body === 'object' ? [body] : undefined;
  }

  hear(grant: Grant, response: Response): boolean | Promise<boolean> {
    const { link, options } = this.#sender;
    return hearResponse(link, this.#terms.key, grant, options, this.#call, response);
  }

  canBeSentAgain(): boolean {
    return canBeSentAgain(this.#args);
  }

  discard(response: Response): void {
    void discardResponse(response);
  }

  settle(grant: Grant, response: Response): void {
    this.#terms.settle?.(this.#sender.throttle, grant, () => response.clone(), discardResponse);
  }
}

/** What stands for a call that no option looks at. */
const unseen = {} as FetchCall;

/** Reads where a call goes; undefined if it is not ours to hold back. */
function placeOfInput(input: RequestInfo | URL): Place | undefined {
  try {
    return placeOf(isRequest(input) ? input.url : `${input}`);
  } catch {
    return undefined;
  }
}

/** Whether fetch takes a value for an init. */
function isDictionary(init: unknown): boolean {
  return init === undefined || init === null || typeof init === 'object' || typeof init === 'function';
}
