// Checks the package as it would be published: the packed files, their types, and that every public path loads.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside node_modules, so that the unpacked copy finds the optional peers that it imports.
const folder = join(root, 'node_modules/.cache/check-package');
const unpacked = join(folder, 'node_modules/sluice');
let failed = false;

function check(title: string, command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${title}`);
  failed ||= status !== 0;
}
const binary = (name: string) => join(root, 'node_modules/.bin', name);

rmSync(folder, { recursive: true, force: true });
mkdirSync(unpacked, { recursive: true });
check('npm pack', 'npm', 'pack', root, '--ignore-scripts', '--silent', '--pack-destination', folder);
const tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? 'no-tarball.tgz');
check('unpack', 'tar', '-xzf', tarball, '-C', unpacked, '--strip-components', '1');
check('publint', binary('publint'), 'run', tarball, '--strict');
check('are the types wrong', binary('attw'), tarball, '--profile', 'node16');

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
};
for (const path of Object.keys(exports).filter((path) => path !== './package.json')) {
  const name = `sluice${path.slice(1)}`;
  check(`import('${name}')`, process.execPath, '--input-type=module', '-e', `await import('${name}')`);
  check(`require('${name}')`, process.execPath, '--input-type=commonjs', '-e', `require('${name}')`);
}
process.exit(failed ? 1 : 0);
