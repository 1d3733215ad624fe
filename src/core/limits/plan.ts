import { outOfRange, wrongType } from '../base/check.ts';
import { carriedBy, carriedKind, type Kind, type LimitState, type Rule } from './kind.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { checkLimit, type Limit } from './limit.ts';
import type { Pacing } from './pace.ts';
import { quotaKind } from './quota.ts';
import { wholeTicksUp } from './rounding.ts';

// The limits of a key, ready for the arithmetic. A plan is never changed: other limits or another margin make another
// plan.

/**
 * The margin of limits without one of their own: a number of ms, or `'calls'` for the margin of calls without an
 * adapter.
 */
export type Margin = number | 'calls';

/** The margin of `'calls'`, in ms. */
export const callsMargin = 20;

/** The limits of one key, ready for the arithmetic. */
export interface Plan {
  readonly rules: readonly Rule[];
  /** The limits it was made of, with their kinds. */
  readonly limits: readonly Limit[];
  /** The margin of limits without one of their own. */
  readonly margin: Margin;
  /**
   * How late a call may leave after its slot, in ms: half of the smallest margin. The other half is for the network.
   */
  readonly lateness: number;
  /** When the throttle changed to these limits, on its monotonic clock; undefined if it was created with them. */
  readonly since?: number;
  /** The states of the limits of a bucket at rest. */
  readonly atRest: readonly LimitState[];
  /** The rule, if the plan is one leaky bucket. */
  readonly only: Rule | undefined;
  /** Whether every rule is a leaky bucket. */
  readonly leaky: boolean;
  /** The first rate of calls whose limits are not known, in calls per ms. */
  readonly begins: number | undefined;
  /** The operations on their pace; present together with `begins`. */
  readonly pacing: Pacing | undefined;
  /** No more calls of cost 1 than this can ever go at one instant. */
  readonly mostAtOnce: number;
}

/**
 * Checks limits and makes them ready.
 * @param margin the margin of limits without one of their own
 */
export function planOf(limits: Limit | readonly Limit[], margin: Margin): Plan {
  // A copy has no holes, which `map` and `every` would skip.
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

/** Only the known fields of a limit: the user's object may hold values that cannot be stored, and may change. */
function copyOf(limit: Limit): Limit {
  const copy: Record<PropertyKey, unknown> = {};
  for (const field of [...fields, carriedKind] as readonly (keyof Limit)[])
    if (limit[field] !== undefined) copy[field] = limit[field];
  return copy as unknown as Limit;
}

/** Whether two plans are made of the same limits, apart from the throttle's margin. */
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

/** Whether limits equal those that a plan was made of, so that they need no check. */
export function isMadeOf({ limits }: Plan, others: readonly Limit[]): boolean {
  if (limits.length !== others.length) return false;
  // Loops, because each step of a browser store runs this, often in a tab with cold code.
  for (let index = 0; index < limits.length; index++)
    for (const field of fields) if (limits[index]?.[field] !== others[index]?.[field]) return false;
  return true;
}
