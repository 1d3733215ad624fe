// The adapter contract in Node, Bun and Deno, with `vitest.ts` in place of vitest: `adapters.mjs`.
import '../../../test/adapters/axios-contract.test.ts';
import '../../../test/adapters/fetch-contract.test.ts';
import '../../../test/adapters/ky-contract.test.ts';
import { runAll } from './vitest.ts';

process.on('unhandledRejection', (error) => {
  console.log(`FAILED nobody handles ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
});
const { passed, failures } = await runAll();
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${passed} of ${passed + failures.length} hold`);
process.exit(failures.length === 0 ? (process.exitCode ?? 0) : 1);
