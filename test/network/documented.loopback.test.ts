import { createThrottle, type Limit, slidingWindow, throttleFetch } from 'sluice';
import { expect, it } from 'vitest';
import type { QuotaServerOptions } from '../../demo/servers/quota-server.ts';
import { startServerProcess } from '../../demo/servers/server-process.ts';

// The server's own documented numbers, nothing else configured, and connections that are all new.

const calls = 30;
const runs = Number(process.env.SLUICE_RUNS ?? 2);

interface Documented {
  readonly server: QuotaServerOptions;
  readonly limits: Limit;
}

const window = { limit: 20, interval: 1_000 };
const documented: readonly Documented[] = [
  { server: { algorithm: 'fixed-window', ...window }, limits: slidingWindow(window) },
  { server: { algorithm: 'sliding-window', ...window }, limits: slidingWindow(window) },
  { server: { algorithm: 'token-bucket', ...window, burst: 10 }, limits: { rate: 20, interval: 1_000, burst: 10 } },
  { server: { algorithm: 'leaky-bucket', ...window, burst: 5 }, limits: { rate: 20, interval: 1_000, burst: 5 } },
];

const cases = documented.flatMap((each) => Array.from({ length: runs }, (_, run) => ({ ...each, run: run + 1 })));

it.each(cases)('$server.algorithm refuses none of 30 calls at once, run $run', async ({ server: options, limits }) => {
  // In a process of its own, so that arrivals are counted when they arrive.
  const servers = startServerProcess();
  try {
    const server = await servers.startQuotaServer(options);
    const fetch = throttleFetch(createThrottle({ limits }), { retry: 0 });
    const answers = await Promise.all(Array.from({ length: calls }, () => fetch(server.url)));
    expect(answers.map(({ status }) => status)).toEqual(Array(calls).fill(200));
  } finally {
    await servers.close();
  }
});
