// Builds the site into site-dist: the pages of docs, the reference, the playground.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { buildPage } from '../demo/page/build.ts';
import { pageOfCode, pagesFromRoot } from '../docs/.vitepress/links.ts';
import { readReference } from './reference.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'site-dist');

rmSync(dist, { recursive: true, force: true });
const reference = await readReference();
await reference.write(join(root, 'docs/reference'));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
for (const [file, page] of Object.entries(pagesFromRoot)) writePage(page, read(file));
for (const name of readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))) {
  for (const [, file = ''] of read(`docs/${name}`).matchAll(/\]\(\.\.\/([^)#]+)/g)) {
    const page = pageOfCode(file);
    if (page !== undefined) writePage(page, `# ${basename(file)}\n\n\`${file}\`\n\n\`\`\`ts\n${read(file)}\`\`\`\n`);
  }
}
await build(join(root, 'docs'));
await buildPage(join(dist, 'playground'));
console.log(`The site is in ${dist}.`);
process.exit(reference.isComplete ? 0 : 1);

function writePage(page: string, text: string): void {
  const target = join(root, 'docs', page);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
