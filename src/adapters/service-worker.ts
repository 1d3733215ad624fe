import { checkFunction, checkMethods, checkOptions } from '../core/base/check.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import type { CallOptions } from './call-options.ts';
import { type FetchCall, throttleFetch } from './fetch.ts';
import { WaitingPages, type WorkerClients } from './waiting-pages.ts';

/** A fetch event of a service worker, as far as it matters here. */
interface FetchEvent extends Event {
  readonly request: Request;
  readonly clientId: string;
  respondWith(response: PromiseLike<Response>): void;
}

/** The global scope of a service worker, as far as it matters here: `self`. */
export interface ServiceWorkerScope {
  readonly location: { readonly origin: string };
  readonly clients: WorkerClients;
  fetch(request: Request): Promise<Response>;
  addEventListener(type: 'fetch', listener: (event: Event) => void): void;
  removeEventListener(type: 'fetch', listener: (event: Event) => void): void;
}

/** Options of `throttleServiceWorker`. */
export interface ThrottleServiceWorkerOptions extends CallOptions<FetchCall, Response> {
  /**
   * Picks the requests that are throttled; `input` is the Request. The others are left to the browser and to other
   * listeners.
   * @default requests of scripts to other origins: no navigation, no image, style or other asset, nothing of the
   * worker's own origin
   */
  readonly match?: (call: FetchCall) => boolean;
}

/**
 * Throttles the requests of all pages of a service worker, from any tab and script: they wait for their turn in the
 * worker. If a page aborts its fetch, the wait ends, in browsers that tell the worker. The calls of a page that is
 * closed or reloaded leave the line. A refused call pauses its key and is sent again after the pause if the request has
 * no body. Call this while the worker starts, before other listeners of `fetch`.
 * @param scope `self`
 * @returns a function that stops it; requests that already wait go on waiting
 * @throws TypeError, RangeError for a wrong option. A page sees an error of the throttle, such as WaitTooLongError, as
 * the network error that fetch rejects with.
 * @see docs/adapters.md
 * @example
 * import { type ServiceWorkerScope, throttleServiceWorker } from 'sluice/service-worker';
 *
 * declare const self: ServiceWorkerScope;
 * throttleServiceWorker(self, throttle, { match: ({ url }) => url.origin === 'https://api.example.com' });
 */
export function throttleServiceWorker(
  scope: ServiceWorkerScope,
  throttle: Throttle | CombinedThrottle,
  options: ThrottleServiceWorkerOptions = {},
): { eject(): void } {
  checkMethods('scope', scope, ['fetch', 'addEventListener', 'removeEventListener']);
  checkOptions('options', options);
  const { match = isCallElsewhere(scope), ...others } = options;
  checkFunction('match', match);
  const pages = new WaitingPages(scope.clients);
  const send = throttleFetch(throttle, {
    ...others,
    fetch: (request, init) => {
      pages.look();
      // The request's signal does not abort when its page is gone.
      return init?.signal?.aborted ? Promise.reject(init.signal.reason) : scope.fetch(request as Request);
    },
  });
  const sendFor = async (id: string, request: Request): Promise<Response> => {
    // These should outlive their page. Firefox does not distinguish beacons from other requests without an answer.
    if (!id || request.keepalive || request.mode === 'no-cors') return send(request);
    const call = new AbortController();
    const { signal } = request;
    const abort = () => call.abort(signal.reason);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    const forget = pages.add(id, call);
    try {
      return await send(request, { signal: call.signal });
    } finally {
      forget();
      signal.removeEventListener('abort', abort);
    }
  };

  const listener = (event: Event): void => {
    const { request, clientId } = event as FetchEvent;
    // A worker may not send these: the browser answers them from its cache or not at all.
    const isCacheOnly = request.cache === 'only-if-cached' && request.mode !== 'same-origin';
    const url = new URL(request.url);
    if (isCacheOnly || !/^https?:$/.test(url.protocol)) return;
    if (!match({ url, method: request.method, input: request, init: undefined })) return;
    let answer = (_: Promise<Response>): void => {};
    (event as FetchEvent).respondWith(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    // Only now: respondWith throws where another listener answers.
    answer(sendFor(clientId, request));
  };
  scope.addEventListener('fetch', listener);
  return { eject: () => scope.removeEventListener('fetch', listener) };
}

function isCallElsewhere({ location: { origin } }: ServiceWorkerScope): (call: FetchCall) => boolean {
  // Navigations and assets have a destination.
  return ({ url, input }) => url.origin !== origin && (input as Request).destination === '';
}
