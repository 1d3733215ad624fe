import { delimiter } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { advice, find, install, type Requirement, requiredBy, requirements } from '../../scripts/requirements.ts';

const node: Requirement = {
  name: 'node',
  suffix: '.node.test.ts',
  command: process.platform === 'win32' ? 'node.exe' : 'node',
  debianPackage: 'nodejs',
  variable: 'SLUICE_NODE',
};
const nodeFolder = process.execPath.replace(/[\\/][^\\/]+$/, '');

describe('requiredBy', () => {
  test('asks for nothing while no file needs anything', () => {
    expect(requiredBy(['test/core/bucket/bucket.test.ts', 'test/a.dom.test.ts', 'test/a.test-d.ts'])).toEqual([]);
  });

  test('asks for each requirement that shares an ending, once', () => {
    const names = requiredBy(['test/a.browser.test.ts', 'test/b.browser.test.ts']).map(({ name }) => name);
    expect(names).toEqual(['chromium', 'firefox', 'webkit', 'xvfb', 'faketime']);
  });

  test('asks for Redis when a file needs it', () => {
    expect(requiredBy(['test/storage/redis.redis.test.ts']).map(({ name }) => name)).toEqual([
      'redis',
      'valkey',
      'redis 7.0',
    ]);
  });
});

describe('find', () => {
  test('finds a program on the PATH', () => {
    const env = { PATH: ['/nowhere', nodeFolder].join(delimiter) };
    expect(find(node, env)).toContain(nodeFolder);
  });

  test('takes the path in the variable before the PATH', () => {
    const env = { PATH: nodeFolder, SLUICE_NODE: import.meta.filename };
    expect(find(node, env)).toBe(import.meta.filename);
  });

  test('finds nothing when the variable names a missing file', () => {
    expect(find(node, { PATH: nodeFolder, SLUICE_NODE: '/nowhere/node' })).toBeUndefined();
  });

  test('finds nothing on an empty PATH', () => {
    expect(find(node, {})).toBeUndefined();
  });

  test('does not use the program on the PATH as that of another release', () => {
    const old: Requirement = { ...node, release: 'none' };
    expect(find(old, { PATH: nodeFolder })).toBeUndefined();
    expect(find(old, { PATH: nodeFolder, SLUICE_NODE: import.meta.filename })).toBe(import.meta.filename);
  });
});

describe('install', () => {
  /** Tells what a run said and did, in its order. */
  function installed(missing: readonly Requirement[], env: NodeJS.ProcessEnv = {}, isDebianAsRoot = true): string[] {
    const told: string[] = [];
    install(missing, {
      env,
      isDebianAsRoot,
      print: (line) => told.push(line.trim()),
      apt: (args) => told.push(`apt-get ${args.join(' ')}`),
      unpack: (packages, release) => told.push(`unpack ${packages.join(' ')} of ${release}`),
    });
    return told;
  }
  const missing = requiredBy(['test/storage/redis.redis.test.ts']);

  test('says what it will install, and how to keep it from that, before it does', () => {
    expect(installed(missing)).toEqual([
      'The tests need programs that are missing here. This run installs them:',
      'on this system, with apt-get: redis-server, valkey-server',
      'unpacked under node_modules, from Debian bookworm: redis-server, redis-tools',
      'SLUICE_INSTALL=0 prevents this; the suites that need these programs are then skipped.',
      'apt-get update',
      'apt-get install -y --no-install-recommends redis-server valkey-server',
      'unpack redis-server redis-tools of bookworm',
    ]);
  });

  test('names only what is missing', () => {
    const told = installed(missing.filter(({ release }) => release !== undefined)).join('\n');
    expect(told).toContain('unpacked under node_modules');
    expect(told).not.toMatch(/on this system|apt-get install/);
  });

  test('prints and does nothing with SLUICE_INSTALL=0, or under node_modules', () => {
    expect(installed(missing, { SLUICE_INSTALL: '0' })).toEqual([]);
  });

  test('says and does nothing when all is there, or where it may not', () => {
    expect(installed([])).toEqual([]);
    expect(installed(missing, {}, false)).toEqual([]);
  });
});

test('a Redis suite runs with the next of its programs where there is no Redis', async () => {
  vi.stubEnv('SLUICE_REDIS', '/nowhere/redis-server');
  vi.stubEnv('SLUICE_VALKEY', process.execPath);
  const { program } = await import('../storage/redis-server.ts');
  vi.unstubAllEnvs();
  expect(program).toBe(process.execPath);
});

test.each(requirements)('says how to enable $name', (requirement) => {
  const line = advice(requirement);
  expect(line).toContain(requirement.release ?? `apt-get install ${requirement.debianPackage}`);
  expect(line).toContain(requirement.variable);
});
