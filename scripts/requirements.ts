import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program that npm does not bring and that some test files need. */
export interface Requirement {
  readonly name: string;
  /** Test files with this ending need it. When several requirements share an ending, the files run with those found. */
  readonly suffix: string;
  /** The command that is looked for on the PATH. */
  readonly command: string;
  /** One package, or those to unpack, with spaces between. */
  readonly debianPackage: string;
  /** The Debian release whose version is asked for. It is unpacked under `node_modules`, and not looked for on the PATH. */
  readonly release?: string;
  /** Holds the path of the program. Set by the test run for the tests to read; set by hand, it is used as it is. */
  readonly variable: string;
}

export const requirements: readonly Requirement[] = [
  {
    name: 'redis',
    suffix: '.redis.test.ts',
    command: 'redis-server',
    debianPackage: 'redis-server',
    variable: 'SLUICE_REDIS',
  },
  {
    name: 'valkey',
    suffix: '.redis.test.ts',
    command: 'valkey-server',
    debianPackage: 'valkey-server',
    variable: 'SLUICE_VALKEY',
  },
  {
    // The oldest of the versions that we name which Debian still keeps.
    name: 'redis 7.0',
    suffix: '.redis.test.ts',
    command: 'redis-server',
    debianPackage: 'redis-server redis-tools',
    release: 'bookworm',
    variable: 'SLUICE_REDIS_7',
  },
  {
    name: 'chromium',
    suffix: '.browser.test.ts',
    command: 'chromium',
    debianPackage: 'chromium',
    variable: 'SLUICE_CHROMIUM',
  },
  {
    name: 'firefox',
    suffix: '.browser.test.ts',
    command: 'firefox-esr',
    debianPackage: 'firefox-esr',
    variable: 'SLUICE_FIREFOX',
  },
  {
    name: 'webkit',
    suffix: '.browser.test.ts',
    command: 'WebKitWebDriver',
    debianPackage: 'webkit2gtk-driver',
    variable: 'SLUICE_WEBKIT',
  },
  {
    // WebKit's browser needs a screen.
    name: 'xvfb',
    suffix: '.browser.test.ts',
    command: 'Xvfb',
    debianPackage: 'xvfb',
    variable: 'SLUICE_XVFB',
  },
  {
    // Sets the clock of a browser.
    name: 'faketime',
    suffix: '.browser.test.ts',
    command: 'faketime',
    debianPackage: 'faketime',
    variable: 'SLUICE_FAKETIME',
  },
];

/** Picks the requirements of the given test files, each once, in the order of the table. */
export function requiredBy(files: readonly string[], table: readonly Requirement[] = requirements): Requirement[] {
  return table.filter(({ suffix }) => files.some((file) => file.endsWith(suffix)));
}

/** Finds the program: in its variable first, then on the PATH, or where its release was unpacked. */
export function find(
  { command, variable, release }: Requirement,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const named = env[variable];
  if (named) return existsSync(named) ? named : undefined;
  const path = release === undefined ? (env.PATH ?? '') : join(folderOf(release), 'usr/bin');
  return path
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find(isExecutable);
}

/** What an installation needs; tests pass their own. */
export interface Machine {
  readonly env: NodeJS.ProcessEnv;
  readonly isDebianAsRoot: boolean;
  print(line: string): void;
  apt(args: readonly string[]): void;
  unpack(packages: readonly string[], release: string): void;
}

const thisMachine: Machine = {
  env: process.env,
  isDebianAsRoot: process.getuid?.() === 0 && existsSync('/etc/debian_version'),
  print: (line) => console.log(line),
  apt,
  unpack,
};

/**
 * Installs the packages of what is missing, where that can be done without asking: on Debian, as root. Says before it begins what it
 * will install and how to keep it from that: `SLUICE_INSTALL=0`.
 */
export function install(missing: readonly Requirement[], machine: Machine = thisMachine): void {
  if (missing.length === 0 || !machine.isDebianAsRoot || machine.env.SLUICE_INSTALL === '0') return;
  const own = missing.filter(({ release }) => release === undefined).map(({ debianPackage }) => debianPackage);
  const others = missing.flatMap(({ debianPackage, release }) =>
    release === undefined ? [] : [{ packages: debianPackage.split(' '), release }],
  );
  machine.print('The tests need programs that are missing here. This run installs them:');
  if (own.length > 0) machine.print(`  on this system, with apt-get: ${own.join(', ')}`);
  for (const { packages, release } of others) {
    machine.print(`  unpacked under node_modules, from Debian ${release}: ${packages.join(', ')}`);
  }
  machine.print('SLUICE_INSTALL=0 prevents this; the suites that need these programs are then skipped.');
  machine.apt(['update']);
  if (own.length > 0) machine.apt(['install', '-y', '--no-install-recommends', ...own]);
  for (const { packages, release } of others) machine.unpack(packages, release);
}

/** Says how to get what is missing, in one line. */
export function advice({ name, command, debianPackage, release, variable }: Requirement): string {
  if (release !== undefined) {
    return `${name}: needs ${command} of Debian ${release}, which the test run installs as root on Debian. Elsewhere, or if Debian no longer has it: put the path of such a ${command} in ${variable}.`;
  }
  return `${name}: needs ${command}. On Debian: apt-get install ${debianPackage}. Elsewhere: put ${command} on the PATH, or its path in ${variable}.`;
}

function folderOf(release: string): string {
  return fileURLToPath(new URL(`../node_modules/.cache/sluice/${release}`, import.meta.url));
}

/** Unpacks packages of another release, with its security updates alone, whose list is short. The system stays as it is. */
function unpack(packages: readonly string[], release: string): void {
  const format = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const mirror = apt(format, { stdio: 'pipe' })
    .stdout.toString()
    .split('\n')
    .find((uri) => uri.includes('debian-security'));
  // Not Debian itself: its keys would not fit.
  if (mirror === undefined) return;
  const folder = folderOf(release);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  const key = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${key}] ${mirror} ${release}-security main\n`);
  const options = [
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${folder}/lists`,
    `Dir::Cache=${folder}`,
    'Dir::State::Status=/dev/null',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  apt([...options, 'update']);
  apt([...options, 'download', ...packages], { cwd: folder });
  for (const file of readdirSync(folder).filter((file) => file.endsWith('.deb'))) {
    spawnSync('dpkg-deb', ['-x', file, '.'], { cwd: folder, stdio: 'inherit' });
  }
}

function apt(args: readonly string[], options: SpawnSyncOptions = {}) {
  return spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
