import type { Limit } from 'sluice';
import { costIn, PerfectClient } from './limits.ts';
import type { Setup } from './setup.ts';

/** How long a world may take until all are served, in ms: far longer than it should. */
export function longestRun(setup: Setup): number {
  const { limits, changes, calls, pauses, syncs } = setup;
  const sets = [limits, ...changes.flatMap((change) => (change.limits === undefined ? [] : [change.limits]))];
  const longest = (set: readonly Limit[]) => {
    const clients = set.map((limit) => new PerfectClient(limit, 100));
    let at = 0;
    for (const { cost, settle } of calls) {
      const most = (client: PerfectClient) =>
        Math.max(costIn(client.limit, cost), settle === undefined ? 0 : costIn(client.limit, settle.cost));
      at = Math.max(at, ...clients.map((client) => client.allowAt(costIn(client.limit, cost))));
      for (const client of clients) client.note(most(client), at);
    }
    return at + Math.max(...set.map(({ interval, burst = 1, rate }) => (interval * (rate + burst)) / rate));
  };
  const stops = [...pauses, ...syncs].reduce((sum, stop) => sum + stop.ms, 0);
  const last = Math.max(...calls.map(({ at }) => at), ...changes.map(({ at }) => at));
  const each = calls.length * (setup.late.most + setup.sharers * 20 * setup.storeTakes.before);
  return 30_000 + last + stops + each + 3 * Math.max(...sets.map(longest)) + (setup.opening ? 2_000 : 0);
}
