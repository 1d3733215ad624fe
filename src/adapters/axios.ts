import type { AxiosAdapter, AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { checkMethods } from '../core/base/check.ts';
import type { Grant } from '../core/base/grant.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import { type Answered, hear, looksIntoBody } from './answer.ts';
import { type CallOptions, type CallTerms, checkCallOptions, looksAtCalls, termsBy, termsOf } from './call-options.ts';
import { isSignal, type Line, sendInTurn } from './in-turn.ts';
import { isJson, parsed } from './json-body.ts';
import { linkOf } from './link.ts';
import { type Place, placeOf } from './place.ts';
import { canBeSentAgain } from './request-snapshot.ts';

/** One call of axios, as functions in the options get it. */
export interface AxiosCall {
  /** Its URL, with `baseURL` and without `params`; relative URLs are resolved. */
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** The config after the request interceptors, with its data transformed. */
  readonly config: InternalAxiosRequestConfig;
}

/** Options of `throttleAxios`. */
export type ThrottleAxiosOptions = CallOptions<AxiosCall, AxiosResponse>;

/** Options of a single axios call: `axios.get(url, { throttle: { priority: 1 } })`. */
export type AxiosThrottleOptions = Omit<ThrottleAxiosOptions, 'match'>;

declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: the type parameters of a merged interface are those of its first declaration.
  interface AxiosRequestConfig<D = any, P = any> {
    /** Options of this call in place of those of `throttleAxios`; false sends it straight through, uncounted. */
    throttle?: AxiosThrottleOptions | false;
  }
}

type Config = InternalAxiosRequestConfig;
type Adapters = NonNullable<Config['adapter']>;

/**
 * Makes each call of an axios instance wait for its turn; retries, also those of plugins, are new calls. A request
 * interceptor puts the wait in front of the call's adapter, behind all other request interceptors, so that the wait
 * does not count for a timeout. A refused call pauses its key and is sent again after the pause. A canceled call leaves
 * the line at once and rejects with axios's CanceledError.
 * @param instance `axios` itself or one of `axios.create`
 * @returns `eject`, which takes the throttle off again; calls that already wait still go in their turn
 * @throws TypeError, RangeError for a wrong option. Calls reject as axios does, and with WaitTooLongError,
 * QueueFullError, CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * import axios from 'axios';
 * import { throttleAxios } from 'sluice/axios';
 *
 * const api = axios.create({ baseURL: 'https://api.example.com' });
 * const { eject } = throttleAxios(api, throttle);
 */
export function throttleAxios(
  instance: AxiosInstance,
  throttle: Throttle | CombinedThrottle,
  options: ThrottleAxiosOptions = {},
): { eject(): void } {
  checkMethods('instance', instance, ['request', 'getUri']);
  checkCallOptions(options);
  const link = linkOf(throttle);
  const line = { throttle, link };
  const isLookedAt = looksAtCalls(options);
  const commonTerms = termsBy(options);
  const sendByName = senderOf(instance);
  /** The property in which a door keeps the earlier adapter of the config. */
  const behind = Symbol('behind');
  type Door = AxiosAdapter & { [behind]?: Adapters | undefined };
  let attached = true;

  const putDoor = (config: Config) => {
    const given = config.adapter as Door | Adapters | undefined;
    // A config whose adapter never ran, because an interceptor threw, may come a second time.
    const original = typeof given === 'function' && behind in given ? (given as Door)[behind] : given;
    const door: Door = (config) => {
      config.adapter = original as Adapters;
      const send = typeof original === 'function' ? original : sendByName;
      const own = config.throttle;
      const place = attached && own !== false ? placeOf(fullPath(config)) : undefined;
      if (place === undefined || own === false) return send(config);
      const call = isLookedAt || own !== undefined ? callTo(place, config) : unseen;
      if (options.match !== undefined && !options.match(call)) return send(config);
      if (own === undefined) return sendThrough(send, line, options, call, commonTerms(call, place.origin), config);
      checkCallOptions(own);
      const all = { ...options, ...own };
      return sendThrough(send, line, all, call, termsOf(all, call, place.origin), config);
    };
    door[behind] = original;
    config.adapter = door;
    return config;
  };
  const id = instance.interceptors.request.use(putDoor, undefined, { synchronous: true });
  return {
    eject() {
      attached = false;
      instance.interceptors.request.eject(id);
    },
  };
}

/**
 * Makes an adapter that finds the adapters of a config where the instance would find them: a page or a program may have
 * several copies of axios, and each has its own adapters, headers and errors.
 */
function senderOf(instance: AxiosInstance): AxiosAdapter {
  let sender: AxiosInstance | undefined;
  let next: Config | undefined;
  const bareInstance = () => {
    const Axios = instance.constructor as new (defaults: object) => AxiosInstance;
    const bare = instance.create?.() ?? new Axios({});
    // A program may have replaced `create`.
    bare.interceptors.request.clear();
    bare.interceptors.response.clear();
    bare.interceptors.request.use(() => next as Config, undefined, { synchronous: true });
    return bare;
  };
  return async (config) => {
    sender ??= bareInstance();
    // Adapters write into the headers, and transformed data must not be transformed again.
    config.headers = config.headers.concat();
    const { transformRequest: _, transformResponse: __, ...rest } = config;
    next = rest;
    const sent: Promise<AxiosResponse> = sender.request({});
    next = undefined;
    try {
      const response = await sent;
      carryConfig(response, config);
      return response;
    } catch (error) {
      carryConfig(error, config);
      carryConfig((error as { readonly response?: unknown } | undefined)?.response, config);
      throw error;
    }
  };
}

