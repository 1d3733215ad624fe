import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Where `npm run check:recipes` has installed what only the recipes need. */
export const tools: string = process.env.SLUICE_RECIPES ?? '';

/** Loads a package from there. */
export const load = createRequire(join(tools, 'package.json'));

/** Puts a file of this folder and all that it imports into one script. */
export async function bundle(file: string, outfile?: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', 'cloudflare:*'],
    tsconfig: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
    write: outfile !== undefined,
    ...(outfile === undefined ? {} : { outfile }),
  });
  return outputFiles?.[0]?.text ?? '';
}
