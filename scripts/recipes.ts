// Proves the recipes for stores (demo/examples/stores) where they are to run: installs Deno, workerd and a Node with SQLite under
// node_modules/.cache, finds a PostgreSQL, and runs the files of test/recipes. Arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { advice, find, install, type Requirement } from './requirements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = join(root, 'scripts/recipes');
const tools = join(root, 'node_modules/.cache/sluice/recipes');

const postgres: Requirement = {
  name: 'postgres',
  suffix: '.recipe.ts',
  command: 'postgres',
  debianPackage: 'postgresql',
  variable: 'SLUICE_POSTGRES',
};

/** Debian keeps each version in a folder of its own, which is not on the PATH. */
function findPostgres(): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  const folders = versions.map((version) => `/usr/lib/postgresql/${version}/bin`);
  return find(postgres, { ...process.env, PATH: [process.env.PATH ?? '', ...folders].join(delimiter) });
}

function installTools(): void {
  const lock = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  // The lock file comes last, so that one that is there says that all is.
  if (existsSync(join(tools, 'done', 'package-lock.json')) && lock(join(tools, 'done')) === lock(manifest)) return;
  console.log('Installing Deno, workerd, Node 24 and pg under node_modules/.cache: 450 MB.');
  mkdirSync(join(tools, 'done'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    copyFileSync(join(manifest, file), join(tools, file));
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: tools, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  copyFileSync(join(manifest, 'package-lock.json'), join(tools, 'done', 'package-lock.json'));
}

installTools();
if (findPostgres() === undefined) install([postgres]);
const server = findPostgres();
const run = spawnSync(
  join(tools, 'node_modules/node/bin/node'),
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(root, 'test/recipes/vitest.config.ts'),
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, SLUICE_RECIPES: tools, ...(server === undefined ? {} : { SLUICE_POSTGRES: server }) },
  },
);
if (server === undefined) console.log(`DID NOT RUN: ${advice(postgres)}`);
process.exit(run.status !== 0 || (server === undefined && process.env.CI === 'true') ? 1 : 0);
