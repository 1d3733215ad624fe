import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore } from 'sluice';
import { bucketStoreContract } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedCalls, timeTaken } from '../../demo/analysis.ts';
import { startServerProcess } from '../../demo/servers/server-process.ts';
import { bundle, load } from './tools.ts';

interface Worker {
  dispatchFetch(url: string, options?: object): Promise<Response>;
  dispose(): Promise<void>;
}

const names = bucketStoreContract({ create: () => memoryStore(), advance: () => {} }).map(({ name }) => name);

describe('the recipe for a Durable Object', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-workerd-'));
  let worker: Worker;
  const start = async () => {
    const { Miniflare } = load('miniflare') as { Miniflare: new (options: object) => Worker };
    return new Miniflare({
      modules: true,
      script: await bundle('./durable-object-main.ts'),
      compatibilityDate: '2026-07-01',
      durableObjects: {
        API: { className: 'ThrottledApi', useSQLite: true },
        PROOF: { className: 'Proof', useSQLite: true },
      },
      durableObjectsPersist: folder,
    });
  };
  beforeAll(async () => {
    worker = await start();
  });
  afterAll(async () => {
    await worker?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('keeps the contract', () => {
    let failures: Record<string, string>;
    beforeAll(async () => {
      failures = (await (await worker.dispatchFetch('http://worker/contract')).json()) as Record<string, string>;
    });
    it.each(names)('%s', (name) => expect(failures[name]).toBe(''));
  });

  it('keeps requests that come to many Workers at once within the quota, and uses it up', async () => {
    const servers = startServerProcess();
    try {
      const server = { algorithm: 'sliding-window', limit: 20, interval: 1_000, burst: 20 } as const;
      const { url, log } = await servers.startQuotaServer(server);
      const call = async () => (await worker.dispatchFetch('http://worker/', { headers: { 'x-target': url } })).status;
      expect(await Promise.all(Array.from({ length: 100 }, call))).toEqual(Array(100).fill(200));
      const arrivals = await log();
      expect(arrivals.filter(({ accepted }) => !accepted)).toEqual([]);
      expect(arrivals.length / allowedCalls(server, timeTaken(arrivals))).toBeGreaterThan(0.7);
    } finally {
      await servers.close();
    }
  });

  it('remembers what was used when the object starts again', async () => {
    const left = async () => (await worker.dispatchFetch('http://worker/left')).json();
    expect([await left(), await left()]).toEqual([9, 8]);
    await worker.dispose();
    worker = await start();
    expect(await left()).toBe(7);
  });
});
