import { checkOptions, outOfRange, wrongType } from '../base/check.ts';
import type { Limit } from '../limits/limit.ts';
import { type Margin, type Plan, planOf } from '../limits/plan.ts';
import { LearnedLimits } from '../listening/learned-limits.ts';

/**
 * The limits of a throttle: one limit, several, or a function of the key. `'server'` leaves them to the server of each key: one
 * call a second until its answers tell more, then what they tell.
 */
export type Limits = Limit | readonly Limit[] | ((key: string) => Limit | readonly Limit[]) | 'server';

/** The limits of a throttle, made ready once and kept. */
export class Plans {
  #limits: Limits;
  #margin: Margin;
  /** When these limits took the place of others, on the monotonic clock; undefined if they never did. */
  #since: number | undefined;
  /** The plan of every key, unless the limits are a function, and the limits that it was made of. */
  #fixed: Plan | undefined;
  #own: readonly Limit[] = [];
  /**
   * Plans that were made before, by their margin: most functions return the same few objects again and again, and a margin that
   * follows the network comes back to the same few numbers.
   */
  #known = new WeakMap<object, Map<Margin, Plan>>();
  /** What servers told; undefined unless the limits are left to them. */
  #learned: LearnedLimits | undefined;

  /** @param margin what limits without a margin of their own keep in hand */
  constructor(limits: Limits, margin: Margin) {
    this.#limits = limits;
    this.#margin = margin;
    this.#fixed = this.#planOf(limits);
    this.#learned = limits === 'server' ? new LearnedLimits() : undefined;
  }

  get margin(): Margin {
    return this.#margin;
  }

  /** Makes all limits ready anew, with another margin. */
  set margin(margin: Margin) {
    if (margin === this.#margin) return;
    this.#margin = margin;
    this.#fixed &&= this.#made(this.#own);
  }

  /**
   * Takes other limits for all keys. A wrong one leaves those there were.
   * @param since the instant, on the monotonic clock
   * @returns what tells the limits from before
   */
  replace(limits: Limits, since: number): (key: string) => Plan {
    const before = new Plans(this.#limits, this.#margin);
    const fixed = this.#planOf(limits);
    this.#since = since;
    this.#known = new WeakMap();
    this.#fixed = fixed && this.#made(this.#own);
    this.#limits = limits;
    this.#learned = limits === 'server' ? (this.#learned ?? new LearnedLimits()) : undefined;
    return (key) => before.of(key);
  }

  /** The limits that `key` keeps unless the store holds others for it. Whatever the user's function throws passes through. */
  of(key: string): Plan {
    return this.#fixed ?? this.#ask(key);
  }

  /** What servers told, if the limits are left to them. */
  get learned(): LearnedLimits | undefined {
    return this.#learned;
  }

  /** Whether costs can be checked against the names of all limits there are. */
  get areFixed(): boolean {
    return this.#fixed !== undefined;
  }

  /** The plan of every key; undefined if the limits are a function. */
  #planOf(limits: Limits): Plan | undefined {
    if (typeof limits === 'function' || limits === 'server') return undefined;
    if (typeof limits === 'string') outOfRange('limits', "a limit, a list of limits, a function or 'server'", limits);
    if (!Array.isArray(limits)) checkOptions('limits', limits);
    // A list of our own: nobody else changes it.
    this.#own = planOf(limits, this.#margin).limits;
    return this.#made(this.#own);
  }

  #ask(key: string): Plan {
    const limits = this.#learned?.of(key) ?? (this.#limits as (key: string) => Limit | readonly Limit[])(key);
    if (typeof limits !== 'object' || limits === null)
      wrongType(`limits(${JSON.stringify(key)})`, 'a limit or a list of limits', limits);
    return this.#made(limits);
  }

  #made(limits: Limit | readonly Limit[]): Plan {
    let known = this.#known.get(limits);
    if (known === undefined) {
      known = new Map();
      this.#known.set(limits, known);
    }
    let plan = known.get(this.#margin);
    if (plan === undefined) {
      plan = planOf(limits, this.#margin);
      if (this.#since !== undefined) plan = { ...plan, since: this.#since };
      known.set(this.#margin, plan);
    }
    return plan;
  }
}
