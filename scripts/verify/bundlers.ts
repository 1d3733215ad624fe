// One program that uses every public path, made one file of by each bundler, for browsers; then it is run.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { outcomeOf, type Part } from './part.ts';
import { folderIn, type Place, root, run } from './place.ts';

interface Bundler {
  readonly name: string;
  /** Where its package is: `tools` are installed for this alone, the others are our devDependencies. */
  readonly from: 'tools' | 'root';
  readonly package: string;
  /** What makes the bundle, as a module that is given `entry` and `folder`. It leaves `folder/bundle.mjs`. */
  readonly script: string;
}

const define = `{ 'process.env.NODE_ENV': '"production"' }`;
const output = "{ filename: 'bundle.mjs', path: folder, library: { type: 'module' } }";

const bundlers: readonly Bundler[] = [
  {
    name: 'vite',
    from: 'tools',
    package: 'vite',
    script: `
      import { build } from 'vite';
      const lib = { entry, formats: ['es'], fileName: () => 'bundle.mjs' };
      await build({ root: folder, configFile: false, logLevel: 'warn', define: ${define}, build: { lib, outDir: folder, emptyOutDir: false } });`,
  },
  {
    name: 'webpack',
    from: 'tools',
    package: 'webpack',
    script: `
      import webpack from 'webpack';
      const options = { mode: 'production', target: ['web', 'es2022'], entry, output: ${output}, experiments: { outputModule: true } };
      const stats = await new Promise((resolve, reject) =>
        webpack(options, (error, stats) => (error ? reject(error) : resolve(stats))));
      const { errors, warnings } = stats.toJson();
      const said = [...errors, ...warnings.filter(({ message }) => !message.includes('size limit') && !message.includes('performance'))];
      if (said.length > 0) throw new Error(said.map(({ message }) => message).join('\\n'));`,
  },
  {
    name: 'rollup',
    from: 'root',
    package: 'rollup',
    script: `
      import { rollup } from 'rollup';
      const onwarn = ({ message }) => { throw new Error(message); };
      // It finds files alone: the names are ours to find, React and idb-keyval stay outside.
      const bundle = await rollup({ input: entry, onwarn, external: ['react', 'idb-keyval'], plugins: [{
        name: 'names',
        resolveId: (name) => name.startsWith('sluice') ? project + '/node_modules/sluice/dist/' + (name.split('/')[1] ?? 'index') + '.js' : null,
      }] });
      await bundle.write({ file: folder + '/bundle.mjs', format: 'es' });`,
  },
  {
    name: 'esbuild',
    from: 'root',
    package: 'esbuild',
    script: `
      import { build } from 'esbuild';
      const { warnings } = await build({ entryPoints: [entry], outfile: folder + '/bundle.mjs', bundle: true, minify: true, format: 'esm', platform: 'browser', define: ${define} });
      if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\\n'));`,
  },
];

export const bundlerParts: readonly Part[] = bundlers.map((bundler) => ({
  name: bundler.name,
  run: async (stage) => {
    const place = await stage.place();
    const folder = folderIn(place.project, bundler.name);
    const made = await make(bundler, place, folder);
    if (made.status !== 0) return outcomeOf(bundler.name, made);
    const program = join(root, 'scripts/verify/programs/run-bundle.mjs');
    const bundle = pathToFileURL(join(folder, 'bundle.mjs')).href;
    return outcomeOf(titleOf(bundler, place), await run(process.execPath, [program, stage.server.url, bundle]));
  },
}));

const folderOf = ({ from }: Bundler, { tools }: Place) => (from === 'tools' ? tools : root);

function titleOf(bundler: Bundler, place: Place): string {
  const manifest = join(folderOf(bundler, place), 'node_modules', bundler.package, 'package.json');
  return `${bundler.name} ${(createRequire(import.meta.url)(manifest) as { version: string }).version}`;
}

/** Runs the script of a bundler in a process of its own, which finds it where it is installed. */
async function make(bundler: Bundler, place: Place, folder: string) {
  const entry = await place.program('bundled');
  const paths = { entry, folder, project: place.project };
  const values = Object.entries(paths).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  const code = [...values, bundler.script].join('\n');
  return run(process.execPath, ['--input-type=module', '-e', code], { cwd: folderOf(bundler, place) });
}
