import type { Answered } from './answer.ts';
import { longestBody } from './json-body.ts';
import { mayBeRead, readChunks } from './undici-body.ts';
import { type Abort, type Controller, headersOf, type UndiciHandler } from './undici-handler.ts';

/** The most of a refused answer's body that is kept, in bytes; the rest waits on its connection. */
const mostKept = 65_536;

/** What to do with answers before the caller's handler hears of them. */
export interface Sifting {
  /** Picks the answers to keep. */
  isRefusal(answer: Answered): boolean;
  /** Whether bodies are to be looked into: then those that may be JSON are kept until they are there. */
  readonly looksIntoBody: boolean;
}

/** Whose request it is. */
interface Owner {
  readonly signal: AbortSignal;
  readonly controller: Controller;
  begin(context?: unknown): void;
}

/** One time that a request is sent: what is heard of it goes on to the caller's handler, or is kept until it is known whether it shall. */
export class Attempt {
  abort: Abort | undefined;
  /** The one of undici 7. */
  controller: Controller | undefined;
  /** Status and headers, when they have come. */
  readonly answered: Promise<Answered>;
  /** What there is to read in the body, when it has come; undefined if nobody looks into it. */
  body: Promise<unknown> | undefined;
  readonly #owner: Owner;
  readonly #to: UndiciHandler;
  readonly #sifting: Sifting;
  #resolve!: (answer: Answered) => void;
  #reject!: (error: unknown) => void;
  #resume: (() => void) | undefined;
  /** Each tells the caller's handler, and says whether it can take more. */
  #kept: (() => boolean)[] | undefined;
  #size = 0;
  /** What has come of a body that is looked into. */
  #chunks: Uint8Array[] | undefined;
  /** Says that the body has come, or that it is not to be looked into. */
  #bodyCame: ((isReadable: boolean) => void) | undefined;

  constructor(owner: Owner, to: UndiciHandler, sifting: Sifting) {
    this.#owner = owner;
    this.#to = to;
    this.#sifting = sifting;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether the caller has yet to hear of the answer. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Tells what was kept and lets the rest come, as far as the caller's handler can take it. */
  goOn(): void {
    for (let next = this.#kept?.shift(); next !== undefined; next = this.#kept?.shift()) if (!next()) return;
    this.#kept = undefined;
    this.#resume?.();
  }

  /** For undici 6. */
  get older(): UndiciHandler {
    const to = this.#to;
    return {
      onConnect: (abort, context) => this.#connected(abort, context),
      onResponseStarted: () => to.onResponseStarted?.(),
      onBodySent: (...args) => to.onBodySent?.(...args),
      onRequestSent: () => to.onRequestSent?.(),
      onHeaders: (status, headers, resume, statusText) => {
        if (status < 200) return to.onHeaders?.(status, headers, resume, statusText) ?? true;
        this.#resume = resume;
        this.#hear({ status, headers: headersOf(headers) });
        return this.#tell(() => to.onHeaders?.(status, headers, () => this.goOn(), statusText) !== false);
      },
      onData: (chunk) => this.#tell(() => to.onData?.(chunk) !== false, chunk),
      onComplete: (trailers) => {
        this.#end(() => to.onComplete?.(trailers));
      },
      onError: (error) => {
        this.#fail(error, () => to.onError?.(error));
      },
    };
  }

  /** For undici 7. */
  get newer(): UndiciHandler {
    const to = this.#to;
    const { controller } = this.#owner;
    const tell = (event: () => void, chunk?: Uint8Array) => {
      const canTakeMore = this.#tell(() => {
        event();
        return !controller.paused;
      }, chunk);
      if (!canTakeMore) this.controller?.pause();
    };
    return {
      onRequestStart: (own, context) => {
        this.controller = own;
        this.#resume = () => own.resume();
        this.#connected((reason) => own.abort(reason), context);
      },
      onResponseStarted: () => to.onResponseStarted?.(),
      onResponseStart: (_, status, headers, statusText) => {
        if (status < 200) return to.onResponseStart?.(controller, status, headers, statusText);
        this.#hear({ status, headers });
        tell(() => to.onResponseStart?.(controller, status, headers, statusText));
      },
      onResponseData: (_, chunk) => tell(() => to.onResponseData?.(controller, chunk), chunk),
      onResponseEnd: (_, trailers) => {
        this.#end(() => to.onResponseEnd?.(controller, trailers));
      },
      onResponseError: (_, error) => {
        this.#fail(error, () => to.onResponseError?.(controller, error));
      },
    };
  }

  #connected(abort: Abort, context: unknown): void {
    this.abort = abort;
    const { signal } = this.#owner;
    if (signal.aborted) abort(signal.reason);
    else this.#owner.begin(context);
  }

  #hear(answer: Answered): void {
    const { looksIntoBody, isRefusal } = this.#sifting;
    if (looksIntoBody && mayBeRead(answer)) {
      const chunks: Uint8Array[] = [];
      this.#chunks = chunks;
      const came = new Promise<boolean>((resolve) => {
        this.#bodyCame = resolve;
      });
      this.body = came.then((isReadable) => (isReadable ? readChunks(answer, chunks) : undefined));
    }
    if (this.body !== undefined || isRefusal(answer)) this.#kept = [];
    this.#resolve(answer);
  }

  #tell(event: () => boolean, chunk?: Uint8Array): boolean {
    if (this.#kept === undefined) return event();
    this.#kept.push(event);
    if (chunk === undefined) return true;
    this.#size += chunk.length;
    this.#chunks?.push(chunk);
    if (this.#size <= (this.body === undefined ? mostKept : longestBody)) return true;
    this.#bodyCame?.(false);
    return false;
  }

  #fail(error: unknown, event: () => void): void {
    this.#bodyCame?.(false);
    this.#end(event);
    this.#reject(error);
  }

  #end(event: () => void): void {
    this.#tell(() => {
      event();
      return true;
    });
    this.#bodyCame?.(true);
  }
}
