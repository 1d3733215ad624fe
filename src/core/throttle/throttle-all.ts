import { checkFunction, checkOptions, wrongType } from '../base/check.ts';
import type { CallOutcome } from '../base/events.ts';
import type { CallGrant, Grant } from '../base/grant.ts';
import { type Cost, checkCost, checkNames, isStrange } from '../limits/cost.ts';
import type { WaitRequest } from '../line/waiting-room.ts';
import type { Clock } from '../time/clock.ts';
import { type EnterOptions, type Joined, type Linked, linkAdapters, linkedOf } from './adapter-link.ts';
import { besideOf } from './beside.ts';
import { Departures } from './departures.ts';
import { noOptions } from './entrance.ts';
import { type Group, groupOf } from './group.ts';
import { JoinedLink } from './joined-link.ts';
import type { RunContext, RunOptions, SettleOptions, WaitOptions } from './options.ts';
import { LazyContext, type Task } from './run-context.ts';
import type { Spot } from './spot.ts';
import type { Throttle } from './throttle.ts';

/** One of the throttles of `throttleAll`, with the key of its calls. */
export interface ThrottlePart {
  readonly throttle: Throttle;
  /**
   * The key there: one for all calls, or a function of the call's own key.
   * @default the call's own key
   */
  readonly key?: string | ((key: string) => string);
  /**
   * Whether it gets the server's answers from adapters. Use `false` for limits that are your own rule and not the
   * server's: a refusal then slows down only the others.
   * @default true
   */
  readonly listens?: boolean;
}

/** Several throttles that each call passes at once. Made by `throttleAll`. */
export interface CombinedThrottle {
  /**
   * Waits until all throttles let a call go.
   * @param key names the bucket, as each throttle reads it
   * @returns the grant of the first throttle, when the call may go
   * @throws as `Throttle.wait` does
   */
  wait(key?: string, options?: WaitOptions): Promise<Grant>;

  /**
   * Waits, runs the task and frees its places when the task ends, as `Throttle.run` does.
   * @param task gets the grant of the first throttle
   * @throws as `wait` does, before the task was started
   */
  run<T>(task: (grant: Grant, context: RunContext) => T | PromiseLike<T>, options?: RunOptions<T>): Promise<T>;

  /**
   * Corrects the cost of a call in all throttles, as `Throttle.settle` does in one.
   * @param grant that of its call
   * @throws TypeError for a grant of another throttle; as `Throttle.settle` does
   */
  settle(grant: Grant, options: SettleOptions): Promise<void>;
}

interface Part {
  readonly throttle: Throttle;
  readonly linked: Linked;
  readonly keyOf: (key: string) => string;
  readonly listens: boolean;
}

/** The grants of a call, one of each throttle, by the grant that its caller got. */
const grantsOf = new WeakMap<Grant, readonly CallGrant[]>();

/** All combinations on one clock share a line, so that none of them starves another. */
const departures = new WeakMap<Clock, Departures>();

/**
 * Combines several throttles, such as one for each customer and one for the API. A call goes when all of them allow it,
 * and takes from all of them at that instant. While it waits for one, it takes nothing from the others, and other keys
 * go on. Adapters and `throttledMap` take the combination in place of a throttle.
 * @param throttles at least one, each once; with the key of calls there, if it is not their own
 * @throws TypeError for a wrong argument, or throttles on different clocks
 * @example
 * const customers = createThrottle({ limits: perSecond(2) });
 * const api = createThrottle({ limits: perSecond(20) });
 * const both = throttleAll([customers, { throttle: api, key: 'api' }]);
 * await both.run(() => 'done', { key: 'customer:7' }); //=> 'done'
 */
export function throttleAll(throttles: readonly (Throttle | ThrottlePart)[]): CombinedThrottle {
  if (!Array.isArray(throttles) || throttles.length === 0) wrongType('throttles', 'a list of throttles', throttles);
  return new Combination(throttles.map(partOf));
}

function partOf(given: Throttle | ThrottlePart): Part {
  // A value that is not an object is not a throttle.
  if (Object(given) !== given) linkedOf(given as Throttle);
  const { throttle, key, listens = true }: ThrottlePart = 'throttle' in given ? given : { throttle: given };
  if (key !== undefined && typeof key !== 'string') checkFunction('key', key);
  const keyOf = typeof key === 'function' ? key : (own: string) => key ?? own;
  if (typeof listens !== 'boolean') wrongType('listens', 'true or false', listens);
  const linked = linkedOf(throttle);
  // A combination has no lanes of its own.
  if ('join' in (linked as object)) wrongType('throttle', 'a throttle that createThrottle made', throttle);
  return { throttle, linked, keyOf, listens };
}

class Combination implements CombinedThrottle {
  readonly #parts: readonly Part[];
  readonly #departures: Departures;
  /** The waiting calls, by key. */
  readonly #groups = new Map<string, Group>();

