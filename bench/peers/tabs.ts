import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { SlidingWindow } from '../../demo/servers/sliding-window.ts';
import { openTabs } from '../../test/browser/browser.ts';
import { startChromium } from '../../test/browser/chromium.ts';
import { chromiumProgram } from '../../test/browser/engines.ts';
import { type Effort, type Row, versionOf } from './measure.ts';
import { type Arrival, shareOf } from './utilisation.ts';

// Four tabs of one page that call one API: what it refuses.

export const tabCount = 4;
export const tabQuota = { limit: 50, interval: 1_000 };
export const callsPerTab = 50;

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file('./tab-page.ts')],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    // This version as it is built, not the sources that tsconfig.json leads to.
    tsconfigRaw: '{}',
    alias: { sluice: file('../../dist/index.js'), 'sluice/indexed-db': file('../../dist/indexed-db.js') },
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** Serves the page, and an API with the quota, told apart by path. */
async function startSite() {
  const script = await bundle();
  let algorithm = new SlidingWindow(tabQuota);
  let log: Arrival[] = [];
  const server = createServer(({ url = '/' }, response) => {
    if (url.startsWith('/api')) {
      const at = performance.now();
      const { accepted } = algorithm.accept(at);
      log.push({ at, accepted });
      response.writeHead(accepted ? 200 : 429, { 'cache-control': 'no-store' }).end();
    } else if (url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script);
    else response.setHeader('content-type', 'text/html').end('<!doctype html><script src="/page.js"></script>');
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    takeLog: () => {
      const taken = log;
      log = [];
      algorithm = new SlidingWindow(tabQuota);
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A tab, with the functions of this page. */
interface LabTab {
  call(name: 'names' | 'send', question: unknown): Promise<unknown>;
}

export async function tabRows({ isQuick, say }: Effort): Promise<Row[]> {
  if (chromiumProgram === undefined) {
    say('  Chromium is not here.');
    return [];
  }
  const site = await startSite();
  const browser = await startChromium(chromiumProgram);
  try {
    const tabs = (await openTabs(browser, `${site.url}/`, tabCount)) as unknown as LabTab[];
    const names = (await (tabs[0] as LabTab).call('names', null)) as string[];
    const done: Row[] = [];
    for (const name of isQuick ? names.slice(0, 3) : names) {
      site.takeLog();
      const question = { name, quota: tabQuota, calls: callsPerTab, url: `${site.url}/api`, at: Date.now() + 200 };
      const late = new Promise<'late'>((resolve) => setTimeout(resolve, 30_000, 'late').unref());
      const ended = await Promise.race([Promise.all(tabs.map((tab) => tab.call('send', question))), late]);
      const log = site.takeLog();
      const refused = log.filter(({ accepted }) => !accepted).length;
      const seconds = ((log.at(-1)?.at ?? 0) - (log[0]?.at ?? 0)) / 1_000;
      const outcome =
        ended === 'late'
          ? { failed: 'not done after 30 s' }
          : { calls: log.length, refused, share: shareOf(log, tabQuota), seconds };
      say(`  ${name.padEnd(34)} ${JSON.stringify(outcome)}`);
      const library = /^(@?[\w-]+(?:\/\w+)?)/.exec(name)?.[1] ?? '';
      done.push({ name, ...(library !== 'sluice' && { version: versionOf(library) }), results: { tabs: outcome } });
    }
    return done;
  } finally {
    await browser.close();
    site.close();
  }
}
