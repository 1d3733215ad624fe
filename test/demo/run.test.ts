import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

// The program as a whole, from the sources. It is stopped early or not let begin: what a full run shows is for
// `npm run demo` itself to prove.

const root = fileURLToPath(new URL('../..', import.meta.url));
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

interface Demo {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** Its exit code, once it and every other process that holds its output open have ended: the process of the servers too. */
  readonly ended: Promise<number | null>;
}

function startDemo(...options: string[]): Demo {
  // Node itself and not the `tsx` command, which has opinions of its own about signals.
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/run.ts', ...options], { cwd: root });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return { child, output, ended };
}

async function seen({ child, output, ended }: Demo, text: string): Promise<void> {
  const over = ended.then((code) => {
    throw new Error(`Ended with ${code} before it said "${text}": ${output.stdout}${output.stderr}`);
  });
  over.catch(() => {});
  while (!output.stdout.includes(text)) {
    await Promise.race([once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data'), over]);
  }
}

describe('demo/run.ts', { timeout: 30_000 }, () => {
  it('explains itself', async () => {
    const { output, ended } = startDemo('--help');
    expect(await ended).toBe(0);
    expect(output.stdout).toContain('Usage: npm run demo');
    expect(output.stderr).toBe('');
  });

  it('serves the page with --page, until it is interrupted', async () => {
    const demo = startDemo('--page');
    await seen(demo, 'in a browser.');
    const url = /http:\S+/.exec(demo.output.stdout)?.[0] ?? '';
    expect(await (await fetch(url)).text()).toContain('name="sluice-servers"');
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(130);
  });

  it('refuses a wrong option', async () => {
    const { output, ended } = startDemo('--jsno');
    expect(await ended).toBe(2);
    expect(output.stdout).toBe('');
    expect(output.stderr).toContain("Unknown option '--jsno'");
  });

  it.each([
    ['SIGINT', 'in the flood of plain calls', 'plain  fixed window'],
    ['SIGTERM', 'in the flood of plain calls', 'plain  fixed window'],
    ['SIGINT', 'in the middle of throttled calls', 'plain  leaky bucket'],
    ['SIGTERM', 'in the middle of throttled calls', 'plain  leaky bucket'],
  ] as const)('leaves nothing behind after %s %s', async (signal, _, moment) => {
    const demo = startDemo();
    await seen(demo, moment);
    // Twice, as when npm passes on what the terminal has sent to all.
    demo.child.kill(signal);
    demo.child.kill(signal);
    expect(await demo.ended).toBe(130);
    expect(demo.output.stderr).toBe('');
    expect(demo.output.stdout).not.toContain('Through sluice');
  });

  it('ends its servers when it is killed', async () => {
    const demo = startDemo();
    await seen(demo, 'plain  leaky bucket');
    demo.child.kill('SIGKILL');
    // 'close' waits for the standard error that the servers' process shares.
    expect(await demo.ended).toBe(null);
  });
});
