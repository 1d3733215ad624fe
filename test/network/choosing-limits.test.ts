import { readFileSync } from 'node:fs';
import * as sluice from 'sluice';
import { describe, expect, it } from 'vitest';
import { otherSentences, waysToCount } from './choosing-limits.ts';

const page = readFileSync(new URL('../../docs/choosing-limits.md', import.meta.url), 'utf8');

describe('docs/choosing-limits.md', () => {
  it('writes limits that a throttle takes', async () => {
    const [, first = ''] = page.split('| the documentation says | `limits` |');
    const [table = ''] = first.split('```');
    const lines = [...table.matchAll(/^\| .*? \| `([^`]+)`/gm)].map(([, line = '']) => line);
    const limits = lines.filter((line) => !line.startsWith('concurrency'));
    expect(limits.length).toBeGreaterThan(8);
    for (const line of limits) {
      const made = new Function(...Object.keys(sluice), `return ${line};`)(...Object.values(sluice));
      await sluice.createThrottle({ limits: made }).close();
    }
  });

  it('shows the result of each way to write "100 per minute" with each way to count it', async () => {
    expect(page).toContain(await waysToCount());
  }, 60_000);

  it('shows the result of the other limits with a server that counts as documented', async () => {
    expect(page).toContain(await otherSentences());
  }, 60_000);
});
