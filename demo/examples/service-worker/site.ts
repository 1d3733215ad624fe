import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { CallsMade } from '../../client-example.ts';

/** What the page is to do. */
export interface Order {
  /** Where the calls go. */
  readonly url: string;
  readonly calls: number;
  /** Whether the worker is to be there. */
  readonly isThrottled: boolean;
}

export interface Site {
  readonly url: string;
  /** Has the page make calls, once it is open. */
  makeCalls(order: Order): Promise<CallsMade>;
  close(): Promise<void>;
}

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Serves the page and its worker on 127.0.0.1. */
export async function startSite(): Promise<Site> {
  const { outputFiles } = await build({
    entryPoints: [at('./page.ts'), at('./worker.ts')],
    outdir: '/',
    bundle: true,
    format: 'esm',
    tsconfig: at('../../../tsconfig.json'),
    write: false,
  });
  const scripts = new Map(outputFiles.map(({ path, text }) => [`/${basename(path)}`, text]));
  const page = '<!doctype html><title>sluice</title><body><script type="module" src="/page.js"></script>';
  /** What the page was told to do, and who waits for the outcome. */
  let told: (made: CallsMade) => void = () => {};
  let tell: (order: Order) => void = () => {};
  let order = new Promise<Order>((resolve) => {
    tell = resolve;
  });

  const server = createServer(async (request, response) => {
    const { url = '/' } = request;
    const script = scripts.get(url);
    if (url === '/made') {
      told(JSON.parse(await text(request)));
      response.end();
    } else if (url === '/order') response.end(JSON.stringify(await order));
    else if (script !== undefined) response.setHeader('content-type', 'text/javascript').end(script);
    else response.setHeader('content-type', 'text/html').end(page);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    makeCalls: async (next) => {
      const made = new Promise<CallsMade>((resolve) => {
        told = resolve;
      });
      tell(next);
      const outcome = await made;
      order = new Promise((resolve) => {
        tell = resolve;
      });
      return outcome;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
