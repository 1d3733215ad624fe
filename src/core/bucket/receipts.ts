import type { Receipt } from '../base/store.ts';
import type { Cost } from '../limits/cost.ts';

/**
 * Makes one receipt of those of calls that were granted in one instant, one after the other: what goes back of it goes back of all
 * of them, in one store operation. A cost by name stays alone, and so does a reservation, which has an instant of its own.
 */
export function joined(receipts: readonly Receipt[]): readonly Receipt[] {
  const found: Receipt[] = [];
  let calls = 0;
  for (let index = 0; index < receipts.length; index++) {
    const receipt = receipts[index] as Receipt;
    const { slot, cost } = receipt;
    const next = receipts[index + 1];
    // Where the last of them left the bucket is where all of them did.
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

/** A receipt that is as good, for another cost. */
export function withCost({ slot, plan, after, refunds, moved = 0, standIn = false }: Receipt, cost: Cost): Receipt {
  return { slot, cost, plan, after, refunds, moved, standIn };
}
