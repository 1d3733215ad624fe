import type { Receipt } from '../base/store.ts';
import type { Cost } from '../limits/cost.ts';

/**
 * Joins the receipts of calls that were granted in one instant, one after the other. What is given back of the joined
 * receipt goes back for all of them, in one store operation. A cost by name is not joined, nor is a reservation, which
 * has its own instant.
 */
export function joined(receipts: readonly Receipt[]): readonly Receipt[] {
  const found: Receipt[] = [];
  let calls = 0;
  for (let index = 0; index < receipts.length; index++) {
    const receipt = receipts[index] as Receipt;
    const { slot, cost } = receipt;
    const next = receipts[index + 1];
    // The state after the last of them is the state after all of them.
    if (next?.slot === slot && typeof next.cost === 'number' && typeof cost === 'number') {
      calls += cost;
      continue;
    }
    found.push(calls === 0 ? receipt : withCost(receipt, calls + (cost as number)));
    calls = 0;
  }
  return found;
}

/** The receipt of a call that has gone, without getters. */
export const plainReceipt = (receipt: Receipt): Receipt => withCost(receipt, receipt.cost);

/** The same receipt for another cost. */
export function withCost({ slot, plan, after, refunds, moved = 0, standIn = false }: Receipt, cost: Cost): Receipt {
  return { slot, cost, plan, after, refunds, moved, standIn };
}
