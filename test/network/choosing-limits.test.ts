import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { otherSentences, waysToCount } from './choosing-limits.ts';

const page = readFileSync(new URL('../../docs/choosing-limits.md', import.meta.url), 'utf8');

describe('docs/choosing-limits.md', () => {
  it('says what each way to write "100 per minute" reaches with each way to count it', async () => {
    expect(page).toContain(await waysToCount());
  }, 30_000);

  it('says what the other limits reach with a server that counts as its documentation says', async () => {
    expect(page).toContain(await otherSentences());
  }, 30_000);
});
