import { readFileSync } from 'node:fs';
import type { Contender, Failure, InProcess, Numbers, Outcome } from './contender.ts';
import { contenders, inPart } from './contenders.ts';
import { measureInChild } from './in-child.ts';
import { ourImports, sizeOf } from './size.ts';

/** A row of a part: what it came to, by what was measured. */
export interface Row {
  readonly name: string;
  /** Of the library; ours has none. */
  readonly version?: string;
  readonly page?: string;
  readonly results: Readonly<Record<string, Numbers | Failure>>;
}

export interface Effort {
  readonly isQuick: boolean;
  say(line: string): void;
}

export function versionOf(name: string): string {
  const manifest = readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

export const isFailure = (outcome: Outcome): outcome is Failure => typeof (outcome as Failure).failed === 'string';

const head = ({ name, package: library, page }: Contender) => ({
  name,
  ...(library !== undefined && { version: versionOf(library) }),
  ...(page !== undefined && { page }),
});

const told = (results: Row['results']) =>
  Object.entries(results)
    .map(
      ([what, outcome]) =>
        `${what}: ${JSON.stringify(outcome, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value))}`,
    )
    .join('  ');

/** How many calls were refused, of how many. */
function refusals(results: Row['results']): string {
  const cells = Object.values(results).filter((cell): cell is Numbers => !isFailure(cell));
  const sum = (what: string) => cells.reduce((total, cell) => total + (cell[what] ?? 0), 0);
  return `${sum('refused')} of ${sum('calls')} refused, at least ${Math.min(...cells.map(({ share = 0 }) => 100 * share)).toFixed(1)} % used`;
}

/** Measures a part row by row, each measurement in a process of its own. */
async function rows(
  part: InProcess,
  { say }: Effort,
  measure: (
    contender: Contender,
    run: (parameters: Numbers, limit: number) => Promise<Outcome>,
  ) => Promise<Row['results']>,
): Promise<Row[]> {
  const done: Row[] = [];
  for (const contender of contenders.filter((each) => inPart(each, part))) {
    const run = (parameters: Numbers, limit: number) =>
      measureInChild({ part, contender: contender.name, parameters }, limit);
    const results = await measure(contender, run);
    say(`  ${contender.name.padEnd(34)} ${part === 'utilisation' ? refusals(results) : told(results)}`);
    done.push({ ...head(contender), results });
  }
  return done;
}

const passCount = Number(process.env.SLUICE_RUNS ?? 3);

/** ns for a call that may go at once. All rows in turn, then all again; the best pass of a row counts: other work only slows down. */
export async function decideRows(effort: Effort): Promise<Row[]> {
  const passes: Row[][] = [];
  for (let pass = 0; pass < (effort.isQuick ? 1 : passCount); pass++) {
    const before = passes[0];
    const pass_ = await rows('decide', effort, async ({ name }, run) => {
      const results: Record<string, Numbers | Failure> = {};
      for (const keys of [1, 100_000]) {
        const first = before?.find((row) => row.name === name)?.results[keys];
        const isHopeless = first !== undefined && isFailure(first);
        results[keys] = isHopeless ? first : ((await run({ rounds: 5, keys }, 20_000)) as Numbers | Failure);
      }
      return results;
    });
    passes.push(pass_);
  }
  const [first = []] = passes;
  return first.map((row, index) => {
    const results = Object.keys(row.results).map((keys): [string, Numbers | Failure] => {
      const outcomes = passes.map((pass) => pass[index]?.results[keys] as Numbers | Failure);
      const good = outcomes.filter((outcome): outcome is Numbers => !isFailure(outcome));
      const [bad] = outcomes.filter(isFailure);
      return [keys, good.length === 0 && bad ? bad : { ns: Math.min(...good.map(({ ns = Number.NaN }) => ns)) }];
    });
    return { ...row, results: Object.fromEntries(results) };
  });
}

/** How calls wait and go, by how many they are. A size is not tried by one that failed at a smaller one. */
export function queueRows(effort: Effort): Promise<Row[]> {
  const counts = effort.isQuick ? [1_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000];
  return rows('queue', effort, async ({ isEven }, run) => {
    const results: Record<string, Numbers | Failure> = {};
    const one = async (name: string, count: number, step: number, limit: number) => {
      const smaller = results[`${name} ${count / 10}`] ?? results[`${name} ${count / 100}`];
      const isHopeless = smaller !== undefined && isFailure(smaller);
      const outcome = isHopeless ? { failed: 'failed with fewer' } : await run({ count, step }, limit);
      results[`${name} ${count}`] = outcome as Numbers | Failure;
    };
    for (const count of counts) {
      await one('hold', count, 0, 20_000);
      if (!isEven) await one('drain', count, 1, 20_000);
    }
    await one('timers', 1_000, 2, 10_000);
    return results;
  });
}

/** Two rows are measured in real time as well, in one cell. */
const spotChecked = ['sluice, quota with burst 1', 'p-throttle, strict'];

export const utilisationRows = (effort: Effort): Promise<Row[]> =>
  rows('utilisation', effort, async ({ name }, run) => {
    const outcome = await run({}, 30_000);
    if (isFailure(outcome)) return { all: outcome };
    const isSpot = spotChecked.includes(name) && !effort.isQuick;
    const real = isSpot ? { 'real time': (await run({ real: 1 }, 60_000)) as Numbers | Failure } : {};
    return { ...(outcome as Row['results']), ...real };
  });

export const memoryRows = (effort: Effort): Promise<Row[]> =>
  rows('memory', effort, async (_, run) => {
    const results: Record<string, Numbers | Failure> = {};
    for (const keys of effort.isQuick ? [100_000] : [100_000, 1_000_000]) {
      const before = results[String(keys / 10)];
      const isHopeless = before !== undefined && isFailure(before);
      const outcome = isHopeless
        ? { failed: 'failed with fewer' }
        : await run({ keys }, keys > 100_000 ? 30_000 : 20_000);
      results[String(keys)] = outcome as Numbers | Failure;
    }
    return results;
  });

export async function sizeRows({ say }: Effort): Promise<Row[]> {
  const done: Row[] = [];
  for (const [name, imports] of Object.entries(ourImports)) {
    done.push({ name, results: { import: { bytes: await sizeOf(imports) } } });
  }
  const seen = new Set<string>();
  for (const contender of contenders) {
    const { imports, name, package: library = '' } = contender;
    if (imports === undefined || seen.has(imports)) continue;
    seen.add(imports);
    const [short = name] =
      imports.startsWith('import { Rate') || library === '@tanstack/pacer' ? [name] : name.split(',');
    done.push({ ...head(contender), name: short, results: { import: { bytes: await sizeOf(imports) } } });
  }
  for (const { name, results } of done) say(`  ${name.padEnd(50)} ${told(results)}`);
  return done;
}
