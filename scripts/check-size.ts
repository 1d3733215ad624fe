// Measures the imports under `size-limit` in package.json with a second bundler: size-limit does it with esbuild, this with Rollup.
// Optional peers count, where an import needs them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { transform } from 'esbuild';
import { rollup } from 'rollup';

interface Row {
  readonly name: string;
  readonly path: string | readonly string[];
  /** What is imported: from the path, or from each of several. */
  readonly import: string | Readonly<Record<string, string>>;
  /** Peers that do not count, since every importer has them anyway. */
  readonly ignore?: string[];
  readonly limit: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { 'size-limit': rows } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { 'size-limit': Row[] };

/** Bundles and minifies what a row imports. @returns its size, gzipped, in kB */
async function sizeOf({ path, import: imports, ignore = [] }: Row): Promise<number> {
  const all = typeof imports === 'string' ? { [path as string]: imports } : imports;
  const entry = Object.entries(all).map(([file, names]) => `export ${names} from ${JSON.stringify(join(root, file))};`);
  const bundle = await rollup({
    input: 'entry',
    external: ignore,
    plugins: {
      name: 'entry',
      resolveId: (name) => {
        if (name === 'entry') return name;
        return /^[./]/.test(name) ? undefined : fileURLToPath(import.meta.resolve(name));
      },
      load: (name) => (name === 'entry' ? entry.join('\n') : undefined),
    },
  });
  const { output } = await bundle.generate({ inlineDynamicImports: true });
  const { code } = await transform(output[0].code, { minify: true });
  return gzipSync(code, { level: 9 }).length / 1_000;
}

for (const row of rows) {
  const size = await sizeOf(row);
  const isWithin = size <= Number.parseFloat(row.limit);
  console.log(`${isWithin ? 'ok    ' : 'FAILED'} ${row.name}: ${size.toFixed(2)} kB with Rollup, at most ${row.limit}`);
  if (!isWithin) process.exitCode = 1;
}
