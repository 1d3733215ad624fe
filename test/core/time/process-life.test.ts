import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, type TestContext, test } from 'vitest';

const script = fileURLToPath(new URL('./process-life-main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Life {
  readonly code: number | null;
  readonly lines: readonly string[];
  /** How long it lived from the end of its imports on, in ms. */
  readonly lived: number;
}

/** Runs one scenario as a process of its own. Resolves when it has ended by itself, or was killed with the test. */
function life(scenario: string, { onTestFinished }: TestContext): Promise<Life> {
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

describe.concurrent('a process with a throttle', { timeout: 30_000 }, () => {
  test.for([
    'idle',
    'idle on a slow store',
    'idle on a store that listens to others',
    'paused and reserved',
    'aborted',
    'closed',
  ])('ends by itself when nobody waits: %s', async (scenario, context) => {
    const { code, lines, lived } = await life(scenario, context);
    context.expect({ code, lines }).toEqual({ code: 0, lines: [] });
    // Less than any timer that it might have left behind.
    context.expect(lived).toBeLessThan(4000);
  });

  test.for([
    ['waiting', 'granted'],
    ['waiting on a slow store', 'granted'],
    ['waiting with a maxWait', 'rejected'],
  ] as const)('stays alive while a call waits: %s', async ([scenario, line], context) => {
    const { code, lines, lived } = await life(scenario, context);
    context.expect({ code, lines }).toEqual({ code: 0, lines: [line] });
    context.expect(lived).toBeGreaterThanOrEqual(299);
  });
});
