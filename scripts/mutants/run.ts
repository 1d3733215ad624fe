// Changes the source in small ways and names the changes that no test notices. Arguments are paths in src:
// `npm run check:mutants -- src/core/bucket`. `--sample 300 --seed 1` tries that many of them, drawn from a seed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Mutant, mutate } from './mutate.ts';
import { type Coverage, type Outcome, Session, type Verdict } from './session.ts';

/** The least share of the mutants of a room of `src/core` that tests must notice, in percent. */
const leastKilled = 95;

/** A process that says nothing for so long hangs in a loop. */
const silence = 40_000;

const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes a signal on to its shell, which ends without a word to us. */
const parent = process.ppid;

/** Real time, other processes and other machines: too slow to run thousands of times. One test bundles what is on disk. */
const tooSlow =
  /\.(dom|browser|redis|loopback)\.test\.ts$|process-life|million|-memory\.test|core\/time\/clock\.|storage\/contract\.test/;
/** Files whose code runs elsewhere, and why. What runs in browsers is not among them: tests in Node model the browser. */
const elsewhere = /^src\/storage\/redis/;
const whyElsewhere = 'src/storage/redis*: it runs in a Redis server, which only the tests with one start.';
const signals = ['listening', 'fetch-refusal', 'fetch-settle'].map((name) => `test/adapters/${name}.neutral.test.ts`);
/** Where the tests of a room are, besides the folder of its name. */
const alsoIn: Readonly<Record<string, readonly string[]>> = {
  'src/core/base': ['test/core/throttle', 'test/core/line'],
  'src/core/bucket': ['test/core/limits', 'test/core/line', 'test/core/sharing', 'test/storage/key-value.test.ts'],
  'src/core/limits': ['test/core/bucket'],
  'src/core/line': ['test/core/throttle'],
  'src/core/sharing': ['test/core/line', 'test/core/throttle', 'test/storage/key-value-news.test.ts'],
  'src/core/listening': signals,
  'src/core/throttle': ['test/core/line'],
};

interface Explained {
  readonly file: string;
  readonly code: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** What the coverage of the latest run was measured with. */
interface Cache {
  readonly code: string;
  readonly tests: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', multiple: true },
  },
});
const paths = positionals.length > 0 ? positionals.map((path) => path.replace(/\/$/, '')) : ['src'];
const explained = JSON.parse(
  readFileSync(join(root, 'scripts/mutants/explained.json'), 'utf8'),
) as readonly Explained[];

const folder = join(root, 'coverage/mutants');
const earlier = read<Cache>('cache.json');
const before = read<Coverage>('coverage.json');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const session = new Session(folder);

const mutants: Mutant[] = [];
const sources: Record<string, string> = {};
for (const file of ['src/core', 'src/storage'].flatMap(filesIn).sort()) {
  if (!file.endsWith('.ts') || elsewhere.test(file)) continue;
  const mutated = mutate(file, readFileSync(join(root, file), 'utf8'), mutants.length + 1);
  mutants.push(...mutated.mutants);
  sources[file] = mutated.code;
}
const asked = mutants.filter(({ file }) => paths.some((path) => file === path || file.startsWith(`${path}/`)));
const size = Number(values.sample ?? asked.length);
const chosen = drawn(asked, size, Number(values.seed)).map(({ id }) => id);
session.write('mutants', mutants);
session.write('sources', sources);
session.write('chosen', chosen);
const rooms = [...new Set(asked.map(({ file }) => dirname(file)))];
const places = values.tests ?? rooms.flatMap((room) => [room.replace(/^src/, 'test'), ...(alsoIn[room] ?? [])]);
const tests = [...new Set(places.flatMap(filesIn))].filter((file) => file.endsWith('.test.ts') && !tooSlow.test(file));
writeFileSync(
  join(folder, 'all.test.ts'),
  [
    "import fc from 'fast-check';",
    "import { describe } from 'vitest';",
    'fc.configureGlobal({ seed: 1 });',
    ...tests.map((file) => {
      const path = JSON.stringify(join(root, file));
      return `describe(${JSON.stringify(file)}, async () => { await import(${path}); });`;
    }),
  ].join('\n'),
);
const cache: Cache = {
  code: hashOf(JSON.stringify(sources) + readFileSync(join(root, 'scripts/mutants/runner.ts'), 'utf8')),
  tests: Object.fromEntries(tests.map((file) => [file, hashOf(readFileSync(join(root, file), 'utf8'))])),
};
const isSame = earlier !== undefined && earlier.code === cache.code;
const isKnown = ({ name }: { name: string }): boolean => {
  const file = name.split(' > ', 1)[0] ?? '';
  return isSame && earlier.tests[file] === cache.tests[file];
};
session.write('known', {
  tests: before?.tests.filter(isKnown) ?? [],
  leftOut: [],
  atLoad: [],
});
// Also a run that is ended leaves its coverage to the next.
writeFileSync(join(folder, 'cache.json'), JSON.stringify(cache));
if (paths.some((path) => 'src/storage'.startsWith(path))) console.log(`Left out is ${whyElsewhere}`);
console.log(`Trying ${chosen.length} of ${asked.length} mutants.`);

