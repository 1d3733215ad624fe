import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingAddress, pathOf, readManifest, setAddress } from '../../scripts/address.ts';

const here = fileURLToPath(new URL('../..', import.meta.url));
const linksOf = (page: string) => [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
let root: string;
const read = (file: string) => readFileSync(join(root, file), 'utf8');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-address-'));
  for (const file of ['package.json', 'README.md']) copyFileSync(join(here, file), join(root, file));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the address of the repository', () => {
  test('is written as repository, homepage and bugs, and nothing else changes', () => {
    const { repository, homepage, bugs, ...rest } = readManifest(root);
    setAddress(root, 'https://git.example/owner/sluice');
    expect(readManifest(root)).toEqual({
      ...rest,
      homepage: 'https://git.example/owner/sluice#readme',
      bugs: { url: 'https://git.example/owner/sluice/issues' },
      repository: { type: 'git', url: 'git+https://git.example/owner/sluice.git' },
    });
    expect(missingAddress(root)).toEqual([]);
  });

  test('makes each link of the README lead to a file that exists', () => {
    setAddress(root, 'https://git.example/owner/sluice');
    const targets = linksOf(read('README.md'));
    expect(targets.length).toBeGreaterThan(20);
    for (const target of targets) {
      expect(target).toMatch(/^https:\/\/git\.example\/owner\/sluice\/blob\/main\//);
      const [path = ''] = (pathOf(target, 'https://git.example/owner/sluice') ?? '').split('#');
      expect(existsSync(join(here, path)), path).toBe(true);
    }
  });

  test('can be set again, to the same address and to another one', () => {
    setAddress(root, 'https://git.example/owner/sluice');
    const first = read('README.md');
    setAddress(root, 'https://git.example/owner/sluice');
    expect(read('README.md')).toBe(first);
    setAddress(root, 'https://gitlab.com/group/sub/sluice');
    expect(read('README.md')).toBe(first.replaceAll('git.example/owner/sluice/', 'gitlab.com/group/sub/sluice/-/'));
    expect(readManifest(root).bugs).toEqual({ url: 'https://gitlab.com/group/sub/sluice/-/issues' });
  });

  test.each([
    '',
    'sluice',
    'http://git.example/owner/sluice',
    'https://git.example',
    'https://git.example/owner/sluice.git',
  ])('is refused where it is none: %j', (address) => {
    const before = read('package.json');
    expect(() => setAddress(root, address)).toThrow('https://host/owner/sluice');
    expect(read('package.json')).toBe(before);
  });

  test('is set by one command', () => {
    const script = join(here, 'scripts/address.ts');
    const tsx = join(here, 'node_modules/tsx/dist/cli.mjs');
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [tsx, script, ...args], { cwd: root, encoding: 'utf8' });
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('https://host/owner/sluice') });
    expect(run('https://git.example/owner/sluice')).toMatchObject({ status: 0, stderr: '' });
    expect(missingAddress(root)).toEqual([]);
  });
});

describe('what keeps the package from the registry', () => {
  test('is a README with relative links', () => {
    setAddress(root, 'https://git.example/owner/sluice');
    writeFileSync(join(root, 'README.md'), `${read('README.md')}\n[new](docs/new.md)\n`);
    expect(missingAddress(root)).toEqual([expect.stringContaining('relative links')]);
  });

  test('is a package.json without an address', () => {
    const { repository, homepage, bugs, ...rest } = readManifest(root);
    writeFileSync(join(root, 'package.json'), JSON.stringify(rest));
    expect(missingAddress(root)).toEqual([expect.stringMatching(/repository, homepage, bugs.*npm run address/)]);
  });
});
