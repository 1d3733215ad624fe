import { readFileSync } from 'node:fs';
import * as sluice from 'sluice';
import * as testing from 'sluice/testing';
import ts from 'typescript';
import { describe, it } from 'vitest';

const page = readFileSync(new URL('../../docs/storage.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** The example of the page that has `part` in it. */
function exampleWith(part: string): string {
  const [code, another] = examples.filter((code) => code.includes(part));
  if (code === undefined || another !== undefined) throw new Error(`Expected one example with ${part}.`);
  return code;
}

/** Runs a program that imports what it says from the library. Gives what its `return` says. */
function run(code: string, given: Record<string, unknown> = {}): unknown {
  const { outputText } = ts.transpileModule(code.replace(/^import .*$/gm, ''), {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  });
  const names = { ...sluice, ...testing, ...given };
  return new Function(...Object.keys(names), outputText)(...Object.values(names));
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("the contract of docs/storage.md around the page's own store", () => {
  const myStore = () => run(`${exampleWith('keyValueStore({')}\nreturn store;`);
  const cases: [string, () => Promise<void>][] = [];
  run(exampleWith('bucketStoreContract({'), {
    myStore,
    sleep,
    test: (name: string, prove: () => Promise<void>) => cases.push([name, prove]),
  });
  // Real time: some cases wait together.
  it.concurrent.each(cases)('%s', (_, prove) => prove(), 30_000);
});
