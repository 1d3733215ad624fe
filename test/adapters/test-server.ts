import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  /** The client's end of the connection; tells connections apart. */
  readonly port: number;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/**
 * Starts a server on 127.0.0.1 that tells what it got (`/echo`, of long bodies `/digest`), answers with a status (`/status/204`), redirects
 * (`/redirect/302`, to `/echo`), cuts the connection (`/cut`, `/cut-body`) or does what it is told (`/own`).
 */
export async function startServer(own: Handler = (_, response) => response.end()): Promise<TestServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method = '', url: path = '' } = request;
    seen.push({ method, path, port: request.socket.remotePort ?? 0 });
    const [, what = '', status = ''] = path.split(/[/?]/);
    response.sendDate = false;
    response.setHeader('x-answer', 'yes');
    if (what === 'echo') void echo(request, response);
    else if (what === 'digest') void digest(request, response);
    else if (what === 'status') response.writeHead(Number(status)).end();
    else if (what === 'redirect') response.writeHead(Number(status), { location: '/echo' }).end();
    else if (what === 'cut') request.socket.destroy();
    else if (what === 'cut-body') {
      response.writeHead(200, { 'content-length': 10 });
      response.write('cut', () => request.socket.destroy());
    } else own(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers with all that the server got. The random boundary of a form is replaced. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { 'content-type': type = '' } = request.headers;
  const boundary = /boundary=(.+)$/.exec(type)?.[1] ?? '';
  const neutral = (text: string) => (boundary === '' ? text : text.replaceAll(boundary, 'boundary'));
  const headers = Object.entries(request.headers).map(([name, value]) => [name, neutral(String(value))]);
  const body = neutral(Buffer.concat(chunks).toString('latin1'));
  const { method, url } = request;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers: headers.sort(), body }));
}

/** Answers with the headers of what the server got, and what tells its body from others. */
async function digest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha1');
  let size = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    size += chunk.length;
  }
  const { method, headers } = request;
  response.end(JSON.stringify({ method, headers, size, hash: hash.digest('hex') }));
}
