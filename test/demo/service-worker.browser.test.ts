import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { sleep, until } from '../browser/browser.ts';
import { startChromium } from '../browser/chromium.ts';
import { chromiumProgram } from '../browser/engines.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

it.runIf(chromiumProgram)(
  'the example of a service worker: is refused bare, and never throttled, reloaded past it too',
  async () => {
    const args = ['--import', 'tsx', 'demo/examples/run.ts', 'service-worker'];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    let stdout = '';
    const address = new Promise<string>((resolve) => {
      child.stdout.on('data', (chunk) => {
        stdout += chunk;
        const [, url] = /Open (\S+)/.exec(stdout) ?? [];
        if (url !== undefined) resolve(url);
      });
    });
    onTestFinished(() => void child.kill());
    const browser = await startChromium(chromiumProgram as string);
    onTestFinished(() => browser.close());
    const tab = await browser.open(await address);
    await until('the bare calls are over', () => stdout.includes('bare'));
    // Now its worker starts.
    await sleep(300);
    await tab.forceReload();
    const [code] = await ended;
    expect(stdout).toMatch(/bare +\d+ answered, +[1-9]\d* × 429/);
    expect(stdout).toMatch(/throttled +30 answered, +0 × 429/);
    expect(code).toBe(0);
  },
);
