// Asks the registry about the packages in the lock file: known vulnerabilities, and whether they are signed. The signatures
// need a second server, which holds the keys. If it cannot be reached this says so, and fails only in CI.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function npm(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('npm', [...args, '--fetch-retries=1'], { cwd: root, encoding: 'utf8' });
  return { isWell: status === 0, text: `${stdout}${stderr}`.trim() };
}

// What users install: peers too, though none of them is required.
const holes = npm('audit', '--omit=dev');
console.log(`${holes.isWell ? 'ok    ' : 'FAILED'} npm audit of the packages that users install\n${holes.text}`);
const signatures = npm('audit', 'signatures');
const isCutOff = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(signatures.text);
if (isCutOff) console.log('NOT CHECKED: the signatures. The server with the keys cannot be reached from here.');
else console.log(`${signatures.isWell ? 'ok    ' : 'FAILED'} npm audit signatures\n${signatures.text}`);
if (!holes.isWell || (!signatures.isWell && (!isCutOff || process.env.CI === 'true'))) process.exitCode = 1;
