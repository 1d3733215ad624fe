import { outOfRange, wrongType } from '../base/check.ts';
import { carriedBy, carriedKind, type Kind, type LimitState, type Rule } from './kind.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { checkLimit, type Limit } from './limit.ts';
import type { Pacing } from './pace.ts';
import { quotaKind } from './quota.ts';
import { wholeTicksUp } from './rounding.ts';

// Limits made ready. A plan is never changed: whoever has other limits, or another margin, has another plan.

/** What limits without a margin of their own keep in hand: a number of ms, or `'calls'` for what calls without an adapter keep. */
export type Margin = number | 'calls';

/** The margin of `'calls'`, in ms. */
export const callsMargin = 20;

/** The limits of one key, made ready. */
export interface Plan {
  readonly rules: readonly Rule[];
  /** What they were made of, with their kinds. */
  readonly limits: readonly Limit[];
  /** What limits without a margin of their own keep in hand. */
  readonly margin: Margin;
  /** How late a call may leave after its slot, in ms: half of the least margin. The other half is the network's. */
  readonly lateness: number;
  /** When the throttle took these limits in place of others, on its monotonic clock; undefined if it was made with them. */
  readonly since?: number;
  /** Where the limits of a bucket at rest stand. */
  readonly atRest: readonly LimitState[];
  /** The rule of a plan that is one leaky bucket. */
  readonly only: Rule | undefined;
  /** Whether every rule is a leaky bucket. */
  readonly leaky: boolean;
  /** The rate at which calls begin that nobody knows the limits of, in calls per ms. */
  readonly begins: number | undefined;
  /** What is done with their pace; there with `begins`. */
  readonly pacing: Pacing | undefined;
  /** No more calls of cost 1 than this can ever go at one instant. */
  readonly mostAtOnce: number;
}

/**
 * Checks limits and makes them ready.
 * @param margin what limits without a margin of their own keep in hand
 */
export function planOf(limits: Limit | readonly Limit[], margin: Margin): Plan {
  // A copy has no holes, which `map` and `every` would pass over.
  const list = Array.isArray(limits) ? [...(limits as readonly Limit[])] : [limits as Limit];
  if (list.length === 0) outOfRange('limits', 'at least one limit', list);
  const rules = list.map((limit, index) =>
    ruleOf(limit, margin, Array.isArray(limits) ? `limits[${index}]` : 'limits'),
  );
  const names = rules.map(({ name }) => name);
  const twice = names.find((name, index) => name !== undefined && names.indexOf(name) !== index);
  if (twice !== undefined) outOfRange('limits', 'limits with different names', twice);
  const atRest = rules.map(({ kind }) => kind.atRest);
  const leaky = atRest.every((state) => typeof state === 'number');
  const [first] = rules as [Rule];
  return {
    rules,
    limits: rules.map(({ limit }) => limit),
    margin,
    lateness: Math.min(...rules.map((rule) => rule.margin)) / 2,
    only: leaky && rules.length === 1 && first.kind.begins === undefined ? first : undefined,
    atRest,
    leaky,
    begins: first.kind.begins?.(first.limit),
    pacing: first.kind.pacing,
    mostAtOnce: first.kind.begins === undefined ? Math.floor(Math.min(...rules.map(({ burst }) => burst))) : 1,
  };
}

/** The kinds that every throttle knows; others come with the limits. */
const kinds: readonly Kind[] = [leakyBucket, quotaKind];

function ruleOf(given: Limit, byDefault: Margin, path: string): Rule {
  if (typeof given !== 'object' || given === null) wrongType(path, 'a limit', given);
  const { kind: kindName = 'leaky-bucket', margin = 'auto', interval, name } = given;
  const kind =
    carriedBy(given) ??
    kinds.find((known) => known.name === kindName) ??
    outOfRange(`${path}.kind`, "'leaky-bucket' or 'quota', or made by slidingWindow()", kindName);
  checkLimit(given, kind, `${path}.`);
  const own = margin === 'auto' ? byDefault : margin;
  const kept = own === 'calls' ? Math.min(callsMargin, kind.mostKept(given)) : wholeTicksUp(own);
  return {
    kind,
    limit: copyOf(given),
    name,
    burst: kind.burstOf(given),
    interval,
    margin: kept,
    ...kind.numbersOf(given, kept),
  };
}

const fields = ['kind', 'rate', 'interval', 'burst', 'margin', 'name'] as const;

/** Only what we know of a limit: the user's object may hold what cannot be stored, and may change. */
function copyOf(limit: Limit): Limit {
  const copy: Record<PropertyKey, unknown> = {};
  for (const field of [...fields, carriedKind] as readonly (keyof Limit)[])
    if (limit[field] !== undefined) copy[field] = limit[field];
  return copy as unknown as Limit;
}

/** Whether two plans are made of the same limits, margins aside. */
export function samePlan(a: Plan, b: Plan): boolean {
  if (a === b) return true;
  return a.rules.length === b.rules.length && a.rules.every((rule, index) => sameRule(rule, b.rules[index] as Rule));
}

function sameRule(a: Rule, b: Rule): boolean {
  return (
    a.limit === b.limit ||
    (a.kind.name === b.kind.name &&
      a.limit.rate === b.limit.rate &&
      a.interval === b.interval &&
      a.burst === b.burst &&
      a.name === b.name)
  );
}

/** Whether limits say the very same as those that a plan was made of, so that nothing is wrong with them. */
export function isMadeOf({ limits }: Plan, others: readonly Limit[]): boolean {
  if (limits.length !== others.length) return false;
  // Loops, as each step of a browser store comes by here, often in a tab whose code is cold.
  for (let index = 0; index < limits.length; index++)
    for (const field of fields) if (limits[index]?.[field] !== others[index]?.[field]) return false;
  return true;
}
