import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Builds the page into a folder, from which any server can serve it under any path. */
export async function buildPage(folder: string): Promise<void> {
  const common = {
    outdir: folder,
    bundle: true,
    minify: true,
    target: 'es2022',
    tsconfig: at('../../tsconfig.json'),
    logLevel: 'warning',
  } as const;
  await mkdir(folder, { recursive: true });
  await Promise.all([
    build({
      ...common,
      entryPoints: [at('./main.ts'), at('./style.css')],
      format: 'esm',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      define: { PROGRESS_BAR: JSON.stringify(await readFile(at('./progress-bar.ts'), 'utf8')) },
    }),
    build({ ...common, entryPoints: [at('./worker.ts')], format: 'iife' }),
    writeFile(join(folder, 'index.html'), await readFile(at('./index.html'))),
  ]);
}
