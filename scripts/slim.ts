// Makes `dist` small after tsup has written it. There are no source maps: they took two thirds of the package, and without the sources
// in them they only make bundlers warn. Modules stay as they can be read, for debuggers and for people who read what they install.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { addressOf, readManifest, viewOf } from './address.ts';

/**
 * Takes the comments of documentation out of modules, since the types have them, and makes CommonJS short. White space of modules stays:
 * without it esbuild leaves out the `__PURE__` that bundlers need to drop what is not used.
 */
export function slimCode(file: string, code: string): string {
  if (file.endsWith('.js')) return code.replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '');
  return transformSync(code, { minify: true, lineLimit: 120, format: 'cjs', target: 'es2022' }).code;
}

/**
 * Makes the types of a path for modules from those for CommonJS. They refer to the same file: each class is then one type for all
 * importers, and the package has it once. Where other packages come in, the text is repeated, since theirs may differ.
 */
export function typesOfModule(name: string, types: string): string {
  return /^import .* from '(?!\.)/m.test(types) ? types : `export * from './${name}.cjs';\n`;
}

/** Makes doc comments lead to the pages, which are not in the package, once the address of the repository is known. */
export function withLinkedPages(types: string, address: string | undefined): string {
  if (address === undefined) return types;
  return types.replace(/(?<![\w/-])docs\/[\w-]+\.md/g, (page) => `${viewOf(address)}${page}`);
}

export function slim(folder: string, address?: string): void {
  const files = readdirSync(folder);
  for (const file of files.filter((file) => /\.c?js$/.test(file))) {
    writeFileSync(join(folder, file), slimCode(file, readFileSync(join(folder, file), 'utf8')));
  }
  for (const file of files.filter((file) => /\.d\.c?ts$/.test(file))) {
    const path = join(folder, file);
    writeFileSync(path, withLinkedPages(readFileSync(path, 'utf8'), address));
  }
  for (const file of files.filter((file) => file.endsWith('.d.ts'))) {
    const name = file.replace(/\.d\.ts$/, '');
    const types = join(folder, `${name}.d.cts`);
    // What several paths share is a file of its own, without code of that name.
    if (files.includes(`${name}.cjs`))
      writeFileSync(join(folder, file), typesOfModule(name, readFileSync(types, 'utf8')));
    else rmSync(join(folder, file));
  }
}

if (process.argv[1] === import.meta.filename) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  slim(join(root, 'dist'), addressOf(readManifest(root)));
}
