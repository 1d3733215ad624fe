import { checkNumber, outOfRange, wrongType } from '../base/check.ts';
import type { Rule } from './kind.ts';
import type { Plan } from './plan.ts';

/**
 * What one call counts as: a number of calls, the same in every limit, or one number per named limit. A limit that is
 * not named counts 1; a cost of 0 skips a limit.
 */
export type Cost = number | Readonly<Record<string, number>>;

/** Checks a cost without its names, and returns a copy. */
export function checkCost(cost: Cost): Cost {
  if (typeof cost === 'number') return checkNumber('cost', cost, { from: 0 });
  if (typeof cost !== 'object' || cost === null) wrongType('cost', 'a number, or one number per named limit', cost);
  for (const [name, calls] of Object.entries(cost)) checkNumber(`cost.${name}`, calls, { from: 0 });
  return { ...cost };
}

/** Whether a cost names a limit that is not in the plan. */
export function isStrange(cost: Cost, { rules }: Pick<Plan, 'rules'>): boolean {
  return strangeName(cost, rules) !== undefined;
}

/** @throws RangeError if a cost names a limit that is not in the plan. */
export function checkNames(cost: Cost, { rules }: Pick<Plan, 'rules'>): void {
  const name = strangeName(cost, rules);
  if (name !== undefined)
    outOfRange('cost', `one number per named limit (${rules.map((rule) => rule.name ?? '–').join(', ')})`, name);
}

function strangeName(cost: Cost, rules: readonly Rule[]): string | undefined {
  if (typeof cost === 'number') return undefined;
  return Object.keys(cost).find((name) => rules.every((rule) => rule.name !== name));
}

/** Reads what a call counts as in one limit, in calls. */
export function costIn(rule: Pick<Rule, 'name'>, cost: Cost): number {
  if (typeof cost === 'number') return cost;
  return rule.name === undefined || !Object.hasOwn(cost, rule.name) ? 1 : (cost[rule.name] as number);
}

/** Whether two calls count the same. */
export function sameCost(a: Cost, b: Cost): boolean {
  if (a === b) return true;
  if (typeof a === 'number' || typeof b === 'number') return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The cost of a call in a count of calls, independent of names: a cost by name is one call. */
export const costInCalls = (cost: Cost): number => (typeof cost === 'number' ? cost : 1);
