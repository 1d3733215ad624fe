import type { ServerSignal } from '../core/base/server-signal.ts';
import type { Answered } from './answer.ts';
import { longestBody } from './json-body.ts';
import { mayBeRead, readChunks } from './undici-body.ts';
import {
  type Abort,
  type Controller,
  type HeaderRecord,
  headersOf,
  type RawHeaders,
  type UndiciHandler,
} from './undici-handler.ts';

/** The most of a refused answer's body that is kept, in bytes; the rest waits on its connection. */
const mostKept = 65_536;

/** What to do with answers before the caller's handler gets them. */
export interface Sifting {
  /** Reads the signal of an answer; a refusal is kept. */
  read(answer: Answered): ServerSignal;
  /** Whether to look into bodies: those that may be JSON are then kept until they are complete. */
  readonly looksIntoBody: boolean;
}

/** Whose request it is. */
interface Owner {
  readonly signal: AbortSignal;
  readonly controller: Controller;
  begin(context?: unknown): void;
}

/**
 * One attempt to send a request. Its events go to the caller's handler, or are kept until it is known whether they
 * should.
 */
export class Attempt {
  abort: Abort | undefined;
  /** The one of undici 7. */
  controller: Controller | undefined;
  /** Resolves with status and headers, when they have come. */
  readonly answered: Promise<Answered>;
  /** Resolves with the parsed body, when it has come; undefined if it is not looked into. */
  body: Promise<unknown> | undefined;
  /** What status and headers tell about the quota. */
  said: ServerSignal | undefined;
  readonly #owner: Owner;
  readonly #sifting: Sifting;
  #resolve!: (answer: Answered) => void;
  #reject!: (error: unknown) => void;
  /** Lets more of the answer come. */
  resume: (() => void) | undefined;
  /** Each calls the caller's handler, and returns whether it can take more. */
  #kept: (() => boolean)[] | undefined;
  #size = 0;
  /** The received part of a body that is looked into. */
  #chunks: Uint8Array[] | undefined;
  /** Reports that the body has come, or will not be looked into. */
  #bodyCame: ((isReadable: boolean) => void) | undefined;

  constructor(owner: Owner, sifting: Sifting) {
    this.#owner = owner;
    this.#sifting = sifting;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether the answer is still kept from the caller. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Passes on what was kept and lets the rest come, as fast as the caller's handler can take it. */
  goOn(): void {
    for (let next = this.#kept?.shift(); next !== undefined; next = this.#kept?.shift()) if (!next()) return;
    this.#kept = undefined;
    this.resume?.();
  }

  connected(abort: Abort, context: unknown): void {
    this.abort = abort;
    const { signal } = this.#owner;
    if (signal.aborted) abort(signal.reason);
    else this.#owner.begin(context);
  }

  hear(answer: Answered): void {
    const said = this.#sifting.read(answer);
    this.said = said;
    if (this.#sifting.looksIntoBody && mayBeRead(answer)) {
      const chunks: Uint8Array[] = [];
      this.#chunks = chunks;
      const came = new Promise<boolean>((resolve) => {
        this.#bodyCame = resolve;
      });
      this.body = came.then((isReadable) => (isReadable ? readChunks(answer, chunks) : undefined));
    }
    if (this.body !== undefined || said.throttled) this.#kept = [];
    this.#resolve(answer);
  }

  tell(event: () => boolean, chunk?: Uint8Array): boolean {
    if (this.#kept === undefined) return event();
    this.#kept.push(event);
    if (chunk === undefined) return true;
    this.#size += chunk.length;
    this.#chunks?.push(chunk);
    if (this.#size <= (this.body === undefined ? mostKept : longestBody)) return true;
    this.#bodyCame?.(false);
    return false;
  }

  fail(error: unknown, event: () => void): void {
    this.#bodyCame?.(false);
    this.end(event);
    this.#reject(error);
  }

  end(event: () => void): void {
    this.tell(() => {
      event();
      return true;
    });
    this.#bodyCame?.(true);
  }
}

/** Receives the events of an attempt for a handler of undici 6. */
export class OlderHandler implements UndiciHandler {
  readonly #attempt: Attempt;
  readonly #to: UndiciHandler;

  constructor(attempt: Attempt, to: UndiciHandler) {
    this.#attempt = attempt;
    this.#to = to;
  }

  onConnect(abort: Abort, context?: unknown): void {
    this.#attempt.connected(abort, context);
  }

  onResponseStarted(): void {
    this.#to.onResponseStarted?.();
  }

  onBodySent(size: number, total: number): void {
    this.#to.onBodySent?.(size, total);
  }

  onRequestSent(): void {
    this.#to.onRequestSent?.();
  }

  onHeaders(status: number, headers: RawHeaders, resume: () => void, statusText?: string): boolean {
    const attempt = this.#attempt;
    const to = this.#to;
    if (status < 200) return to.onHeaders?.(status, headers, resume, statusText) ?? true;
    attempt.resume = resume;
    attempt.hear({ status, headers: headersOf(headers) });
    return attempt.tell(() => to.onHeaders?.(status, headers, () => attempt.goOn(), statusText) !== false);
  }

  onData(chunk: Uint8Array): boolean {
    return this.#attempt.tell(() => this.#to.onData?.(chunk) !== false, chunk);
  }

  onComplete(trailers: unknown): void {
    this.#attempt.end(() => this.#to.onComplete?.(trailers));
  }

  onError(error: unknown): void {
    this.#attempt.fail(error, () => this.#to.onError?.(error));
  }
}

/** Receives the events of an attempt for a handler of undici 7. */
export class NewerHandler implements UndiciHandler {
  readonly #attempt: Attempt;
  readonly #to: UndiciHandler;
  readonly #controller: Controller;

  /** @param controller the controller that the handler gets for its request */
  constructor(attempt: Attempt, to: UndiciHandler, controller: Controller) {
    this.#attempt = attempt;
    this.#to = to;
    this.#controller = controller;
  }

  onRequestStart(own: Controller, context?: unknown): void {
    const attempt = this.#attempt;
    attempt.controller = own;
    attempt.resume = () => own.resume();
    attempt.connected((reason) => own.abort(reason), context);
  }

  onResponseStarted(): void {
    this.#to.onResponseStarted?.();
  }

  onResponseStart(_: Controller, status: number, headers: HeaderRecord, statusText?: string): void {
    const start = () => this.#to.onResponseStart?.(this.#controller, status, headers, statusText);
    if (status >= 200) {
      this.#attempt.hear({ status, headers });
      this.#tell(start);
    } else start();
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    this.#tell(() => this.#to.onResponseData?.(this.#controller, chunk), chunk);
  }

  onResponseEnd(_: Controller, trailers: unknown): void {
    this.#attempt.end(() => this.#to.onResponseEnd?.(this.#controller, trailers));
  }

  onResponseError(_: Controller, error: unknown): void {
    this.#attempt.fail(error, () => this.#to.onResponseError?.(this.#controller, error));
  }

  #tell(event: () => void, chunk?: Uint8Array): void {
    const attempt = this.#attempt;
    const canTakeMore = attempt.tell(() => {
      event();
      return !this.#controller.paused;
    }, chunk);
    if (!canTakeMore) attempt.controller?.pause();
  }
}
