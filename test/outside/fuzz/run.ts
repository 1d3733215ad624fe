import { setupOf } from './draw.ts';
import { judge } from './judge.ts';
import type { StoreKind } from './setup.ts';

import type { StoreMaker } from './stores.ts';
import { runWorld } from './world.ts';

/** What went wrong in the world of one seed. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly text: string;
}

/** The seeds to try: `SLUICE_RUNS` of them, from `SLUICE_SEED` on; that one alone if nobody says how many. */
export function seedsFrom(count: number): number[] {
  const { SLUICE_RUNS, SLUICE_SEED } = process.env;
  const first = Number(SLUICE_SEED ?? 1);
  const runs = Number(SLUICE_RUNS ?? (SLUICE_SEED === undefined ? count : 1));
  return Array.from({ length: runs }, (_, index) => first + index);
}

/** Runs the world of one seed and judges it. */
export async function tryWorld(seed: number, only?: StoreKind, stores?: StoreMaker): Promise<Failure[]> {
  try {
    const log = await runWorld(setupOf(seed, only), stores);
    return judge(log).map((failure) => ({ seed, ...failure }));
  } catch (error) {
    return [{ seed, rule: 'theWorldGoesOn', text: `theWorldGoesOn: seed ${seed}: ${(error as Error).stack}` }];
  }
}

/** So many failures of a rule are told in full. */
const told = 2;

/** Runs the worlds of some seeds, and says what went wrong in them: nothing, or the seeds by rule and the first few in full. */
export async function tryWorlds(seeds: readonly number[], only?: StoreKind, stores?: StoreMaker): Promise<string> {
  const failures: Failure[] = [];
  for (const seed of seeds) failures.push(...(await tryWorld(seed, only, stores)));
  if (failures.length === 0) return '';
  const byRule = new Map<string, Failure[]>();
  for (const failure of failures) byRule.set(failure.rule, [...(byRule.get(failure.rule) ?? []), failure]);
  const counts = [...byRule].map(([rule, some]) => {
    const which = some.slice(0, 20).map(({ seed }) => seed);
    return `${rule}: ${some.length} of ${seeds.length} worlds, SLUICE_SEED=${which.join(' ')}${some.length > 20 ? ' …' : ''}`;
  });
  const first = [...byRule.values()].flatMap((some) => some.slice(0, told).map(({ text }) => text));
  return `\n${[...counts, ...first].join('\n')}\n`;
}
