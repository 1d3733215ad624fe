import { checkOptions, wrongType } from './check.ts';
import { type Limit, type Plan, planOf } from './limit.ts';

/** The limits of a throttle: one limit, several, or a function of the key. */
export type Limits = Limit | readonly Limit[] | ((key: string) => Limit | readonly Limit[]);

/** The limits of a throttle, made ready once and kept. */
export class Plans {
  #limits: Limits;
  #margin: number;
  /** The plan of every key, unless the limits are a function. */
  #fixed: Plan | undefined;
  /** What the function returned before: most return the same few objects again and again. */
  #known = new WeakMap<object, Plan>();

  /** @param margin what limits without a margin of their own keep in hand, in ms */
  constructor(limits: Limits, margin: number) {
    this.#limits = limits;
    this.#margin = margin;
    this.#fixed = this.#planOf(limits);
  }

  get margin(): number {
    return this.#margin;
  }

  /** Makes all limits ready anew, with another margin. */
  set margin(margin: number) {
    if (margin === this.#margin) return;
    this.#margin = margin;
    this.#known = new WeakMap();
    this.#fixed &&= planOf(
      this.#fixed.rules.map((rule) => rule.limit),
      margin,
    );
  }

  /** Takes other limits for all keys. A wrong one leaves those there were. */
  replace(limits: Limits): void {
    this.#fixed = this.#planOf(limits);
    this.#limits = limits;
  }

  /** The limits that `key` keeps unless the store holds others for it. Whatever the user's function throws passes through. */
  of(key: string): Plan {
    return this.#fixed ?? this.#ask(key);
  }

  /** Whether costs can be checked against the names of all limits there are. */
  get areFixed(): boolean {
    return this.#fixed !== undefined;
  }

  /** The plan of every key; undefined if the limits are a function. */
  #planOf(limits: Limits): Plan | undefined {
    if (typeof limits === 'function') return undefined;
    if (!Array.isArray(limits)) checkOptions('limits', limits);
    return planOf(limits, this.#margin);
  }

  #ask(key: string): Plan {
    const limits = (this.#limits as (key: string) => Limit | readonly Limit[])(key);
    if (typeof limits !== 'object' || limits === null)
      wrongType(`limits(${JSON.stringify(key)})`, 'a limit or a list of limits', limits);
    const known = this.#known.get(limits);
    if (known !== undefined) return known;
    const plan = planOf(limits, this.#margin);
    this.#known.set(limits, plan);
    return plan;
  }
}
