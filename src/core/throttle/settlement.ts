import type { Receipt } from '../base/store.ts';
import { charge, sum } from '../bucket/bucket.ts';
import { withCost } from '../bucket/receipts.ts';
import { type Cost, costIn } from '../limits/cost.ts';

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
  const from = withCost(receipt, inTerms(receipt, receipt.cost, cost));
  const settled = typeof cost === 'number' ? cost : { ...(from.cost as Record<string, number>), ...cost };
  const afterwards = plan.rules.map((rule, index) => {
    const tat = after[index] as number;
    const more = costIn(rule, settled) - costIn(rule, from.cost);
    // What comes back is taken off by the store, which counts its refunds.
    return more > 0 && rule.window === 0 ? sum(Math.max(tat, slot), charge(rule, more)) : tat;
  });
  const lower = plan.rules.map((rule) => Math.min(costIn(rule, settled), costIn(rule, from.cost)));
  return {
    from,
    cost: settled,
    done: { ...from, cost: settled, after: afterwards },
    unsure: {
      ...from,
      cost:
        typeof settled === 'number' && typeof from.cost === 'number'
          ? Math.min(settled, from.cost)
          : byName(receipt, lower),
    },
  };
}

/** What a call counts as, in the terms of another cost: a limit without a name, which no cost can name, then makes no difference. */
function inTerms(receipt: Receipt, cost: Cost, other: Cost): Cost {
  if (typeof other === 'number') return cost;
  return byName(
    receipt,
    receipt.plan.rules.map((rule) => costIn(rule, cost)),
  );
}

function byName({ plan }: Receipt, calls: readonly number[]): Cost {
  return Object.fromEntries(
    plan.rules.flatMap(({ name }, index) => (name === undefined ? [] : [[name, calls[index] as number] as const])),
  );
}
