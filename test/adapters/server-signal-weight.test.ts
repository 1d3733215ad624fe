import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What only presets and `readServerSignal` bring along. */
const broughtAlong = /full-reading|server-signal\/(body|more-dates|names-in-use|vendor-fields)/;

/** The files that are left in a bundle of an export. */
async function filesIn(contents: string): Promise<readonly string[]> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    ...{ bundle: true, format: 'esm', write: false, metafile: true, packages: 'external' },
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
}

it.each([
  "export { throttleFetch } from './src/index.ts'",
  "export { throttleCalls } from './src/index.ts'",
  "export * from './src/adapters/axios.ts'",
  "export * from './src/adapters/ky.ts'",
  "export * from './src/adapters/undici.ts'",
  "export * from './src/adapters/service-worker.ts'",
])('an adapter carries nothing of what presets bring along: %s', async (contents) => {
  const files = await filesIn(contents);
  expect(files.some((file) => file.endsWith('server-signal/read-signal.ts'))).toBe(true);
  expect(files.filter((file) => broughtAlong.test(file))).toEqual([]);
});

it('`readServerSignal` and a preset carry it', async () => {
  for (const contents of [
    "export { readServerSignal } from './src/index.ts'",
    "export { github } from './src/presets.ts'",
  ])
    expect((await filesIn(contents)).some((file) => broughtAlong.test(file))).toBe(true);
});
