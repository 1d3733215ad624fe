// The far side of site.ts: serves the pages on one port and counts calls on another, in a process of its own, so that a busy
// test does not hold up the arrivals.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import type { Call } from './site.ts';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** What the pages run, by the path that it is served at. */
async function bundles(): Promise<Map<string, string>> {
  const options = {
    outdir: '/',
    bundle: true,
    // Modules would need CORS in a sandboxed frame.
    format: 'iife',
    target: 'es2022',
    tsconfig: at('../../tsconfig.json'),
    // The build of React that complains.
    define: { 'process.env.NODE_ENV': '"development"' },
    write: false,
  } as const satisfies BuildOptions;
  const builds = await Promise.all([
    build({
      ...options,
      entryPoints: {
        page: at('./page/page.ts'),
        worker: at('./page/worker.ts'),
        'throttling-worker': at('./page/throttling-worker.ts'),
        'react-19': at('./page/react.ts'),
      },
    }),
    build({
      ...options,
      entryPoints: { 'react-18': at('./page/react.ts') },
      alias: { react: 'react-18', 'react-dom': 'react-dom-18' },
    }),
  ]);
  return new Map(builds.flatMap(({ outputFiles }) => outputFiles).map(({ path, text }) => [path, text]));
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(response: ServerResponse, type: string, body: string, status = 200): void {
  // Without `no-store`, which keeps a page out of the back-forward cache.
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache', 'access-control-allow-origin': '*' });
  response.end(body);
}

const scripts = await bundles();

const pages = await listen(({ url = '/' }, response) => {
  const { pathname } = new URL(url, 'http://pages');
  const script = scripts.get(pathname);
  if (script !== undefined) return answer(response, 'text/javascript', script);
  if (pathname === '/blank') return answer(response, 'text/html', '<!doctype html><title>blank</title>');
  if (pathname === '/strict') response.setHeader('content-security-policy', "default-src 'self'; connect-src *");
  const more = pathname.startsWith('/react') ? `<script src="${pathname}.js"></script>` : '';
  answer(response, 'text/html', `<!doctype html><title>${pathname}</title><script src="/page.js"></script>${more}`);
});

let log: Call[] = [];
/** Calls that have no answer yet, and when the first was refused. */
let held: { readonly tab: string; readonly at: number; readonly response: ServerResponse }[] = [];
let refusedAt: number | undefined;

/**
 * Keeps calls without an answer. Once there are `refuseAt`, the first that comes at the pace of the calls, not late among those
 * that went at once, makes it refuse the oldest of tab `a`, and answer the others soon after.
 */
function hold(response: ServerResponse, tab: string, refuseAt: number): void {
  const now = performance.timeOrigin + performance.now();
  held.push({ tab, response, at: now });
  const refused = held.find((call) => call.tab === 'a');
  const isPaced = now - (held.at(-2)?.at ?? now) > 60;
  if (held.length < refuseAt || !isPaced || refused === undefined) return;
  refusedAt = now;
  refused.response.setHeader('access-control-expose-headers', 'retry-after');
  refused.response.setHeader('retry-after', '2');
  answer(refused.response, 'text/plain', 'too many', 429);
  const rest = held.filter((call) => call !== refused);
  held = [];
  setTimeout(() => {
    for (const call of rest) answer(call.response, 'text/plain', 'ok');
  }, 300);
}

const calls = await listen(({ url = '/', method }, response) => {
  // Read before anything else is done: this instant is what the quota and the log go by.
  const arrival = performance.timeOrigin + performance.now();
  const { pathname, searchParams } = new URL(url, 'http://calls');
  if (pathname === '/log') {
    const told = JSON.stringify(log);
    if (method === 'POST') {
      log = [];
      held = [];
      refusedAt = undefined;
    }
    return answer(response, 'application/json', told);
  }
  const tab = searchParams.get('tab');
  if (tab !== null) log.push({ at: arrival, tab, slot: Number(searchParams.get('slot')) });
  const refuseAt = Number(searchParams.get('refuse'));
  if (tab !== null && refuseAt > 0 && refusedAt === undefined) return hold(response, tab, refuseAt);
  if (pathname === '/refused') return answer(response, 'application/json', JSON.stringify(refusedAt ?? null));
  answer(response, 'text/plain', 'ok');
});

process.on('disconnect', () => process.exit());
process.send?.({ pages, calls });
