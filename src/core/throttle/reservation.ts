import { disposeBy } from '../base/dispose.ts';
import type { Receipt } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';
import type { Reservation } from './throttle.ts';

/** What makes reservations and takes slots back. */
export interface Reserver {
  readonly clock: Clock;
  giveBack(reservation: CancellableReservation): Promise<void>;
}

/** The slot that `reserve` took. */
export class CancellableReservation implements Reservation {
  readonly key: string;
  readonly wait: number;
  readonly at: number;
  readonly #by: Reserver;
  readonly #receipt: Receipt;
  readonly #due: number;
  #cancelled = false;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  constructor(by: Reserver, key: string, receipt: Receipt, wait: number) {
    const { clock } = by;
    this.key = key;
    this.wait = wait;
    this.at = clock.now() + wait;
    this.#by = by;
    this.#receipt = receipt;
    this.#due = clock.monotonic() + wait;
    disposeBy(this, () => this.cancel());
  }

  get receipt(): Receipt {
    return this.#receipt;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  isBy(reserver: Reserver): boolean {
    return this.#by === reserver;
  }

  /** Whether the slot has come, or was given back. */
  get over(): boolean {
    return this.#cancelled || this.#due <= this.#by.clock.monotonic();
  }

  async cancel(): Promise<void> {
    if (this.over) return;
    this.#cancelled = true;
    await this.#by.giveBack(this);
  }
}
