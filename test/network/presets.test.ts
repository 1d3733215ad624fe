import { readFileSync } from 'node:fs';
import { type Limit, readServerSignal } from 'sluice';
import * as everything from 'sluice/presets';
import { describe, expect, it } from 'vitest';
import { type Run, run } from './headers/run.ts';
import { percent, phases } from './headers/ways.ts';
import type { Vendor } from './presets/vendor.ts';
import { binanceFields, nothing, type Tell } from './presets/vendor-fields.ts';
import { withNumbers } from './presets/with-numbers.ts';
import { withOwnLimits } from './presets/with-own-limits.ts';

// Each preset against a server of the kind that its API has, which sends what that vendor sends: right limits, and nobody else.

/** What limits keep in hand before an adapter has seen a round trip, in ms. */
const margin = 50;

/** When the last of this many calls goes by the formulas of docs/algorithm.md, in ms from rest. */
function formula({ kind, rate, interval, burst = 1 }: Limit, calls: number, margin: number): number {
  if (kind === 'sliding-window') return Math.floor((calls - 1) / rate) * (interval + margin);
  const kept = kind === 'quota' ? margin : 0;
  return (calls - burst) * ((interval + kept) / rate);
}

function formulaOf({ preset, calls, cost = 1 }: Vendor, margin: number): number {
  const ends = [preset.limits].flat().map((limit) => {
    const of = typeof cost === 'number' ? cost : (cost[limit.name ?? ''] ?? 1);
    return formula(limit, calls * of, margin);
  });
  return Math.max(...ends);
}

interface Measured {
  /** As a share of what is reached without headers, of the formula, and of the formula without a margin: the least of all runs. */
  readonly ofUntold: number;
  readonly ofFormula: number;
  readonly ofBest: number;
  readonly refused: number;
}

async function measure(vendor: Vendor): Promise<Measured> {
  const { quotas, tell, cost, calls, preset } = vendor;
  const { limits, dialect, concurrency, maxPause } = preset;
  const server = { quotas, family: 'none', resolution: 'seconds', ...(typeof cost === 'number' && { cost }) } as const;
  const duration = Math.max(600_000, 2 * formulaOf(vendor, margin));
  const setting = { limits, dialect, concurrency, maxPause, cost, calls, duration };
  const untold = await run({ ...setting, phase: 0, server });
  const told: Run[] = [];
  for (const phase of phases) told.push(await run({ ...setting, phase, server: { ...server, tell } }));
  const latest = Math.max(...told.map(({ end }) => end));
  return {
    ofUntold: untold.end / latest,
    ofFormula: formulaOf(vendor, margin) / latest,
    ofBest: formulaOf(vendor, 0) / latest,
    refused: told.reduce((sum, { refused }) => sum + refused.length, 0),
  };
}

const shares: number[] = [];

async function reachesItsAim(vendor: Vendor): Promise<void> {
  const { ofUntold, ofFormula, ofBest, refused } = await measure(vendor);
  shares.push(ofBest);
  const said = `${refused} refused, ${percent(ofUntold)} of that without headers, ${percent(ofBest)} of the formula without a margin`;
  expect(refused, said).toBe(0);
  expect(ofUntold, said).toBeGreaterThanOrEqual(0.97);
  expect(ofFormula, said).toBeGreaterThanOrEqual(0.97);
}

const named = (vendors: readonly Vendor[]) => vendors.map((vendor) => [vendor.name, vendor] as const);

it('every preset and plan has a server here', () => {
  const { completeDialect, ...presets } = everything;
  const names = [...withNumbers, ...withOwnLimits].map(({ name }) => name);
  for (const [name, preset] of Object.entries(presets)) {
    const calls = 'plans' in preset ? preset.plans.map((plan) => `${name}({ plan: '${plan}' })`) : [`${name}()`];
    expect(names).toEqual(expect.arrayContaining(calls));
  }
});

/** Of these answers nothing can be read: what is used of a limit that they do not name, or nothing at all. */
const unread: readonly Tell[] = [nothing, binanceFields];

it.each(named([...withNumbers, ...withOwnLimits].filter(({ tell }) => !unread.includes(tell))))(
  'what its server tells is read: %s',
  (_, { preset, quotas, tell }) => {
    const now = Date.UTC(2026, 0, 1);
    const statements = quotas.map(({ name = 'default', limit, interval }) => {
      return { name, limit, remaining: limit - 1, resetAfter: interval / 2, window: interval };
    });
    const signal = readServerSignal({ status: 200, ...tell(statements, now), now, dialect: preset.dialect });
    expect(signal.ignored).toEqual([]);
    expect(signal.limit ?? signal.remaining).toBeGreaterThan(0);
  },
);

describe('a preset with numbers uses the whole quota', () => {
  it.each(named(withNumbers))('%s', (_, vendor) => reachesItsAim(vendor));
});

describe('a preset without numbers uses as much as the right limits', () => {
  it.each(named(withOwnLimits))('%s', (_, vendor) => reachesItsAim(vendor));
});

describe('docs/presets.md', () => {
  it('shows the results of the presets above', () => {
    const page = readFileSync(new URL('../../docs/presets.md', import.meta.url), 'utf8');
    const [, least] = /(\d+) to 100 % of what its limits allow/.exec(page) ?? [];
    expect(Math.floor(100 * Math.min(...shares))).toBe(Number(least));
  });
});
