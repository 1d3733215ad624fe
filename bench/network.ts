import { createThrottle, type Limit, slidingWindow, throttleFetch } from 'sluice';
import type { QuotaServerOptions } from '../demo/servers/quota-server.ts';
import { startServerProcess } from '../demo/servers/server-process.ts';
import { median } from './side-by-side.ts';

// In real time over loopback: whether the server's documented numbers are enough, and what a jittery network costs.

type Options = Omit<QuotaServerOptions, 'random'>;

interface Outcome {
  readonly refused: number;
  /** From the first arrival to the last, in ms. */
  readonly time: number;
  readonly margin: number;
}

/** Sends calls all at once over connections that are all new, and reads the server's own log. */
async function send(server: Options, limits: Limit, calls: number, margin?: number): Promise<Outcome> {
  const servers = startServerProcess();
  try {
    const remote = await servers.startQuotaServer(server);
    const throttle = createThrottle({ limits, ...(margin === undefined ? undefined : { margin }) });
    const fetch = throttleFetch(throttle, { retry: 0 });
    await Promise.all(Array.from({ length: calls }, async () => (await fetch(remote.url)).text()));
    const log = await remote.log();
    const at = log.map((arrival) => arrival.at);
    const { margin: kept } = await throttle.status(remote.url);
    return {
      refused: log.filter(({ accepted }) => !accepted).length,
      time: (at.at(-1) ?? 0) - (at[0] ?? 0),
      margin: kept,
    };
  } finally {
    await servers.close();
  }
}

const perSecond20 = { limit: 20, interval: 1_000 };

/** `best`: how long the server's own numbers make 30 calls take at least, in ms. */
const documented: readonly { server: Options; limits: Limit; best: number }[] = [
  { server: { algorithm: 'fixed-window', ...perSecond20 }, limits: slidingWindow(perSecond20), best: 1_000 },
  { server: { algorithm: 'sliding-window', ...perSecond20 }, limits: slidingWindow(perSecond20), best: 1_000 },
  {
    server: { algorithm: 'token-bucket', ...perSecond20, burst: 10 },
    limits: { rate: 20, interval: 1_000, burst: 10 },
    best: 1_000,
  },
  {
    server: { algorithm: 'leaky-bucket', ...perSecond20, burst: 5 },
    limits: { rate: 20, interval: 1_000, burst: 5 },
    best: 1_250,
  },
];

export async function network(): Promise<void> {
  const runs = Number(process.env.SLUICE_RUNS ?? 20);
  console.log(`network: the server's documented numbers, 30 calls at once over new connections, ${runs} runs each`);
  for (const { server, limits, best } of documented) {
    const outcomes: Outcome[] = [];
    for (let run = 0; run < runs; run++) outcomes.push(await send(server, limits, 30));
    const refused = outcomes.reduce((sum, outcome) => sum + outcome.refused, 0);
    const times = outcomes.map(({ time }) => time / best);
    const ratio = `${median(times).toFixed(3)} x the best possible time (worst ${Math.max(...times).toFixed(3)})`;
    console.log(`  ${server.algorithm.padEnd(16)}${String(refused).padStart(4)} refused   ${ratio}`);
  }

  console.log('\nnetwork: 1,000 calls to an exact sliding window behind 0 to 60 ms of jitter');
  for (const limit of [100, 10]) {
    for (const margin of [undefined, 60]) {
      const server: Options = { algorithm: 'sliding-window', limit, interval: 1_000, jitter: 60 };
      const {
        refused,
        time,
        margin: kept,
      } = await send(server, slidingWindow({ limit, interval: 1_000 }), 1_000, margin);
      const share = (1_000 / ((limit * time) / 1_000 + limit)) * 100;
      const name = `${limit} per second, margin ${margin ?? `'auto' (${kept} at the end)`}`;
      console.log(`  ${name.padEnd(42)}${String(refused).padStart(4)} refused   ${share.toFixed(1)} % of the quota`);
    }
  }
}
