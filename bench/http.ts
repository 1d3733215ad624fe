import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// In real time over loopback: servers that keep 200 users to their limits and themselves to the quota of an API behind, under more requests
// than either allows. The examples judge themselves.

const frameworks = ['hono', 'express', 'fastify'];

export async function http(): Promise<void> {
  for (const name of frameworks) {
    const args = ['--import', 'tsx', 'demo/examples/run.ts', name, '--requests', '10000', '--users', '200'];
    const child = spawn(process.execPath, args, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.src.json' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = await once(child, 'close');
    console.log(
      code === 0 ? '' : '  (aim: no user above the limit, no call refused, every Retry-After correct to a second)\n',
    );
  }
}
