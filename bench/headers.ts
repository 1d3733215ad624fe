import { cellsWith } from '../test/network/headers/cells.ts';

// In virtual time: what quota headers cost a client that has the right limits, and what they are worth to one that has not.

/** Measures the cells whose names have in them what SLUICE_CELLS in the environment has between commas, a line each. */
export async function headers(): Promise<void> {
  const words = (process.env.SLUICE_CELLS ?? '').split(',').map((word) => word.trim());
  const chosen = cellsWith(...words);
  console.log(`headers: a server that takes 20 per second, in virtual time; ${chosen.length} cells`);
  const start = performance.now();
  const misses = new Map<string, [cells: number, missed: number]>();
  for (const { name, measure } of chosen) {
    const { said, missed } = await measure();
    const group = name.replace(/[:,].*/, '');
    const [cells, missing] = misses.get(group) ?? [0, 0];
    misses.set(group, [cells + 1, missing + Number(missed.length > 0)]);
    console.log(`  ${name.padEnd(60)} ${said}${missed.length > 0 ? `   (aim: ${missed.join('; ')})` : ''}`);
  }
  const took = ((performance.now() - start) / 1_000).toFixed(0);
  console.log();
  for (const [group, [cells, missed]] of misses) console.log(`  ${group}: ${cells} cells, ${missed} miss their aim`);
  const missed = [...misses.values()].reduce((sum, [, missed]) => sum + missed, 0);
  console.log(`  ${chosen.length} cells, ${missed} miss their aim; ${took} s`);
}
