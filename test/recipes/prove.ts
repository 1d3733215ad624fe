import { memoryStore, quota } from 'sluice';
import { bucketStoreContract } from 'sluice/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { startServerProcess } from '../../demo/servers/server-process.ts';
import { runFleet, runOne } from './fleet.ts';
import type { Place } from './open.ts';

const processes = 4;
const names = bucketStoreContract({ create: () => memoryStore(), advance: () => {} }).map(({ name }) => name);

/** Proves a recipe: by the contract, and by processes that share it. */
export function prove(place: () => Place): void {
  describe('keeps the contract', () => {
    let failures: Record<string, string>;
    beforeAll(async () => {
      failures = await runOne({ ...place(), what: 'contract' });
    });
    it.each(names)('%s', (name) => expect(failures[name]).toBe(''));
  });

  it('grants each slot once and skips none, whatever processes take at once', async () => {
    const orders = {
      ...place(),
      what: 'reserve',
      limits: { rate: 1, interval: 10_000, margin: 0 },
      calls: 100,
    } as const;
    const slots = (await runFleet<number[]>(Array.from({ length: processes }, () => orders))).flat();
    const first = Math.min(...slots);
    const numbers = slots.map((slot) => Math.round((slot - first) / 10_000)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: processes * 100 }, (_, index) => index));
  });

  it('keeps processes that share a quota within it, and one that is killed takes one slot with it at most', async () => {
    const servers = startServerProcess();
    try {
      const server = { algorithm: 'sliding-window', limit: 20, interval: 1_000 } as const;
      const { url, log } = await servers.startQuotaServer(server);
      const calls = 20;
      const fleet = Array.from({ length: processes }, (_, index) => ({
        ...place(),
        what: 'send' as const,
        limits: quota({ limit: 20, interval: 1_000, burst: 1, margin: 150 }),
        calls,
        url,
        name: `process ${index}`,
      }));
      const answers = await runFleet<number[]>(fleet, 1_000);
      expect(answers.flat()).toEqual(Array(calls * (processes - 1)).fill(200));
      const arrivals = await log();
      expect(arrivals.filter(({ accepted }) => !accepted)).toEqual([]);
      expect(arrivals.filter(({ client }) => client === 'process 0').length).toBeLessThan(calls);
      // The others do not wait for what the killed process held: the longest gap is a few slots of 58 ms and a busy machine.
      const gaps = arrivals.slice(1).map(({ at }, index) => at - (arrivals[index]?.at ?? at));
      expect(Math.max(...gaps)).toBeLessThan(1_500);
    } finally {
      await servers.close();
    }
  });
}
