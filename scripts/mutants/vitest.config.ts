import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { Session } from './session.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const session = new Session(process.env.SLUICE_MUTANTS ?? '');
const { sources } = session;

// The command may be killed: nobody would end us then, nor the process that runs the tests.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(0, 'SIGKILL');
}, 1_000).unref();

// All test files are loaded by one, in one process that stays: `runner.ts` calls their tests as often as it needs.
export default defineConfig({
  root,
  resolve: { tsconfigPaths: true },
  plugins: [
    {
      name: 'mutants',
      enforce: 'pre',
      transform: (code, id) =>
        sources[relative(root, id.split('?', 1)[0] ?? id).replaceAll(sep, '/')] ?? withHook(code),
    },
  ],
  test: {
    include: [join(relative(root, session.folder), 'all.test.ts')],
    runner: fileURLToPath(new URL('runner.ts', import.meta.url)),
    pool: 'forks',
    testTimeout: 0,
    hookTimeout: 0,
    teardownTimeout: 100,
    passWithNoTests: true,
    dangerouslyIgnoreUnhandledErrors: true,
    silent: true,
  },
});

/** Gives a test file the `onTestFinished` of our runner: that of vitest knows no test that vitest does not run itself. */
function withHook(code: string): string {
  return code.replace(
    /^(import \{[^}]*\bonTestFinished)(\b[^}]*\} from 'vitest';)$/m,
    '$1 as _$2 const onTestFinished = globalThis.__onTestFinished;',
  );
}
