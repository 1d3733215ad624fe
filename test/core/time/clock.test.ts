import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('tells the time in a classic script of a worker, where a variable of the script would hide what the platform inherits', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "import { systemClock } from './clock.ts'; globalThis.read = () => systemClock.monotonic();",
      resolveDir: fileURLToPath(new URL('../../../src/core/time', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const scope = createContext({});
  runInContext('Object.setPrototypeOf(globalThis, { performance: { now: () => 5 }, setTimeout() {} })', scope);
  runInContext(outputFiles[0]?.text ?? '', scope);
  expect(runInContext('read()', scope)).toBe(5);
});
