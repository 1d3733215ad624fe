import type { Grant } from '../core/base/grant.ts';
import type { Answered } from './answer.ts';
import type { CallTerms } from './call-options.ts';
import { isSignal, type Line, sendInTurn } from './in-turn.ts';
import type { Dialect } from './server-signal.ts';
import { answeredBy, type Outcome, saidBy } from './told-answer.ts';
import { withBody } from './told-body.ts';

/** One call of a function. */
export interface Attempted {
  readonly signal: AbortSignal | undefined;
  /** The streams that it sends, as far as they can be found. */
  readonly streams: readonly unknown[] | undefined;
  /** Whether it requests a page: the end of the pages is not a page and costs nothing. */
  readonly isPage: boolean;
  readonly isRepeatable: boolean;
  send(): unknown;
  /** Reads the HTTP answer behind an outcome; returns whether it refuses the call. */
  hear(grant: Grant, answered: Answered): boolean;
  /** The dialect that looks into bodies; undefined if none does. */
  readonly dialect: Dialect | undefined;
}

/** Makes a call when its turn comes, and up to `retry` times again if the server refused it for its quota. */
export async function callInTurn<Answer>(
  line: Line,
  terms: CallTerms<Answer>,
  { signal, streams, isPage, isRepeatable, send, hear, dialect }: Attempted,
): Promise<unknown> {
  const { throttle } = line;
  const outcome = await sendInTurn<Outcome>(line, terms, {
    signal,
    bodies: streams,
    send: () => outcomeOf(send),
    hear: (grant, outcome) => {
      const answered = answeredBy(outcome);
      if (dialect === undefined) return hear(grant, answered);
      return withBody(answered, saidBy(outcome), dialect).then((whole) => hear(grant, whole));
    },
    isFailure: (outcome) => 'error' in outcome,
    canBeSentAgain: () => isRepeatable,
    discard: () => {},
    settle: (grant, outcome) => {
      if (isPage && isEnd(outcome)) throttle.settle(grant, { cost: 0 }).catch(() => {});
      else if ('value' in outcome) terms.settle?.(throttle, grant, () => outcome.value as Answer);
    },
  });
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Makes a call in the next microtask: until then its caller may use a method of the result. */
async function outcomeOf(send: () => unknown): Promise<Outcome> {
  await undefined;
  try {
    return { value: await send() };
  } catch (error) {
    return { error };
  }
}

function isEnd(outcome: Outcome): boolean {
  return 'value' in outcome && (outcome.value as Partial<IteratorResult<unknown>> | undefined)?.done === true;
}

/** The streams among the arguments of a call and in them; undefined if an argument cannot be read. */
export function streamsIn(args: readonly unknown[]): readonly unknown[] | undefined {
  try {
    return args.flatMap((argument) => [argument, ...valuesOf(argument)]).filter(isStream);
  } catch {
    return undefined;
  }
}

function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { pipe, getReader, next } = value as Readonly<Record<string, unknown>>;
  return [pipe, getReader, next].some((method) => typeof method === 'function');
}

/** Finds the signal among the arguments of a call, or in one of them; the last one counts. */
export function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  for (const argument of [...args].reverse()) {
    try {
      const found = placesIn(argument).find((one) => typeof one === 'object' && one !== null && isSignal(one));
      if (found !== undefined) return found as AbortSignal;
    } catch {
      // An unreadable value holds no signal.
    }
  }
  return undefined;
}

function placesIn(argument: unknown): readonly unknown[] {
  if (typeof argument !== 'object' || argument === null) return [];
  const { signal, request } = argument as {
    readonly signal?: unknown;
    readonly request?: { readonly signal?: unknown };
  };
  return [argument, signal, request?.signal];
}

/** The members of a plain object. Other objects are skipped, because their getters may have effects. */
function valuesOf(value: unknown): readonly unknown[] {
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.values(value) : [];
}
