import { fileURLToPath } from 'node:url';
import type { Limit } from 'sluice';
import * as everything from 'sluice/presets';

// Prints the table of docs/presets.md: `npx tsx scripts/preset-table.ts`.

/** What `quota` made a limit of, or the bucket that it is. */
function numbersOf({ kind, rate, interval, burst = 1 }: Limit): string {
  const span = spanOf(interval);
  return kind === 'quota'
    ? `${count(rate + burst - 1)} / ${span}`
    : `${count(rate)} / ${span}, ${count(burst)} at once`;
}

const count = (number: number) => number.toLocaleString('en');

function spanOf(ms: number): string {
  const spans: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ];
  const [unit, name] = spans.find(([unit]) => ms % unit === 0) ?? [1, 'ms'];
  return ms === unit ? name : `${ms / unit} ${name}`;
}

function limitsOf(limits: readonly Limit[] | 'server'): string {
  return limits === 'server' ? 'from the server' : limits.map(numbersOf).join('; ');
}

/** The table, a line for each preset and plan. */
export function presetTable(): string {
  const { completeDialect, ...presets } = everything;
  const rows = Object.entries(presets).flatMap(([name, preset]) => {
    const row = (call: string, { limits, about }: everything.Preset<readonly Limit[] | 'server'>) =>
      `| \`${call}\` | ${limitsOf(limits)} | ${about.countsBy} | [${about.api}](${about.source}) | ${about.checked} | ${about.confidence} | ${about.note ?? ''} |`;
    if (!('plans' in preset)) return [row(`${name}()`, preset())];
    return preset.plans.map((plan) => row(`${name}({ plan: '${plan}' })`, preset({ plan: plan as never })));
  });
  return [
    '| preset | limits | counted by | source | checked | confidence | to know |',
    '|---|---|---|---|---|---|---|',
    ...rows.sort(),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(presetTable());
