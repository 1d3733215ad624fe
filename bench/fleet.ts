import { quota } from 'sluice';
import { allowedCalls, timeTaken } from '../demo/analysis.ts';
import { type FleetOptions, fairness, runFleet } from '../test/storage/redis-fleet.ts';
import { startRedis } from '../test/storage/redis-server.ts';

// In real time: 8 processes x 500 calls that share 200 per second through one Redis, the clocks of two an hour off.

const perSecond200 = { limit: 200, interval: 1_000 };

const fleets: readonly Pick<FleetOptions, 'server' | 'limits'>[] = [
  {
    server: { algorithm: 'sliding-window', burst: 1, ...perSecond200 },
    limits: quota({ ...perSecond200, burst: 1 }),
  },
  {
    // As much margin as there is tolerance for: it costs nothing of the rate.
    server: { algorithm: 'leaky-bucket', burst: 10, ...perSecond200 },
    limits: { rate: 200, interval: 1_000, burst: 10, margin: 40 },
  },
];

export async function fleet(): Promise<void> {
  console.log('fleet: 8 processes with 500 calls each, 200 per second in all');
  const redis = await startRedis();
  try {
    for (const { server, limits } of fleets) {
      const { log } = await runFleet({ processes: 8, calls: 500, port: redis.port, limits, server, clocksOff: 2 });
      const refused = log.filter(({ accepted }) => !accepted).length;
      const used = allowedCalls({ ...server, burst: server.burst ?? 1 }, timeTaken(log));
      const share = `${(((log.length - refused) / used) * 100).toFixed(1)} % of the quota`;
      console.log(
        `  ${server.algorithm.padEnd(16)}${String(refused).padStart(4)} refused   ${share}   fairness ${fairness(log).toFixed(3)}`,
      );
    }
  } finally {
    await redis.close();
  }
}
