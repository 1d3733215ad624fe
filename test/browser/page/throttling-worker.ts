import { createThrottle } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { type ServiceWorkerScope, throttleServiceWorker } from 'sluice/service-worker';

// A service worker that holds back what its pages request: by default, or what its own address says after `?match=`.

interface Scope extends ServiceWorkerScope {
  readonly location: Location;
  readonly clients: ServiceWorkerScope['clients'] & { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}

const scope = self as unknown as Scope;
const throttle = createThrottle({ limits: { rate: 100, interval: 1_000, burst: 10 }, store: indexedDbStore() });
const path = new URL(scope.location.href).searchParams.get('match');
const match = path === null ? undefined : ({ url }: { readonly url: URL }) => url.pathname === path;
throttleServiceWorker(scope, throttle, { key: 'worked', ...(match && { match }) });

addEventListener('install', () => void scope.skipWaiting());
addEventListener('activate', (event) => {
  (event as Event & { waitUntil(done: Promise<void>): void }).waitUntil(scope.clients.claim());
});
