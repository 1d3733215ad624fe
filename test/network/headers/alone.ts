import { type Run, run, type Setting } from './run.ts';
import type { TellingServerOptions } from './telling-server.ts';
import {
  type Cell,
  furtherWays,
  nameOf,
  percent,
  phases,
  type Telling,
  tellings,
  untold,
  ways,
  waysOfCost2,
} from './ways.ts';

type Untold = Omit<Setting, 'phase' | 'server'> & { readonly server: Omit<TellingServerOptions, keyof Telling> };

const baselines = new Map<string, Promise<Run>>();

/** The same without headers, measured once. */
function baseline(setting: Untold, phase: number): Promise<Run> {
  const key = JSON.stringify([setting, phase]);
  let known = baselines.get(key);
  if (known === undefined) {
    known = run({ ...setting, phase, server: { ...setting.server, ...untold } });
    baselines.set(key, known);
  }
  return known;
}

/** Right limits, and nobody else uses the quota: none refused, and as fast as without headers. */
function cell(name: string, setting: Untold, telling: Telling): Cell {
  return {
    name: `${name}, ${nameOf(telling)}`,
    measure: async () => {
      let refused = 0;
      let refusedWithout = 0;
      let used = Number.POSITIVE_INFINITY;
      const ends: string[] = [];
      for (const phase of phases) {
        const without = await baseline(setting, phase);
        const { family } = telling;
        const told =
          family === 'none' ? without : await run({ ...setting, phase, server: { ...setting.server, ...telling } });
        refused += told.refused.length;
        // With jitter no margin is sure to be enough: then headers must not make it worse.
        if (setting.server.jitter !== undefined && family !== 'none') refusedWithout += without.refused.length;
        used = Math.min(used, without.end / told.end);
        ends.push((told.end / 1_000).toFixed(2));
      }
      const missed: string[] = [];
      if (refused > refusedWithout) missed.push(`${refusedWithout} refused`);
      if (!(used >= 0.95)) missed.push('95 % of that without headers');
      return {
        said: `${refused} refused, ${percent(used)} of that without headers: ${ends.join(', ')} s`,
        missed,
      };
    },
  };
}

const all = [untold, ...tellings];
const calls = 400;
/** A long way from the client to the server is 10 ms here, a short one half of one. */
const nearby = 0.5;

/** Right limits, and nobody else uses the quota. Each group is measured for all families. */
export const cellsAlone: readonly Cell[] = [
  ...[...ways, ...furtherWays].flatMap((one) => {
    const setting = { server: { quotas: [one.quota] }, limits: one.limits(), calls };
    return all.map((telling) => cell(`plain: ${one.name}`, setting, telling));
  }),
  ...ways.flatMap((one) => {
    const setting = { server: { quotas: [one.quota], way: nearby }, limits: one.limits(), calls };
    return all.map((telling) => cell(`nearby: ${one.name}`, setting, telling));
  }),
  ...ways.flatMap((one) => {
    const setting = { server: { quotas: [one.quota], jitter: 20 }, limits: one.limits(), calls };
    return all.map((telling) => cell(`jitter: ${one.name}`, setting, telling));
  }),
  ...waysOfCost2.flatMap((one) => {
    const setting = { server: { quotas: [one.quota], cost: 2 }, limits: one.limits(), calls: calls / 2 };
    return all.map((telling) => cell(`cost 2: ${one.name}`, setting, telling));
  }),
  ...ways.flatMap((one) => {
    const quotas = [
      { ...one.quota, name: 'second' },
      { ...one.perMinute.quota, name: 'minute' },
    ];
    const setting = { server: { quotas }, limits: [one.limits(), one.perMinute.limits], calls: 500 };
    return all.map((telling) => cell(`two limits: ${one.name}`, setting, telling));
  }),
  ...(['tabs', 'processes'] as const).flatMap((sharing) =>
    ways.flatMap((one) => {
      const setting = {
        server: { quotas: [one.quota] },
        limits: one.limits(),
        clients: 2,
        sharing,
        calls: calls / 2,
      };
      return all.map((telling) => cell(`two ${sharing}: ${one.name}`, setting, telling));
    }),
  ),
];
