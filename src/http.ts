import { checkMethods, checkNumber, checkOptions, outOfRange, wrongType } from './core/base/check.ts';
import { isThrottleError, type WaitTooLongError } from './core/base/errors.ts';
import type { LimitStatus, Standing } from './core/base/store.ts';
import { type Cost, checkCost } from './core/limits/cost.ts';
import type { Rule } from './core/limits/kind.ts';
import { linkedOf } from './core/throttle/adapter-link.ts';
import type { Decision, Throttle } from './core/throttle/throttle.ts';
import { systemClock } from './core/time/clock.ts';

// The other side of the wire: a server that keeps its own callers to their limits, and tells them their limits.

/** Options of `limitRequests`. `Incoming` is the type of a request: a `Request`, or that of a framework. */
export interface LimitRequestsOptions<Incoming = Request> {
  /**
   * Names the bucket of a request. Use something that the caller cannot choose: the signed-in user, or the address of
   * the connection. Undefined means the default.
   * @default 'default', one bucket for all requests, because a request does not prove who sent it, and its headers can
   * be forged
   */
  readonly key?: string | ((request: Incoming) => string | undefined | PromiseLike<string | undefined>);
  /**
   * The cost of a request: a number of calls, or one number per named limit. Undefined means the default.
   * @default 1
   */
  readonly cost?: Cost | ((request: Incoming) => Cost | undefined | PromiseLike<Cost | undefined>);
  /**
   * Whether to send the quota in RateLimit and RateLimit-Policy. They need a second operation of the store, at the same
   * time as the first. Retry-After needs none.
   * @default true
   */
  readonly fields?: boolean;
}

/** The target of header fields: a `Headers`, the response of Express, the context of Koa. */
export interface FieldTarget {
  set(name: string, value: string): unknown;
}

/**
 * Counts a request.
 * @param fields gets the fields of the answer in any case
 * @returns undefined if the request may go on, otherwise its answer
 */
export type RequestLimit<Incoming = Request> = (
  request: Incoming,
  fields?: FieldTarget,
) => Promise<Response | undefined>;

const checks = {
  key: (value: unknown) => typeof value === 'string' || wrongType('key', 'a string or a function', value),
  cost: (value: unknown) => checkCost(value as Cost),
};

/**
 * Keeps the callers of a server to their limits. A request that may not go now is answered with 429, and with the whole
 * seconds until it may in Retry-After. They are exact if the throttle was created with `margin: 0`. It never waits, and
 * a refusal costs nothing.
 * @returns a function of the request
 * @throws TypeError, RangeError for a wrong option. The function rejects with what `allow` rejects with, and whatever
 * `key` and `cost` throw.
 * @see docs/http.md
 * @example
 * import { limitRequests } from 'sluice/http';
 *
 * const users = createThrottle({ limits: slidingWindow({ limit: 100, interval: 60_000 }), margin: 0 });
 * const limit = limitRequests(users, { key: (request) => new URL(request.url).searchParams.get('user') ?? undefined });
 * const answer = async (request: Request) => (await limit(request)) ?? new Response('Hello');
 *
 * (await answer(new Request('https://example.com/?user=amy'))).status //=> 200
 */
export function limitRequests<Incoming = Request>(
  throttle: Throttle,
  options: LimitRequestsOptions<Incoming> = {},
): RequestLimit<Incoming> {
  const { lanes } = linkedOf(throttle);
  checkOptions('options', options);
  const { key, cost, fields = true } = options;
  for (const name of ['key', 'cost'] as const) {
    const option = options[name];
    if (option !== undefined && typeof option !== 'function') checks[name](option);
  }
  if (typeof fields !== 'boolean') wrongType('fields', 'a boolean', fields);
  const standingOf = async (name: string) => (fields ? lanes.store.peek(name, lanes.plans.of(name)) : undefined);

  return async (request, target) => {
    if (target !== undefined) checkMethods('fields', target, ['set']);
    const name = (typeof key === 'function' ? await key(request) : key) ?? 'default';
    const count = (typeof cost === 'function' ? await cost(request) : cost) ?? 1;
    const [decision, standing] = await Promise.all([throttle.allow(name, { cost: count }), standingOf(name)]);
    const { allowed, wait } = decision;
    const headers = new Headers(standing && fieldsOf(decision, standing));
    const refusal = allowed ? undefined : answerAfter(wait, 429, headers);
    if (target !== undefined) for (const [field, value] of headers) target.set(field, value);
    return refusal;
  };
}

