import type { Answered } from './answer.ts';
import { type Abort, type Controller, headersOf, type UndiciHandler } from './undici-handler.ts';

/** The most of a refused answer's body that is kept, in bytes; the rest waits on its connection. */
const mostKept = 65_536;

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
  readonly #owner: Owner;
  readonly #to: UndiciHandler;
  readonly #isRefusal: (answer: Answered) => boolean;
  #resolve!: (answer: Answered) => void;
  #reject!: (error: unknown) => void;
  #resume: (() => void) | undefined;
  /** Each tells the caller's handler, and says whether it can take more. */
  #kept: (() => boolean)[] | undefined;
  #size = 0;
  #isEnded = false;
  #isDropped = false;

  /** @param isRefusal picks the answers to keep */
  constructor(owner: Owner, to: UndiciHandler, isRefusal: (answer: Answered) => boolean) {
    this.#owner = owner;
    this.#to = to;
    this.#isRefusal = isRefusal;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Gives the caller what was kept. */
  handOver(): void {
    if (this.#kept !== undefined) this.goOn();
  }

  /** Tells what was kept and lets the rest come, as far as the caller's handler can take it. */
  goOn(): void {
    for (let next = this.#kept?.shift(); next !== undefined; next = this.#kept?.shift()) if (!next()) return;
    this.#kept = undefined;
    this.#resume?.();
  }

  /** Forgets what was kept. */
  drop(): void {
    this.#isDropped = true;
    this.#kept = [];
    if (!this.#isEnded) this.abort?.();
  }

  /** For undici 6. */
  get older(): UndiciHandler {
    const to = this.#to;
    return {
      onConnect: (abort, context) => this.#connected(abort, context),
      onResponseStarted: () => to.onResponseStarted?.(),
      onUpgrade: (...args) => to.onUpgrade?.(...args),
      onBodySent: (...args) => to.onBodySent?.(...args),
      onHeaders: (status, headers, resume, statusText) => {
        if (status < 200) return to.onHeaders?.(status, headers, resume, statusText) ?? true;
        this.#resume = resume;
        this.#hear({ status, headers: headersOf(headers) });
        return this.#tell(() => to.onHeaders?.(status, headers, () => this.goOn(), statusText) !== false);
      },
      onData: (chunk) => this.#tell(() => to.onData?.(chunk) !== false, chunk.length),
      onComplete: (trailers) => {
        this.#end(() => to.onComplete?.(trailers));
      },
      onError: (error) => {
        this.#end(() => to.onError?.(error));
        this.#reject(error);
      },
    };
  }

  /** For undici 7. */
  get newer(): UndiciHandler {
    const to = this.#to;
    const { controller } = this.#owner;
    const tell = (event: () => void, size = 0) => {
      const canTakeMore = this.#tell(() => {
        event();
        return !controller.paused;
      }, size);
      if (!canTakeMore) this.controller?.pause();
    };
    return {
      onRequestStart: (own, context) => {
        this.controller = own;
        this.#resume = () => own.resume();
        this.#connected((reason) => own.abort(reason), context);
      },
      onRequestUpgrade: (_, ...args) => to.onRequestUpgrade?.(controller, ...args),
      onResponseStart: (_, status, headers, statusText) => {
        if (status < 200) return to.onResponseStart?.(controller, status, headers, statusText);
        this.#hear({ status, headers });
        tell(() => to.onResponseStart?.(controller, status, headers, statusText));
      },
      onResponseData: (_, chunk) => tell(() => to.onResponseData?.(controller, chunk), chunk.length),
      onResponseEnd: (_, trailers) => {
        this.#end(() => to.onResponseEnd?.(controller, trailers));
      },
      onResponseError: (_, error) => {
        this.#end(() => to.onResponseError?.(controller, error));
        this.#reject(error);
      },
    };
  }

  #connected(abort: Abort, context: unknown): void {
    this.abort = abort;
    const { signal } = this.#owner;
    if (signal.aborted) abort(signal.reason);
    else if (!this.#isDropped) this.#owner.begin(context);
  }

  #hear(answer: Answered): void {
    if (this.#isRefusal(answer)) this.#kept = [];
    this.#resolve(answer);
  }

  #tell(event: () => boolean, size = 0): boolean {
    if (this.#isDropped) return true;
    if (this.#kept === undefined) return event();
    this.#kept.push(event);
    this.#size += size;
    return this.#size <= mostKept;
  }

  #end(event: () => void): void {
    this.#isEnded = true;
    this.#tell(() => {
      event();
      return true;
    });
  }
}
