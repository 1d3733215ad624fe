import { build } from 'esbuild';
import { createThrottle, type Limit, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

/** The files that a bundle of some imports is made of. */
async function filesOf(contents: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []));
}

describe('the arithmetic of a kind', () => {
  test('is in a bundle only if code there makes limits of it', async () => {
    const windows = 'src/core/limits/sliding-window.ts';
    expect(await filesOf("export { createThrottle } from './src/index.ts'")).not.toContain(windows);
    expect(await filesOf("export { createThrottle, throttleFetch, perMinute } from './src/index.ts'")).not.toContain(
      windows,
    );
    expect(await filesOf("export { createThrottle, slidingWindow } from './src/index.ts'")).toContain(windows);
    // It reads what others have stored.
    expect(await filesOf("export { createThrottle, keyValueStore } from './src/index.ts'")).toContain(windows);
  });

  test('comes along with copies of a limit, also from another copy of the package', async () => {
    const mine = { ...slidingWindow({ limit: 2, interval: 1000 }), name: 'mine' };
    const theirs = Object.fromEntries(
      Reflect.ownKeys(mine).map((key) => [key, mine[key as keyof Limit]]),
    ) as unknown as Limit;
    for (const limits of [mine, theirs]) {
      const throttle = createThrottle({ limits, clock: new ManualClock() });
      const allowed = [await throttle.allow(), await throttle.allow(), await throttle.allow()];
      expect(allowed.map((decision) => decision.allowed)).toEqual([true, true, false]);
      await throttle.close();
    }
  });

  test('is missing in a literal, which is refused', () => {
    const limits = { kind: 'sliding-window', rate: 2, interval: 1000 } as const;
    expect(() => createThrottle({ limits })).toThrow(
      new RangeError(
        "Expected `limits.kind` to be 'leaky-bucket' or 'quota', or made by slidingWindow(), got `\"sliding-window\"`.",
      ),
    );
  });
});
