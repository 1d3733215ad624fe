import { defineConfig } from 'tsup';

// scripts/slim.ts makes smaller what this writes.
export default defineConfig({
  // One line per public import path; its twin is the block of the same name under "exports" in package.json.
  entry: {
    index: 'src/index.ts',
    presets: 'src/presets.ts',
    'indexed-db': 'src/indexed-db.ts',
    'local-storage': 'src/local-storage.ts',
    axios: 'src/adapters/axios.ts',
    ky: 'src/adapters/ky.ts',
    http: 'src/http.ts',
    opentelemetry: 'src/opentelemetry.ts',
    react: 'src/react.ts',
    redis: 'src/redis.ts',
    testing: 'src/testing.ts',
    undici: 'src/adapters/undici.ts',
    'service-worker': 'src/adapters/service-worker.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2022',
  tsconfig: 'tsconfig.src.json',
  // Bundling the types leaves out what their files refer to: `Symbol.asyncDispose` must have a type for consumers without it too.
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  splitting: true,
  treeshake: true,
  clean: true,
  silent: true,
});
