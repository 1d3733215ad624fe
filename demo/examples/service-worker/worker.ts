// The worker: what its pages request of other origins waits here. The line that throttles is `throttleServiceWorker`.
import { createThrottle } from 'sluice';
import { type ServiceWorkerScope, throttleServiceWorker } from 'sluice/service-worker';
import { exampleLimits } from '../../example-limits.ts';

interface Scope extends ServiceWorkerScope {
  readonly clients: ServiceWorkerScope['clients'] & { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}

const scope = self as unknown as Scope;
throttleServiceWorker(scope, createThrottle({ limits: exampleLimits }));

// It takes over the page that asks for it, without a reload.
addEventListener('install', () => void scope.skipWaiting());
addEventListener('message', (event: Event) => {
  (event as Event & { waitUntil(done: Promise<void>): void }).waitUntil(scope.clients.claim());
});
