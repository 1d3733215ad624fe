import { outOfRange, wrongType } from '../base/check.ts';
import type { Limit } from '../limits/limit.ts';
import { type Margin, type Plan, planOf } from '../limits/plan.ts';

/**
 * The limits of a throttle: one limit, several, or a function of the key. With `'server'` the server of each key
 * defines them: one call a second until its answers name limits, then those limits.
 */
export type Limits = Limit | readonly Limit[] | ((key: string) => Limit | readonly Limit[]) | 'server';

/** The limit of a key before its server has sent any: one call a second. */
const careful: Limit = { rate: 1, interval: 1_000 };

/**
 * The plans of a throttle's limits, made once and kept.
 *
 * Invariant: the same limits and margin give the same plan object, so that plans can be compared by reference first.
 */
export class Plans {
  #limits: Limits;
  #margin: Margin;
  /** Whether the margin depends on how the throttle is used. */
  readonly #isAuto: boolean;
  /** When these limits replaced others, on the monotonic clock; undefined if they never did. */
  #since: number | undefined;
  /** The plan of every key and the limits it was made of, unless the limits are a function. */
  #fixed: Plan | undefined;
  #own: readonly Limit[] = [];
  /** Earlier plans, because most functions return the same few objects each time. */
  #known = new WeakMap<object, Plan>();
  /** Returns the limits that servers sent. */
  #learned: (key: string) => Limit | readonly Limit[] | undefined = () => undefined;

  /** @param margin the margin of limits without one of their own; `'auto'` is 0 until there is a reason */
  constructor(limits: Limits, margin: Margin | 'auto') {
    this.#limits = limits;
    this.#isAuto = margin === 'auto';
    this.#margin = margin === 'auto' ? 0 : margin;
    this.#fixed = this.#planOf(limits);
  }

  get margin(): Margin {
    return this.#margin;
  }

  /** Sets the margin for calls by `wait` and `run`, unless adapters have set one. */
  keepForCalls(): void {
    if (this.#margin === 0) this.follow('calls');
  }

  /** Makes new plans for all limits with another margin, unless the user set one. */
  follow(margin: Margin): void {
    if (!this.#isAuto) return;
    this.#margin = margin;
    this.#fixed &&= this.#made(this.#own);
  }

  /**
   * Sets other limits for all keys. Invalid limits change nothing.
   * @param since the instant, on the monotonic clock
   * @returns a function that returns the earlier limits
   */
  replace(limits: Limits, since: number): (key: string) => Plan {
    const before = new Plans(this.#limits, this.#margin);
    const fixed = this.#planOf(limits);
    this.#since = since;
    this.#known = new WeakMap();
    this.#fixed = fixed && this.#made(this.#own);
    this.#limits = limits;
    before.#learned = this.#learned;
    return (key) => before.of(key);
  }

  /** The limits that `key` keeps unless the store has others for it. Errors of the user's function pass through. */
  of(key: string): Plan {
    return this.#fixed ?? this.#ask(key);
  }

  /** Whether servers define the limits. */
  get areLearned(): boolean {
    return this.#limits === 'server';
  }

  /** Sets the source of limits that servers sent. */
  learnFrom(limitsOf: (key: string) => Limit | readonly Limit[] | undefined): void {
    this.#learned = limitsOf;
  }

  /** Whether the names of all limits are known, to check costs against. */
  get areFixed(): boolean {
    return this.#fixed !== undefined;
  }

  /** The plan of every key; undefined if the limits are a function. */
  #planOf(limits: Limits): Plan | undefined {
    if (typeof limits === 'function' || limits === 'server') return undefined;
    const rule = "a limit, a list of limits, a function or 'server'";
    if (typeof limits === 'string') outOfRange('limits', rule, limits);
    if (typeof limits !== 'object' || limits === null) wrongType('limits', rule, limits);
    // A copy, which no other code changes.
    this.#own = planOf(limits, this.#margin).limits;
    return this.#made(this.#own);
  }

  #ask(key: string): Plan {
    const given = this.#limits as 'server' | ((key: string) => Limit | readonly Limit[]);
    const limits = given === 'server' ? (this.#learned(key) ?? careful) : given(key);
    if (typeof limits !== 'object' || limits === null)
      wrongType(`limits(${JSON.stringify(key)})`, 'a limit or a list of limits', limits);
    return this.#made(limits);
  }

  #made(limits: Limit | readonly Limit[]): Plan {
    let plan = this.#known.get(limits);
    if (plan?.margin !== this.#margin) {
      plan = planOf(limits, this.#margin);
      if (this.#since !== undefined) plan = { ...plan, since: this.#since };
      this.#known.set(limits, plan);
    }
    return plan;
  }
}
