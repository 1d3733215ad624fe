// In happy-dom: `dom.mjs SERVER`. The package is loaded without a window, as a server that renders does, and used with one.
import { Window } from 'happy-dom';
import { failuresOf, smokeChecks } from './smoke.ts';

const [server = ''] = process.argv.slice(2);
const window = new Window({ url: `${server}/` });
Object.assign(globalThis, { window, document: window.document, location: window.location });
const checks = smokeChecks(server);
const failures = await failuresOf(checks);
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${checks.length - failures.length} of ${checks.length} hold`);
process.exit(failures.length === 0 ? 0 : 1);
