// Compiles a program that uses every public path against the types of the unpacked package: for consumers who check the types
// of their libraries too, with the oldest and the newest TypeScript, with and without the types of the DOM and of Node. None of them
// asks for `esnext.disposable`, which `await using` needs: the package brings it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Consumer {
  /** The folder of the compiler in node_modules. */
  readonly compiler: string;
  /** The folder of the types of Node in node_modules; undefined where there are none. */
  readonly node: string | undefined;
  readonly lib: readonly string[];
  readonly module: Module;
}

type Module = 'node16' | 'esnext' | 'commonjs';

const node20 = '@types/node';
const node26 = 'types-node-26';
// The types of Node 26 themselves need TypeScript 5.6.
const pairs = [
  ['typescript-5-4', node20],
  ['typescript-5-4', undefined],
  ['typescript', undefined],
  ['typescript-7', node20],
  ['typescript-7', node26],
] as const;

// The old way to find modules, which knows no `exports`: TypeScript 7 has it no more.
const waysOf = (compiler: string): readonly Module[] =>
  compiler === 'typescript-7' ? ['node16', 'esnext'] : ['node16', 'esnext', 'commonjs'];

/** The consumers of the package: each compiler, with each way to find modules, with what the platform brings. */
export const consumers: readonly Consumer[] = pairs.flatMap(([compiler, node]) =>
  (node === undefined ? [['es2022', 'dom']] : [['es2023'], ['es2023', 'dom']]).flatMap((lib) =>
    waysOf(compiler).map((module) => ({ compiler, node, lib, module })),
  ),
);

const resolutions: Readonly<Record<Module, string>> = { node16: 'node16', esnext: 'bundler', commonjs: 'node10' };

export const titleOf = ({ compiler, node, lib, module }: Consumer): string =>
  `types: ${compiler}, lib ${lib.join(' and ')}, ${node ?? 'no types of Node'}, module ${module}, resolution ${resolutions[module]}`;

/**
 * Compiles the program of one consumer. Tells what the compiler said: nothing, if all is well.
 * @param folder a folder in which `sluice` and its peers can be imported
 * @param tools the folder whose node_modules has the compiler
 */
export function compile({ compiler, node, lib, module }: Consumer, folder: string, tools: string = root): string {
  const place = join(folder, `consumer-${node?.replaceAll('/', '-') ?? 'no-node'}`);
  const types = join(place, 'node_modules/@types');
  mkdirSync(types, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "type": "module" }');
  const programs = ['consumer.ts', 'consumer.cts'].map((file) => join(place, file));
  for (const file of programs) copyFileSync(join(root, 'scripts/consumer.ts'), file);
  const link = join(types, 'node');
  if (node !== undefined && !existsSync(link)) symlinkSync(join(root, 'node_modules', node), link, 'junction');
  const config = join(place, 'tsconfig.json');
  const compilerOptions = {
    target: 'es2022',
    lib,
    types: node === undefined ? [] : ['node'],
    module,
    moduleResolution: resolutions[module],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: programs }));
  const tsc = join(tools, 'node_modules', compiler, 'bin/tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', config], { cwd: place, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}`;
}
