// Tries the package in workerd: first by itself, then what docs/runtimes.md says of requests, with the very code of that page.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { failed, impossible, type Outcome, type Part, passed, type Stage } from './part.ts';
import { folderIn, type Place, root, versionOf } from './place.ts';

const own = fileURLToPath(new URL('./programs/', import.meta.url));

/** A worker that answers at an address of this machine. */
interface Worker {
  readonly url: string;
  end(): void;
}

/** What a worker is started with, besides its code. */
interface Settings {
  /** The class of a Durable Object that it has, if it has one. It is bound to the name LINE. */
  readonly durable?: string;
  readonly server: string;
}

function configOf({ durable, server }: Settings): string {
  const object = `
  durableObjectNamespaces = [(className = "${durable}", uniqueKey = "verify")],
  durableObjectStorage = (inMemory = void),`;
  const bound = `, (name = "LINE", durableObjectNamespace = "${durable}")`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-11-01",
  bindings = [(name = "SERVER", text = "${server}")${durable === undefined ? '' : bound}],${durable === undefined ? '' : object}
);
`;
}

async function start(place: Place, name: string, code: string, settings: Settings): Promise<Worker> {
  const folder = folderIn(place.project, `workerd-${name}`);
  // From wherever a program lies, the package is the one that is installed.
  const find = ({ path }: { readonly path: string }) => ({
    path: path.startsWith('programs/')
      ? join(own, path.slice('programs/'.length))
      : join(place.project, 'node_modules/sluice/dist', `${path.split('/')[1] ?? 'index'}.js`),
  });
  await build({
    stdin: { contents: code, resolveDir: place.project, sourcefile: `${name}.ts`, loader: 'ts' },
    // As wrangler does.
    conditions: ['workerd', 'worker', 'browser'],
    plugins: [{ name: 'programs', setup: ({ onResolve }) => onResolve({ filter: /^(programs|sluice)\b/ }, find) }],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    tsconfigRaw: {},
    outfile: join(folder, 'worker.mjs'),
    logLevel: 'error',
  });
  writeFileSync(join(folder, 'config.capnp'), configOf(settings));
  const program = join(place.tools, 'node_modules/.bin/workerd');
  const args = ['serve', join(folder, 'config.capnp'), '--experimental', '--control-fd=3'];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  return { url: `http://127.0.0.1:${await portOf(child)}`, end: () => void child.kill('SIGKILL') };
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`workerd ended with ${code}.`)));
    let told = '';
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      told += chunk;
      const line = told.split('\n').find((each) => each.includes('"listen"'));
      if (line !== undefined) resolve((JSON.parse(line) as { port: number }).port);
    });
  });
}

/** The code blocks of docs/runtimes.md, by the first comment in them. */
function recipes(): ReadonlyMap<string, string> {
  const page = readFileSync(join(root, 'docs/runtimes.md'), 'utf8');
  const blocks = [...page.matchAll(/```ts\n\/\/ (.*)\n([\s\S]*?)```/g)];
  return new Map(blocks.map(([, title = '', code = '']) => [title, code]));
}

/** Answers of requests that are sent at once, or that there was none, and when each came, in ms from the first of them. */
async function ask(url: string, count: number) {
  const answers = Array.from({ length: count }, async () => {
    const text = await fetch(url, { signal: AbortSignal.timeout(10_000) }).then(
      async (answer) => (answer.ok ? answer.text() : `status ${answer.status}`),
      (error: Error) => error.name,
    );
    return { text, at: performance.now() };
  });
  const all = await Promise.all(answers);
  all.sort((a, b) => a.at - b.at);
  return all;
}

