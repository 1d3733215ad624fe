import type { Cost } from '../limits/cost.ts';
import type { Plan } from '../limits/plan.ts';
import type { Clock } from '../time/clock.ts';
import type { Receipt } from './store.ts';

/** Permission for one call to go. */
export interface Grant {
  /** Key of the bucket it was taken from. */
  readonly key: string;
  /** The instant at which the call may go, in ms since the epoch, by the wall clock as it is set when this is read. */
  readonly at: number;
}

/** The throttle that grants, and its clock. */
export interface Granter {
  readonly clock: Clock;
}

/** A grant as a throttle makes it. It has few fields, because making it is most of what a call costs that may go at once. */
export class CallGrant implements Grant {
  readonly key: string;
  /** The instant of the grant on the clock's monotonic scale, in ms. */
  readonly monotonic: number;
  private readonly by: Granter;
  private readonly from: Receipt | Plan;
  private readonly tats: number | readonly number[] | undefined;

  /**
   * @param from its receipt; or the limits, if it is of cost 1 and was taken at `monotonic` from a store on that clock
   * @param tats in the latter case, per limit the tat afterwards; a lone number where there is one limit
   */
  constructor(key: string, by: Granter, monotonic: number, from: Receipt | Plan, tats?: number | readonly number[]) {
    this.key = key;
    this.monotonic = monotonic;
    this.by = by;
    this.from = from;
    this.tats = tats;
  }

  get at(): number {
    const { clock } = this.by;
    return clock.now() - clock.monotonic() + this.monotonic;
  }

  get cost(): Cost {
    return this.tats === undefined ? (this.from as Receipt).cost : 1;
  }

  get plan(): Plan {
    return this.tats === undefined ? (this.from as Receipt).plan : (this.from as Plan);
  }

  get receipt(): Receipt {
    const { monotonic, from, tats } = this;
    if (tats === undefined) return from as Receipt;
    return { slot: monotonic, cost: 1, plan: from as Plan, after: typeof tats === 'number' ? [tats] : tats };
  }

  isBy(granter: Granter): boolean {
    return this.by === granter;
  }

  toJSON(): Grant {
    return { key: this.key, at: this.at };
  }
}

// A promise looks for a `then` on the value that it is resolved with. This property ends that look early.
Object.defineProperty(CallGrant.prototype, 'then', { value: undefined });

/** The grant of a call with a visible end. */
export class HeldGrant extends CallGrant {
  /** When the call came, on the monotonic clock; undefined if it went at once. */
  since: number | undefined;
  /** When the call left, on the monotonic clock, if an adapter reported it. */
  departedAt: number | undefined;
  /** Whether it left over a connection that was likely closed. */
  isCold: boolean;
  /** The calls of its key that are in flight, this one included; undefined until it is counted. */
  inFlight: { calls: number } | undefined;

  // Written out, as a constructor that passes all its arguments on takes longer.
  constructor(key: string, by: Granter, monotonic: number, from: Receipt | Plan, tats?: number | readonly number[]) {
    super(key, by, monotonic, from, tats);
    this.since = undefined;
    this.departedAt = undefined;
    this.isCold = false;
    this.inFlight = undefined;
  }
}
