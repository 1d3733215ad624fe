import { defineConfig } from 'vitest/config';

// The suffix of a test file says where it runs. A new runtime is one more project here and, if it needs a program
// that npm does not bring, one more row in scripts/requirements.ts.
export default defineConfig({
  // Tests import the public names without a build, by the paths in tsconfig.json.
  resolve: { tsconfigPaths: true },
  test: {
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{dom,browser,redis,loopback}.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'dom',
          environment: 'happy-dom',
          include: ['test/**/*.{dom,neutral}.test.ts'],
        },
      },
      {
        // Real sockets and real time: one file at a time, when the machine has nothing else to do.
        extends: true,
        test: {
          name: 'loopback',
          environment: 'node',
          include: ['test/**/*.loopback.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
        },
      },
      {
        // A real Redis and real time: one file at a time, after the rest.
        extends: true,
        test: {
          name: 'redis',
          environment: 'node',
          include: ['test/**/*.redis.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
        },
      },
      {
        // Real browsers and real time, after all others.
        extends: true,
        test: {
          name: 'browser',
          environment: 'node',
          include: ['test/**/*.browser.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['test/**/*.test-d.ts'],
            tsconfig: 'tsconfig.json',
            // `npm run types` reports errors outside the type tests.
            ignoreSourceErrors: true,
          },
        },
      },
    ],
  },
});
