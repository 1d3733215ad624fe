// The adapter contract in Node, Bun and Deno, with `vitest.ts` in place of vitest: `adapters.mjs OTHERWISE`, which has as JSON what
// the names of those tests contain that fail as the runtime itself does otherwise than Node.
import '../../../test/adapters/axios-contract.test.ts';
import '../../../test/adapters/fetch-contract.test.ts';
import '../../../test/adapters/ky-contract.test.ts';
import { runAll } from './vitest.ts';

const otherwise = JSON.parse(process.argv[2] ?? '[]') as string[];
const unhandled: string[] = [];
process.on('unhandledRejection', (error) => {
  unhandled.push(`nobody handles ${error instanceof Error ? error.stack : String(error)}`);
});
const { passed, failures } = await runAll();
const isOwn = (failure: string) => otherwise.some((part) => failure.includes(part));
const own = failures.filter(isOwn).length;
// A test that ends early leaves its calls behind; their failures reach nobody.
const isLeftBehind = (message: string) =>
  own > 0 && /nobody handles (TimeoutError|NetworkError|TypeError: fetch failed)/.test(message);
const bad = [
  ...failures.filter((failure) => !isOwn(failure)),
  ...unhandled.filter((message) => !isLeftBehind(message)),
];
for (const part of otherwise) {
  if (!failures.some((failure) => failure.includes(part))) bad.push(`No test fails any more that is named "${part}".`);
}
for (const failure of bad) console.log(`FAILED ${failure}`);
console.log(`${passed} of ${passed + failures.length - own} hold${own === 0 ? '' : `, ${own} left to the runtime`}`);
process.exit(bad.length === 0 ? 0 : 1);