/** Asks six times at once for what goes once in 200 ms, after two requests that were left. Tells what was wrong. */
async function complaintsAbout(name: string, { url }: Worker): Promise<readonly string[]> {
  for (const _ of [1, 2]) await fetch(url, { signal: AbortSignal.timeout(20) }).catch(() => {});
  const answers = await ask(url, 6);
  const bad = answers.filter(({ text }) => text !== 'ok').map(({ text }) => `${name}: ${text} in place of an answer`);
  const spread = (answers.at(-1)?.at ?? 0) - (answers[0]?.at ?? 0);
  // Six calls are at least five times 200 ms apart; that they take little longer says that nothing was in their way.
  if (spread < 950 || spread > 4_000) bad.push(`${name}: six calls within ${spread.toFixed(0)} ms`);
  return bad;
}

const selfTest = `
import { failuresOf, smokeChecks } from 'programs/smoke.ts';
import { storeChecks } from 'programs/stores.ts';
export default {
  async fetch(request, env) {
    const checks = [...smokeChecks(env.SERVER), ...storeChecks()];
    return Response.json({ failures: await failuresOf(checks), total: checks.length });
  },
};`;

const asking = `
import { createThrottle } from 'sluice';
const throttle = createThrottle({ limits: { rate: 1, interval: 3_600_000 } });
export default { fetch: async () => new Response(String((await throttle.allow()).allowed)) };`;

async function verify({ server, place: made }: Stage): Promise<Outcome> {
  const place = await made();
  const program = join(place.tools, 'node_modules/.bin/workerd');
  if (!existsSync(program)) return impossible(`npm has no workerd for ${process.platform} on ${process.arch}`);
  const version = versionOf(program, '--version');
  const failures: string[] = [];
  let holds = '';
  const using = async (
    name: string,
    code: string,
    durable: string | undefined,
    use: (worker: Worker) => Promise<void>,
  ) => {
    const settings = { server: server.url, ...(durable !== undefined && { durable }) };
    const worker = await start(place, name, code, settings);
    try {
      await use(worker);
    } finally {
      worker.end();
    }
  };
  await using('self', selfTest, undefined, async ({ url }) => {
    const answer = await fetch(url);
    const { failures: own, total } = (await answer.json()) as { failures: string[]; total: number };
    failures.push(...own);
    holds = `${total - own.length} of ${total} hold`;
  });
  const known = recipes();
  const served = 'api.example.com';
  const recipe = (title: string) => {
    const code = known.get(title);
    if (code === undefined) throw new Error(`docs/runtimes.md has no example that begins with "// ${title}".`);
    return code
      .replaceAll(`https://${served}/items`, `${server.url}/ok`)
      .replaceAll('perSecond(10)', '{ rate: 1, interval: 200 }');
  };
  await using('per-request', recipe('one throttle per request'), undefined, async (worker) => {
    failures.push(...(await complaintsAbout('one throttle per request', worker)));
  });
  await using('durable', recipe('one throttle for all requests'), 'Line', async (worker) => {
    failures.push(...(await complaintsAbout('one throttle for all requests', worker)));
  });
  // What the page says does not work: it is news if it does.
  const moduleLevel = recipe('one throttle per request')
    .replace(/\n.*const throttle = (.*);\n/, '\n')
    .replace(
      'export default',
      'const throttle = createThrottle({ limits: { rate: 1, interval: 200 } });\nexport default',
    );
  await using('module-level', moduleLevel, undefined, async (worker) => {
    const complaints = await complaintsAbout('one throttle of the module', worker);
    if (!complaints.some((each) => each.includes('status 500'))) failures.push('one throttle of the module works now');
  });
  await using('asking', asking, undefined, async ({ url }) => {
    const texts = (await ask(url, 3)).map(({ text }) => text);
    if (texts.sort().join() !== 'false,false,true') failures.push(`three requests are allowed ${texts}`);
  });
  return failures.length === 0
    ? passed(`${version}, ${holds}, both recipes of docs/runtimes.md hold`)
    : failed(`${version}\n${failures.join('\n')}`);
}

export const workerdPart: Part = { name: 'workerd', run: verify };
