import type { Receipt } from '../base/store.ts';
import { withCost } from '../bucket/receipts.ts';
import { type Cost, costIn } from '../limits/cost.ts';
import type { Rule } from '../limits/kind.ts';
import type { Plan } from '../limits/plan.ts';

/** The correction of the cost of one call. */
export interface Settlement {
  /** The receipt to settle, and its new cost: a limit that is not named keeps its cost. */
  readonly from: Receipt;
  readonly cost: Cost;
  /** The receipt with which the call may be settled again. */
  readonly done: Receipt;
  /** The same if it is unknown whether it was done: then a charge may be repeated, a refund may not. */
  readonly unsure: Receipt;
}

/** Computes the correction of a call's cost. */
export function settlementOf(receipt: Receipt, cost: Cost): Settlement {
  const { slot, plan, after } = receipt;
  // A limit without a name, which no cost can name, does not matter for a cost by name.
  const before = typeof cost === 'number' ? receipt.cost : byName(plan, (rule) => costIn(rule, receipt.cost));
  const settled = typeof cost === 'number' ? cost : { ...(before as Record<string, number>), ...cost };
  const from = withCost(receipt, before);
  const afterwards = plan.rules.map((rule, index) => {
    const tat = after[index] as number;
    const more = costIn(rule, settled) - costIn(rule, before);
    // The store subtracts what comes back, because it counts its refunds.
    return more > 0 ? rule.kind.tatCharged(tat, slot, more, rule.emissionInterval) : tat;
  });
  const lower =
    typeof before === 'number'
      ? Math.min(settled as number, before)
      : byName(plan, (rule) => Math.min(costIn(rule, settled), costIn(rule, before)));
  return {
    from,
    cost: settled,
    done: { ...from, cost: settled, after: afterwards },
    unsure: { ...from, cost: lower },
  };
}

/** The cost by name that equals `calls`. */
function byName({ rules }: Plan, calls: (rule: Rule) => number): Cost {
  return Object.fromEntries(rules.filter(({ name }) => name !== undefined).map((rule) => [rule.name, calls(rule)]));
}
