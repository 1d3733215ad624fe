import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

const script = fileURLToPath(new URL('./process-life-main.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs one scenario as a process of its own. Resolves when it has ended by itself. */
function life(scenario: string): Promise<{ code: number | null; lines: string[]; lived: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, scenario], { cwd: root });
  onTestFinished(() => void child.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = Buffer.concat(chunks).toString().trim().split('\n');
      const lived = Number(/^lived (\d+) ms$/.exec(lines.pop() ?? '')?.[1]);
      resolve({ code, lines, lived });
    });
  });
}

describe('a process with a throttle', () => {
  test.each(['idle', 'idle on a slow store', 'refused', 'paused', 'reserved', 'aborted', 'closed'])(
    'ends by itself when nobody waits: %s',
    { timeout: 20_000 },
    async (scenario) => {
      const { code, lines, lived } = await life(scenario);
      expect({ code, lines }).toEqual({ code: 0, lines: [] });
      // Less than any timer that it might have left behind.
      expect(lived).toBeLessThan(2000);
    },
  );

  test.each([
    ['waiting', 'granted'],
    ['waiting on a slow store', 'granted'],
    ['waiting with a maxWait', 'rejected'],
  ])('stays alive while a call waits: %s', { timeout: 20_000 }, async (scenario, line) => {
    const { code, lines, lived } = await life(scenario);
    expect({ code, lines }).toEqual({ code: 0, lines: [line] });
    expect(lived).toBeGreaterThanOrEqual(299);
  });
});
