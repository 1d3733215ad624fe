import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createAlgorithm, type Rules } from './rules.ts';

export type { AlgorithmName } from './rules.ts';

export interface QuotaServerOptions extends Rules {
  /** ms. Each call is held back by a random 0 to `jitter` before it is counted, as a network would. Default: 0. */
  readonly jitter?: number | undefined;
  /** What draws the jitter, from 0 up to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** What a call within the quota is answered with, as JSON. Default: `{ accepted: true }`. */
  readonly answer?: object | undefined;
  /** Default: 0, any free port. */
  readonly port?: number | undefined;
}

/** One call as the server saw it. */
export interface Arrival {
  /** When it was counted: ms since the Unix epoch with a fraction, from a clock that never goes back. */
  readonly at: number;
  readonly accepted: boolean;
  /** The client's end of the connection; tells connections apart. */
  readonly port: number;
  /** What the client called itself in an `x-client` header, or undefined. */
  readonly client: string | undefined;
}

export interface QuotaServerStats {
  readonly arrivals: number;
  readonly accepted: number;
  readonly refused: number;
}

export interface QuotaServer {
  /** Origin without a slash at the end. Every path and method counts as one call. */
  readonly url: string;
  /** Every arrival so far, in order; grows while the server runs. */
  readonly log: readonly Arrival[];
  stats(): QuotaServerStats;
  /** Cuts every connection, idle or not, and ends when the port is free. */
  close(): Promise<void>;
}

/** Starts an API on 127.0.0.1 that enforces a quota: 200 within it, 429 with Retry-After beyond it. */
export async function startQuotaServer(options: QuotaServerOptions): Promise<QuotaServer> {
  const algorithm = createAlgorithm(options);
  const jitter = options.jitter ?? 0;
  const random = options.random ?? Math.random;
  const answer = options.answer ?? { accepted: true };
  const log: Arrival[] = [];
  let accepted = 0;
  const held = new Set<NodeJS.Timeout>();

  const count = (request: IncomingMessage, response: ServerResponse, port: number): void => {
    // Read before anything else is done: this instant is what the quota and the log go by.
    const at = performance.timeOrigin + performance.now();
    const verdict = algorithm.accept(at);
    const client = request.headers['x-client'];
    log.push({ at, accepted: verdict.accepted, port, client: typeof client === 'string' ? client : undefined });
    if (verdict.accepted) {
      accepted++;
      respond(response, 200, answer);
      return;
    }
    response.setHeader('retry-after', String(Math.ceil(verdict.retryAfter / 1000)));
    respond(response, 429, {
      error: 'too many calls',
      limit: options.limit,
      interval: options.interval,
      retryAfter: Math.ceil(verdict.retryAfter),
    });
  };

  const server = createServer((request, response) => {
    // Read now: a client that hangs up while its call is held back takes the port with it.
    const port = request.socket.remotePort ?? 0;
    if (jitter === 0) {
      count(request, response, port);
      return;
    }
    const timer = setTimeout(() => {
      held.delete(timer);
      count(request, response, port);
    }, random() * jitter);
    held.add(timer);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');

  let closed: Promise<unknown> | undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    stats: () => ({ arrivals: log.length, accepted, refused: log.length - accepted }),
    close: async () => {
      if (!closed) {
        closed = once(server, 'close');
        server.close();
        // close() alone waits for keep-alive connections until they time out.
        server.closeAllConnections();
        for (const timer of held) clearTimeout(timer);
        held.clear();
      }
      await closed;
    },
  };
}

function respond(response: ServerResponse, status: number, body: object): void {
  const json = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    // For pages of other origins.
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'retry-after',
  });
  response.end(json);
}
