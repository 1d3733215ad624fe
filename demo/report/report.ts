import { timeline } from '../analysis.ts';
import { type Run, shortcomings } from '../demo.ts';
import type { Scenario } from '../scenarios.ts';
import { axis, picture } from './picture.ts';
import type { Terminal } from './style.ts';
import { clientLimit, count, duration, measured, percent, serverName, serverQuota, wrap } from './words.ts';

const GAP = '  ';
/** Columns below which the server gets a line of its own, and below which the table becomes a list. */
const ROOM_FOR_SERVER = 110;
const ROOM_FOR_TABLE = 76;
const WIDEST_PICTURE = 40;
/** Sentences are hard to read in longer lines. */
const WIDEST_PROSE = 110;

type Paint = (text: string) => string;
interface Column {
  readonly head: string;
  readonly right: boolean;
  cell(run: Run): string;
  paint?(run: Run): Paint | undefined;
}

/** What is about to happen: which server allows what, and what the client is set to. */
export function introduction(scenarios: readonly Scenario[], calls: number, { columns, style }: Terminal): string {
  const rows = scenarios.map(({ server, client }) => ({
    name: serverName(server),
    quota: serverQuota(server),
    settings: clientLimit(client),
  }));
  const widest = (value: (row: (typeof rows)[number]) => string): number =>
    Math.max(...rows.map((row) => value(row).length));
  const name = widest((row) => row.name);
  const quota = widest((row) => row.quota);
  const besides = 2 + name + quota + 2 * GAP.length + widest((row) => row.settings) <= columns;

  const opening = `${calls} calls to each of ${rows.length} local servers: with plain fetch, then with a fetch that sluice throttles.`;
  const lines = [...wrap(opening, columns), ''];
  for (const row of rows) {
    if (besides) {
      lines.push(`  ${row.name.padEnd(name)}${GAP}${row.quota.padEnd(quota)}${GAP}${style.dim(row.settings)}`);
    } else {
      lines.push(...wrap(`${row.name}: ${row.quota}`, columns, '  ', '    '));
      lines.push(...wrap(row.settings, columns, '    ').map(style.dim));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The table, how it counts, and what was seen. */
export function report(runs: readonly Run[], terminal: Terminal): string {
  const prose = { ...terminal, columns: Math.min(terminal.columns, WIDEST_PROSE) };
  const figures = terminal.columns < ROOM_FOR_TABLE ? list(runs, terminal) : table(runs, terminal);
  const lines = ['', ...figures, '', ...footnotes(runs, prose), '', ...conclusion(runs, prose)];
  return `${lines.join('\n')}\n`;
}

function columnsOf({ style }: Terminal): Column[] {
  return [
    { head: 'client', right: false, cell: (run) => run.client },
    { head: 'calls', right: true, cell: (run) => count(run.calls) },
    {
      head: '429s',
      right: true,
      cell: (run) => count(run.refused),
      paint: (run) => (run.refused > 0 ? style.red : style.green),
    },
    { head: 'time', right: true, cell: (run) => measured(run.time) },
    {
      head: 'quota used',
      right: true,
      cell: (run) => percent(run.share),
      paint: (run) => (run.client === 'sluice' && shortcomings(run).length === 0 ? style.green : undefined),
    },
    {
      head: 'most in a window',
      right: true,
      cell: (run) => `${run.mostInAnyWindow} of ${run.mostAllowed} in ${duration(run.server.interval)}`,
      paint: (run) => (run.mostInAnyWindow > run.mostAllowed ? style.red : undefined),
    },
  ];
}

function table(runs: readonly Run[], terminal: Terminal): string[] {
  const { columns, style } = terminal;
  const cells = columnsOf(terminal);
  const widths = cells.map(({ head, cell }) => Math.max(head.length, ...runs.map((run) => cell(run).length)));
  const hasServer = columns >= ROOM_FOR_SERVER;
  const server = hasServer
    ? Math.max(...runs.flatMap((run) => [serverName(run.server).length, serverQuota(run.server).length])) + GAP.length
    : 0;
  const left = 2 + server + sum(widths) + cells.length * GAP.length;
  const slices = Math.min(WIDEST_PICTURE, columns - left - 1);
  const span = Math.max(...runs.map((run) => run.time));

  const row = (texts: readonly string[], paints: readonly (Paint | undefined)[] = []): string =>
    texts
      .map((text, index) => {
        const width = widths[index] as number;
        const padded = cells[index]?.right ? text.padStart(width) : text.padEnd(width);
        return (paints[index]?.(padded) ?? padded) + GAP;
      })
      .join('');

  const heads = row(cells.map(({ head }) => head));
  const lines = [
    style.dim(`  ${hasServer ? 'server'.padEnd(server) : ''}${heads}timeline`),
    style.dim(`  ${'─'.repeat(left - 2 + slices)}`),
  ];
  for (const [index, run] of runs.entries()) {
    const isFirst = run.server !== runs[index - 1]?.server;
    const name = isFirst ? serverName(run.server) : '';
    const quota = isFirst ? serverQuota(run.server) : '';
    const { answered, refused } = pictures(run, span, slices);
    if (isFirst && index > 0) lines.push('');
    if (isFirst && !hasServer) lines.push(`  ${style.bold(name)}${GAP}${style.dim(quota)}`);
    const figures = row(
      cells.map(({ cell }) => cell(run)),
      cells.map(({ paint }) => paint?.(run)),
    );
    lines.push(`  ${hasServer ? style.bold(name.padEnd(server)) : ''}${figures}${style.green(answered)}`);
    // The second line of a server's first run has the quota on it, whether or not calls were refused.
    const label = (refused && 'refused').padStart(left - 2 - server - GAP.length) + GAP;
    if (refused || (isFirst && hasServer)) {
      const second = `${style.dim((hasServer ? quota.padEnd(server) : '') + label)}${style.red(refused)}`;
      lines.push(`  ${second}`);
    }
  }
  lines.push(style.dim(' '.repeat(left) + axis(slices, measured(span))));
  return lines;
}

/** The table for a narrow terminal. */
function list(runs: readonly Run[], { columns, style }: Terminal): string[] {
  const indent = '    ';
  const slices = Math.max(8, Math.min(WIDEST_PICTURE, columns - indent.length - 1));
  const span = Math.max(...runs.map((run) => run.time));
  const lines: string[] = [];
  for (const [index, run] of runs.entries()) {
    if (run.server !== runs[index - 1]?.server) {
      if (index > 0) lines.push('');
      lines.push(...wrap(`${serverName(run.server)}: ${serverQuota(run.server)}`, columns).map(style.bold));
    }
    const facts = [
      `${run.client}: ${count(run.calls)} calls, ${count(run.refused)} refused, ${measured(run.time)},`,
      `${percent(run.share)} of the quota used,`,
      `most in ${duration(run.server.interval)}: ${run.mostInAnyWindow} of ${run.mostAllowed}`,
    ].join(' ');
    const { answered, refused } = pictures(run, span, slices);
    lines.push(...wrap(facts, columns, '  ', indent), indent + style.green(answered));
    if (refused) lines.push(`${indent}${style.red(refused)}${style.dim(' refused')}`);
  }
  lines.push(indent + style.dim(axis(slices, measured(span))));
  return lines;
}

function pictures(run: Run, span: number, slices: number): { answered: string; refused: string } {
  const { slice, answered, refused } = timeline(run.log, span, slices);
  const steady = (run.server.limit / run.server.interval) * slice;
  return { answered: picture(answered, steady), refused: picture(refused, steady) };
}

function footnotes(runs: readonly Run[], { columns, style }: Terminal): string[] {
  const notes = [
    "All figures are counted from the servers' own logs of arrivals. Time: from the first arrival to the last.",
    "Quota used: calls answered, of what the quota allows in that time: the server's rate × the time, plus the burst that sluice was set to (for plain, the most that the server takes at once). What sluice leaves is a margin for calls that the network bunches up.",
    'Timeline: calls per slice of time; ▄ is the steady rate, █ twice that or more.',
  ];
  if (runs.some((run) => run.client === 'plain' && run.mostInAnyWindow > run.mostAllowed)) {
    notes.push('More than the limit in a window: calls around the edge of two fixed windows can use both.');
  }
  return notes.flatMap((note) => wrap(note, columns, '  ', '    ')).map(style.dim);
}

function conclusion(runs: readonly Run[], { columns, style }: Terminal): string[] {
  const plain = runs.filter((run) => run.client === 'plain');
  const throttled = runs.filter((run) => run.client === 'sluice');
  const total = (of: readonly Run[], value: (run: Run) => number): number => sum(of.map(value));
  const plainCalls = total(plain, (run) => run.calls);
  const plainRefused = total(plain, (run) => run.refused);
  const plainFailed = total(plain, (run) => run.failed);
  const calls = total(throttled, (run) => run.calls);
  const answered = total(throttled, (run) => run.answered);
  const refused = total(throttled, (run) => run.refused);

  const lines = wrap(
    `Plain fetch: ${count(plainRefused)} of ${count(plainCalls)} calls refused${plainFailed > 0 ? `, ${count(plainFailed)} failed` : ''}.`,
    columns,
  );
  const failures = throttled.flatMap((run) => shortcomings(run).map((text) => `✗ ${serverName(run.server)}: ${text}`));
  const shares = throttled.map((run) => run.share);
  const slowest = Math.max(...throttled.map((run) => run.time));
  const said =
    `Through sluice: ${refused === 0 ? 'none' : count(refused)} refused, ${count(answered)} of ${count(calls)} answered ` +
    `in ${measured(slowest)}, with ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of each quota used.`;
  lines.push(...wrap(said, columns).map(failures.length === 0 ? style.green : (line) => line));
  lines.push(...failures.flatMap((text) => wrap(text, columns, '', '  ')).map(style.red));
  return lines;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
