// In a browser: modules as they lie in `dist`, found by an import map. Sends what did not hold to the server.

import type { StoreOperations } from 'sluice';
import * as sluice from 'sluice';
import * as axios from 'sluice/axios';
import * as http from 'sluice/http';
import * as indexedDb from 'sluice/indexed-db';
import * as ky from 'sluice/ky';
import * as localStorage from 'sluice/local-storage';
import * as opentelemetry from 'sluice/opentelemetry';
import * as presets from 'sluice/presets';
import * as react from 'sluice/react';
import * as redis from 'sluice/redis';
import * as serviceWorker from 'sluice/service-worker';
import type { StoreContractOptions } from 'sluice/testing';
import * as testing from 'sluice/testing';
import * as undici from 'sluice/undici';
import { type Check, failuresOf, smokeChecks } from './smoke.ts';
import { contractOf, storeChecks } from './stores.ts';

const complaints: string[] = [];
addEventListener('securitypolicyviolation', ({ blockedURI, violatedDirective }) => {
  complaints.push(`The page's policy forbids ${blockedURI} (${violatedDirective}).`);
});
addEventListener('unhandledrejection', ({ reason }) => complaints.push(`Nobody handles ${reason}.`));

const paths = { sluice, axios, http, indexedDb, ky, localStorage, opentelemetry, presets, react, redis };
const modules = { ...paths, serviceWorker, testing, undici };
const loads = Object.entries(modules).map(
  ([name, module]): Check => ({
    name: `${name} has exports`,
    run: async () => {
      if (Object.keys(module).length === 0) throw new Error('It has none.');
    },
  }),
);

const clock = new testing.ManualClock();
const names = new WeakMap<object, string>();
let count = 0;
function on<Store extends StoreOperations>(open: (name: string) => Store): StoreContractOptions {
  const named = (name: string) => {
    const store = open(name);
    names.set(store, name);
    return store;
  };
  return {
    create: () => named(`verify ${count++} `),
    sharer: (store) => named(names.get(store) ?? ''),
    advance: (ms) => clock.advance(ms),
  };
}

const stores = [
  ...contractOf(
    'indexedDbStore',
    on((dbName) => indexedDb.indexedDbStore({ dbName, clock })),
  ),
  ...contractOf(
    'localStorageStore',
    on((prefix) => localStorage.localStorageStore({ prefix, clock })),
  ),
];
const checks = [...loads, ...smokeChecks(location.origin), ...storeChecks()];
const failures = [...(await failuresOf([...checks, ...stores])), ...complaints];
await fetch(`/report?id=${new URLSearchParams(location.search).get('id')}`, {
  method: 'POST',
  body: JSON.stringify({ failures, total: checks.length + stores.length, agent: navigator.userAgent }),
});
