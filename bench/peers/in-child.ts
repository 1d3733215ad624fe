import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { InProcess, Outcome } from './contender.ts';

export interface Task {
  readonly part: InProcess;
  readonly contender: string;
  readonly parameters: Readonly<Record<string, number>>;
}

const child = fileURLToPath(new URL('./child.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/**
 * Measures in a process of its own.
 * @param limit ms after which it counts as hanging
 */
export function measureInChild(task: Task, limit: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const flags = ['--expose-gc', '--max-old-space-size=6144', '--import', tsx];
    const process_ = spawn(process.execPath, [...flags, child, JSON.stringify(task)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    process_.stderr?.on('data', (chunk) => {
      said = (said + chunk).slice(-10_000);
    });
    let outcome: Outcome | undefined;
    const timer = setTimeout(() => {
      outcome ??= { failed: `not done after ${limit / 1_000} s` };
      process_.kill('SIGKILL');
    }, limit);
    process_.on('message', (message) => {
      outcome = message as Outcome;
    });
    process_.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(outcome ?? { failed: reason(said) ?? `the process ended with ${code ?? signal}` });
    });
  });
}

/** The line that says what went wrong. */
function reason(said: string): string | undefined {
  if (said.includes('heap out of memory')) return 'out of memory';
  return said.split('\n').find((line) => /^\w*Error\b|^\[.*Error/.test(line.trim()));
}
