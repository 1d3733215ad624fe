// What bundlers make one file of: every public path, and the smoke test. It is told where the server is by a global.
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
import * as testing from 'sluice/testing';
import * as undici from 'sluice/undici';
import { failuresOf, smokeChecks } from './smoke.ts';

declare const verify: { readonly server: string; told(failures: readonly string[], total: number): void };

const modules: object[] = [sluice, axios, http, indexedDb, ky, localStorage, opentelemetry, presets, react, redis];
modules.push(serviceWorker, testing, undici);
const checks = smokeChecks(verify.server);
void failuresOf(checks).then((failures) => {
  const empty = modules.filter((module) => Object.keys(module).length === 0).map(() => 'A path exports nothing.');
  verify.told([...failures, ...empty], checks.length + modules.length);
});
