import type { AdapterLink } from '../core/adapter-link.ts';
import { isThrottleError } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import { isPromise } from '../core/store.ts';
import type { Throttle } from '../core/throttle.ts';
import type { CallTerms } from './call-options.ts';

/** Where calls wait. */
export interface Line {
  readonly throttle: Throttle;
  readonly link: AdapterLink;
}

/** One call, as its client sends it. */
export interface Sendable<Answer> {
  /** Ends the wait when it aborts. */
  readonly signal: AbortSignal | undefined;
  send(): Promise<Answer>;
  /**
   * Ends the call the client's own way after an abort; nothing was sent.
   * @default rejects with the signal's reason
   */
  leave?(): Promise<Answer>;
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

/**
 * Waits for a call's turn and takes its place. One that asks for nothing but its turn and may go at once takes few steps.
 * @throws what `wait` rejects with
 */
export function enter(
  link: AdapterLink,
  { key, cost, priority, maxWait }: Omit<CallTerms<never>, 'settle'>,
  signal: AbortSignal | undefined,
): Grant | Promise<Grant> {
  const isPlain = cost === undefined && priority === undefined && maxWait === undefined;
  const grant = isPlain && (signal === undefined || signal.aborted === false) ? link.enterNow(key) : undefined;
  return grant ?? link.enter(key, { cost, priority, maxWait, signal });
}

/** Sends a call when its turn comes, and again as often as it may be when the server refuses it for its quota. */
export async function sendInTurn<Answer>(
  { link }: Line,
  terms: Omit<CallTerms<never>, 'settle'>,
  call: Sendable<Answer>,
): Promise<Answer> {
  const { signal } = call;
  let refused: Answer | undefined;
  for (let attempt = 0; ; attempt++) {
    let grant: Grant;
    try {
      const entered = enter(link, terms, signal);
      grant = isPromise(entered) ? await entered : entered;
    } catch (error) {
      if (signal?.aborted) {
        if (refused !== undefined) call.discard(refused);
        if (call.leave !== undefined) return call.leave();
        throw signal.reason;
      }
      if (refused !== undefined && isThrottleError(error)) return refused;
      throw error;
    }
    try {
      if (refused !== undefined) call.discard(refused);
      link.noteDeparture(grant);
      const answer = await call.send();
      link.noteArrival(grant);
      const heard = call.hear(grant, answer);
      const isRefused = typeof heard === 'boolean' ? heard : await heard;
      // An abort in the meantime may leave an answer that cannot be read: that of Node's fetch, which was copied.
      if (heard !== isRefused && signal?.aborted) throw signal.reason;
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