/** Puts a config where an answer or an error carries the copy of it that was sent. */
function carryConfig(end: unknown, config: Config): void {
  const carrier = end as { config?: Config } | null | undefined;
  if (carrier?.config) carrier.config = config;
}

/** The outcome of an adapter: axios rejects with answers that fail `validateStatus`. */
type Outcome = { readonly response: AxiosResponse } | { readonly error: { readonly response: AxiosResponse } };

async function sendThrough(
  send: AxiosAdapter,
  line: Line,
  options: ThrottleAxiosOptions,
  call: AxiosCall,
  terms: CallTerms<AxiosResponse>,
  config: Config,
): Promise<AxiosResponse> {
  const { signal, release } = signalOf(config);
  try {
    const outcome = await sendInTurn<Outcome>(line, terms, {
      signal,
      bodies: [config.data],
      send: () => send(config).then(answered, failed),
      hear: (grant, outcome) => hearAnswer(line, terms.key, grant, options, call, responseOf(outcome)),
      isFailure: (outcome) => 'error' in outcome,
      canBeSentAgain: () => canBeSentAgain(['', { body: config.data }]),
      discard: (outcome) => discard(responseOf(outcome).data),
      settle:
        terms.settle &&
        ((grant, outcome) => settleTransformed(line.throttle, terms, grant, config, responseOf(outcome))),
    });
    if ('error' in outcome) throw outcome.error;
    return outcome.response;
  } finally {
    release?.();
  }
}

const answered = (response: AxiosResponse): Outcome => ({ response });

function failed(error: unknown): Outcome {
  if (typeof (error as Partial<{ response: unknown }> | undefined)?.response !== 'object') throw error;
  return { error: error as { response: AxiosResponse } };
}

function responseOf(outcome: Outcome): AxiosResponse {
  return 'error' in outcome ? outcome.error.response : outcome.response;
}

/** Settles with the answer as the caller gets it, after its last transform. */
function settleTransformed(
  throttle: Pick<Throttle, 'settle'>,
  { settle }: CallTerms<AxiosResponse>,
  grant: Grant,
  config: Config,
  response: AxiosResponse,
): void {
  const { transformResponse } = config;
  const transforms = transformResponse === undefined ? [] : [transformResponse].flat();
  const last = (data: unknown) => {
    if (transformResponse === undefined) delete config.transformResponse;
    else config.transformResponse = transformResponse;
    settle?.(throttle, grant, () => ({ ...response, data }));
    return data;
  };
  config.transformResponse = [...transforms, last];
}

/** Used for a call if no option is a function. */
const unseen = {} as AxiosCall;

function callTo({ href }: Place, config: Config): AxiosCall {
  return { url: new URL(href), method: String(config.method ?? 'get').toUpperCase(), config };
}

/** Puts `baseURL` and `url` together as axios does. */
function fullPath({ baseURL, url = '', allowAbsoluteUrls }: Config): string {
  if (!baseURL || (allowAbsoluteUrls !== false && /^([a-z][a-z\d+\-.]*:)?\/\//i.test(url))) return url;
  return url === '' ? baseURL : `${baseURL.replace(/\/+$/, '')}/${url.replace(/^\/+/, '')}`;
}

function hearAnswer(
  { link }: Line,
  key: string,
  grant: Grant,
  options: ThrottleAxiosOptions,
  call: AxiosCall,
  response: AxiosResponse,
): boolean {
  const answered = answeredBy(response, looksIntoBody(options));
  return answered !== undefined && hear(link, key, grant, options, call, answered).throttled;
}

/** Reads the result of an adapter; undefined if it cannot be read: then axios reports the problem. */
function answeredBy(response: AxiosResponse, isLookedInto: boolean): Answered | undefined {
  try {
    const { status, headers, data } = response;
    const body = isLookedInto && isJson(headers?.['content-type']?.toString()) ? bodyOf(data) : undefined;
    // Axios turns its headers into a record when they are iterated, and they are a record already.
    const isRecord = typeof headers?.toJSON === 'function';
    return { status, headers: isRecord ? Object.entries(headers) : (headers ?? {}), body };
  } catch {
    return undefined;
  }
}

/** Reads data that axios may not have parsed yet. */
function bodyOf(data: unknown): unknown {
  if (typeof data === 'string') return parsed(data);
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data) ? parsed(new TextDecoder().decode(data)) : data;
}

/** One signal for `signal` and `cancelToken`; `release` takes our listeners off both, if there are any. */
function signalOf({ signal, cancelToken }: Config): { signal: AbortSignal | undefined; release?: () => void } {
  const given = signal !== undefined && signal !== null && isSignal(signal) ? signal : undefined;
  if (!cancelToken) return { signal: given };
  const controller = new AbortController();
  const abort = () => controller.abort();
  // The types do not show how to listen to a token, and a listener cannot be removed from its promise.
  const token = cancelToken as unknown as Record<'subscribe' | 'unsubscribe', (listener: () => void) => void>;
  token.subscribe(abort);
  given?.addEventListener('abort', abort);
  if (given?.aborted) abort();
  return {
    signal: controller.signal,
    release: () => {
      token.unsubscribe(abort);
      given?.removeEventListener('abort', abort);
    },
  };
}

/** Frees a stream that will not be read: Node's or the platform's. */
function discard(data: unknown): void {
  const { destroy, cancel } = (data ?? {}) as { destroy?: () => void; cancel?: () => Promise<void> };
  if (typeof destroy === 'function') destroy.call(data);
  else if (typeof cancel === 'function') cancel.call(data).catch(() => {});
}
