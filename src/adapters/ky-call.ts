import { isThrottleError } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import { type CallOptions, type CallTerms, termsOf } from './call-options.ts';
import type { Line } from './in-turn.ts';
import { placeOf } from './place.ts';
import { canBeSentAgain, type FetchArguments, isRequest } from './request-snapshot.ts';
import { discardResponse, hearResponse } from './response.ts';

/** One request of ky, as the options' functions see it. */
export interface KyCall {
  readonly url: URL;
  /** In upper case. */
  readonly method: string;
  /** As the hooks before left it. */
  readonly request: Request;
}

/** What a hook is told, by ky 1 in several arguments, by ky 2 in one. */
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
  /** Frees the call's place. */
  end(): void;
}

/** What becomes of one call of ky, its retries included. */
export class CallInTurn {
  readonly #line: Line;
  readonly #options: CallOptions<KyCall, Response>;
  #call: KyCall | undefined;
  #terms: CallTerms<Response> | undefined;
  /** The turn of an attempt that has not left yet. */
  #turn: Turn | undefined;
  /** The attempt goes without a turn: it is not ours to hold back, or it was aborted and fails as fetch does. */
  #isFree = false;
  /** The status of the last answer if it refused the call for its quota. */
  #refusedWith: number | undefined;
  #hearAnswer: ((response: Response) => Promise<void>) | undefined;

  constructor(line: Line, options: CallOptions<KyCall, Response>) {
    this.#line = line;
    this.#options = options;
  }

  /** Waits before the first attempt. */
  async beforeRequest(args: readonly unknown[]): Promise<void> {
    const { request, options, retryCount } = stateOf(args);
    // Ky 1 comes here at each attempt, and `beforeRetry` has waited for the others.
    if (retryCount > 0) return;
    try {
      await this.#takeTurn(request);
    } catch (error) {
      // Ky 1 would take it for a failed request and try again.
      if (isRequest(args[0])) options.retry.limit = 0;
      throw error;
    }
  }

  /** Waits before another attempt, unless its turn came already. */
  async beforeRetry({ request, error }: HookState): Promise<void> {
    if (this.#turn !== undefined) return;
    try {
      await this.#takeTurn(request);
    } catch (reason) {
      const isAnswered = this.#refusedWith !== undefined && (error as Partial<HookState>).response !== undefined;
      throw isAnswered && isThrottleError(reason) ? error : reason;
    }
  }

  /** Sends an attempt whose turn has come, and sees it end. */
  async send(send: typeof fetch, args: FetchArguments): Promise<Response> {
    // In ky 1 a hook that gives a new Request keeps the hooks after it from being called, ours too.
    if (this.#turn === undefined && !this.#isFree) await this.#takeTurn(args[0] as Request);
    const turn = this.#turn;
    this.#turn = undefined;
    this.#isFree = false;
    if (turn === undefined) return send(...args);
    try {
      const hearAnswer = this.#depart(turn.grant);
      const response = await send(...args);
      await hearAnswer(response);
      return response;
    } finally {
      turn.end();
    }
  }

  /** Notes that an attempt leaves that nobody will see end, and frees its place. */
  leave(): void {
    if (this.#turn === undefined) return;
    this.#hearAnswer = this.#depart(this.#turn.grant);
    this.#turn.end();
    this.#turn = undefined;
  }

  /** Hears the answer to an attempt that was seen to leave. */
  async hearAnswer(response: Response): Promise<void> {
    const hearAnswer = this.#hearAnswer;
    this.#hearAnswer = undefined;
    await hearAnswer?.(response);
  }

  /** Waits for the turn to send a refused call again; false if it is not to be sent again. */
  async takeNextTurn(
    { request, options, response, retryCount }: HookState,
    input: RequestInfo | URL,
  ): Promise<boolean> {
    // A hook may have put another answer in the place of a refusal.
    if (this.#terms === undefined || response.status !== this.#refusedWith) return false;
    if (retryCount >= Math.min(this.#terms.retry, options.retry.limit)) return false;
    if (!canBeSentAgain([input, { body: options.body ?? null }])) return false;
    try {
      await this.#takeTurn(request);
      return true;
    } catch (error) {
      if (isThrottleError(error)) return false;
      throw error;
    }
  }

  async #takeTurn(request: Request): Promise<void> {
    const place = placeOf(request.url);
    const call = place && { url: new URL(place.href), method: request.method.toUpperCase(), request };
    const { signal } = request;
    this.#isFree = call === undefined || signal.aborted || request.bodyUsed || this.#options.match?.(call) === false;
    if (call === undefined || this.#isFree) return;
    this.#call = call;
    this.#terms = termsOf(this.#options, call, call.url.origin);
    try {
      this.#turn = await turnOf(this.#line, this.#terms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#isFree = true;
    }
  }

  #depart(grant: Grant): (response: Response) => Promise<void> {
    const { throttle, link } = this.#line;
    const { key, settle } = this.#terms as CallTerms<Response>;
    const call = this.#call as KyCall;
    link.noteDeparture(grant);
    return async (response) => {
      link.noteArrival(grant);
      const isRefused = await hearResponse(link, key, grant, this.#options, call, response);
      this.#refusedWith = isRefused ? response.status : undefined;
      if (!isRefused) settle?.(throttle, grant, () => response.clone(), discardResponse);
    };
  }
}

/** Waits for a turn, which an abort ends if nothing else does. */
async function turnOf(
  { link }: Line,
  { key, cost, priority, maxWait }: CallTerms<Response>,
  signal: AbortSignal,
): Promise<Turn> {
  const grant = await link.enter(key, { cost, priority, maxWait, signal });
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener('abort', end);
    link.leave(grant);
  };
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  return { grant, end };
}
