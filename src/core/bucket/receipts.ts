import type { Receipt } from '../base/store.ts';
import type { Cost } from '../limits/cost.ts';

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
export function withCost({ slot, plan, after, refunds, moved = 0, standIn = false }: Receipt, cost: Cost): Receipt {
  return { slot, cost, plan, after, refunds, moved, standIn };
}
