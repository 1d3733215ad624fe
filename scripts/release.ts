// Releases a version, in two runs of one command:
//
//   npm run release -- 1.0.0    on main: checks everything, writes the version and the date, commits and tags
//   npm run release             on the tag, in CI, where npm can prove what a package was made from: publishes it
//
// `--dry-run` shows what would happen and what is in the way, and changes nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingAddress, readManifest } from './address.ts';

interface Step {
  readonly title: string;
  run(): void;
}

interface Plan {
  /** What is in the way; while there is anything, nothing is done. */
  readonly problems: readonly string[];
  readonly steps: readonly Step[];
  readonly next?: string;
}

/** Plans and, unless this is a dry run, takes the steps. @returns whether all went well */
export function release(root: string, args: readonly string[], env = process.env, print = console.log): boolean {
  const isDry = args.includes('--dry-run');
  const wanted = args.find((arg) => !arg.startsWith('-'));
  const { version } = readManifest(root);
  const { problems, steps, next } =
    wanted === undefined ? planToPublish(root, version, env) : planToPrepare(root, version, wanted);
  for (const problem of problems) print(`Blocked: ${problem}`);
  if (isDry) for (const { title } of steps) print(`Would ${title}`);
  if (isDry || problems.length > 0) return problems.length === 0;
  for (const { title, run } of steps) {
    print(`Now: ${title}`);
    try {
      run();
    } catch (error) {
      print(`FAILED: ${title}: ${(error as Error).message}`);
      return false;
    }
  }
  if (next !== undefined) print(next);
  return true;
}

function planToPrepare(root: string, version: string, wanted: string): Plan {
  const changelog = join(root, 'CHANGELOG.md');
  const text = readFileSync(changelog, 'utf8');
  const entries = entriesUnder(text, 'Unreleased');
  const next = nextVersion(version, wanted);
  const tag = `v${next}`;
  const today = new Date().toISOString().slice(0, 10);
  const branch = ask(root, 'git', 'rev-parse', '--abbrev-ref', 'HEAD');
  const problems = [
    ...missingAddress(root),
    ...uncommitted(root),
    ...(branch === 'main' ? [] : [`The branch is ${branch}; releases are made on main.`]),
    ...(next === undefined ? [`${wanted} is not a version after ${version}: give major, minor, patch or 1.2.3`] : []),
    ...(ask(root, 'git', 'tag', '--list', tag) === '' ? [] : [`The tag ${tag} exists.`]),
    ...(entries === 0 ? ['CHANGELOG.md has no entries under "Unreleased".'] : []),
  ];
  const steps: Step[] = [
    ...checks(root),
    {
      title: `write version ${next} into package.json and package-lock.json (it is ${version})`,
      run: () => writeVersion(root, next ?? version),
    },
    {
      title: `date the ${entries} entries of CHANGELOG.md: ## ${next} – ${today}`,
      run: () =>
        writeFileSync(
          changelog,
          text.replace(/^## Unreleased$/m, () => `## Unreleased\n\n## ${next} – ${today}`),
        ),
    },
    {
      title: `git commit: release: ${next}`,
      run: () => act(root, 'git', 'commit', '--quiet', '--all', '-m', `release: ${next}`),
    },
    { title: `git tag ${tag}`, run: () => act(root, 'git', 'tag', '-a', tag, '-m', tag) },
  ];
  const after = `Nothing is published yet. git push --follow-tags pushes it; npm run release, in CI on ${tag}, publishes it.`;
  return { problems, steps, next: after };
}

function planToPublish(root: string, version: string, env: NodeJS.ProcessEnv): Plan {
  const tag = `v${version}`;
  const isTagged = ask(root, 'git', 'tag', '--points-at', 'HEAD').split('\n').includes(tag);
  const entries = entriesUnder(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version);
  // What npm trusts: GitHub Actions with `id-token: write`, and GitLab CI with an id token named so.
  const isProvable = Boolean(env.ACTIONS_ID_TOKEN_REQUEST_URL ?? env.SIGSTORE_ID_TOKEN);
  const problems = [
    ...missingAddress(root),
    ...uncommitted(root),
    ...(isTagged ? [] : [`This commit has no tag ${tag}; npm run release with a version makes one.`]),
    ...(entries > 0 ? [] : [`CHANGELOG.md has no entries under ${version}.`]),
    ...(isProvable
      ? []
      : [
          'npm cannot prove here which commit the package was built from: publish in GitHub Actions or GitLab CI, with an id token.',
        ]),
  ];
  const publish = ['npm', 'publish', '--provenance', '--access', 'public'] as const;
  return { problems, steps: [...checks(root), { title: publish.join(' '), run: () => act(root, ...publish) }] };
}

/** The step that runs all checks; none, if `.ci/run` has passed for just these files. */
function checks(root: string): readonly Step[] {
  const record = join(root, 'node_modules/.cache/sluice/checked');
  const tree = ask(root, 'git', 'rev-parse', 'HEAD^{tree}');
  if (existsSync(record) && readFileSync(record, 'utf8').trim() === tree) return [];
  const run = () => {
    act(root, join(root, '.ci/run'));
    const changed = uncommitted(root);
    if (changed.length > 0) throw new Error(changed.join(' '));
  };
  return [{ title: 'run .ci/run, which has not passed for these files', run }];
}

function uncommitted(root: string): readonly string[] {
  const changes = ask(root, 'git', 'status', '--porcelain');
  return changes === '' ? [] : [`There are changes that are not committed: ${changes.split('\n').join(', ')}`];
}

/** Counts the entries of a version. */
export function entriesUnder(changelog: string, version: string): number {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => text.split(/[ \n]/, 1)[0] === version) ?? '';
  return (section.match(/^- /gm) ?? []).length;
}

/** Tells the version that comes after; undefined if `wanted` is not later. */
export function nextVersion(version: string, wanted: string): string | undefined {
  const numbers = version.split('.').map(Number);
  const index = ['major', 'minor', 'patch'].indexOf(wanted);
  if (index >= 0) return numbers.map((n, i) => (i < index ? n : i === index ? n + 1 : 0)).join('.');
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(wanted)) return undefined;
  const asked = wanted.split('.').map(Number);
  const first = asked.findIndex((n, i) => n !== numbers[i]);
  return first >= 0 && (asked[first] ?? 0) > (numbers[first] ?? 0) ? wanted : undefined;
}

function writeVersion(root: string, version: string): void {
  for (const file of ['package.json', 'package-lock.json']) {
    const path = join(root, file);
    const data = JSON.parse(readFileSync(path, 'utf8'));
    data.version = version;
    if (data.packages?.[''] !== undefined) data.packages[''].version = version;
    writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
  }
}

function ask(root: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

function act(root: string, command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`it ended with ${status}`);
}

if (process.argv[1] === import.meta.filename && !release(process.cwd(), process.argv.slice(2))) process.exitCode = 1;
