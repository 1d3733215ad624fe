// Tries the package on what it is said to run on, from the packed tarball, and runs the long checks. Arguments pick parts by the
// beginning of their names: `npm run verify -- bun deno`. Its last lines are a table of the parts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { browserParts } from './verify/browsers.ts';
import { bundlerParts } from './verify/bundlers.ts';
import { compilerParts } from './verify/compilers.ts';
import { domPart } from './verify/dom.ts';
import { nextPart } from './verify/next.ts';
import { type Outcome, outcomeOf, outcomeOfPart, type Part } from './verify/part.ts';
import { makePlace, type Place, root, run } from './verify/place.ts';
import { runtimeParts } from './verify/runtimes.ts';
import { startServer } from './verify/server.ts';
import { workerdPart } from './verify/workerd.ts';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** A part that is a script of package.json: none, where there is no such script. */
const script = (name: string, script: string): readonly Part[] =>
  script in scripts
    ? [
        {
          name,
          run: async () => {
            const { status, output } = await run('npm', ['run', script], { timeout: 3_600_000 });
            console.log(output);
            return outcomeOf(`npm run ${script}`, { status, output });
          },
        },
      ]
    : [];

const parts: readonly Part[] = [
  ...runtimeParts,
  workerdPart,
  ...browserParts,
  domPart,
  ...bundlerParts,
  nextPart,
  ...compilerParts,
  ...script('package', 'check:package'),
  ...script('audit', 'check:audit'),
  ...script('mutants', 'check:mutants'),
  ...script('recipes', 'check:recipes'),
  ...script('soak', 'soak'),
];

const names = process.argv.slice(2);
const unknown = names.filter((name) => !parts.some((part) => part.name.startsWith(name)));
if (unknown.length > 0) {
  console.error(`No part is named ${unknown.join(', ')}. There are: ${parts.map(({ name }) => name).join(', ')}.`);
  process.exit(1);
}
const picked = parts.filter(({ name }) => names.length === 0 || names.some((start) => name.startsWith(start)));

const server = await startServer();
let place: Promise<Place> | undefined;
const stage = {
  server,
  place: () => {
    place ??= makePlace();
    return place;
  },
};
const rows: (Outcome & { readonly name: string; readonly seconds: number })[] = [];
for (const part of picked) {
  console.log(`== ${part.name}`);
  const start = performance.now();
  const outcome = await outcomeOfPart(part, stage);
  console.log(`${outcome.state}: ${outcome.detail}`);
  rows.push({ ...outcome, name: part.name, seconds: (performance.now() - start) / 1_000 });
}
server.close();
await place?.then((made) => made.remove()).catch(() => {});

const longest = (values: readonly string[]) => Math.max(...values.map(({ length }) => length));
const widths = { name: longest(rows.map(({ name }) => name)), state: longest(rows.map(({ state }) => state)) };
console.log('\nParts:');
for (const { name, state, seconds, detail } of rows) {
  const line = detail.split('\n', 1)[0];
  console.log(
    `  ${name.padEnd(widths.name)}  ${state.padEnd(widths.state)}  ${seconds.toFixed(0).padStart(4)} s  ${line}`,
  );
}
const count = (state: Outcome['state']) => rows.filter((row) => row.state === state).length;
console.log(`${count('passed')} passed, ${count('FAILED')} failed, ${count('could not run here')} could not run here`);
process.exit(count('FAILED') > 0 ? 1 : 0);
