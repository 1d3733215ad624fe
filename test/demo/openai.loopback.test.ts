import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function run(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/examples/openai.ts', ...options], { cwd: root });
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

describe('demo/examples/openai.ts', () => {
  // Half a second in hand, far more than it takes, so that a busy machine is no reason to fail.
  it('keeps both limits while it settles what it estimated', async () => {
    const { code, stdout, stderr } = await run('--minute', '2', '--margin', '500', '--calls', '700');
    expect(stderr).toBe('');
    expect(stdout).toContain('700 of 700 answered');
    expect(stdout).toMatch(/429s +0\n/);
    expect(stdout).toContain('Both limits kept');
    expect(code).toBe(0);
    const settledBack = Number(/settled back +([\d.]+)%/.exec(stdout)?.[1]);
    expect(settledBack).toBeGreaterThan(20);
    // Without a terminal there is no line to draw over.
    expect(stdout).not.toContain('\r');
  });

  it('fails when the server refuses calls', async () => {
    const { code, stdout } = await run('--minute', '60', '--calls', '600', '--plain');
    expect(stdout).toMatch(/✗ [\d,]+ calls were refused/);
    expect(stdout).not.toContain('Both limits kept');
    expect(code).toBe(1);
  });

  it('explains itself, and turns wrong options down', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: npx tsx demo/examples/openai.ts'),
    });
    for (const wrong of [['--minuet'], ['--minute', '0'], ['--minute', 'x'], ['--calls', '-1']]) {
      expect(await run(...wrong)).toMatchObject({ code: 2, stdout: '' });
    }
  });
});
