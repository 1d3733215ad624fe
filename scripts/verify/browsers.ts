// Loads `dist` as it is in real browsers: `<script type="module">`, an import map for the names, no bundler, and a policy that allows
// the page's own scripts and nothing else.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { build } from 'esbuild';
import { engines } from '../../test/browser/engines.ts';
import { failed, impossible, type Part, passed } from './part.ts';
import { folderIn, type Place } from './place.ts';
import type { Served } from './server.ts';

/** Makes modules of what the package imports; React has none of its own. */
async function makePeers({ tools, project }: Place): Promise<string> {
  const folder = folderIn(project, 'peers');
  const react = "import React from 'react'; export const { useCallback, useSyncExternalStore } = React;";
  const sources = { react, 'idb-keyval': "export * from 'idb-keyval';" };
  for (const [name, contents] of Object.entries(sources)) {
    await build({
      stdin: { contents, resolveDir: join(tools, 'node_modules') },
      outfile: join(folder, `${name}.js`),
      bundle: true,
      format: 'esm',
      define: { 'process.env.NODE_ENV': '"production"' },
      logLevel: 'error',
    });
  }
  return folder;
}

/** What the page consists of, by path. */
async function site(place: Place): Promise<(path: string) => Served | undefined> {
  const script = await place.program('page');
  const peers = await makePeers(place);
  const dist = join(place.project, 'node_modules/sluice/dist');
  const names = place.paths.map((name) => [name, `/dist/${name.split('/')[1] ?? 'index'}.js`]);
  const map = JSON.stringify({
    imports: { ...Object.fromEntries(names), react: '/peers/react.js', 'idb-keyval': '/peers/idb-keyval.js' },
  });
  const hash = createHash('sha256').update(map).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "connect-src 'self'",
    // Chromium asks for an icon.
    "img-src 'self'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  const body = `<!doctype html><title>verify</title>
<script type="importmap">${map}</script><script type="module" src="/page.js"></script>`;
  const module = (file: string): Served => ({ type: 'text/javascript', body: readFileSync(file) });
  return (path) => {
    if (path === '/page') return { type: 'text/html', body, headers: { 'content-security-policy': policy } };
    if (path === '/page.js') return module(script);
    const [, folder = '', ...rest] = normalize(path).split('/');
    const from = { dist, peers }[folder];
    return from === undefined ? undefined : module(join(from, ...rest));
  };
}

export const browserParts: readonly Part[] = engines.map(({ name, found, start }) => ({
  name,
  run: async ({ place, server }) => {
    if (!found) return impossible(`npm test -- browser installs ${name}, or says how to`);
    server.serve = await site(await place());
    const browser = await start();
    try {
      const id = `${name}-${Date.now()}`;
      await browser.open(`${server.url}/page?id=${id}`);
      const { failures, total, agent } = await server.reportOf(id, 180_000);
      const engine = /(Firefox|Chrome|Version)\/[\d.]+/.exec(agent)?.[0].replace('Version', 'WebKit') ?? agent;
      return failures.length === 0
        ? passed(`${engine}, ${total} of ${total} hold`)
        : failed([engine, ...failures].join('\n'));
    } finally {
      await browser.close();
    }
  },
}));
