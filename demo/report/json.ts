import { timeline } from '../analysis.ts';
import { type Run, shortcomings } from '../demo.ts';
import { LEAST_SHARE } from '../scenarios.ts';

const SLICES = 40;

/** The report for machines. Times are in ms, shares from 0 to 1. */
export function jsonReport(runs: readonly Run[]): string {
  const span = Math.max(...runs.map((run) => run.time));
  const documented = runs.map(({ log, settings, ...run }) => ({
    ...run,
    settings: settings ?? null,
    failure: run.failure ?? null,
    timeline: timeline(log, span, SLICES),
    shortcomings: run.client === 'sluice' ? shortcomings({ log, settings, ...run }) : [],
  }));
  const passed = documented.every((run) => run.shortcomings.length === 0);
  return `${JSON.stringify({ passed, leastShare: LEAST_SHARE, runs: documented }, null, 2)}\n`;
}
