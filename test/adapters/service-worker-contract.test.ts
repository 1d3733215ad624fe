import { throttleServiceWorker } from 'sluice/service-worker';
import { adapterContract } from './contract/contract.ts';
import { type Respond, respondingSubject } from './contract/subject.ts';

/** What a page's fetch is that goes through a worker. */
const respond: Respond = (throttled, own = fetch) => {
  const location = { origin: 'https://app.example' };
  const clients = { get: async () => ({}) };
  const scope = Object.assign(new EventTarget(), { location, clients, fetch: own });
  if (throttled !== undefined) {
    const { options, throttle } = throttled;
    throttleServiceWorker(scope, throttle, { match: () => true, ...options });
  }
  return async (input, init) => {
    const request = input instanceof Request && init === undefined ? input : new Request(input, init);
    let answer: Promise<Response> | undefined;
    const respondWith = (response: Promise<Response>) => {
      answer = response;
    };
    scope.dispatchEvent(Object.assign(new Event('fetch'), { request, clientId: 'page', respondWith }));
    return answer ?? own(request);
  };
};

adapterContract(respondingSubject('service worker', respond, { hasTimeout: false, repeats: 'what has no body' }));
