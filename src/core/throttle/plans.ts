import { checkOptions, outOfRange, wrongType } from '../base/check.ts';
import type { Limit } from '../limits/limit.ts';
import { type Margin, type Plan, planOf } from '../limits/plan.ts';

/**
 * The limits of a throttle: one limit, several, or a function of the key. `'server'` leaves them to the server of each key: one
 * call a second until its answers tell more, then what they tell.
 */
export type Limits = Limit | readonly Limit[] | ((key: string) => Limit | readonly Limit[]) | 'server';

/** What a key keeps before its server has said anything: one call a second. */
const careful: Limit = { rate: 1, interval: 1_000 };

/**
 * The limits of a throttle, made ready once and kept.
 *
 * Invariant: the same limits and margin give the same plan object, so that who compares plans compares references first.
 */
export class Plans {
  #limits: Limits;
  #margin: Margin;
  /** Whether the margin follows what the throttle is used for. */
  readonly #isAuto: boolean;
  /** When these limits took the place of others, on the monotonic clock; undefined if they never did. */
  #since: number | undefined;
  /** The plan of every key, unless the limits are a function, and the limits that it was made of. */
  #fixed: Plan | undefined;
  #own: readonly Limit[] = [];
  /** Plans that were made before: most functions return the same few objects again and again. */
  #known = new WeakMap<object, Plan>();
  /** Tells the limits that servers told of. */
  #learned: (key: string) => Limit | readonly Limit[] | undefined = () => undefined;

  /** @param margin what limits without a margin of their own keep in hand; `'auto'` is nothing until there is a reason */
  constructor(limits: Limits, margin: Margin | 'auto') {
    this.#limits = limits;
    this.#isAuto = margin === 'auto';
    this.#margin = margin === 'auto' ? 0 : margin;
    this.#fixed = this.#planOf(limits);
  }

  get margin(): Margin {
    return this.#margin;
  }

  /** Keeps a margin for calls that `wait` and `run` send, unless adapters have one already. */
  keepForCalls(): void {
    if (this.#margin === 0) this.follow('calls');
  }

  /** Makes all limits ready anew with another margin, unless the user said how much. */
  follow(margin: Margin): void {
    if (!this.#isAuto || margin === this.#margin) return;
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
    before.#learned = this.#learned;
    return (key) => before.of(key);
  }

  /** The limits that `key` keeps unless the store holds others for it. Whatever the user's function throws passes through. */
  of(key: string): Plan {
    return this.#fixed ?? this.#ask(key);
  }

  /** Whether the limits are left to servers. */
  get areLearned(): boolean {
    return this.#limits === 'server';
  }

  /** Takes who knows the limits that servers told of. */
  learnFrom(limitsOf: (key: string) => Limit | readonly Limit[] | undefined): void {
    this.#learned = limitsOf;
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
