import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the example of a server; it judges itself. */
async function run(name: string): Promise<{ code: number; stdout: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/examples/run.ts', name], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number, stdout };
}

describe('a server under 2,000 requests of 200 users', () => {
  it.each(['hono', 'express', 'fastify'])(
    '%s: keeps each user to the limit and itself to that of the API',
    async (name) => {
      const { code, stdout } = await run(name);
      expect(stdout).toMatch(/answered +[1-9][\d,]* × 200, [1-9][\d,]* × 429, /);
      expect(stdout).toMatch(/most for one user +5 in any 3 s/);
      expect(stdout).toMatch(/refused by the API +0\n/);
      expect(stdout).toMatch(
        /Retry-After +off by \d+ ms beyond its second; [1-9][\d,]* came back then, 0 of them too early/,
      );
      expect(code).toBe(0);
    },
  );
});
