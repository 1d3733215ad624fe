import { createThrottle, memoryStore } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { localStorageStore } from 'sluice/local-storage';

// Runs as a dedicated worker and as a service worker: makes every store, takes two slots from each and tells how that went.

export interface WorkerReport {
  readonly store: string;
  /** How far ahead the slots are, in ms. */
  readonly waits: readonly number[];
  readonly troubles: readonly string[];
}

const unhandled: string[] = [];
addEventListener('unhandledrejection', ({ reason }) => unhandled.push(String(reason)));

async function tryStores(): Promise<WorkerReport[]> {
  const reports: WorkerReport[] = [];
  for (const store of [memoryStore(), indexedDbStore(), localStorageStore()]) {
    const throttle = createThrottle({ limits: { rate: 1, interval: 1_000 }, store });
    const troubles: string[] = [];
    throttle.on('store-error', ({ error }) => troubles.push(String(error)));
    const first = await throttle.reserve('worker');
    const second = await throttle.reserve('worker');
    reports.push({ store: store.name, waits: [first.wait, second.wait], troubles });
    await throttle.reset('worker');
    await throttle.close();
  }
  return reports;
}

// The second argument of a service worker's message is a port as well.
addEventListener('message', ({ ports: [port] }) => {
  void tryStores().then((reports) => port?.postMessage({ reports, unhandled }));
});
