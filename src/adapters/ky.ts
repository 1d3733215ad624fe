import { checkMethods } from '../core/base/check.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import { type CallOptions, checkCallOptions } from './call-options.ts';
import { CallInTurn, type HookState, type KyCall, KyLine, stateOf } from './ky-call.ts';
import { linkOf } from './link.ts';
import { discardResponse } from './response.ts';

export type { KyCall } from './ky-call.ts';

/** Options of `throttleKy`. */
export type ThrottleKyOptions = CallOptions<KyCall, Response>;

/** Options of `kyHooks`: only ky itself decides how often a call is sent again. */
export type KyHooksOptions = Omit<ThrottleKyOptions, 'retry'>;

/** Hooks that fit ky 1 and ky 2. */
export interface KyHooks {
  /** Waits for a turn. */
  beforeRequest: ((...args: unknown[]) => Promise<void>)[];
  /** Waits for a turn again, since a retry is a call. */
  beforeRetry: ((state: unknown) => Promise<void>)[];
  /** Reads what the server says in its answer. */
  afterResponse: ((...args: unknown[]) => Promise<void>)[];
}

/** The common part of a ky instance in both versions. */
export interface KyLike {
  // biome-ignore lint/suspicious/noExplicitAny: the two versions have no types in common.
  (input: any, options?: any): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  extend(options: any): unknown;
}

type AnswerHook = (...args: unknown[]) => unknown;

interface KyOptions {
  readonly hooks?: Readonly<Partial<Record<'init' | 'beforeRequest' | 'beforeRetry', readonly unknown[]>>> & {
    readonly afterResponse?: readonly AnswerHook[];
  };
  readonly fetch?: typeof fetch;
  readonly totalTimeout?: number | false;
}

type Input = RequestInfo | URL;
type Send = (input: Input, options?: KyOptions) => unknown;
type Instance = Send & { extend(options: unknown): Instance; retry?(options: { delay: number }): unknown };

/** Members of an instance that send nothing. */
const silent = ['create', 'extend', 'retry', 'stop'];

/**
 * Makes a ky instance that waits for its turn before each request, retries included. The wait comes after all hooks and
 * does not count for `timeout`. A refused call pauses its key and is sent again after the pause, for all methods, as
 * one of the retries of ky: the smaller of `retry` and ky's `retry.limit` wins. A call whose signal aborts leaves the
 * line at once and fails as ky does.
 * @param instance `ky` itself or an instance of `ky.create` or `ky.extend`, of version 1.14 or later, or 2; it stays as
 * it is
 * @returns an instance whose `extend` also returns throttled ones; its `create` starts afresh, as ky's does
 * @throws TypeError, RangeError for a wrong option. Calls reject as ky does, and with WaitTooLongError, QueueFullError,
 * CostExceedsBurstError or StoreError before anything was sent.
 * @see docs/adapters.md
 * @example
 * import ky from 'ky';
 * import { throttleKy } from 'sluice/ky';
 *
 * const api = throttleKy(ky, throttle);
 * const items = await api.get('https://api.example.com/items').json();
 */
export function throttleKy<Ky extends KyLike>(
  instance: Ky,
  throttle: Throttle | CombinedThrottle,
  options: ThrottleKyOptions = {},
): Ky {
  checkMethods('instance', instance, ['extend']);
  checkCallOptions(options);
  const link = linkOf(throttle);
  const ky = instance as unknown as Instance;
  const line = new KyLine({ throttle, link }, options);
  const own = withoutAnswerHooks(ky);
  const throttled = (name?: string): Send => {
    const senderOf = (ky: Instance) => (name === undefined ? ky : (ky[name as keyof Instance] as Send));
    return (input, given) => {
      // Ky combines the hooks of the call with the instance's; ours go last.
      const hasHooks = given?.hooks !== undefined;
      const { bare, options, answerHooks } = hasHooks ? withoutAnswerHooks(ky.extend(given)) : own;
      const send = given?.fetch ?? options.fetch ?? globalThis.fetch;
      const call = new CallInTurn(line, mayTimeOut(options) || mayTimeOut(given));
      const isAlone = answerHooks.length + (options.hooks?.init?.length ?? 0) === 0;
      const ours = optionsInTurn(call, input, send, ky.retry, answerHooks, isAlone);
      call.result = senderOf(bare)(input, hasHooks ? ours : { ...given, ...ours });
      return call.result;
    };
  };
  const members = new Map<string | symbol, unknown>(
    Object.keys(ky).map((name) => [name, silent.includes(name) ? ky[name as keyof Instance] : throttled(name)]),
  );
  members.set('extend', (more: unknown) => throttleKy(ky.extend(more), throttle, options));
  const call = throttled();
  return new Proxy(instance, {
    apply: (_target, _this, [input, given]) => call(input, given),
    get: (target, name) => members.get(name) ?? Reflect.get(target, name),
  });
}

