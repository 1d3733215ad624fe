// Runs the Node tests and names each branch of `src/core` that none of them takes. Arguments go to vitest:
// `npm run coverage -- test/core` runs those tests alone.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Place {
  readonly start: { readonly line?: number; readonly column?: number | null };
}

interface Branch {
  readonly type: string;
  readonly loc: Place;
  /** An `else` that is not written has no place. */
  readonly locations: readonly Place[];
}

interface FileCoverage {
  readonly path: string;
  readonly branchMap: Readonly<Record<string, Branch>>;
  readonly b: Readonly<Record<string, readonly number[]>>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'coverage/branches');
const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project=node',
    '--coverage.enabled',
    '--coverage.include=src/core/**',
    '--coverage.reporter=json',
    `--coverage.reportsDirectory=${folder}`,
    '--coverage.reportOnFailure',
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);

const files = Object.values(
  JSON.parse(readFileSync(join(folder, 'coverage-final.json'), 'utf8')) as Record<string, FileCoverage>,
);
let branches = 0;
let taken = 0;
for (const { path, branchMap, b } of files) {
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [id, { type, loc, locations }] of Object.entries(branchMap)) {
    const counts = b[id] ?? [];
    branches += counts.length;
    taken += counts.filter((count) => count > 0).length;
    counts.forEach((count, way) => {
      if (count > 0) return;
      const own = locations[way]?.start;
      const { line = 1, column } = own?.line === undefined ? loc.start : own;
      const code = lines[line - 1]?.trim() ?? '';
      console.log(`${relative(root, path)}:${line}:${(column ?? 0) + 1} (${type}, way ${way + 1}) ${code}`);
    });
  }
}
console.log(`${taken} of ${branches} branches of src/core are taken.`);
process.exit(run.status ?? 1);
