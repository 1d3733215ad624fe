import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { readPath, SimulatedApi } from '../servers/simulated-api.ts';

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/**
 * Serves a folder on 127.0.0.1.
 * @param change what is done to pages before they go
 */
export async function serveFolder(
  folder: string,
  {
    port = 0,
    change = (html: string) => html,
  }: { readonly port?: number; readonly change?: (html: string) => string } = {},
): Promise<PageServer> {
  return listen(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://page');
    const path = normalize(decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    try {
      const content = await readFile(join(folder, path));
      const type = types[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
      response.end(type.startsWith('text/html') ? change(content.toString()) : content);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.');
    }
  }, port);
}

/** Serves the page and two real servers for it, one for each line: a browser opens few connections to one, and floods would mix. */
export async function servePage(folder: string, port = 0): Promise<PageServer> {
  const apis = await Promise.all([listen(answerCalls()), listen(answerCalls())]);
  const servers = apis.map(({ url }) => url).join(' ');
  const meta = `<meta name="sluice-servers" content="${servers}">`;
  const page = await serveFolder(folder, { port, change: (html) => html.replace('<head>', `<head>${meta}`) });
  return { url: page.url, close: async () => void (await Promise.all([page, ...apis].map((one) => one.close()))) };
}

function answerCalls(): RequestListener {
  const api = new SimulatedApi();
  return async (request, response) => {
    // The page is of another origin.
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-expose-headers', 'retry-after, ratelimit, ratelimit-policy');
    response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*');
    response.setHeader('access-control-max-age', '600');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const asked = readPath((request.url ?? '/').slice(1));
    if (asked === undefined) return void response.writeHead(404).end();
    const { status, headers, body } = await api.answer(asked);
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

async function listen(listener: RequestListener, port = 0): Promise<PageServer> {
  const server: Server = createServer(listener);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
