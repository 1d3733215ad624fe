import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { impossible, outcomeOf, type Part } from './part.ts';
import { run, versionOf } from './place.ts';

interface Runtime {
  readonly name: string;
  /** Where it is in the folder of the tools, and what goes before the program. */
  readonly command: readonly [program: string, ...args: readonly string[]];
  /** Whether the adapter contract, which needs much of Node's own, is run there too. */
  readonly hasAdapters: boolean;
}

const node = (version: number): Runtime => ({
  name: `node-${version}`,
  command: [`node-${version}/bin/node`],
  hasAdapters: true,
});

const runtimes: readonly Runtime[] = [
  node(20),
  node(22),
  node(24),
  node(26),
  { name: 'bun', command: ['bun/bin/bun.exe'], hasAdapters: true },
  { name: 'deno', command: ['.bin/deno', 'run', '--allow-all', '--node-modules-dir=manual'], hasAdapters: true },
];

export const runtimeParts: readonly Part[] = runtimes.map(({ name, command: [file, ...args], hasAdapters }) => ({
  name,
  run: async (stage) => {
    const place = await stage.place();
    const program = join(place.tools, 'node_modules', file);
    if (!existsSync(program)) return impossible(`npm has no ${name} for ${process.platform} on ${process.arch}`);
    const main = await place.program('main');
    const env = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
    const options = { cwd: place.project, env };
    const paths = JSON.stringify(place.paths);
    const ends = [await run(program, [...args, main, stage.server.url, paths], options)];
    if (hasAdapters) ends.push(await run(program, [...args, await place.program('adapters')], options));
    return outcomeOf(`${name.split('-')[0]} ${versionOf(program, '--version').replace(/^v|deno /, '')}`, ...ends);
  },
}));
