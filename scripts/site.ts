// Builds the site into site-dist: the pages of docs, the reference, the playground.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { buildPage } from '../demo/page/build.ts';
import { pagesFromRoot } from '../docs/.vitepress/links.ts';
import { readReference } from './reference.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'site-dist');

rmSync(dist, { recursive: true, force: true });
const reference = await readReference();
await reference.write(join(root, 'docs/reference'));
for (const [file, page] of Object.entries(pagesFromRoot)) {
  const target = join(root, 'docs', page);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, readFileSync(join(root, file)));
}
await build(join(root, 'docs'));
await buildPage(join(dist, 'playground'));
console.log(`The site is in ${dist}.`);
process.exit(reference.isComplete ? 0 : 1);
