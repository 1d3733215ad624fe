import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a page that was opened has sent. */
export interface Report {
  readonly failures: readonly string[];
  readonly total: number;
  readonly agent: string;
}

/** What is served at a path. */
export interface Served {
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Record<string, string>;
}

export interface LocalServer {
  /** Without a slash at the end. */
  readonly url: string;
  /** Serves what else a part needs: asked by path; undefined is answered with 404. */
  serve: (path: string) => Served | undefined;
  /** Waits for what the page of that id sends. Rejects after `patience` ms. */
  reportOf(id: string, patience: number): Promise<Report>;
  close(): void;
}

/** Starts the server that all parts call: it refuses, sends back what it got, takes reports, and serves what a part adds. */
export async function startServer(): Promise<LocalServer> {
  const tries = new Map<string, number>();
  const reports = new Map<string, Report>();
  const local: Pick<LocalServer, 'serve'> = { serve: () => undefined };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-expose-headers', 'retry-after');
    response.setHeader('cache-control', 'no-store');
    const body = await textOf(request);
    if (pathname.startsWith('/refuse-once/')) return refuseOnce(tries, pathname, response);
    if (pathname === '/echo') return response.end(body);
    if (pathname === '/ok') return response.end('ok');
    if (pathname === '/report') {
      reports.set(searchParams.get('id') ?? '', JSON.parse(body) as Report);
      return response.end();
    }
    const served = local.serve(pathname);
    if (served === undefined) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': served.type, 'x-content-type-options': 'nosniff', ...served.headers });
    return response.end(served.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(local, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async reportOf(id: string, patience: number) {
      for (
        const end = Date.now() + patience;
        Date.now() < end;
        await new Promise((resolve) => setTimeout(resolve, 50))
      ) {
        const report = reports.get(id);
        if (report !== undefined) return report;
      }
      throw new Error(`The page sent nothing within ${patience} ms.`);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function refuseOnce(tries: Map<string, number>, path: string, response: ServerResponse): void {
  const count = (tries.get(path) ?? 0) + 1;
  tries.set(path, count);
  if (count === 1) response.writeHead(429, { 'retry-after': '1' }).end('too many');
  else response.end(`try ${count}`);
}
