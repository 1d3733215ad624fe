import type { Receipt } from '../base/store.ts';
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

/**
 * Makes one receipt of those of calls that were granted in one instant, one after the other: what goes back of it goes back of all
 * of them, in one store operation. A cost by name stays alone, and so does a reservation, which has an instant of its own.
 */
export function joined(receipts: readonly Receipt[]): readonly Receipt[] {
  const found: Receipt[] = [];
  for (const receipt of receipts) {
    const { slot, cost } = receipt;
    const last = found.at(-1);
    // Where the last of them left the bucket is where all of them did.
    if (last?.slot === slot && typeof last.cost === 'number' && typeof cost === 'number')
      found[found.length - 1] = withCost(receipt, last.cost + cost);
    else found.push(receipt);
  }
  return found;
}

/** The receipt of a call that has gone, without getters. */
export const plainReceipt = (receipt: Receipt): Receipt => withCost(receipt, receipt.cost);

/** A receipt that is as good, for another cost. */
function withCost({ slot, plan, after, refunds, moved = 0, standIn = false }: Receipt, cost: Cost): Receipt {
  return { slot, cost, plan, after, refunds, moved, standIn };
}

/** A cost that says of each named limit what `calls` does. */
function byName({ rules }: Plan, calls: (rule: Rule) => number): Cost {
  return Object.fromEntries(rules.filter(({ name }) => name !== undefined).map((rule) => [rule.name, calls(rule)]));
}
