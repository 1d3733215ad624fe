import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../demo/page/code.ts';
import { initialSetup, type Setup, setupFrom, setupFromHash, setupToHash } from '../../demo/page/setup.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const clients = ['fetch', 'axios', 'ky', 'sdk'] as const;
const stores = ['memory', 'local-storage', 'indexed-db'] as const;
const kinds = ['fit', 'quota', 'sliding-window', 'bucket', 'server'] as const;

describe('the code that the page shows', () => {
  it('has the right types, with every client, store and limit', () => {
    const setups = clients.flatMap((client) =>
      stores.flatMap((store) =>
        kinds.map(
          (kind, index): Setup => ({
            ...initialSetup,
            client,
            store,
            kind,
            per: [1_000, 60_000, 3_000][index % 3] as number,
            priority: index % 2,
            margin: index % 2 === 0 ? -1 : 30,
          }),
        ),
      ),
    );
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const texts = new Map(setups.map((setup, index) => [join(root, `code-${index}.ts`), codeOf(setup)]));
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile } = host;
    host.getSourceFile = (name, ...rest) => {
      const text = texts.get(name);
      return text === undefined
        ? getSourceFile(name, ...rest)
        : ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
    };
    host.fileExists = (name) => texts.has(name) || fileExists(name);
    host.readFile = (name) => texts.get(name) ?? readFile(name);
    const program = ts.createProgram([...texts.keys()], options, host);
    const found = [...texts].flatMap(([name, text]) =>
      ts
        .getPreEmitDiagnostics(program, program.getSourceFile(name))
        .map(({ messageText }) => `${ts.flattenDiagnosticMessageText(messageText, '\n')} in:\n${text}`),
    );
    expect(found).toEqual([]);
  }, 60_000);

  it('is short for a second and a minute', () => {
    const code = codeOf({ ...initialSetup, limit: 100, interval: 60_000, store: 'memory' });
    expect(code).toContain('createThrottle({ limits: perMinute(100) })');
    expect(code).toContain("import { createThrottle, perMinute, throttleFetch } from 'sluice';");
  });
});

describe('the link to a set-up', () => {
  it('is empty for the first one', () => expect(setupToHash(initialSetup)).toBe(''));

  it('contains only what differs', () => {
    const setup = setupFrom({ algorithm: 'leaky-bucket', limit: 7, tells: true, margin: 40, plain: false });
    expect(setupToHash(setup)).toBe('#algorithm=leaky-bucket&limit=7&tells=true&margin=40&plain=false');
    expect(setupFromHash(setupToHash(setup))).toEqual(setup);
  });

  it.each([
    ['#limit=0', { limit: 1 }],
    ['#limit=many', {}],
    ['#algorithm=none&colour=red', {}],
    ['#failures=1000', { failures: 100 }],
  ])('with %s is as near as can be', (hash, expected) => {
    expect(setupFromHash(hash)).toEqual({ ...initialSetup, ...expected });
  });
});
