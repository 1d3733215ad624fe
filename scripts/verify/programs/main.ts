// For Node, Bun and Deno: `main.mjs SERVER PATHS`, with the public paths as JSON. Each is loaded as a module and with `require`.
import { createRequire } from 'node:module';
import { type Check, failuresOf, smokeChecks } from './smoke.ts';
import { storeChecks } from './stores.ts';

const [server = '', paths = '[]'] = process.argv.slice(2);
const load = createRequire(import.meta.url);

const loads = (name: string): readonly Check[] => [
  { name: `import('${name}')`, run: () => import(name) },
  { name: `require('${name}')`, run: async () => load(name) },
  {
    name: `'${name}' has the same exports both ways`,
    run: async () => {
      const names = (module: object) =>
        Object.keys(module).filter((key) => !/^(default|module\.exports|__esModule)$/.test(key));
      const [ours, theirs] = [
        names(await import(name))
          .sort()
          .join(),
        names(load(name)).sort().join(),
      ];
      if (ours !== theirs || ours === '') throw new Error(`${ours} and ${theirs}`);
    },
  },
];

const checks = [...(JSON.parse(paths) as string[]).flatMap(loads), ...smokeChecks(server), ...storeChecks()];
const failures = await failuresOf(checks);
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${checks.length - failures.length} of ${checks.length} hold`);
process.exit(failures.length === 0 ? 0 : 1);
