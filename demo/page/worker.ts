// The service worker of the page: behind `api/` it is the server, for all tabs that are open. It knows nothing of sluice.
import { readPath, SimulatedApi } from '../servers/simulated-api.ts';

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}

const scope = self as unknown as Scope;
const base = `${scope.registration.scope}api/`;
const api = new SimulatedApi();

addEventListener('install', () => void scope.skipWaiting());
addEventListener('activate', (event) => {
  (event as Event & { waitUntil(done: Promise<void>): void }).waitUntil(scope.clients.claim());
});
addEventListener('message', (event: Event) => {
  // A page that was reloaded past all workers asks to be taken over.
  (event as Event & { waitUntil(done: Promise<void>): void }).waitUntil(scope.clients.claim());
});
addEventListener('fetch', (event) => {
  const { request, respondWith } = event as FetchEvent;
  if (!request.url.startsWith(base)) return;
  const asked = readPath(request.url.slice(base.length));
  if (asked === undefined) return;
  respondWith.call(
    event,
    api.answer(asked).then(({ status, headers, body }) => Response.json(body, { status, headers })),
  );
});
