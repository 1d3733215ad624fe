import type { Receipt, Standing, StoreOperations, TakeAnswer, TakeRequest } from '../../core/base/store.ts';
import type { Told } from '../../core/bucket/pool.ts';
import type { Cost } from '../../core/limits/cost.ts';
import type { Limit } from '../../core/limits/limit.ts';
import { type Plan, planOf } from '../../core/limits/plan.ts';
import { slidingWindow } from '../../core/limits/sliding-window.ts';

/** One case of the store contract. */
export interface TrialCase {
  /** A fact in the present tense. */
  readonly name: string;
  run(trial: Trial): Promise<void>;
}

/** A long interval: nothing leaks while a case runs. */
export const hour = 3_600_000;

/** A leaky bucket, by its emission interval. */
export function leaky(burst: number, emissionInterval: number, name?: string): Limit {
  return { rate: 1, interval: emissionInterval, burst, ...(name === undefined ? undefined : { name }) };
}

/** A sliding window. */
export function windowed(limit: number, interval: number, name?: string): Limit {
  return slidingWindow({ limit, interval, ...(name === undefined ? undefined : { name }) });
}

/** The tools of a case: a fresh store, a second handle on it, its own key, and time. */
export interface Trial {
  readonly store: StoreOperations;
  readonly key: string;
  /** The emission interval of limits that leak while a case runs, in ms. */
  readonly unit: number;
  /** How long before an instant a case can be sure to look, in ms. */
  readonly moment: number;
  advance(ms: number): Promise<void>;
  /** The bucket of this case under given limits, through the first handle. */
  bucket(limits: Limit | readonly Limit[], margin?: number): Handle;
  /** The same bucket through the second handle. */
  elsewhere(limits: Limit | readonly Limit[]): Handle;
  /** The bucket of another key. */
  keyed(key: string, limit: Limit): Handle;
  /** Asserts what is left of a duration that has been running since an earlier step. */
  near(what: string, ms: number | undefined, expected: number): void;
  /** Asserts that a bucket has not changed, apart from the time that passed. */
  same(what: string, standing: Standing, before: Standing): void;
}

interface TrialOptions {
  readonly store: StoreOperations;
  /** The second handle. */
  readonly sharer: StoreOperations | undefined;
  readonly key: string;
  /** The most ms that may pass besides those that the case waits. */
  readonly precision: number;
  advance(ms: number): Promise<void>;
}

/** Makes the tools of one case. */
export function trialOf({ store, sharer, key, precision, advance }: TrialOptions): Trial {
  const unit = precision === 0 ? 1000 : Math.max(100, 10 * precision);
  const near = (what: string, ms: number | undefined, expected: number): void => {
    const less = expected - (ms ?? Number.NaN);
    // A clock with whole ms and one with fractions may show the same instant differently.
    if (!(less >= (precision === 0 ? -hair : -1) && less <= precision + hair)) {
      fail(what, precision === 0 ? expected : `${expected} or up to ${precision} less`, ms);
    }
  };
  return {
    store,
    key,
    unit,
    moment: precision === 0 ? 1 : unit / 2,
    advance,
    bucket: (limits, margin = 0) => new Handle(store, key, planOf(limits, margin)),
    elsewhere: (limits) => new Handle(sharer ?? store, key, planOf(limits, 0)),
    keyed: (other, limit) => new Handle(store, other, planOf(limit, 0)),
    near,
    same: (what, standing, before) => {
      near(`wait ${what}`, standing.wait, before.wait);
      near(`pausedFor ${what}`, standing.pausedFor, before.pausedFor);
      equal(
        `remaining ${what}`,
        standing.limits.map(({ remaining }) => remaining),
        before.limits.map(({ remaining }) => remaining),
      );
      for (const [index, { resetAfter }] of before.limits.entries())
        near(`resetAfter ${what}`, standing.limits[index]?.resetAfter, resetAfter);
    },
  };
}

/** Rounding errors that a store may make, in ms. */
const hair = 0.01;

