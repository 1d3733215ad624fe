// Runs one of the examples beside this file by its name:
//
//   npm run example -- octokit
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [, , name = ''] = process.argv;
const names = readdirSync(fileURLToPath(new URL('.', import.meta.url)))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.replace(/\.ts$/, ''));

if (names.includes(name)) {
  // The example reads its own options.
  process.argv.splice(2, 1);
  await import(`./${name}.ts`);
} else {
  process.stderr.write(`Usage: npm run example -- <name>\n\nNames: ${names.join(', ')}\n`);
  process.exitCode = 2;
}
