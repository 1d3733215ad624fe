import { CallGrant, type Grant } from '../base/grant.ts';
import type { Receipt, StoreOperations } from '../base/store.ts';
import type { Lanes } from './lanes.ts';
import { CancellableReservation, type Reserver } from './reservation.ts';

/**
 * The granted calls that may still be corrected: future reservations, and the present cost of grants.
 *
 * Invariant: a receipt is given back or settled by the throttle that made it, and a reservation once.
 */
export class Reservations implements Reserver {
  readonly lanes: Lanes;
  readonly #open = new Set<CancellableReservation>();
  /** The receipts of grants that now count differently than when they were granted. */
  readonly #corrected = new WeakMap<Grant, Receipt>();

  constructor(lanes: Lanes) {
    this.lanes = lanes;
  }

  get clock(): Lanes['clock'] {
    return this.lanes.clock;
  }

  get #store(): StoreOperations {
    return this.lanes.store;
  }

  /** Makes a reservation of what a store reserved, `wait` ms from now. */
  add(key: string, receipt: Receipt, wait: number): CancellableReservation {
    for (const past of this.#open) if (past.over) this.#open.delete(past);
    const reservation = new CancellableReservation(this, key, receipt, wait);
    this.#open.add(reservation);
    return reservation;
  }

  /** The present receipt of a grant or reservation; undefined if it is of another throttle. */
  receiptOf(grant: Grant): Receipt | undefined {
    const isOurs =
      (grant instanceof CallGrant && grant.isBy(this.lanes)) ||
      (grant instanceof CancellableReservation && grant.isBy(this));
    return this.#corrected.get(grant) ?? (isOurs ? (grant as CallGrant).receipt : undefined);
  }

  /** Notes the present cost of a grant. */
  correct(grant: Grant, receipt: Receipt): void {
    this.#corrected.set(grant, receipt);
  }

  /** Gives the slot of a reservation back, with its present cost. */
  async giveBack(reservation: CancellableReservation): Promise<void> {
    const { key, receipt } = reservation;
    const settled = this.#corrected.get(reservation);
    await (settled === undefined ? this.#store.giveBack(key, receipt) : this.#store.settle(key, settled, 0));
    this.lanes.find(key)?.look();
  }

  /** Gives back all slots in the future. If the store fails, they are lost. */
  async cancelAll(): Promise<void> {
    // Latest first, because only the newest reservation of a bucket is fully refundable.
    for (const reservation of [...this.#open].reverse()) await reservation.cancel().catch(() => {});
  }
}
