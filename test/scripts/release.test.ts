import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { setAddress } from '../../scripts/address.ts';
import { nextVersion, release } from '../../scripts/release.ts';

let folder: string;
let root: string;
let said: string[];

const inCi = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example' };
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const write = (file: string, text: string) => writeFileSync(join(root, file), text);
/** What `.ci/run` and npm were asked to do, as they were called. */
const calls = () => (existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8') : '');

function git(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function commit(): void {
  git('add', '--all');
  git('commit', '-m', 'test: begin');
}

function program(path: string, lines: string): void {
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
}

function run(...args: string[]): boolean {
  said = [];
  return release(root, args, {}, (line) => said.push(line));
}

function publish(env: NodeJS.ProcessEnv = inCi, ...args: string[]): boolean {
  said = [];
  return release(root, args, env, (line) => said.push(line));
}

/** All that a release could change. */
const state = () => [git('rev-parse', 'HEAD'), git('tag'), git('status', '--porcelain'), read('CHANGELOG.md'), calls()];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-release-'));
  root = join(folder, 'repository');
  mkdirSync(join(root, '.ci'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  program(join(folder, 'bin/npm'), `echo "npm $*" >> "${folder}/calls"`);
  vi.stubEnv('PATH', `${join(folder, 'bin')}${delimiter}${process.env.PATH}`);
  vi.stubEnv('GIT_CONFIG_GLOBAL', join(folder, 'gitconfig'));
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
  writeFileSync(join(folder, 'gitconfig'), '[user]\nname = somebody\nemail = somebody@example.com\n');
  program(join(root, '.ci/run'), `echo checks >> "${folder}/calls"`);
  write('package.json', JSON.stringify({ name: 'sluice', version: '0.1.0', license: 'MIT' }));
  write(
    'package-lock.json',
    JSON.stringify({ name: 'sluice', version: '0.1.0', packages: { '': { version: '0.1.0' } } }),
  );
  write('README.md', '# sluice\n\n[limits](docs/limits.md)\n');
  write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n- One thing.\n- Another.\n');
  write('.gitignore', 'node_modules\n');
  setAddress(root, 'https://git.example/owner/sluice');
  git('init', '--initial-branch=main');
  commit();
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('npm run release -- 1.0.0', () => {
  test('runs the checks, writes version and date, commits and tags, and publishes nothing', () => {
    expect(run('1.0.0'), said.join('\n')).toBe(true);
    expect(calls()).toBe('checks\n');
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '1.0.0' });
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({
      version: '1.0.0',
      packages: { '': { version: '1.0.0' } },
    });
    expect(read('CHANGELOG.md')).toMatch(
      /^# Changelog\n\n## Unreleased\n\n## 1\.0\.0 – \d{4}-\d\d-\d\d\n\n- One thing\.\n/,
    );
    expect(git('log', '-1', '--format=%s')).toBe('release: 1.0.0');
    expect(git('tag', '--points-at', 'HEAD')).toBe('v1.0.0');
    expect(git('status', '--porcelain')).toBe('');
    expect(said.at(-1)).toContain('git push --follow-tags');
  });

  test('does not run the checks again that passed for the same files', () => {
    mkdirSync(join(root, 'node_modules/.cache/sluice'), { recursive: true });
    write('node_modules/.cache/sluice/checked', `${git('rev-parse', 'HEAD^{tree}')}\n`);
    expect(run('1.0.0')).toBe(true);
    expect(calls()).toBe('');
  });

  test('runs the checks again once a file has changed', () => {
    mkdirSync(join(root, 'node_modules/.cache/sluice'), { recursive: true });
    write('node_modules/.cache/sluice/checked', `${git('rev-parse', 'HEAD^{tree}')}\n`);
    write('new.md', 'new');
    commit();
    expect(run('1.0.0')).toBe(true);
    expect(calls()).toBe('checks\n');
  });

  test('changes nothing when the checks fail', () => {
    program(join(root, '.ci/run'), 'exit 1');
    commit();
    const before = state();
    expect(run('1.0.0')).toBe(false);
    expect(state()).toEqual(before);
    expect(said.at(-1)).toMatch(/^FAILED: run \.ci\/run/);
  });

  test('changes nothing when the checks change files', () => {
    program(join(root, '.ci/run'), 'touch left-behind');
    commit();
    expect(run('1.0.0')).toBe(false);
    expect(git('tag')).toBe('');
    expect(said.at(-1)).toContain('left-behind');
  });

  test.each<[string, () => void, RegExp]>([
    ['the address is not set', () => write('package.json', '{ "version": "0.1.0" }'), /npm run address/],
    ['a link of the README is relative', () => write('README.md', '[limits](docs/limits.md)'), /relative links/],
    ['the branch is not main', () => git('switch', '-c', 'work'), /The branch is work/],
    ['the tag exists', () => git('tag', 'v1.0.0'), /The tag v1\.0\.0 exists/],
    ['nothing is in the changelog', () => write('CHANGELOG.md', '## Unreleased\n\n## 0.1.0\n\n- Old.\n'), /no entries/],
  ])('refuses while %s', (_, change, complaint) => {
    change();
    if (git('status', '--porcelain') !== '') commit();
    const before = state();
    expect(run('1.0.0')).toBe(false);
    expect(said).toEqual([expect.stringMatching(complaint)]);
    expect(state()).toEqual(before);
  });

  test('refuses while something is not committed', () => {
    write('new.md', 'new');
    expect(run('1.0.0')).toBe(false);
    expect(said).toEqual([expect.stringContaining('new.md')]);
  });

  test('shows all steps in a dry run, and changes nothing', () => {
    const before = state();
    expect(run('major', '--dry-run')).toBe(true);
    expect(said).toEqual([
      expect.stringMatching(/^Would run \.ci\/run/),
      'Would write version 1.0.0 into package.json and package-lock.json (it is 0.1.0)',
      expect.stringMatching(/^Would date the 2 entries of CHANGELOG\.md: ## 1\.0\.0 – /),
      'Would git commit: release: 1.0.0',
      'Would git tag v1.0.0',
    ]);
    expect(state()).toEqual(before);
  });

  test('shows everything that is in the way in a dry run, and the steps too', () => {
    write('package.json', '{ "version": "0.1.0" }');
    write('CHANGELOG.md', '# Changelog\n');
    expect(run('0.1.0', '--dry-run')).toBe(false);
    expect(said.filter((line) => line.startsWith('Blocked:'))).toHaveLength(4);
    expect(said.filter((line) => line.startsWith('Would'))).toHaveLength(5);
  });
});

describe('npm run release, on the tag', () => {
  test('runs the checks and publishes with provenance', () => {
    run('1.0.0');
    expect(publish(), said.join('\n')).toBe(true);
    expect(calls()).toBe('checks\nchecks\nnpm publish --provenance --access public\n');
  });

  test('publishes nothing in a dry run', () => {
    run('1.0.0');
    const before = state();
    expect(publish(inCi, '--dry-run')).toBe(true);
    expect(said.at(-1)).toBe('Would npm publish --provenance --access public');
    expect(state()).toEqual(before);
  });

  test('publishes nothing when the checks fail', () => {
    program(join(root, '.ci/run'), `test ! -e "${folder}/calls" && echo checks >> "${folder}/calls"`);
    commit();
    expect(run('1.0.0')).toBe(true);
    expect(publish()).toBe(false);
    expect(calls()).not.toContain('npm');
  });

  test('refuses where npm cannot prove what the package was made from', () => {
    run('1.0.0');
    expect(publish({})).toBe(false);
    expect(said).toEqual([expect.stringContaining('GitHub Actions or GitLab CI')]);
    expect(calls()).not.toContain('npm');
  });

  test('refuses a commit without the tag', () => {
    run('1.0.0');
    write('new.md', 'new');
    commit();
    expect(publish()).toBe(false);
    expect(said).toEqual([expect.stringContaining('no tag v1.0.0')]);
  });

  test('says that it failed when npm does', () => {
    run('1.0.0');
    program(join(folder, 'bin/npm'), 'exit 1');
    expect(publish()).toBe(false);
    expect(said.at(-1)).toMatch(/^FAILED: npm publish/);
  });
});

describe('nextVersion', () => {
  test.each([
    ['0.1.0', 'major', '1.0.0'],
    ['1.2.3', 'minor', '1.3.0'],
    ['1.2.3', 'patch', '1.2.4'],
    ['1.2.3', '1.10.0', '1.10.0'],
    ['1.10.0', '1.9.9', undefined],
    ['1.2.3', '1.2.3', undefined],
    ['1.2.3', '0.9.9', undefined],
    ['1.2.3', 'v2.0.0', undefined],
    ['1.2.3', '02.0.0', undefined],
    ['1.2.3', 'big', undefined],
  ])('after %s, %s is %s', (version, wanted, next) => expect(nextVersion(version, wanted)).toBe(next));
});
