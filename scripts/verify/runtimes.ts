import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { impossible, outcomeOf, type Part } from './part.ts';
import { run, versionOf } from './place.ts';

interface Runtime {
  readonly name: string;
  /** Where it is in the folder of the tools, and what goes before the program. */
  readonly command: readonly [program: string, ...args: readonly string[]];
  /** What the names of tests of the adapter contract contain which fail there, as the runtime does otherwise than Node. */
  readonly otherwise: readonly string[];
}

const node = (version: number): Runtime => ({
  name: `node-${version}`,
  command: [`node-${version}/bin/node`],
  otherwise: [],
});

/** Their fetch ends a task after its abort: the place is free then, not at once. */
const lateEnd = 'fails by the client’s own timeout, with its own error, and frees the place';

const runtimes: readonly Runtime[] = [
  node(20),
  node(22),
  node(24),
  node(26),
  {
    name: 'bun',
    command: ['bun/bin/bun.exe'],
    otherwise: [lateEnd],
  },
  {
    name: 'deno',
    command: ['.bin/deno', 'run', '--allow-all', '--node-modules-dir=manual'],
    otherwise: [
      lateEnd,
      // Its fetch sends a call again, even a POST, when the server cuts a connection that had been used before.
      'frees the place of a call that fails',
      'tells how each call ended',
      // Its fetch takes at most 100 header fields.
      'is not troubled by huge headers',
      // Its errors name the local port, which is another each time.
      'with a connection that is cut',
    ],
  },
];

export const runtimeParts: readonly Part[] = runtimes.map(({ name, command: [file, ...args], otherwise }) => ({
  name,
  run: async (stage) => {
    const place = await stage.place();
    const program = join(place.tools, 'node_modules', file);
    if (!existsSync(program)) return impossible(`npm has no ${name} for ${process.platform} on ${process.arch}`);
    const main = await place.program('main');
    const env = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
    const options = { cwd: place.project, env };
    const paths = JSON.stringify(place.paths);
    const own = JSON.stringify(otherwise);
    const ends = [
      await run(program, [...args, main, stage.server.url, paths], options),
      await run(program, [...args, await place.program('adapters'), own], options),
    ];
    return outcomeOf(`${name.split('-')[0]} ${versionOf(program, '--version').replace(/^v|deno /, '')}`, ...ends);
  },
}));
