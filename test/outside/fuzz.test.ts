import { describe, expect, test } from 'vitest';
import { profileOf, setupOf } from './fuzz/draw.ts';
import { seedsFrom, tryWorlds } from './fuzz/run.ts';
import { profiles } from './fuzz/setup.ts';
import { runWorld } from './fuzz/world.ts';

const seeds = seedsFrom(1_500);

test('a seed says everything: its world goes the same way twice', async () => {
  for (const seed of [1, 2, 3, 9, 12, 14, 16, 17, 19]) {
    const [once, twice] = [await runWorld(setupOf(seed)), await runWorld(setupOf(seed))];
    expect(once.departures.length).toBeGreaterThan(0);
    expect(twice).toEqual(once);
  }
});

describe(`worlds drawn from the seeds ${seeds[0]} to ${seeds.at(-1)}, on memory and key-value stores`, () => {
  test.each(profiles.filter((profile) => seeds.some((seed) => profileOf(seed) === profile)))(
    'break no rule: %s worlds',
    async (profile) => {
      expect(await tryWorlds(seeds.filter((seed) => profileOf(seed) === profile))).toBe('');
    },
    60_000 + 200 * seeds.length,
  );
});
