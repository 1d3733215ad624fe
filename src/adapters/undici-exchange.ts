import type { Answered } from './answer.ts';
import { Attempt, NewerHandler, OlderHandler, type Sifting } from './undici-attempt.ts';
import type { Abort, Controller, Dispatch, UndiciHandler, UndiciRequest } from './undici-handler.ts';

/**
 * The part of an AbortSignal that a line uses. Creating a real one takes longer than everything else for a request that
 * need not wait.
 */
class WaitSignal implements Pick<AbortSignal, 'aborted' | 'reason'> {
  aborted = false;
  /** Null before the abort, as in undici's controllers. */
  reason: unknown = null;
  /** Created for the first listener. */
  #listeners: Set<() => void> | undefined;

  addEventListener(_: 'abort', listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners ?? []) listener();
  }
}

/** One request from the caller's handler to the dispatcher, however often it is sent. */
export class Exchange {
  readonly #dispatch: Dispatch;
  readonly #request: UndiciRequest;
  readonly #handler: UndiciHandler;
  readonly #isOlder: boolean;
  readonly #waiting = new WaitSignal();
  #attempt: Attempt | undefined;
  /** Whether the handler takes no more for now. */
  isPaused = false;
  /** The controller of the request that the handler sees for all attempts. */
  readonly controller: Controller = new ExchangeController(this);

  constructor(dispatch: Dispatch, request: UndiciRequest, handler: UndiciHandler) {
    this.#dispatch = dispatch;
    this.#request = request;
    this.#handler = handler;
    this.#isOlder = handler.onRequestStart === undefined || isWrapper(handler);
  }

  /** Ends the wait when the caller aborts. */
  get signal(): AbortSignal {
    return this.#waiting as unknown as AbortSignal;
  }

  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  readonly abort: Abort = (reason) => {
    this.#waiting.abort(reason);
    this.#attempt?.abort?.(reason);
  };

  /** Lets the caller abort from now on. */
  begin(context?: unknown): void {
    if (this.#isOlder) this.#handler.onConnect?.(this.abort, context);
    else this.#handler.onRequestStart?.(this.controller, context);
  }

  /**
   * Sends the request. The answer goes to the handler at once, unless it refuses the call or its body is looked into:
   * then it is kept.
   * @returns status and headers, when they have come
   */
  send(sifting: Sifting): Promise<Answered> {
    const attempt = new Attempt(this, sifting);
    const handler = this.#handler;
    this.#attempt = attempt;
    try {
      const own = this.#isOlder
        ? new OlderHandler(attempt, handler)
        : new NewerHandler(attempt, handler, this.controller);
      this.#dispatch(this.#request, own);
    } catch (error) {
      this.#attempt = undefined;
      throw error;
    }
    return attempt.answered;
  }

  /** Resolves with the parsed body, when it has come; undefined if it is not looked into. */
  get body(): Promise<unknown> | undefined {
    return this.#attempt?.body;
  }

  /** Gives the caller what was kept, and the rest as it comes; not after an abort. */
  handOver(): void {
    if (!this.#attempt?.isKept) return;
    if (!this.signal.aborted) {
      this.#attempt.goOn();
      return;
    }
    this.discard();
    this.fail(this.signal.reason);
  }

  /** Frees the connection of what was kept, which will not be read. If all of it has come, this has no effect. */
  discard(): void {
    this.#attempt?.abort?.();
    this.#attempt = undefined;
  }

  /**
   * Reports to the caller that the request was not sent, or not again. The error of a sent request was reported when it
   * came.
   */
  fail(error: unknown): void {
    if (this.#attempt?.isKept) this.discard();
    if (this.#attempt !== undefined) return;
    if (this.#isOlder) this.#handler.onError?.(error);
    else this.#handler.onResponseError?.(this.controller, error);
  }
}

/**
 * Whether a handler takes both kinds of calls itself, as the wrapper of undici 7 does: it passes those of undici 6 on
 * unchanged, and converts the headers for the others. A handler around it, from an interceptor, is not one.
 */
function isWrapper(handler: UndiciHandler): boolean {
  const own: object = Object.getPrototypeOf(handler) ?? {};
  const takesBoth = Object.hasOwn(own, 'onConnect') && Object.hasOwn(own, 'onRequestStart');
  return takesBoth && Object.keys(handler).length === 0;
}

class ExchangeController implements Controller {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get aborted(): boolean {
    return this.#exchange.signal.aborted;
  }

  get reason(): unknown {
    return this.#exchange.signal.reason;
  }

  get paused(): boolean {
    return this.#exchange.isPaused;
  }

  get rawHeaders(): unknown {
    return this.#exchange.attempt?.controller?.rawHeaders;
  }

  get rawTrailers(): unknown {
    return this.#exchange.attempt?.controller?.rawTrailers;
  }

  abort(reason: unknown): void {
    this.#exchange.abort(reason);
  }

  pause(): void {
    this.#exchange.isPaused = true;
    this.#exchange.attempt?.controller?.pause();
  }

  resume(): void {
    this.#exchange.isPaused = false;
    this.#exchange.attempt?.goOn();
  }
}
