// Runs the tests. Looks first for the programs that some suites need, and says at the end which suites ran and which
// did not. Arguments go to vitest: `npm test -- bucket` runs the files with "bucket" in their path.
// `npm run test:quick` leaves out what takes long: scripts/quick.ts says what that is.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { notQuick, quick } from './quick.ts';
import { advice, find, install, requiredBy } from './requirements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isQuick = process.argv.includes('--quick');
const args = process.argv.slice(2).filter((arg) => arg !== '--quick');
const ci = process.env.CI === 'true';

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(test|test-d)\.ts$/.test(file))
  .map((file) => join('test', file).replaceAll(sep, '/'));
const named = files.filter((file) => args.some((arg) => !arg.startsWith('-') && file.includes(arg)));
// Without a name all files are meant.
const meant = (named.length > 0 ? named : files).filter((file) => !isQuick || quick(file));
if (isQuick && meant.length === 0) {
  console.error(`No quick test has ${args.join(' or ')} in its path: ${notQuick}`);
  process.exit(1);
}

const required = requiredBy(meant);
install(required.filter((requirement) => !find(requirement)));
const missing = required.filter((requirement) => !find(requirement));
const found = required.filter((requirement) => !missing.includes(requirement));
const skippedSuffixes = missing.map(({ suffix }) => suffix).filter((suffix) => !found.some((f) => f.suffix === suffix));

const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const report = process.env.SLUICE_TEST_REPORT ?? join(folder, 'report.json');
const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...skippedSuffixes.map((suffix) => `--exclude=**/*${suffix}`),
    ...(isQuick
      ? ['--project=node', '--project=dom', '--maxWorkers=100%', ...args.filter((arg) => arg.startsWith('-')), ...meant]
      : args),
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...Object.fromEntries(found.map((each) => [each.variable, find(each)])) },
  },
);
const results = existsSync(report) ? resultsIn(report) : [];
const ran = [...new Set(results.map(({ name }) => relative(root, name).replaceAll(sep, '/')))];
rmSync(folder, { recursive: true, force: true });

const expected = meant.filter((file) => !skippedSuffixes.some((suffix) => file.endsWith(suffix)));
const forgotten = args.length === 0 ? expected.filter((file) => !ran.includes(file)) : [];
for (const file of forgotten) console.error(`No project in vitest.config.ts runs ${file}.`);

const counts = new Map<string, number>();
for (const suite of ran.map(suiteOf)) counts.set(suite, (counts.get(suite) ?? 0) + 1);
const suites = [...counts].map(([suite, count]) => `${suite} (${count === 1 ? '1 file' : `${count} files`})`);
console.log(`Suites that ran: ${suites.join(', ') || 'none'}${found.map(({ name }) => `, with ${name}`).join('')}`);
if (isQuick) console.log(`${notQuick}. npm test runs everything.`);
if (missing.length > 0) console.log('Suites that DID NOT RUN:');
for (const requirement of missing) console.log(`  ${advice(requirement)}`);

// Tests that a name on the command line leaves out are not listed.
const skipped = results
  .flatMap(({ assertionResults }) => assertionResults)
  .filter(({ status }) => args.length === 0 && (status === 'skipped' || status === 'pending'));
if (skipped.length > 0) console.log('Tests that were SKIPPED:');
for (const { fullName } of skipped) console.log(`  ${fullName}`);

// Failures come last, since people read a long report from its end.
const failures = results.flatMap(failuresOf);
if (failures.length > 0) console.log('Tests that FAILED:');
for (const failure of failures) console.log(`  ${failure}`);
if (run.status !== 0 && failures.length === 0) console.log('No test failed, but vitest did: see its errors above.');

const failed = run.status !== 0 || forgotten.length > 0 || (ci && missing.length > 0);
process.exit(failed ? 1 : 0);

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly TestResult[];
}

interface TestResult {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

function resultsIn(path: string): readonly FileResult[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { testResults: FileResult[] }).testResults;
}

/** A line for each test of the file that failed, or for the file if it did not even load. */
function failuresOf({ name, status, message, assertionResults }: FileResult): readonly string[] {
  const file = relative(root, name).replaceAll(sep, '/');
  const tests = assertionResults.filter((test) => test.status === 'failed');
  if (tests.length === 0) return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
  return tests.map((test) => `${file}: ${test.fullName}: ${firstLine(test.failureMessages?.[0] ?? '')}`);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function suiteOf(file: string): string {
  if (file.endsWith('.test-d.ts')) return 'types';
  if (file.endsWith('.neutral.test.ts')) return 'node and dom';
  return /\.(dom|browser|redis)\.test\.ts$/.exec(file)?.[1] ?? 'node';
}
