import { createThrottle, quota, throttleFetch } from 'sluice';
import type { QuotaServerOptions } from '../demo/servers/quota-server.ts';
import { startServerProcess } from '../demo/servers/server-process.ts';

// In real time over loopback: what a client that knows the documented number alone gets of it, and whether it is ever refused.

const limit = 100;
const interval = 1_000;
const calls = 1_000;

/** A bucket takes a tenth of the limit at once: one of burst 1 refuses whatever a network bunches up. */
const servers = {
  'fixed window': { algorithm: 'fixed-window' },
  'sliding window': { algorithm: 'sliding-window' },
  'token bucket': { algorithm: 'token-bucket', burst: limit / 10 },
  'leaky bucket': { algorithm: 'leaky-bucket', burst: limit / 10 },
} as const satisfies Record<string, Pick<QuotaServerOptions, 'algorithm' | 'burst'>>;

/** How long each call is held back at most, in ms, and the least part of the quota that is to be used then. */
const jitters = [
  { jitter: 0, least: 0.97 },
  { jitter: 60, least: 0.93 },
] as const;

interface Outcome {
  readonly refused: number;
  /** The part of the quota that was used from the first arrival to the last. */
  readonly used: number;
  /** The margin in the end, in ms. */
  readonly margin: number;
}

/** Sends calls all at once over connections that are all new, and reads the server's own log. */
async function send(options: Omit<QuotaServerOptions, 'random'>): Promise<Outcome> {
  const elsewhere = startServerProcess();
  try {
    const server = await elsewhere.startQuotaServer(options);
    const throttle = createThrottle({ limits: quota({ limit, interval, burst: 1 }) });
    const fetch = throttleFetch(throttle, { retry: 0 });
    await Promise.all(Array.from({ length: calls }, async () => (await fetch(server.url)).text()));
    const log = await server.log();
    const { margin } = await throttle.status(server.url);
    await throttle.close();
    const took = (log.at(-1)?.at ?? Number.NaN) - (log[0]?.at ?? Number.NaN);
    return {
      refused: log.filter(({ accepted }) => !accepted).length,
      used: ((calls - 1) * interval) / limit / took,
      margin,
    };
  } finally {
    await elsewhere.close();
  }
}

const percent = (part: number) => `${(100 * part).toFixed(1)} %`;

export async function network(): Promise<void> {
  console.log(`network: ${calls} calls, quota({ limit: ${limit}, interval: ${interval}, burst: 1 }), a server each`);
  for (const { jitter, least } of jitters) {
    const way = jitter === 0 ? 'no jitter' : `jitter 0 to ${jitter} ms`;
    for (const [name, server] of Object.entries(servers)) {
      const { refused, used, margin } = await send({ ...server, limit, interval, jitter });
      const row = [name.padEnd(16), way.padEnd(18), `${refused} refused`.padStart(12), percent(used).padStart(9)].join(
        '',
      );
      const aim = refused === 0 && used >= least ? '' : `   (aim: none refused, at least ${percent(least)})`;
      console.log(`  ${row} of the quota, margin ${margin} ms in the end${aim}`);
    }
  }
}
