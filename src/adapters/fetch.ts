import { checkFunction } from '../core/base/check.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import { type CallOptions, checkCallOptions, looksAtCalls, termsBy } from './call-options.ts';
import { isSignal, sendInTurn } from './in-turn.ts';
import { linkOf } from './link.ts';
import { placeOf } from './place.ts';
import { canBeSentAgain, type FetchArguments, isRequest, membersOf, snapshot } from './request-snapshot.ts';
import { discardResponse, hearResponse } from './response.ts';

/** One call of `fetch`, as functions in the options get it. */
export interface FetchCall {
  /** Its URL; relative URLs are resolved. */
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** The first argument of fetch. Its type is taken from `fetch`, because Node's types have no `RequestInfo`. */
  readonly input: Parameters<typeof fetch>[0];
  /** The second argument of fetch. */
  readonly init: RequestInit | undefined;
}

/** Options of `throttleFetch`. */
export interface ThrottleFetchOptions extends CallOptions<FetchCall, Response> {
  /**
   * The fetch to send calls with.
   * @default the global one, as it is when `throttleFetch` is called
   */
  readonly fetch?: typeof fetch;
}

/**
 * Makes a `fetch` that waits for its turn. It has the type and the semantics of fetch for all arguments. Calls to other
 * schemes than http and https go straight through. If the signal of a waiting call aborts, the call is handed to the
 * real fetch at once, so that it fails with fetch's own error. A call that the server refused for its quota pauses its
 * key and is sent again after the pause.
 * @throws TypeError, RangeError for a wrong option. The fetch it returns rejects as fetch does, and with
 * WaitTooLongError, QueueFullError, CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * const fetch = throttleFetch(throttle);
 * const answer = await fetch('https://api.github.com/zen');
 */
export function throttleFetch(throttle: Throttle | CombinedThrottle, options: ThrottleFetchOptions = {}): typeof fetch {
  checkCallOptions(options);
  const { match } = options;
  const send = options.fetch ?? globalThis.fetch;
  checkFunction('fetch', send);
  const link = linkOf(throttle);
  const line = { throttle, link };
  const isLookedAt = looksAtCalls(options);
  const termsOf = termsBy(options);

  // Not async: that would make one more promise for each call.
  const throttled = (...args: FetchArguments): Promise<Response> => {
    try {
      const [input, given] = args;
      const init = given ?? undefined;
      // Fetch itself rejects invalid calls.
      if ((args.length as number) === 0 || (init !== undefined && Object(init) !== init)) return send(...args);
      const members = init && membersOf(init);
      const request = isRequest(input) ? input : undefined;
      const place = placeOf(request?.url ?? input);
      if (place === undefined) return send(...args);
      const method = members?.method ?? request?.method ?? 'GET';
      const call: FetchCall = isLookedAt
        ? { url: new URL(place.href), method: String(method).toUpperCase(), input, init }
        : unseen;
      if (match && !match(call)) return send(...args);
      const signal = (members?.signal === undefined ? request?.signal : members.signal) ?? undefined;
      if (signal !== undefined && (!isSignal(signal) || signal.aborted)) return send(...args);
      const terms = termsOf(call, place.origin);
      const { settle } = terms;
      const kept = snapshot(args, request ?? place.href, members);
      return sendInTurn(line, terms, {
        signal,
        endsAborted: true,
        bodies: [kept[1]?.body],
        send: () => send(...kept),
        hear: (grant, response) => hearResponse(link, terms.key, grant, options, call, response),
        canBeSentAgain: () => canBeSentAgain(kept),
        discard: discardResponse,
        settle: settle && ((grant, response) => settle(throttle, grant, () => response.clone(), discardResponse)),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.defineProperties(throttled, { name: { value: send.name }, length: { value: send.length } });
}

/** Used for a call if no option is a function. */
const unseen = {} as FetchCall;