  constructor(parts: readonly Part[]) {
    const [{ linked }] = parts as [Part];
    const { clock } = linked.lanes;
    if (new Set(parts.map((part) => part.linked)).size < parts.length)
      wrongType('throttles', 'throttles of which each is there once', parts);
    if (parts.some((part) => part.linked.lanes.clock !== clock))
      wrongType('throttles', 'throttles on the same clock', parts);
    this.#parts = parts;
    this.#departures = departures.get(clock) ?? new Departures(clock);
    departures.set(clock, this.#departures);
    const joined: Joined = {
      lanes: { whenIdle: (key) => this.#whenIdle(key) },
      join: (linkOf) =>
        new JoinedLink(
          parts.map(({ linked, listens }) => ({ link: linkOf(linked), listens })),
          (key, options) => this.#enter(key, options, true),
          (grant) => grantsOf.get(grant) as readonly CallGrant[],
        ),
    };
    linkAdapters(this, joined);
  }

  async wait(key?: string, options?: WaitOptions): Promise<Grant> {
    return this.#enter(key, options, false);
  }

  async run<T>(task: Task<T>, options: RunOptions<T> = {}): Promise<T> {
    checkFunction('task', task);
    checkOptions('options', options);
    const { key, settle, signal } = options;
    if (settle !== undefined) checkFunction('settle', settle);
    const grant = await this.#enter(key, options, true);
    const grants = grantsOf.get(grant) as readonly CallGrant[];
    let result: T;
    let outcome: CallOutcome = 'error';
    try {
      result = await task(grant, new LazyContext(signal));
      outcome = 'ok';
    } finally {
      for (const [index, grant] of grants.entries())
        (this.#parts[index] as Part).linked.lanes.leave(grant, outcome, signal);
    }
    const cost = settle?.(result);
    // The result does not wait for the store; a failure of the store has its own event.
    if (cost !== undefined) void Promise.all(this.#settle(grants, checkCost(cost))).catch(() => {});
    return result;
  }

  async settle(grant: Grant, options: SettleOptions): Promise<void> {
    checkOptions('options', options);
    const grants = grantsOf.get(grant);
    const isOurs =
      grants?.length === this.#parts.length &&
      grants.every((own, index) => own.isBy((this.#parts[index] as Part).linked.lanes));
    if (!isOurs) wrongType('grant', 'a grant of this combination', grant);
    await Promise.all(this.#settle(grants, checkCost(options.cost)));
  }

  async #whenIdle(key: string | undefined): Promise<void> {
    const isBusy = ({ linked: { lanes }, keyOf }: Part) =>
      key === undefined ? lanes.keys().length > 0 : lanes.keys().includes(keyOf(key));
    // While one throttle becomes idle, another may get a call.
    for (let busy = this.#parts.find(isBusy); busy !== undefined; busy = this.#parts.find(isBusy))
      await busy.linked.lanes.whenIdle(key === undefined ? undefined : busy.keyOf(key));
  }

  async #enter(key: string = 'default', options: EnterOptions = noOptions, holdsPlace: boolean): Promise<Grant> {
    if (typeof key !== 'string') wrongType('key', 'a string', key);
    const keys = this.#parts.map(({ keyOf }) => keyOf(key));
    const check = () =>
      this.#parts.map(({ linked }, index) => linked.entrance.request(keys[index] as string, options, holdsPlace));
    let requests = check();
    const [{ cost }] = requests as [WaitRequest];
    if (typeof cost === 'object') {
      await this.#checkNames(keys, cost);
      requests = check();
    }
    const known = this.#groups.get(key);
    const group = known?.line.size ? known : groupOf(key, spotsOf(this.#parts, keys));
    this.#groups.set(key, group);
    for (const { linked } of this.#parts) linked.lanes.plans.keepForCalls();
    try {
      const maxWait = Math.min(...requests.map((request) => request.maxWait));
      const grants = await this.#departures.wait(group, { ...(requests[0] as WaitRequest), maxWait });
      const [grant] = grants as [CallGrant];
      grantsOf.set(grant, grants);
      return grant;
    } finally {
      if (group.line.size === 0 && this.#groups.get(key) === group) this.#groups.delete(key);
    }
  }

  /** @throws RangeError if a cost names a limit that is in none of the throttles. */
  async #checkNames(keys: readonly string[], cost: Readonly<Record<string, number>>): Promise<void> {
    const plans = await Promise.all(
      this.#parts.map(async ({ linked: { lanes } }, index) => {
        const key = keys[index] as string;
        return (await lanes.store.peek(key, lanes.plans.of(key))).plan;
      }),
    );
    const rules = plans.flatMap((plan) => plan.rules);
    checkNames(cost, { rules });
  }

  /**
   * Corrects the cost in each throttle. A name that no throttle has is an error; each throttle ignores names of the
   * others.
   */
  #settle(grants: readonly CallGrant[], cost: Cost): Promise<void>[] {
    const rules = grants.flatMap(({ plan }) => plan.rules);
    checkNames(cost, { rules });
    return grants.map((grant, index) => {
      const own =
        typeof cost === 'number'
          ? cost
          : Object.fromEntries(Object.entries(cost).filter(([name]) => !isStrange({ [name]: 1 }, grant.plan)));
      return (this.#parts[index] as Part).throttle.settle(grant, { cost: own });
    });
  }
}

const spotsOf = (parts: readonly Part[], keys: readonly string[]): Spot[] =>
  parts.map(({ linked: { lanes } }, index) => besideOf(lanes).spotOf(keys[index] as string));
