import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, compile } from '../check-types.ts';
import { failed, type Part, passed } from './part.ts';
import type { Place } from './place.ts';

/** Each with what the platform brings: Node alone, a browser alone, both. */
const platforms: readonly Omit<Consumer, 'compiler'>[] = [
  { node: '@types/node', lib: ['es2023'], module: 'node16' },
  { node: undefined, lib: ['es2022', 'dom'], module: 'esnext' },
  { node: '@types/node', lib: ['es2023', 'dom'], module: 'esnext' },
];

const versions = ['5-4', '5-5', '5-6', '5-7', '5-8', '5-9', '6', '7'];

/** A part for each TypeScript: the program of consumer.ts, which uses every public path, with the types of libraries checked too. */
export const compilerParts: readonly Part[] = versions.map((version) => ({
  name: `typescript-${version}`,
  run: async (stage) => {
    const { tools, project }: Place = await stage.place();
    const compiler = `typescript-${version}`;
    const manifest = readFileSync(join(tools, 'node_modules', compiler, 'package.json'), 'utf8');
    const title = `TypeScript ${(JSON.parse(manifest) as { version: string }).version}`;
    const complaints = platforms.map((platform) => compile({ compiler, ...platform }, project, tools)).join('');
    return complaints === ''
      ? passed(`${title}, for Node, for browsers and for both`)
      : failed(`${title}\n${complaints.trim()}`);
  },
}));
