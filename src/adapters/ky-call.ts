import { isThrottleError } from '../core/base/errors.ts';
import type { CallOutcome } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import { isPromise } from '../core/base/store.ts';
import { reasonOf } from '../core/line/abort-signals.ts';
import { type CallOptions, type CallTerms, looksAtCalls, termsBy } from './call-options.ts';
import { type Line, turnOf } from './in-turn.ts';
import { placeOf } from './place.ts';
import { canBeSentAgain, type FetchArguments, isRequest } from './request-snapshot.ts';
import { discardResponse, hearResponse } from './response.ts';

/** One request of ky, as functions in the options get it. */
export interface KyCall {
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** As left by the earlier hooks. */
  readonly request: Request;
}

/** The arguments of a hook: several in ky 1, one in ky 2. */
export interface HookState {
  readonly request: Request;
  readonly options: {
    readonly headers: Headers;
    readonly body?: BodyInit | null;
    readonly retry: { limit: number };
  };
  readonly retryCount: number;
  readonly response: Response;
  readonly error: unknown;
}

/** Reads the arguments of a hook of either version. */
export function stateOf(args: readonly unknown[]): HookState {
  const [first, options, response] = args;
  if (!isRequest(first)) return first as HookState;
  const last = args.at(-1) as { retryCount: number };
  return { request: first, options, response, retryCount: last.retryCount, error: undefined } as HookState;
}

/** A call's turn, from its grant until it ends. */
interface Turn {
  readonly grant: Grant;
  /** Frees the call's place. Undefined if its end is not visible. */
  end(outcome?: CallOutcome): void;
}

type HearAnswer = (response: Response, signal: AbortSignal) => Promise<void>;

/** Used for a call if no option is a function. */
const unseen = {} as KyCall;

/** The common part of the calls of one instance. */
export class KyLine {
  readonly line: Line;
  readonly options: CallOptions<KyCall, Response>;
  readonly isLookedAt: boolean;
  readonly termsOf: (call: KyCall, defaultKey: string) => CallTerms<Response>;

  constructor(line: Line, options: CallOptions<KyCall, Response>) {
    this.line = line;
    this.options = options;
    this.isLookedAt = looksAtCalls(options);
    this.termsOf = termsBy(options);
  }
}

/** One call of ky, with its retries. */
export class CallInTurn {
  readonly #line: KyLine;
  /** The promise that ky gave its caller, if known. */
  result: unknown;
  /** Whether ky may end the call between its turn and the first attempt. */
  readonly #mayEndEarly: boolean;
  #call: KyCall = unseen;
  #terms: CallTerms<Response> | undefined;
  /** The turn of an attempt that has not left yet. */
  #turn: Turn | undefined;
  /** The attempt goes without a turn: it is not throttled, or it was aborted and fails as fetch does. */
  #isFree = false;
  /** The status of the last answer if it refused the call for its quota. */
  #refusedWith: number | undefined;
  #hearAnswer: HearAnswer | undefined;

  constructor(line: KyLine, mayEndEarly: boolean) {
    this.#line = line;
    this.#mayEndEarly = mayEndEarly;
  }

  /** Waits before the first attempt. */
  async beforeRequest(args: readonly unknown[]): Promise<void> {
    const { request, options, retryCount } = stateOf(args);
    // Ky 1 calls this at each attempt, and `beforeRetry` has waited for the later ones.
    if (retryCount > 0) return;
    try {
      await this.#takeTurn(request, this.#mayEndEarly, options.body);
    } catch (error) {
      // Ky 1 would treat it as a failed request and try again.
      if (isRequest(args[0])) options.retry.limit = 0;
      throw error;
    }
  }

