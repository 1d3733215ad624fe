// Checks the layout of src: the rooms of src/core, which way imports go, and how large a file and a class of it may be.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { violationsIn } from './layers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file.replaceAll('\\', '/')}`)
  .sort();
const found = files.flatMap((file) => violationsIn(file, readFileSync(join(root, file), 'utf8')));
for (const { file, rule } of found) console.error(`${file}: ${rule}.`);
console.log(`Checked the layers of ${files.length} files.`);
process.exit(found.length === 0 ? 0 : 1);
