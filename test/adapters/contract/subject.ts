import { type CallOptions, createThrottle, type Limit, type Throttle, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import { type Handler, startServer, type TestServer } from '../test-server.ts';

/** One request, whatever client sends it. */
export interface Message {
  readonly url: string;
  /** @default 'GET' */
  readonly method?: string;
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** The client's own timeout, in ms; subjects without one leave it out. */
  readonly timeout?: number;
}

/** What a client gave for an answer. */
export interface Reply {
  readonly status: number;
  readonly text: string;
}

export type Call = (message: Message) => Promise<Reply>;

/** What every adapter's functions get of a call. */
export interface AnyCall {
  readonly url: URL;
  readonly method: string;
}

/** What every adapter takes. */
export type AnyOptions = CallOptions<AnyCall, unknown>;

export interface Throttled {
  readonly throttle: Throttle;
  readonly options: AnyOptions;
}

/** The body of an answer; a reader that stops early releases it. */
export type Chunks = AsyncIterable<Uint8Array>;

/** Makes a way to send what fetch takes, through `own` in place of the global fetch. */
export type Respond = (throttled?: Throttled, own?: typeof fetch) => typeof fetch;

/** A client under contract. */
export interface Subject {
  readonly name: string;
  /** Makes a way to send: through the bare client, or through the throttled one. It rejects and answers as the client does. */
  make(throttled?: Throttled): Call;
  /** For clients that answer with a Response. */
  readonly respond?: Respond;
  /** For clients that send and give streams: posts chunks as they come, and gives those of the answer as they come. */
  readonly stream?: (throttled?: Throttled) => (url: string, body: ReadableStream<Uint8Array>) => Promise<Chunks>;
  /**
   * For clients that can send a call again by themselves: makes one that does so once, after a 500.
   * @param delay how long it waits before, in ms
   */
  readonly retrying?: (delay: number, throttled?: Throttled) => Call;
  /** Whether the client has a timeout of its own. */
  readonly hasTimeout: boolean;
  /** What the adapter sends again after a refusal. Left out: all that can be sent again. */
  readonly repeats?: 'what has no body' | 'nothing';
  /** Whether a call holds its place until it is answered. Left out: yes. */
  readonly holdsPlace?: boolean;
  /** Whether how long a call takes tells of the network. Left out: yes. */
  readonly seesRoundTrips?: boolean;
}

/** A client that answers with a Response. */
export function respondingSubject(
  name: string,
  respond: Respond,
  {
    retrying,
    ...more
  }: Pick<Subject, 'hasTimeout' | 'repeats' | 'holdsPlace' | 'seesRoundTrips'> & {
    /** As that of the subject. */
    readonly retrying?: (delay: number, throttled?: Throttled) => typeof fetch;
  },
): Subject {
  const callBy =
    (send: typeof fetch): Call =>
    async ({ url, ...init }) => {
      const response = await send(url, { ...init, duplex: 'half' } as RequestInit);
      return { status: response.status, text: await response.text() };
    };
  return {
    name,
    respond,
    make: (throttled) => callBy(respond(throttled)),
    stream: (throttled) => {
      const send = respond(throttled);
      return async (url, body) => {
        const answer = await send(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
        return answer.body as unknown as Chunks;
      };
    },
    ...(retrying && { retrying: (delay, throttled) => callBy(retrying(delay, throttled)) }),
    ...more,
  };
}

export const T = 1000;
/** One call per second. */
export const even: Limit = { rate: 1, interval: T };
export const reason = new Error('changed my mind');

/** The server that the calls of a file go to, and what it is to do next. */
export interface Stage {
  readonly server: TestServer;
  /** Where calls go that `handle` answers. */
  readonly url: string;
  /** The key of those calls. */
  readonly origin: string;
  /** How often `handle` was asked. */
  readonly arrivals: { readonly path: string; readonly body: string }[];
  /** Answers the calls to `url`; `index` counts from 0. */
  handle: (index: number, ...args: Parameters<Handler>) => void;
  /** Sees the chunks of their bodies come. */
  see: (chunk: string) => void;
}

/** Starts the server for the tests of this file. */
export function useStage(): Stage {
  let server: TestServer;
  const ok: Stage['handle'] = (_, __, response) => response.end('ok');
  const stage: Stage = {
    get server() {
      return server;
    },
    get url() {
      return `${server.url}/own`;
    },
    get origin() {
      return server.url;
    },
    arrivals: [],
    handle: ok,
    see: () => {},
  };
  beforeAll(async () => {
    server = await startServer(async (request, response) => {
      const arrival = { path: request.url ?? '', body: '' };
      const index = stage.arrivals.push(arrival) - 1;
      response.on('error', () => {});
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk);
        stage.see(String(chunk));
      }
      const body = Buffer.concat(chunks).toString();
      // The random boundary of a form.
      const boundary = /^--(\S+)\r\n/.exec(body)?.[1] ?? '';
      arrival.body = boundary === '' ? body : body.replaceAll(boundary, 'boundary');
      stage.handle(index, request, response);
    });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    stage.arrivals.length = 0;
    stage.handle = ok;
    stage.see = () => {};
  });
  return stage;
}

/** A throttle on virtual time in front of a subject, whose calls go over real sockets. */
export function setUp(subject: Subject, options: AnyOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
  return { clock, throttle, call: subject.make({ throttle, options }) };
}

/** Waits, in real time, until as many calls have arrived, and sees that no more do. */
export async function arrived(stage: Stage, count: number): Promise<void> {
  await vi.waitFor(() => expect(stage.arrivals.length).toBe(count), { interval: 2, timeout: 4_000 });
  await pass();
  expect(stage.arrivals.length).toBe(count);
}

/** Lets sockets do what they have to do. */
export const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15));

/** Refuses a call for its quota. */
export function refuse(seconds: number): Stage['handle'] {
  return (_, __, response) => {
    response.writeHead(429, { 'retry-after': String(seconds) }).end('no');
  };
}

/** Refuses the first `count` calls and takes the others. */
export function refuseFirst(count: number, seconds = 60): Stage['handle'] {
  return (index, ...args) => {
    if (index < count) refuse(seconds)(index, ...args);
    else args[1].end('ok');
  };
}

/** All that can be seen of how a call ended. */
export async function outcomeOf(call: Promise<Reply>): Promise<unknown> {
  try {
    return { reply: await call };
  } catch (error) {
    return { error: errorParts(error) };
  }
}

export function errorParts(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  const { code, status, response } = error as { code?: unknown; status?: unknown; response?: { status?: number } };
  // The classes themselves: a copy of one would be none for `instanceof`.
  const classes: unknown[] = [];
  for (let kind = Object.getPrototypeOf(error); kind !== null; kind = Object.getPrototypeOf(kind))
    classes.push(kind.constructor);
  const parts = { name, message, classes, code, status, answered: response?.status };
  return cause === undefined ? parts : { ...parts, cause: errorParts(cause) };
}