const began = Date.now();
while (session.verdicts.length < chosen.length) {
  const before = session.verdicts.length;
  const current = await runTests();
  if (current !== undefined) session.judge({ id: current, outcome: 'looped', message: 'The process hung.' });
  if (session.verdicts.length === before && current === undefined) {
    if (session.coverage === undefined) throw new Error('The tests do not run.');
  }
}
const areEnough = report(session.verdicts, new Map(mutants.map((mutant) => [mutant.id, mutant])));
console.log(`It took ${Math.round((Date.now() - began) / 1000)} s. The results are in coverage/mutants.`);
process.exit(areEnough ? 0 : 1);

/** Runs the tests until all is judged or the process ends; resolves with the mutant in which it hangs. */
function runTests(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const config = join(root, 'scripts/mutants/vitest.config.ts');
    const child = spawn(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config, '--reporter=dot'],
      {
        cwd: root,
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, SLUICE_MUTANTS: folder },
      },
    );
    const stop = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));
    const end = (): void => {
      stop();
      process.exit(1);
    };
    for (const signal of endSignals) process.once(signal, end);
    let hung: number | undefined;
    let heard = Date.now();
    let seen = '';
    const watch = setInterval(() => {
      if (process.ppid !== parent) end();
      const { verdicts, current } = session;
      const now = `${verdicts.length} ${current}`;
      if (now !== seen || session.coverage === undefined) heard = Date.now();
      if (now !== seen && verdicts.length % 50 < 5) process.stderr.write(`${verdicts.length} of ${chosen.length}\n`);
      seen = now;
      if (Date.now() - heard < silence) return;
      hung = typeof current === 'number' ? current : undefined;
      stop();
    }, 1_000);
    child.once('exit', () => {
      clearInterval(watch);
      for (const signal of endSignals) process.off(signal, end);
      resolve(hung);
    });
  });
}

/** Names the mutants that are left. Returns whether the tests notice enough of those in each room of the core. */
function report(verdicts: readonly Verdict[], byId: ReadonlyMap<number, Mutant>): boolean {
  const rooms = new Map<string, Record<Outcome | 'explained', number>>();
  const left: string[] = [];
  const results: object[] = [];
  for (const verdict of [...verdicts].sort((a, b) => a.id - b.id)) {
    const mutant = byId.get(verdict.id)!;
    const room = dirname(mutant.file);
    const counts = rooms.get(room) ?? noCounts();
    rooms.set(room, counts);
    const isLeft = ['survived', 'uncovered', 'late'].includes(verdict.outcome);
    const why = isLeft ? explained.find((each) => isFor(each, mutant))?.why : undefined;
    counts[why === undefined ? verdict.outcome : 'explained'] += 1;
    results.push({ ...mutant, ...verdict, why });
    if (!isLeft || why !== undefined) continue;
    const { file, line, code, from, to } = mutant;
    left.push(`${file}:${line} ${verdict.outcome}\n    ${code}\n    ${from}  ->  ${to}`);
  }
  writeFileSync(join(folder, 'results.json'), JSON.stringify(results, undefined, 1));
  writeFileSync(join(folder, 'survivors.txt'), left.join('\n'));
  console.log(left.join('\n'));
  let areEnough = true;
  for (const [room, counts] of rooms) {
    const killed = counts.killed + counts.looped + counts.stuck;
    const all = killed + counts.survived + counts.uncovered + counts.late;
    const share = all === 0 ? 100 : (100 * killed) / all;
    if (room.startsWith('src/core/') && share < leastKilled) areEnough = false;
    const shown = Object.entries(counts).filter(([, count]) => count > 0);
    console.log(
      `${room}: ${killed} of ${all} killed, ${share.toFixed(1)} % (${shown.map(([name, count]) => `${name} ${count}`).join(', ')})`,
    );
  }
  return areEnough;
}

function read<T>(name: string): T | undefined {
  const path = join(folder, name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function noCounts(): Record<Outcome | 'explained', number> {
  return { killed: 0, looped: 0, stuck: 0, late: 0, survived: 0, uncovered: 0, static: 0, explained: 0 };
}

function isFor(each: Explained, { file, code, from, to }: Mutant): boolean {
  return each.file === file && each.code === code && each.from === from && each.to === to;
}

function filesIn(path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'));
}

/** Draws this many, in the order of the list. */
function drawn<T>(list: readonly T[], count: number, seed: number): readonly T[] {
  if (count >= list.length) return list;
  const indexes = list.map((_, index) => index);
  let state = seed;
  for (let index = indexes.length - 1; index > 0; index -= 1) {
    // A linear congruential generator, with the numbers of Numerical Recipes.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (index + 1));
    [indexes[index], indexes[other]] = [indexes[other]!, indexes[index]!];
  }
  return indexes
    .slice(0, count)
    .sort((a, b) => a - b)
    .map((index) => list[index]!);
}
