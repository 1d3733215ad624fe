import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe } from 'vitest';
import type { Place } from './open.ts';
import { prove } from './prove.ts';

// Those that need no server: a file or a folder is all that processes share.
describe.each(['sqlite', 'file', 'deno-kv'] as const)('the recipe for %s', (recipe) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-recipe-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let runs = 0;
  prove((): Place => ({ recipe, at: join(folder, `${runs}`) }));
  afterEach(() => void runs++);
});