/**
 * Removes the hooks that see answers from an instance. Ky copies an answer for each hook, and an answer from a hook may
 * not allow a copy. So ours runs inside the user's last hook.
 */
function withoutAnswerHooks(ky: Instance): { bare: Instance; options: KyOptions; answerHooks: readonly AnswerHook[] } {
  let options: KyOptions = {};
  const bare = ky.extend((defaults: KyOptions) => {
    options = defaults;
    return { hooks: { afterResponse: undefined } };
  });
  return { bare, options, answerHooks: options.hooks?.afterResponse ?? [] };
}

/** Whether a call may end before it is sent, possibly by a hook. */
function mayTimeOut({ hooks: { init = [] } = {}, totalTimeout }: KyOptions = {}): boolean {
  return init.length > 0 || typeof totalTimeout === 'number';
}

/**
 * Ky's options for one call: hooks that wait, and a fetch that notes the start and end of attempts.
 * @param answerHooks of the user; ours runs inside the last one
 * @param isAlone whether no other hook looks at answers
 */
function optionsInTurn(
  call: CallInTurn,
  input: Input,
  send: typeof fetch,
  retry: Instance['retry'],
  answerHooks: readonly AnswerHook[],
  isAlone: boolean,
): KyOptions {
  let restore = (): void => {};
  const last = answerHooks.at(-1);
  const sendAgain = async (...args: unknown[]) => {
    restore();
    const result = await last?.(...args);
    const marker = retry?.({ delay: 0 });
    const state = stateOf(args);
    const response = result instanceof Response ? result : state.response;
    const isLeft = marker === undefined || isOfItsKind(result, marker);
    if (isLeft || !(await call.takeNextTurn({ ...state, response }, input))) return result;
    // Ky frees the answers that it knows of.
    if (response !== state.response) void discardResponse(response);
    return marker;
  };
  return {
    hooks: {
      beforeRequest: [(...args: unknown[]) => call.beforeRequest(args)],
      beforeRetry: [(state: HookState) => call.beforeRetry(state)],
      afterResponse: [...answerHooks.slice(0, -1), sendAgain],
    },
    fetch: async (...args) => {
      const response = await call.send(send, args);
      if (isAlone) restore = standForCopy(response);
      return response;
    },
  };
}

/** Whether a hook returned ky's sign to send a call again. */
function isOfItsKind(result: unknown, marker: unknown): boolean {
  return typeof result === 'object' && result?.constructor === (marker as object).constructor;
}

/**
 * Ky copies an answer for each hook that looks at it. Ours reads no body, and a copy splits its stream. That costs more
 * than everything else, and on Node 20 an abort then breaks the answer. So an answer that no other hook looks at serves
 * as its own copy, once.
 * @returns a function that lets it be copied again
 */
function standForCopy(response: Response): () => void {
  if (!(response instanceof Response) || Object.hasOwn(response, 'clone')) return () => {};
  const restore = () => void Reflect.deleteProperty(response, 'clone');
  Reflect.set(response, 'clone', () => {
    restore();
    return response;
  });
  return restore;
}

/**
 * Makes hooks for `ky.create` or `ky.extend` that wait for the turn of each request and each retry, and read the
 * answers. Hooks do not see how a call ends. So calls in flight hold no place of `concurrency`, and only ky itself
 * sends refused calls again. If either matters, use `throttleKy`.
 * @throws TypeError, RangeError for a wrong option
 * @see docs/adapters.md
 * @example
 * import ky from 'ky';
 * import { kyHooks } from 'sluice/ky';
 *
 * const api = ky.create({ hooks: kyHooks(throttle) });
 */
export function kyHooks(throttle: Throttle | CombinedThrottle, options: KyHooksOptions = {}): KyHooks {
  checkCallOptions(options);
  const link = linkOf(throttle);
  const line = new KyLine({ throttle, link }, options);
  /** Calls by their headers, the only object that belongs to one call in both versions. */
  const calls = new WeakMap<Headers, CallInTurn>();
  const callOf = ({ options: { headers } }: HookState) => {
    const call = calls.get(headers) ?? new CallInTurn(line, false);
    calls.set(headers, call);
    return call;
  };
  return {
    beforeRequest: [
      async (...args) => {
        const call = callOf(stateOf(args));
        await call.beforeRequest(args);
        call.leave();
      },
    ],
    beforeRetry: [
      async (state) => {
        const call = callOf(state as HookState);
        await call.beforeRetry(state as HookState);
        call.leave();
      },
    ],
    afterResponse: [
      async (...args) => {
        const state = stateOf(args);
        await callOf(state).hearAnswer(state);
      },
    ],
  };
}
