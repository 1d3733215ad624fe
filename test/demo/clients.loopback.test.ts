import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { versionOf } from '../../demo/client-example.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}/docs/adapters.md`, 'utf8');
const documented = [...page.matchAll(/^\| `(\S+)` \| ([\d.]+) \| .+ \| `npm run example -- (\S+)` \|$/gm)].map(
  ([, client = '', version = '', name = '']) => ({ client, version, name }),
);
const examples = readdirSync(`${root}/demo/examples`)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''))
  // These are no clients, or have tests of their own.
  .filter((name) => !['run', 'openai', 'service-worker', 'hono', 'express', 'fastify'].includes(name));

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/examples/run.ts', ...args], { cwd: root });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number, stdout, stderr };
}

describe('the example of each client', () => {
  it.each(examples)('%s: is refused bare, and never throttled', async (name) => {
    const { code, stdout } = await run(name);
    expect(stdout).toMatch(/bare +\d+ answered, +[1-9]\d* × 429/);
    expect(stdout).toMatch(/throttled +30 answered, +0 × 429/);
    expect(code).toBe(0);
  });

  it('says which there are', async () => {
    expect(await run('none')).toMatchObject({ code: 2, stderr: expect.stringContaining('octokit') });
  });
});

describe('docs/adapters.md', () => {
  it('names each package that has an example, with the version that is installed', () => {
    expect(documented.map(({ name }) => name).sort()).toEqual(examples.filter((name) => name !== 'fetch').sort());
    expect(documented).toEqual(documented.map((row) => ({ ...row, version: versionOf(row.client) })));
  });
});
