import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that npm does not bring and that some test files need. */
export interface Requirement {
  readonly name: string;
  /** Test files with this ending need it. When several requirements share an ending, the files run with those found. */
  readonly suffix: string;
  /** The command that is looked for on the PATH. */
  readonly command: string;
  readonly debianPackage: string;
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

/** Finds the program, in its variable first, then on the PATH. */
export function find({ command, variable }: Requirement, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env[variable];
  if (named) return existsSync(named) ? named : undefined;
  return (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find(isExecutable);
}

/** Installs the packages of what is missing, where that can be done without asking: on Debian, as root. */
export function install(missing: readonly Requirement[]): void {
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  const packages = missing.map(({ debianPackage }) => debianPackage);
  console.log(`Installing ${packages.join(', ')} with apt-get.`);
  const apt = (...args: string[]) =>
    spawnSync('apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
}

/** Says how to get what is missing, in one line. */
export function advice({ name, command, debianPackage, variable }: Requirement): string {
  return `${name}: needs ${command}. On Debian: apt-get install ${debianPackage}. Elsewhere: put ${command} on the PATH, or its path in ${variable}.`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
