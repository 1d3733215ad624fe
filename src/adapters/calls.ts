import { checkFunction, wrongType } from '../core/base/check.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import { hear, looksIntoBody } from './answer.ts';
import { callInTurn, signalIn, streamsIn } from './call-in-turn.ts';
import { type CallOptions, checkCallOptions, termsBy } from './call-options.ts';
import { linkOf } from './link.ts';
import type { Holding, MethodCall } from './method-call.ts';
import { checkMethodNames, type MethodNames, methodsNamed } from './method-names.ts';
import { throttledObject } from './throttled-object.ts';
import { noHeaders } from './told-answer.ts';

/** After this number of answers in a row without headers, limits cannot be learned. */
const bareToWarn = 10;
const bareWarning = `\`limits: 'server'\` learns from headers, and ${bareToWarn} answers in a row came without: write limits, or throttle the client's fetch`;

/** Options of `throttleCalls`. `Target` is the function or object that is called. */
export interface ThrottleCallsOptions<Target = object>
  extends CallOptions<MethodCall<ArgumentsOf<Target>>, AnswerOf<Target>> {
  /**
   * Names the bucket of a call.
   * @default 'default'
   */
  readonly key?: string | ((call: MethodCall<ArgumentsOf<Target>>) => string);
  /**
   * The methods that send when they are called, by their paths: `chat.completions.create`, with `*` for any one name
   * and `**` for any number of them; or a function that picks paths. Methods that are not named go straight through. If
   * the target is a function, it is throttled without a name.
   * @default none: an object needs `methods` or `lazy`
   */
  readonly methods?: MethodNames;
  /**
   * The methods that send nothing until their result is awaited (a query builder) or iterated (a page at a time), by
   * their paths. They are called at once, and the wait comes when they send. An empty path, which `**` matches too, is
   * the target itself.
   * @default none
   */
  readonly lazy?: MethodNames;
  /**
   * Finds the signal that ends the wait of a call.
   * @default the one among the arguments or in one of them: `{ signal }` or `{ request: { signal } }`
   */
  readonly signal?: (call: MethodCall<ArgumentsOf<Target>>) => AbortSignal | null | undefined;
}

type ArgumentsOf<Target> = Target extends (...args: infer Arguments) => unknown
  ? Readonly<Arguments>
  : readonly unknown[];
type AnswerOf<Target> = Target extends (...args: never) => infer Result ? Awaited<Result> : unknown;

/**
 * Wraps a function, or the client object of an SDK, so that its calls wait for their turn. The result has the type of
 * the target and is used like it: `this`, private fields, getters, nested namespaces and results stay the same. An
 * abort while a call waits rejects it with the signal's reason. An answer or an error with status 429, or 503 and
 * Retry-After, wherever its SDK puts it, pauses the key. The call is made again after the pause unless an argument is a
 * stream.
 * @param target stays as it is: direct calls of it do not wait
 * @throws TypeError, RangeError for a wrong option. Calls reject as the target's do, and with WaitTooLongError,
 * QueueFullError, CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * const translate = throttleCalls(async (text: string) => text.toUpperCase(), throttle);
 * const answer = await translate('sluice');
 */
export function throttleCalls<Target extends object>(
  target: Target,
  throttle: Throttle | CombinedThrottle,
  options: ThrottleCallsOptions<Target> = {},
): Target {
  if (Object(target) !== target) wrongType('target', 'a function or an object', target);
  checkCallOptions(options);
  checkMethodNames('methods', options.methods);
  checkMethodNames('lazy', options.lazy);
  if (options.signal !== undefined) checkFunction('signal', options.signal);
  const methods = methodsNamed(options.methods);
  const lazy = methodsNamed(options.lazy);
  if (typeof target !== 'function' && options.methods === undefined && options.lazy === undefined)
    wrongType('methods', 'given for an object: the paths of the methods to throttle', options.methods);
  const termsOf = termsBy(options);
  const link = linkOf(throttle);
  // The time of a call tells little about the network: most of it is the work of the SDK and the server.
  const line = { throttle, link, tellsOfNetwork: false };
  /** Answers in a row without headers. */
  let bare = 0;

  const hold: Holding['hold'] = async (call, send, { given = call.args, isPage = false } = {}) => {
    const known = call as MethodCall<ArgumentsOf<Target>>;
    const signal = options.signal === undefined ? signalIn(given) : options.signal(known);
    const terms = termsOf(known, 'default');
    const streams = streamsIn(call.args);
    return callInTurn(line, terms, {
      signal: signal ?? undefined,
      streams,
      // Not with a stream, nor with an unreadable argument.
      isRepeatable: !isPage && streams?.length === 0,
      isPage,
      send,
      dialect: looksIntoBody(options) ? options.dialect : undefined,
      hear: (grant, answered) => {
        const { throttled, buckets } = hear(link, terms.key, grant, options, known, answered);
        bare = answered.headers === noHeaders && buckets.length === 0 ? bare + 1 : 0;
        if (bare >= bareToWarn && link.areLimitsLearned) link.warn('bare', terms.key, bareWarning);
        return throttled;
      },
    });
  };
  return throttledObject(target, {
    isMethod: (path) => methods.includes(path) || (path === '' && typeof target === 'function' && !lazy.includes('')),
    isLazy: lazy.includes,
    isHeld: (call) => options.match === undefined || options.match(call as MethodCall<ArgumentsOf<Target>>),
    leadsOn: (path) => methods.leadsOn(path) || lazy.leadsOn(path),
    hold,
  });
}