/** Options of `answerFor`. */
export interface AnswerForOptions {
  /**
   * 503 if an API behind the server has no room, 429 if this caller asks too much.
   * @default 503
   */
  readonly status?: 429 | 503;
  /**
   * The instant of the answer, in ms since the epoch.
   * @default the machine's
   */
  readonly now?: number;
}

/**
 * Answers a request that could not be served, because a call to another API would have had to wait too long. A
 * `WaitTooLongError` gives Retry-After: the whole seconds until the call could have gone. A `QueueFullError` gives
 * none, because the time is not known.
 * @returns undefined for any other error
 * @throws TypeError, RangeError for a wrong option
 * @example
 * import { answerFor } from 'sluice/http';
 *
 * const upstream = createThrottle({ limits: perMinute(1), margin: 0 });
 * await upstream.wait();
 * const error = await upstream.wait('default', { maxWait: 2_000 }).catch((error) => error);
 * answerFor(error)?.headers.get('retry-after') //=> '60'
 */
export function answerFor(error: unknown, options: AnswerForOptions = {}): Response | undefined {
  checkOptions('options', options);
  const { status = 503, now = systemClock.now() } = options;
  if (status !== 429 && status !== 503) outOfRange('status', '429 or 503', status);
  checkNumber('now', now, {});
  if (!isThrottleError(error)) return undefined;
  if (error.name === 'QueueFullError') return new Response(textOf(status, 'later'), { status });
  if (error.name !== 'WaitTooLongError') return undefined;
  return answerAfter((error as WaitTooLongError).at - now, status, new Headers());
}

/** @param headers gets Retry-After too */
function answerAfter(ms: number, status: 429 | 503, headers: Headers): Response {
  // Rounded up, so that a caller may go after that many seconds. At least 1, because 0 looks like no time.
  const seconds = Math.max(1, secondsUp(ms));
  headers.set('Retry-After', String(seconds));
  return new Response(textOf(status, `in ${seconds} s`), { status, headers });
}

const textOf = (status: 429 | 503, when: string): string =>
  `${status === 429 ? 'Too many requests' : 'Not available at the moment'}. Try again ${when}.\n`;

/** Whole seconds, rounded up, apart from rounding errors of sums. */
const secondsUp = (ms: number): number => Math.ceil(ms / 1_000 - 1e-6);

/** RateLimit and RateLimit-Policy in the form of draft-ietf-httpapi-ratelimit-headers 08 and later: one item for each limit. */
function fieldsOf({ allowed, wait, limits }: Decision, { plan, wait: nextWait, pausedFor }: Standing): HeadersInit {
  const { rules } = plan;
  // Another sharer changed the limits of the key between the two operations.
  if (rules.length !== limits.length) return [];
  const isPaused = pausedFor > 0;
  const next = isPaused ? pausedFor : Math.max(nextWait, allowed ? 0 : wait);
  const names = rules.map(({ name }, index) => nameOf(name, rules.length === 1 ? 'default' : `limit-${index + 1}`));
  return {
    RateLimit: names.map((name, index) => `${name}${leftOf(limits[index] as LimitStatus, isPaused, next)}`).join(', '),
    'RateLimit-Policy': names.map((name, index) => `${name}${policyOf(rules[index] as Rule)}`).join(', '),
  };
}

/** A string of structured fields: printable ASCII between quotes. */
const nameOf = (name: string | undefined, otherwise: string): string =>
  `"${(name ?? otherwise).replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`;

/**
 * What is left of one limit, and in how many seconds more is available: all of it, if something is left, otherwise the
 * next request.
 * @param next ms until a request of cost 1 may go; 0 if now
 */
function leftOf({ remaining, resetAfter }: LimitStatus, isPaused: boolean, next: number): string {
  const left = isPaused ? 0 : remaining;
  const more = isPaused ? next : left === 0 && next > 0 ? Math.min(next, resetAfter) : resetAfter;
  return `;r=${left}${more > 0 ? `;t=${secondsUp(more)}` : ''}`;
}

/** How many calls a limit allows in how many seconds: a caller that keeps to that is not refused for long. */
function policyOf({ kind, limit: { rate, interval }, burst }: Rule): string {
  const isQuota = kind.name === 'quota';
  let calls = isQuota ? rate + burst - 1 : Math.max(rate, burst);
  let seconds = (isQuota ? interval : (calls * interval) / rate) / 1_000;
  if (seconds < 1) {
    calls /= seconds;
    seconds = 1;
  }
  return `;q=${Math.floor(calls + 1e-6)};w=${Math.ceil(seconds - 1e-6)}`;
}
