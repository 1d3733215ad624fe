import { isThrottleError } from '../core/base/errors.ts';
import type { Grant } from '../core/base/grant.ts';
import { isPromise } from '../core/base/store.ts';
import { ignoreAbort, onAbort, reasonOf } from '../core/line/abort-signals.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CallTerms } from './call-options.ts';
import { holdStream, isNodeStream } from './held-streams.ts';
import type { AdapterLink } from './link.ts';

/** Where calls wait. */
export interface Line {
  readonly throttle: Throttle;
  readonly link: AdapterLink;
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
  /** What the client sends, where that may be a stream of Node's: when one fails, the client ends the call. */
  readonly bodies?: readonly unknown[] | undefined;
}

/** One call, as its client sends it. */
export interface Sendable<Answer> extends Waiting {
  send(): Promise<Answer>;
  /**
   * Hears what an answer says about the quota, before the call's place is free for the next.
   * @returns whether the server refused the call for it
   */
  hear(grant: Grant, answer: Answer): boolean | Promise<boolean>;
  canBeSentAgain(): boolean;
  /** Frees what an answer holds that nobody will read. */
  discard(answer: Answer): void;
  /** Settles a call that was not refused. */
  settle?: ((grant: Grant, answer: Answer) => void) | undefined;
}

type Terms = Omit<CallTerms<never>, 'settle'>;

/**
 * Waits for a call's turn as `enter` does.
 * @param leave has the client end the call before: in the event of an abort, when fetch lays hold of a Request's body
 * @returns undefined if the client ended it
 */
export function turnOf(
  link: AdapterLink,
  terms: Terms,
  { signal, endsAborted, bodies }: Waiting,
  leave: () => void,
): Grant | Promise<Grant | undefined> {
  const streams = signal?.aborted ? undefined : bodies?.filter(isNodeStream);
  const withdrawal = streams?.length ? new AbortController() : undefined;
  const entered = enter(link, terms, withdrawal?.signal ?? signal);
  if (!isPromise(entered) || !(withdrawal ?? (endsAborted && signal))) return entered;
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = () => {
      withdrawal?.abort(signal?.reason);
      // Then the line rejects the call.
      if (isOver || (signal?.aborted && !endsAborted)) return;
      finish(true);
      leave();
      resolve(undefined);
    };
    const releases = streams?.map((stream) => holdStream(stream, end));
    /** Streams of a call that is not sent stay watched: nobody else may do it. */
    const finish = (isSent: boolean) => {
      isOver = true;
      if (signal) ignoreAbort(signal, end);
      if (isSent) for (const release of releases ?? []) release();
    };
    if (signal) onAbort(signal, end);
    entered.then(
      (grant) => {
        if (isOver) return link.leave(grant);
        finish(true);
        resolve(grant);
      },
      (error: unknown) => {
        if (isOver) return;
        finish(false);
        reject(error);
      },
    );
  });
}

/**
 * Waits for a call's turn and takes its place. One that asks for nothing but its turn and may go at once takes few steps.
 * @throws what `wait` rejects with
 */
function enter(
  link: AdapterLink,
  { key, cost, priority, maxWait }: Terms,
  signal: AbortSignal | undefined,
): Grant | Promise<Grant> {
  const isPlain = cost === undefined && priority === undefined && maxWait === undefined;
  const grant = isPlain && (signal === undefined || signal.aborted === false) ? link.enterNow(key) : undefined;
  return grant ?? link.enter(key, { cost, priority, maxWait, signal });
}

/** Sends a call when its turn comes, and again as often as it may be when the server refuses it for its quota. */
export async function sendInTurn<Answer>(
  { link, tellsOfNetwork = true }: Line,
  terms: Terms,
  call: Sendable<Answer>,
): Promise<Answer> {
  const { signal } = call;
  let refused: Answer | undefined;
  let left: Promise<Answer> | undefined;
  const leave = () => {
    if (refused !== undefined) call.discard(refused);
    left = (async () => call.send())();
    return left;
  };
  for (let attempt = 0; ; attempt++) {
    let grant: Grant;
    try {
      const entered = turnOf(link, terms, call, leave);
      const turn = isPromise(entered) ? await entered : entered;
      if (turn === undefined) return left as Promise<Answer>;
      grant = turn;
    } catch (error) {
      if (signal?.aborted) {
        if (call.endsAborted) return leave();
        if (refused !== undefined) call.discard(refused);
        throw reasonOf(signal);
      }
      if (refused !== undefined && isThrottleError(error)) return refused;
      throw error;
    }
    try {
      if (refused !== undefined) call.discard(refused);
      if (tellsOfNetwork) link.noteDeparture(grant);
      const answer = await call.send();
      if (tellsOfNetwork) link.noteArrival(grant);
      const heard = call.hear(grant, answer);
      const isRefused = typeof heard === 'boolean' ? heard : await heard;
      // An abort in the meantime may leave an answer that cannot be read: that of Node's fetch, which was copied.
      if (heard !== isRefused && signal?.aborted) throw reasonOf(signal);
      if (!isRefused) call.settle?.(grant, answer);
      if (!isRefused || attempt >= terms.retry || !call.canBeSentAgain()) return answer;
      refused = answer;
    } finally {
      link.leave(grant);
    }
  }
}

/** Whether a value can be listened to as a signal, of this window or of another. */
export function isSignal(signal: unknown): signal is AbortSignal {
  const { aborted, addEventListener, removeEventListener } = signal as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  );
}
