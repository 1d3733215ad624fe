import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** @returns bytes of what a page loads for these import statements: bundled, minified and gzipped */
export async function sizeOf(imports: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: imports, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Left to the user: axios, clients of stores, and what of Node a page must find a stand-in for.
    external: ['axios', 'redis', 'ioredis', 'node:*', ...builtinModules],
    write: false,
    logLevel: 'silent',
  });
  return gzipSync(outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length;
}

/** What is ours, by what a user imports. */
export const ourImports: Readonly<Record<string, string>> = {
  'sluice, createThrottle': `import { createThrottle } from '../../dist/index.js'; console.log(createThrottle);`,
  'sluice, createThrottle, slidingWindow': `import { createThrottle, slidingWindow } from '../../dist/index.js';
    console.log(createThrottle, slidingWindow);`,
  'sluice, createThrottle, perSecond, throttleFetch': `import { createThrottle, perSecond, throttleFetch } from '../../dist/index.js';
    console.log(createThrottle, perSecond, throttleFetch);`,
};
