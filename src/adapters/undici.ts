import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import { type Answered, hear, looksIntoBody, signalOf } from './answer.ts';
import { type CallOptions, checkCallOptions, looksAtCalls, termsBy } from './call-options.ts';
import { sendInTurn } from './in-turn.ts';
import { linkOf } from './link.ts';
import { placeOf } from './place.ts';
import type { Sifting } from './undici-attempt.ts';
import { Exchange } from './undici-exchange.ts';
import type { Dispatch, UndiciHandler, UndiciRequest } from './undici-handler.ts';

export type { UndiciRequest } from './undici-handler.ts';

/** One request of undici, as functions in the options get it. */
export interface UndiciCall {
  /**
   * Its URL. The origin is `http://origin.invalid` if the request names none, as requests of a `Client` or a `Pool` may
   * do.
   */
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** The options of the dispatch. */
  readonly request: UndiciRequest;
}

/**
 * Options of `throttleInterceptor`. For `settle`, an answer is its status and headers, and its body if the dialect
 * looks into bodies.
 */
export interface ThrottleInterceptorOptions extends CallOptions<UndiciCall, Answered> {
  /**
   * Names the bucket of a call.
   * @default the origin of its URL; 'default' if the request names none
   */
  readonly key?: string | ((call: UndiciCall) => string);
}

/**
 * Makes an interceptor for `compose` of the dispatchers of undici 6 and 7. Every request waits for its turn: those of
 * `request`, `stream` and `pipeline`, and those of fetch if the dispatcher is the global one. An upgrade or a CONNECT
 * goes straight through. An abort while a request waits ends it at once with the reason. A refusal pauses the key, and
 * the request is sent again after the pause if its body is a text, a buffer, a Blob, a FormData or empty.
 * @throws TypeError, RangeError for a wrong option. Requests fail as they do without it, and with WaitTooLongError,
 * QueueFullError, CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * import { throttleInterceptor } from 'sluice/undici';
 * import { Agent, setGlobalDispatcher } from 'undici';
 *
 * setGlobalDispatcher(new Agent().compose(throttleInterceptor(throttle)));
 */
export function throttleInterceptor(
  throttle: Throttle | CombinedThrottle,
  options: ThrottleInterceptorOptions = {},
): <Own extends (...args: never) => boolean>(dispatch: Own) => Own {
  checkCallOptions(options);
  const link = linkOf(throttle);
  const line = { throttle, link };
  const isLookedAt = looksAtCalls(options);
  const termsOf = termsBy(options);
  const sifting: Sifting = {
    read: (answer) => signalOf(link, options, answer),
    looksIntoBody: looksIntoBody(options),
  };

  return <Own extends (...args: never) => boolean>(own: Own): Own => {
    const dispatch = own as unknown as Dispatch;
    // undici checks the number of its parameters.
    const throttled = (request: UndiciRequest, handler: UndiciHandler): boolean => {
      const origin = originOf(request);
      if (origin === undefined) return dispatch(request, handler);
      const call = isLookedAt ? callOf(request) : unseen;
      if (options.match !== undefined && !options.match(call)) return dispatch(request, handler);
      const terms = termsOf(call, origin === unknownOrigin ? 'default' : origin);
      const exchange = new Exchange(dispatch, copyOf(request), handler);
      exchange.begin();
      const mayRepeat = canBeSentAgain(request);
      sendInTurn(line, terms, {
        signal: exchange.signal,
        bodies: [request.body],
        send: () => exchange.send(sifting),
        hear: (grant, answer) =>
          exchange.body?.then(
            (body) => hear(link, terms.key, grant, options, call, Object.assign(answer, { body })).throttled,
          ) ?? hear(link, terms.key, grant, options, call, answer, exchange.attempt?.said).throttled,
        canBeSentAgain: () => mayRepeat,
        discard: () => exchange.discard(),
        settle: terms.settle && ((grant, answer) => terms.settle?.(throttle, grant, () => answer)),
      }).then(
        () => exchange.handOver(),
        (error: unknown) => exchange.fail(error),
      );
      return true;
    };
    return throttled as unknown as Own;
  };
}

const unknownOrigin = 'http://origin.invalid';

/** Used for a call if no option is a function. */
const unseen = {} as UndiciCall;

/**
 * Reads the target of a request; undefined if it is not throttled: a tunnel, an upgrade, or a request that undici will
 * refuse.
 */
function originOf(request: UndiciRequest): string | undefined {
  const { path, method, upgrade } = request;
  if (typeof path !== 'string' || typeof method !== 'string' || method === 'CONNECT' || upgrade) return undefined;
  return placeOf(urlOf(request))?.origin;
}

/**
 * Joins origin and path as undici does: a text that begins with two slashes is a path too. It may be a whole URL, for a
 * proxy.
 */
function urlOf({ origin = unknownOrigin, path }: UndiciRequest): string {
  if (!path.startsWith('/')) return path;
  return `${typeof origin === 'string' ? origin.replace(/\/$/, '') : origin?.origin}${path}`;
}

function callOf(request: UndiciRequest): UndiciCall {
  return { url: new URL(urlOf(request)), method: request.method.toUpperCase(), request };
}

/** Copies everything that the caller may change while the request waits. Buffers are left as they are. */
function copyOf(request: UndiciRequest): UndiciRequest {
  const { headers } = request;
  if (Array.isArray(headers)) return { ...request, headers: [...headers] };
  const isRecord = typeof headers === 'object' && headers !== null && !(Symbol.iterator in headers);
  return isRecord ? { ...request, headers: { ...headers } } : { ...request };
}

function canBeSentAgain({ body }: UndiciRequest): boolean {
  if (typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) return true;
  return ['ArrayBuffer', 'Blob', 'File', 'FormData'].includes(Object.prototype.toString.call(body).slice(8, -1));
}
