import type { Plan } from '../limits/plan.ts';

/**
 * When the last call of a line goes if no other call comes: exact for a leaky bucket, the earliest instant for others.
 * @param tats per limit the tat before the first of the line
 * @param first when the first of the line goes
 * @param calls per limit what the whole line counts as
 */
export function lineEndsAt(plan: Plan, tats: readonly number[], first: number, calls: readonly number[]): number {
  let end = first;
  for (const [index, rule] of plan.rules.entries()) {
    const cost = calls[index] as number;
    if (cost > 0) end = Math.max(end, rule.kind.lineEndsAt(rule, tats[index] as number, first, cost));
  }
  return end;
}
