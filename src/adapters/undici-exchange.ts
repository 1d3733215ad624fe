import type { Answered } from './answer.ts';
import { Attempt, type Sifting } from './undici-attempt.ts';
import type { Abort, Controller, Dispatch, UndiciHandler, UndiciRequest } from './undici-handler.ts';

/** One request from the caller's handler to the dispatcher, however often it is sent. */
export class Exchange {
  readonly #dispatch: Dispatch;
  readonly #request: UndiciRequest;
  readonly #handler: UndiciHandler;
  readonly #waiting = new AbortController();
  #attempt: Attempt | undefined;
  #isPaused = false;

  constructor(dispatch: Dispatch, request: UndiciRequest, handler: UndiciHandler) {
    this.#dispatch = dispatch;
    this.#request = request;
    this.#handler = handler;
  }

  /** Ends the wait when the caller aborts. */
  get signal(): AbortSignal {
    return this.#waiting.signal;
  }

  /** What the handler sees as the controller of its request, whichever attempt it is. */
  readonly controller: Controller = ((exchange: Exchange) => ({
    get aborted() {
      return exchange.signal.aborted;
    },
    get reason() {
      return exchange.signal.aborted ? exchange.signal.reason : null;
    },
    get paused() {
      return exchange.#isPaused;
    },
    get rawHeaders() {
      return exchange.#attempt?.controller?.rawHeaders;
    },
    get rawTrailers() {
      return exchange.#attempt?.controller?.rawTrailers;
    },
    abort: (reason: unknown) => exchange.abort(reason),
    pause: () => {
      exchange.#isPaused = true;
      exchange.#attempt?.controller?.pause();
    },
    resume: () => {
      exchange.#isPaused = false;
      exchange.#attempt?.goOn();
    },
  }))(this);

  readonly abort: Abort = (reason) => {
    this.#waiting.abort(reason);
    this.#attempt?.abort?.(reason);
  };

  /** Lets the caller abort from now on. */
  begin(context?: unknown): void {
    const { onRequestStart } = this.#handler;
    if (onRequestStart !== undefined) onRequestStart.call(this.#handler, this.controller, context);
    else this.#handler.onConnect?.(this.abort, context);
  }

  /**
   * Sends the request. What comes back goes to the handler at once, unless it refuses the call or its body is looked into: then
   * it is kept.
   * @returns status and headers, when they have come
   */
  send(sifting: Sifting): Promise<Answered> {
    const attempt = new Attempt(this, this.#handler, sifting);
    this.#attempt = attempt;
    try {
      this.#dispatch(this.#request, this.#handler.onRequestStart === undefined ? attempt.older : attempt.newer);
    } catch (error) {
      this.#attempt = undefined;
      throw error;
    }
    return attempt.answered;
  }

  /** What there is to read in the body, when it has come; undefined if nobody looks into it. */
  get body(): Promise<unknown> | undefined {
    return this.#attempt?.body;
  }

  /** Gives the caller what was kept, and the rest as it comes. After an abort it is too late for that. */
  handOver(): void {
    if (!this.#attempt?.isKept) return;
    if (!this.signal.aborted) {
      this.#attempt.goOn();
      return;
    }
    this.discard();
    this.fail(this.signal.reason);
  }

  /** Frees the connection of what was kept: nobody will read it. */
  discard(): void {
    this.#attempt?.drop();
    this.#attempt = undefined;
  }

  /** Tells the caller that the request was not sent. The error of one that was sent was told when it came. */
  fail(error: unknown): void {
    if (this.#attempt !== undefined) return;
    const { onResponseError } = this.#handler;
    if (onResponseError !== undefined) onResponseError.call(this.#handler, this.controller, error);
    else this.#handler.onError?.(error);
  }
}