  /** Waits before another attempt, unless its turn came already. */
  async beforeRetry({ request, error }: HookState): Promise<void> {
    if (this.#turn !== undefined) return;
    try {
      await this.#takeTurn(request, true);
    } catch (reason) {
      const isAnswered = this.#refusedWith !== undefined && (error as Partial<HookState>).response !== undefined;
      throw isAnswered && isThrottleError(reason) ? error : reason;
    }
  }

  /** Sends an attempt in its turn, and notes its end. */
  async send(send: typeof fetch, args: FetchArguments): Promise<Response> {
    // In ky 1, a hook that returns a new Request prevents later hooks, ours too.
    if (this.#turn === undefined && !this.#isFree) await this.#takeTurn(args[0] as Request, false);
    const turn = this.#turn;
    this.#turn = undefined;
    this.#isFree = false;
    if (turn === undefined) return send(...args);
    let outcome: CallOutcome = 'error';
    try {
      const hearAnswer = this.#depart(turn.grant);
      const response = await send(...args);
      await hearAnswer(response, (args[0] as Request).signal);
      outcome = this.#refusedWith === undefined ? 'ok' : 'refused';
      return response;
    } finally {
      turn.end(outcome);
    }
  }

  /** Notes the departure of an attempt without a visible end, and frees its place. */
  leave(): void {
    if (this.#turn === undefined) return;
    this.#hearAnswer = this.#depart(this.#turn.grant);
    this.#turn.end();
    this.#turn = undefined;
  }

  /** Reads the answer to an attempt whose departure was noted. */
  async hearAnswer({ request, response }: HookState): Promise<void> {
    const hearAnswer = this.#hearAnswer;
    this.#hearAnswer = undefined;
    await hearAnswer?.(response, request.signal);
  }

  /** Waits for the turn to send a refused call again; false if it must not be sent again. */
  async takeNextTurn(
    { request, options, response, retryCount }: HookState,
    input: RequestInfo | URL,
  ): Promise<boolean> {
    // A hook may have replaced a refusal by another answer.
    const refusedWith = this.#refusedWith;
    if (this.#terms === undefined || refusedWith === undefined || response.status !== refusedWith) return false;
    if (retryCount >= Math.min(this.#terms.retry, options.retry.limit)) return false;
    if (!canBeSentAgain([input, { body: options.body ?? null }])) return false;
    try {
      await this.#takeTurn(request, true);
      return true;
    } catch (error) {
      if (isThrottleError(error)) return false;
      throw error;
    }
  }

  /**
   * @param mayEnd whether ky may end the call before it sends the attempt
   * @param body of the first attempt, as its caller gave it
   */
  async #takeTurn(request: Request, mayEnd: boolean, body?: BodyInit | null): Promise<void> {
    const { line, options, isLookedAt, termsOf } = this.#line;
    const place = placeOf(request.url);
    const { signal } = request;
    this.#isFree = place === undefined || signal.aborted || request.bodyUsed;
    if (place === undefined || this.#isFree) return;
    if (isLookedAt) this.#call = { url: new URL(place.href), method: request.method.toUpperCase(), request };
    this.#isFree = options.match?.(this.#call) === false;
    if (this.#isFree) return;
    const terms = termsOf(this.#call, place.origin);
    this.#terms = terms;
    const entered = turnOf(line.link, terms, { signal, endsAborted: true, bodies: [body] }, () => {});
    const grant = isPromise(entered) ? await entered : entered;
    this.#isFree = grant === undefined;
    if (grant === undefined) return;
    this.#turn = mayEnd
      ? this.#turnUntilEnd(grant, signal)
      : { grant, end: (outcome) => line.link.leave(grant, outcome, signal) };
  }

  /** A turn that an abort ends; it also ends ky's call, if nothing else does. */
  #turnUntilEnd(grant: Grant, signal: AbortSignal): Turn {
    const { link } = this.#line.line;
    let isOver = false;
    const end = (outcome?: CallOutcome) => {
      if (isOver) return;
      isOver = true;
      // Browsers keep a signal that follows the caller's, and everything its listeners hold, as long as the caller's
      // signal lives.
      signal.removeEventListener('abort', fail);
      link.leave(grant, outcome, signal);
    };
    const fail = () => end('error');
    signal.addEventListener('abort', fail);
    if (signal.aborted) fail();
    (this.result as Promise<unknown> | undefined)?.then(() => end('ok'), fail);
    return { grant, end };
  }

  #depart(grant: Grant): HearAnswer {
    const { throttle, link } = this.#line.line;
    const { options } = this.#line;
    const { key, settle } = this.#terms as CallTerms<Response>;
    const call = this.#call;
    link.noteDeparture(grant);
    return async (response, signal) => {
      link.noteArrival(grant);
      const heard = hearResponse(link, key, grant, options, call, response);
      const isRefused = typeof heard === 'boolean' ? heard : await heard;
      // As in sendInTurn.
      if (heard !== isRefused && signal.aborted) throw reasonOf(signal);
      this.#refusedWith = isRefused ? response.status : undefined;
      if (!isRefused) settle?.(throttle, grant, () => response.clone(), discardResponse);
    };
  }
}