/** One bucket as one caller sees it. */
export class Handle {
  readonly plan: Plan;
  readonly #store: StoreOperations;
  readonly #key: string;

  constructor(store: StoreOperations, key: string, plan: Plan) {
    this.#store = store;
    this.#key = key;
    this.plan = plan;
  }

  async take(costs: readonly Cost[], options: Partial<TakeRequest> = {}): Promise<TakeAnswer> {
    return this.#store.take(this.#key, { plan: this.plan, costs, ahead: 0, ...options });
  }

  /** Requests `calls` calls of cost 1 in one operation and returns how many may go. */
  async go(calls: number): Promise<number> {
    return (await this.take(Array.from({ length: calls }, () => 1))).granted.length;
  }

  /** Takes one call that may go now. */
  async grant(cost: Cost = 1): Promise<Receipt> {
    const { granted } = await this.take([cost]);
    return granted[0] ?? fail('a call that conforms', 'granted', 'refused');
  }

  /** Takes the next slot, which is not now. */
  async reserve(cost: Cost = 1): Promise<Receipt> {
    const { reserved } = await this.take([cost], { ahead: Infinity });
    return reserved ?? fail('the next slot', 'reserved', reserved);
  }

  async giveBack(receipt: Receipt): Promise<void> {
    await this.#store.giveBack(this.#key, receipt);
  }

  async settle(receipt: Receipt, cost: Cost): Promise<void> {
    await this.#store.settle(this.#key, receipt, cost);
  }

  async postpone(receipt: Receipt, ms: number): Promise<void> {
    await this.#store.postpone?.(this.#key, receipt, ms);
  }

  async pause(ms: number, sentAgo?: number): Promise<void> {
    await this.#store.pause(this.#key, ms, this.plan, sentAgo);
  }

  async sync(remaining: number, ms: number, isNewest = false): Promise<void> {
    await this.#store.sync(this.#key, { remaining, ms, isNewest }, this.plan);
  }

  /** Passes a server's statement about a quota on, and returns the store's answer. */
  async hear(words: Partial<Told> & Pick<Told, 'remaining'>, ms: number): Promise<number | undefined> {
    const told = { roundTrip: 0, keptBack: 0, ...words };
    const said = { remaining: words.remaining, ms, isNewest: true, told };
    return (await this.#store.sync(this.#key, said, this.plan)) ?? undefined;
  }

  async peek(without?: Receipt): Promise<Standing> {
    return this.#store.peek(this.#key, this.plan, without);
  }

  async override(...limits: readonly Limit[]): Promise<void> {
    await this.#store.override(this.#key, limits.length === 0 ? undefined : limits, this.plan);
  }

  async reset(): Promise<void> {
    await this.#store.reset(this.#key);
  }
}

/** Asserts that two values are the same in JSON. */
export function equal(what: string, value: unknown, expected: unknown): void {
  if (shown(value) !== shown(expected)) fail(what, shown(expected), shown(value));
}

/** Asserts that two numbers are the same apart from rounding. */
export function exact(what: string, value: number | undefined, expected: number): void {
  if (!(Math.abs((value ?? Number.NaN) - expected) <= hair)) fail(what, expected, value);
}

/** Asserts that a value is no less than another. */
export function atLeast(what: string, value: number, expected: number): void {
  if (!(value >= expected - hair)) fail(what, `at least ${expected}`, value);
}

/** Asserts that a whole number is one of a few: a store may waste calls that it cannot know about. */
export function within(what: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) fail(what, `from ${least} to ${most}`, value);
}

/** Runs `count` operations at once and waits for all. */
export function atOnce<T>(count: number, operation: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => operation(index)));
}

function fail(what: string, expected: unknown, value: unknown): never {
  throw new Error(`Expected ${what} to be ${expected}, got ${value}.`);
}

/** A value as text; the order of fields does not count. */
function shown(value: unknown): string {
  const plain = (_: string, part: unknown) => {
    if (typeof part === 'number' && !Number.isFinite(part)) return String(part);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, plain) ?? String(value);
}
