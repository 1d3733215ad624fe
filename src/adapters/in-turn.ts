import { hasMethods } from '../core/base/check.ts';
import { isThrottleError } from '../core/base/errors.ts';
import type { CallOutcome } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import { isPromise } from '../core/base/store.ts';
import { ignoreAbort, onAbort, reasonOf } from '../core/line/abort-signals.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CallTerms } from './call-options.ts';
import { holdStream, isNodeStream } from './held-streams.ts';
import type { Link } from './link.ts';

/** Where calls wait. */
export interface Line {
  readonly throttle: Pick<Throttle, 'settle'>;
  readonly link: Link;
  /**
   * Whether the time from departure to arrival is that of the network.
   * @default true
   */
  readonly tellsOfNetwork?: boolean;
}

/** What may end the wait of a call. */
export interface Waiting {
  /** Ends the wait when it aborts. */
  readonly signal: AbortSignal | undefined;
  /**
   * Whether the client ends an aborted call, without sending it.
   * @default false: it rejects with the signal's reason
   */
  readonly endsAborted?: boolean;
  /** What the client sends, if it may be a Node stream: when a stream fails, the client ends the call. */
  readonly bodies?: readonly unknown[] | undefined;
}

/** One call, as its client sends it. */
export interface Sendable<Answer> extends Waiting {
  send(): Promise<Answer>;
  /**
   * Reads what an answer tells about the quota, before the call's place is free for the next.
   * @returns whether the server refused the call for it
   */
  hear(grant: Grant, answer: Answer): boolean | Promise<boolean>;
  /**
   * Whether the client rejects with this answer.
   * @default none is
   */
  isFailure?(answer: Answer): boolean;
  canBeSentAgain(): boolean;
  /** Frees the resources of an answer that will not be read. */
  discard(answer: Answer): void;
  /** Settles a call that was not refused. */
  settle?: ((grant: Grant, answer: Answer) => void) | undefined;
}

/** After this wait, in ms, the abort of a call may be a time-out. */
const longWait = 500;

type Terms = Omit<CallTerms<never>, 'settle'>;

/**
 * Waits for a call's turn and takes its place. A call without options that may go at once takes few steps.
 * @param leave lets the client end the call early: inside the abort event, when fetch locks a Request's body
 * @returns undefined if the client ended it
 * @throws what `wait` rejects with
 */
export function turnOf(
  link: Link,
  { key, cost, priority, maxWait }: Terms,
  { signal, endsAborted, bodies = [] }: Waiting,
  leave: () => void,
): Grant | Promise<Grant | undefined> {
  const isPlain = cost === undefined && priority === undefined && maxWait === undefined && !signal?.aborted;
  const grant = isPlain && link.enterNow(key);
  if (grant) return grant;
  const streams = signal?.aborted ? [] : bodies.filter(isNodeStream);
  const withdrawal = streams.length > 0 ? new AbortController() : undefined;
  const entered = link.enter(key, { cost, priority, maxWait, signal: withdrawal?.signal ?? signal });
  if (!isPromise(entered) || !(withdrawal ?? (endsAborted && signal))) return entered;
  const since = link.clock.monotonic();
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = () => {
      withdrawal?.abort(signal?.reason);
      // Then the line rejects the call.
      const isAborted = signal?.aborted;
      if (isOver || (isAborted && !endsAborted)) return;
      if (isAborted && link.clock.monotonic() - since >= longWait)
        link.warn(
          'abort',
          key,
          'aborted in line, not sent. If an SDK timed out, use `throttleCalls`: docs/adapters.md#time-outs',
        );
      finish(undefined);
      leave();
    };
    const releases = streams.flatMap((stream) => holdStream(stream, end));
    const stop = () => {
      isOver = true;
      if (signal) ignoreAbort(signal, end);
    };
    const finish = (grant: Grant | undefined) => {
      stop();
      for (const release of releases) release();
      resolve(grant);
    };
    if (signal) onAbort(signal, end);
    entered.then(
      (grant) => (isOver ? link.leave(grant, 'aborted') : finish(grant)),
      (error: unknown) => {
        // The streams of a call that is not sent stay watched, because there may be no other listener.
        stop();
        reject(error);
      },
    );
  });
}

/** Sends a call when its turn comes, and up to `retry` times again if the server refuses it for its quota. */
export async function sendInTurn<Answer>(
  { link, tellsOfNetwork = true }: Line,
  terms: Terms,
  call: Sendable<Answer>,
): Promise<Answer> {
  const { signal } = call;
  let refused: Answer | undefined;
  let left: Promise<Answer> | undefined;
  const discard = () => {
    if (refused) call.discard(refused);
  };
  const leave = () => {
    discard();
    left = (async () => call.send())();
    return left;
  };
  for (let attempt = 0; ; attempt++) {
    let grant: Grant | undefined;
    try {
      const entered = turnOf(link, terms, call, leave);
      grant = isPromise(entered) ? await entered : entered;
    } catch (error) {
      if (!signal?.aborted) {
        if (refused && isThrottleError(error)) return refused;
        discard();
        throw error;
      }
      if (call.endsAborted) return leave();
      discard();
      throw reasonOf(signal);
    }
    if (!grant) return left as Promise<Answer>;
    let outcome: CallOutcome = 'error';
    try {
      discard();
      link.noteDeparture(grant, tellsOfNetwork);
      const answer = await call.send();
      if (tellsOfNetwork) link.noteArrival(grant);
      const heard = call.hear(grant, answer);
      const isRefused = typeof heard === 'boolean' ? heard : await heard;
      // An abort in the meantime may leave an unreadable answer: a copied one of Node's fetch.
      if (heard !== isRefused && signal?.aborted) throw reasonOf(signal);
      if (isRefused) outcome = 'refused';
      else if (!call.isFailure?.(answer)) outcome = 'ok';
      if (!isRefused) call.settle?.(grant, answer);
      if (!isRefused || attempt >= terms.retry || !call.canBeSentAgain()) return answer;
      refused = answer;
    } finally {
      link.leave(grant, outcome, signal);
    }
  }
}

/** Whether a value is a signal, of this window or of another. */
export function isSignal(signal: unknown): signal is AbortSignal {
  const isLikeOne = typeof (signal as Partial<AbortSignal>).aborted === 'boolean';
  return isLikeOne && hasMethods(signal, 'addEventListener', 'removeEventListener');
}
