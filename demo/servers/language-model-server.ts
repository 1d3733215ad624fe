import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Verdict } from './algorithm.ts';

export interface LanguageModelServerOptions {
  /** Requests and tokens in any `interval`. */
  readonly requests: number;
  readonly tokens: number;
  /** ms. */
  readonly interval: number;
  /** ms. An answer comes after this or up to twice as long. Default: a hundredth of `interval`. */
  readonly thinking?: number | undefined;
  /** What draws the time, from 0 up to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** One request as the server saw it. */
export interface ModelCall {
  /** When it was counted: ms since the Unix epoch with a fraction, from a clock that never goes back. */
  readonly at: number;
  readonly accepted: boolean;
  /** What it really used, prompt and completion. */
  readonly tokens: number;
}

export interface LanguageModelServer {
  /** Origin without a slash at the end. Takes POST requests at any path. */
  readonly url: string;
  /** Every request so far, in order; grows while the server runs. */
  readonly log: readonly ModelCall[];
  close(): Promise<void>;
}

interface Question {
  readonly prompt: string;
  readonly max_tokens: number;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Two sliding windows, of requests and of tokens. A request has to fit into both; what is refused counts in neither. */
export class UsageWindows {
  readonly #options: Pick<LanguageModelServerOptions, 'requests' | 'tokens' | 'interval'>;
  readonly #calls: { readonly at: number; readonly tokens: number }[] = [];

  constructor(options: Pick<LanguageModelServerOptions, 'requests' | 'tokens' | 'interval'>) {
    this.#options = options;
  }

  /** @param now ms on a clock that never goes back. */
  accept(now: number, tokens: number): Verdict {
    const { requests, interval } = this.#options;
    const calls = this.#calls;
    // An arrival counts for `interval` ms, that instant excluded.
    while (calls[0] !== undefined && now - calls[0].at >= interval) calls.shift();
    let leaving = 0;
    let used = calls.reduce((sum, call) => sum + call.tokens, 0);
    while (leaving < calls.length && (calls.length - leaving >= requests || used + tokens > this.#options.tokens)) {
      used -= calls[leaving]?.tokens ?? 0;
      leaving++;
    }
    const last = calls[leaving - 1];
    if (last !== undefined) return { accepted: false, retryAfter: last.at + interval - now };
    calls.push({ at: now, tokens });
    return { accepted: true };
  }
}

/** The usage that the server bills: about one token per four characters, and as long an answer as the prompt happens to get. */
export function usageOf({ prompt, max_tokens }: Question): Usage {
  let hash = 2166136261;
  for (const character of prompt) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  const prompt_tokens = Math.ceil(prompt.length / 4);
  const completion_tokens = 1 + (hash % max_tokens);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/**
 * Starts an API on 127.0.0.1 like those of language models: it answers `{ prompt, max_tokens }` with the tokens that were used,
 * and with 429 and Retry-After beyond its quota of requests or of tokens, which it counts as they really are, on arrival.
 */
export async function startLanguageModelServer(options: LanguageModelServerOptions): Promise<LanguageModelServer> {
  const { thinking = options.interval / 100, random = Math.random } = options;
  const windows = new UsageWindows(options);
  const log: ModelCall[] = [];
  const held = new Set<NodeJS.Timeout>();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const question = await questionIn(request);
    if (question === undefined) {
      respond(response, 400, { error: 'expected { prompt, max_tokens }' });
      return;
    }
    const usage = usageOf(question);
    // This instant is what the quota and the log go by.
    const at = performance.timeOrigin + performance.now();
    const verdict = windows.accept(at, usage.total_tokens);
    log.push({ at, accepted: verdict.accepted, tokens: usage.total_tokens });
    if (!verdict.accepted) {
      response.setHeader('retry-after', String(Math.ceil(verdict.retryAfter / 1000)));
      respond(response, 429, { error: 'too many requests or tokens', retryAfter: Math.ceil(verdict.retryAfter) });
      return;
    }
    const timer = setTimeout(
      () => {
        held.delete(timer);
        respond(response, 200, { text: `You said: ${question.prompt}`, usage });
      },
      thinking * (1 + random()),
    );
    held.add(timer);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  let closed: Promise<unknown> | undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    close: async () => {
      if (!closed) {
        closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        for (const timer of held) clearTimeout(timer);
        held.clear();
      }
      await closed;
    },
  };
}

async function questionIn(request: IncomingMessage): Promise<Question | undefined> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += chunk;
  try {
    const { prompt, max_tokens } = JSON.parse(text) as Partial<Question>;
    const isRight = typeof prompt === 'string' && Number.isInteger(max_tokens) && Number(max_tokens) > 0;
    return isRight ? { prompt, max_tokens: Number(max_tokens) } : undefined;
  } catch {
    return undefined;
  }
}

function respond(response: ServerResponse, status: number, body: object): void {
  const json = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) });
  response.end(json);
}
