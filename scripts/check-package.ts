// Checks the package as it would be published: the packed files, their types, and that every public path loads.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, consumers, titleOf } from './check-types.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside node_modules, so that the unpacked copy finds the optional peers that it imports.
const folder = join(root, 'node_modules/.cache/check-package');
const unpacked = join(folder, 'node_modules/sluice');
/** The most bytes that an installation takes. What can give way next: CHANGELOG.md. */
const mostBytes = 1_000_000;
let failed = false;

function check(title: string, command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  report(title, status === 0);
}

function report(title: string, isWell: boolean): void {
  console.log(`${isWell ? 'ok    ' : 'FAILED'} ${title}`);
  failed ||= !isWell;
}

function size(folder: string): [string, boolean] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => statSync(join(folder, file)));
  const bytes = paths.reduce((sum, path) => sum + (path.isFile() ? path.size : 0), 0);
  return [`unpacked: ${bytes} bytes, at most ${mostBytes}`, bytes <= mostBytes];
}
const binary = (name: string) => join(root, 'node_modules/.bin', name);

rmSync(folder, { recursive: true, force: true });
mkdirSync(unpacked, { recursive: true });
check('npm pack', 'npm', 'pack', root, '--ignore-scripts', '--silent', '--pack-destination', folder);
const tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? 'no-tarball.tgz');
check('unpack', 'tar', '-xzf', tarball, '-C', unpacked, '--strip-components', '1');
report(...size(unpacked));
check('publint', binary('publint'), 'run', tarball, '--strict');
check('are the types wrong', binary('attw'), tarball);

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
};
for (const path of Object.keys(exports).filter((path) => path !== './package.json')) {
  const name = `sluice${path.slice(1)}`;
  check(`import('${name}')`, process.execPath, '--input-type=module', '-e', `await import('${name}')`);
  check(`require('${name}')`, process.execPath, '--input-type=commonjs', '-e', `require('${name}')`);
}
for (const consumer of consumers) {
  const complaints = compile(consumer, folder);
  if (complaints !== '') console.log(complaints);
  report(titleOf(consumer), complaints === '');
}
process.exit(failed ? 1 : 0);
