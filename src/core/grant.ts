import type { Clock } from './clock.ts';
import type { Cost } from './cost.ts';
import type { Plan } from './limit.ts';
import type { Receipt } from './store.ts';

/** Permission for one call to go. */
export interface Grant {
  /** Key of the bucket it was taken from. */
  readonly key: string;
  /** The instant at which the call may go, in ms since the epoch, on the wall clock as it is set when this is read. */
  readonly at: number;
}

/** Who grants, and by which clock. */
export interface Granter {
  readonly clock: Clock;
}

/**
 * The grant of a call of cost 1 that could go at once, taken from a store on the throttle's monotonic clock. It is its own
 * receipt and has only the fields that differ from call to call, because making it is most of what such a call costs.
 */
export class CallGrant implements Grant, Receipt {
  readonly key: string;
  readonly slot: number;
  readonly plan: Plan;
  /** Per limit the tat afterwards; a lone number where there is one limit. */
  private readonly tats: number | readonly number[];
  private readonly by: Granter;

  constructor(key: string, by: Granter, slot: number, plan: Plan, tats: number | readonly number[]) {
    this.key = key;
    this.by = by;
    this.slot = slot;
    this.plan = plan;
    this.tats = tats;
  }

  get at(): number {
    const { clock } = this.by;
    return clock.now() - clock.monotonic() + this.monotonic;
  }

  isBy(granter: Granter): boolean {
    return this.by === granter;
  }

  /** The instant of the grant on the clock's monotonic scale, in ms. */
  get monotonic(): number {
    return this.slot;
  }

  get cost(): Cost {
    return 1;
  }

  get standIn(): boolean {
    return false;
  }

  get refunds(): readonly number[] | undefined {
    return undefined;
  }

  get after(): readonly number[] {
    return typeof this.tats === 'number' ? [this.tats] : this.tats;
  }

  toJSON(): Grant {
    return { key: this.key, at: this.at };
  }
}

// A promise asks what it is resolved with for its `then`: the sooner it learns that there is none, the better.
Object.defineProperty(CallGrant.prototype, 'then', { value: undefined });

/** The grant of a call whose end is seen. */
export class HeldGrant extends CallGrant {
  /** When the call left, on the monotonic clock, if an adapter said so. */
  departedAt: number | undefined;
  /** Whether it left over a connection that was likely closed. */
  isCold: boolean;

  constructor(key: string, by: Granter, slot: number, plan: Plan, tats: number | readonly number[]) {
    super(key, by, slot, plan, tats);
    this.departedAt = undefined;
    this.isCold = false;
  }
}

/** The grant of any other call. */
export class ReceiptGrant extends HeldGrant {
  private readonly receipt: Receipt;
  private readonly since: number;

  constructor(key: string, by: Granter, monotonic: number, receipt: Receipt) {
    super(key, by, receipt.slot, receipt.plan, receipt.after);
    this.receipt = receipt;
    this.since = monotonic;
  }

  override get monotonic(): number {
    return this.since;
  }

  override get cost(): Cost {
    return this.receipt.cost;
  }

  override get standIn(): boolean {
    return this.receipt.standIn === true;
  }

  override get refunds(): readonly number[] | undefined {
    return this.receipt.refunds;
  }
}
