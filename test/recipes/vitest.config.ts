import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Run by `npm run check:recipes`, which installs what these files need.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  resolve: { tsconfigPaths: true },
  test: { include: ['test/recipes/*.recipe.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
