import type { Receipt } from '../base/store.ts';
import { withCost } from '../bucket/receipts.ts';
import { type Cost, costIn } from '../limits/cost.ts';
import type { Rule } from '../limits/kind.ts';
import type { Plan } from '../limits/plan.ts';

/** The correction of the cost of one call. */
export interface Settlement {
  /** The receipt to settle, and the cost to settle it at: a limit that is not named keeps the cost it has. */
  readonly from: Receipt;
  readonly cost: Cost;
  /** The receipt with which the call may be settled again. */
  readonly done: Receipt;
  /** The same if nobody knows whether it was done: then a charge may be made again, a refund may not. */
  readonly unsure: Receipt;
}

/** Works out how the cost of a call is corrected. */
export function settlementOf(receipt: Receipt, cost: Cost): Settlement {
  const { slot, plan, after } = receipt;
  // A limit without a name, which no cost can name, makes no difference in the terms of a cost by name.
  const before = typeof cost === 'number' ? receipt.cost : byName(plan, (rule) => costIn(rule, receipt.cost));
  const settled = typeof cost === 'number' ? cost : { ...(before as Record<string, number>), ...cost };
  const from = withCost(receipt, before);
  const afterwards = plan.rules.map((rule, index) => {
    const tat = after[index] as number;
    const more = costIn(rule, settled) - costIn(rule, before);
    // What comes back is taken off by the store, which counts its refunds.
    return more > 0 ? rule.kind.tatCharged(tat, slot, more, rule.emissionInterval) : tat;
  });
  const lower =
    typeof settled === 'number' && typeof before === 'number'
      ? Math.min(settled, before)
      : byName(plan, (rule) => Math.min(costIn(rule, settled), costIn(rule, before)));
  return {
    from,
    cost: settled,
    done: { ...from, cost: settled, after: afterwards },
    unsure: { ...from, cost: lower },
  };
}

/** A cost that says of each named limit what `calls` does. */
function byName({ rules }: Plan, calls: (rule: Rule) => number): Cost {
  return Object.fromEntries(rules.filter(({ name }) => name !== undefined).map((rule) => [rule.name, calls(rule)]));
}
