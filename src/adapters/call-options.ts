import { checkFunction, checkNumber, checkOptions, wrongType } from '../core/base/check.ts';
import { isThrottleError } from '../core/base/errors.ts';
import { report } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import { type Cost, checkCost } from '../core/limits/cost.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import { type AnswerOptions, checkDialect } from './answer.ts';

/**
 * Options of all adapters, under the same names. `Call` is what the adapter knows about one call before it is sent,
 * `Answer` its answer.
 */
export interface CallOptions<Call, Answer = unknown> extends AnswerOptions<Call> {
  /**
   * Names the bucket of a call.
   * @default the origin of its URL
   */
  readonly key?: string | ((call: Call) => string);
  /**
   * The cost of a call: a number of calls, or one number per named limit.
   * @default 1
   */
  readonly cost?: Cost | ((call: Call) => Cost);
  /**
   * Calls of a higher priority go first.
   * @default 0
   */
  readonly priority?: number | ((call: Call) => number);
  /**
   * Picks the calls that are throttled; the others go straight through.
   * @default all of them
   */
  readonly match?: (call: Call) => boolean;
  /**
   * The longest a call may wait each time it is sent, in ms; at least 0.
   * @default the throttle's `maxWait`
   */
  readonly maxWait?: number | ((call: Call) => number);
  /**
   * How often a call that the server refused for its quota is sent again, through the line and after the pause, if its body
   * can be sent again. A whole number; 0 for never.
   * @default 2
   */
  readonly retry?: number;
  /**
   * Reads the true cost of a call from its answer, for `settle`; undefined leaves it as it was. It may be slow: the
   * caller gets the answer at once. An error that it throws is reported and does not affect the call.
   */
  readonly settle?: (answer: Answer, call: Call) => Cost | undefined | PromiseLike<Cost | undefined>;
}

const defaultRetry = 2;

type Check = (name: string, value: unknown) => unknown;

/** The options that may be functions of a call, with the check for those that are not functions. */
const optionsOfCalls: Readonly<Record<string, Check>> = {
  key: (name, value) => typeof value === 'string' || wrongType(name, 'a string or a function', value),
  cost: (_, value) => checkCost(value as Cost),
  priority: (name, value) => checkNumber(name, value, {}),
  maxWait: (name, value) => checkNumber(name, value, { from: 0, infinite: true }),
  match: checkFunction,
  settle: checkFunction,
  onSignal: checkFunction,
};

/** Checks the options of an adapter, once, when it is attached. */
export function checkCallOptions(options: CallOptions<never, never>): void {
  checkOptions('options', options);
  for (const [name, check] of Object.entries(optionsOfCalls)) {
    const value = options[name as keyof typeof options];
    if (value !== undefined && typeof value !== 'function') check(name, value);
  }
  const { dialect, retry = 0 } = options;
  if (dialect !== undefined) checkDialect(dialect);
  checkNumber('retry', retry, { from: 0, whole: true, infinite: true });
}

/** Whether an option is a function of the call. If none is, the adapter need not describe its calls. */
export function looksAtCalls(options: CallOptions<never, never>): boolean {
  return Object.keys(optionsOfCalls).some((name) => typeof options[name as keyof typeof options] === 'function');
}

/** The request of one call to the throttle, and how often it may be sent again. */
export interface CallTerms<Answer> {
  readonly key: string;
  readonly cost: Cost | undefined;
  readonly priority: number | undefined;
  readonly maxWait: number | undefined;
  readonly retry: number;
  /**
   * Settles a call with its answer; undefined without the option. `answer` makes a readable copy, `free` is called with
   * it afterwards.
   */
  readonly settle:
    | ((
        throttle: Pick<Throttle, 'settle'>,
        grant: Grant,
        answer: () => Answer,
        free?: (answer: Answer) => void,
      ) => void)
    | undefined;
}

/** Makes a reader of the options for one call. Terms that do not depend on the call are made once. */
export function termsBy<Call, Answer>(
  options: CallOptions<Call, Answer>,
): (call: Call, defaultKey: string) => CallTerms<Answer> {
  if (looksAtCalls(options)) return (call, defaultKey) => termsOf(options, call, defaultKey);
  let latest: CallTerms<Answer> | undefined;
  return (call, defaultKey) => {
    if (latest?.key !== (options.key ?? defaultKey)) latest = termsOf(options, call, defaultKey);
    return latest;
  };
}

/** Reads the options for one call. Errors of the user's functions pass through. */
export function termsOf<Call, Answer>(
  { key, cost, priority, maxWait, retry = defaultRetry, settle }: CallOptions<Call, Answer>,
  call: Call,
  defaultKey: string,
): CallTerms<Answer> {
  return {
    key: ofCall(key, call) ?? defaultKey,
    cost: ofCall(cost, call),
    priority: ofCall(priority, call),
    maxWait: ofCall(maxWait, call),
    retry,
    settle:
      settle &&
      (async (throttle, grant, makeAnswer, free) => {
        try {
          const answer = makeAnswer();
          let cost: Cost | undefined;
          try {
            cost = await settle(answer, call);
          } finally {
            free?.(answer);
          }
          if (cost !== undefined) await throttle.settle(grant, { cost });
        } catch (error) {
          // A failure of the store has its own event, and a closed throttle settles nothing.
          if (!isThrottleError(error)) report(error);
        }
      }),
  };
}

function ofCall<Call, Value>(option: Value | ((call: Call) => Value), call: Call): Value {
  return typeof option === 'function' ? (option as (call: Call) => Value)(call) : option;
}
