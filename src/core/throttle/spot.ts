import { CostExceedsBurstError } from '../base/errors.ts';
import type { Receipt } from '../base/store.ts';
import { type Bucket, conformsAt, grantAt } from '../bucket/bucket.ts';
import { goneLater } from '../bucket/moves.ts';
import { conformsBehind, exceededBy, receiptOf } from '../bucket/operations.ts';
import { plainReceipt } from '../bucket/receipts.ts';
import type { Cost } from '../limits/cost.ts';
import { type Clock, tick, wholeTicks } from '../time/clock.ts';
import type { Lanes } from './lanes.ts';

/** One of several buckets that calls take from at once. Instants are on the monotonic clock. */
export interface Spot {
  readonly lanes: Lanes;
  readonly key: string;
  /** When a shared store lets the next call go, by its latest answer. */
  until: number;
  /** When it is asked again in any case. */
  lookAt: number;
  /** For how many calls it is being asked. */
  asked: number;
  /** For how many calls it may be asked: one after a refusal, twice as many with each granted call. */
  mostAsked: number;
  /** When the next call may pass the throttle's own line: it lets the first call of that line go before it. */
  passAt: number;
}

/** What a shared store gave for a call. */
export interface Taken {
  readonly receipt: Receipt;
  /** When its answer came, on the monotonic clock. */
  readonly at: number;
}

/**
 * The longest time between two looks of a waiting call, in ms: limits may have changed, a pause may have ended, slots
 * may have been given back.
 */
export const mostRest = 1_000;

/** Makes the spot of a bucket that no call has waited for yet. */
export const newSpot = (lanes: Lanes, key: string): Spot => ({
  lanes,
  key,
  until: -Infinity,
  lookAt: -Infinity,
  asked: 0,
  mostAsked: Infinity,
  passAt: Infinity,
});

/** Whether the bucket is in a shared store, which has to be asked. */
export function isShared({ lanes, key }: Spot, now: number): boolean {
  return lanes.bucketIn(key, now) === undefined;
}

/** The free places of its throttle, less those for which the throttle's own line is asking its store. */
export const placesAt = ({ lanes, key }: Spot): number => lanes.places.free(key, lanes.find(key)?.kept?.count);

/**
 * When a call may go by one bucket and its throttle; Infinity for after the end of another call. It takes nothing.
 * @param since when the call came
 * @param isTaken whether a shared store has given its slot already
 * @throws CostExceedsBurstError; whatever the user's limits function throws
 */
export function opensAt(spot: Spot, cost: Cost, since: number, now: number, isTaken: boolean): number {
  const { lanes, key } = spot;
  if (placesAt(spot) <= 0) return Infinity;
  const gateOpensAt = lanes.gates.find(key)?.opensAt(now, lanes.inFlight(key)) ?? now;
  if (gateOpensAt > now) return gateOpensAt;
  const bucket = lanes.bucketIn(key, now);
  if (bucket === undefined) {
    if (isTaken) return now;
    if (spot.lookAt > now) return spot.until;
    return spot.asked < spot.mostAsked ? now : Infinity;
  }
  const ticks = wholeTicks(now);
  const at = conformsAt(bucket, cost, slotsFrom(bucket, since, now), ticks);
  if (at === Infinity) {
    const { cost: calls, burst, limitName } = exceededBy(bucket, cost);
    throw new CostExceedsBurstError(key, calls, burst, limitName);
  }
  const due = at > ticks ? now + Math.max(at - ticks, tick) : now;
  const head = lanes.find(key)?.headCost;
  if (head === undefined || (due <= now && spot.passAt <= now)) return due;
  // This line and the throttle's own line take turns: the first call of that line goes, then one passes it.
  spot.passAt = now + conformsBehind(bucket, head, cost, ticks) - ticks;
  return Math.max(due, spot.passAt);
}

/** Takes a call from a bucket of this process that allows it now. */
export function takeIn(bucket: Bucket, cost: Cost, since: number, now: number): Receipt {
  const ticks = wholeTicks(now);
  const from = slotsFrom(bucket, since, now);
  const at = conformsAt(bucket, cost, from, ticks);
  const slot = at > from ? at : ticks;
  grantAt(bucket, cost, slot, ticks);
  return receiptOf(bucket, cost, slot);
}

/** The instant from which on slots count for calls that waited for their slot and woke late. */
function slotsFrom({ plan }: Bucket, since: number, now: number): number {
  const late = Math.min(plan.lateness, now - since);
  return wholeTicks(late > 0 ? now - late : now);
}

/**
 * Takes a call from its buckets in shared stores, one after the other.
 * @param spots those buckets
 * @param taken gets the receipts, also if another store refuses or fails
 * @returns whether all granted it
 */
export async function takeShared(
  spots: readonly Spot[],
  cost: Cost,
  clock: Clock,
  taken: Map<Spot, Taken>,
): Promise<boolean> {
  // The store with the longest wait is asked first, so that less has to be given back.
  for (const spot of [...spots].sort((a, b) => b.until - a.until)) {
    const { lanes, key } = spot;
    const request = { plan: lanes.plan(key), costs: [cost], ahead: 0 };
    const { granted, wait, exceeded } = await (lanes.find(key)?.take(request) ?? lanes.store.take(key, request));
    if (exceeded !== undefined) throw new CostExceedsBurstError(key, exceeded.cost, exceeded.burst, exceeded.limitName);
    const [receipt] = granted;
    if (receipt === undefined) {
      const now = clock.monotonic();
      spot.until = now + Math.max(wait, tick);
      spot.lookAt = Math.min(spot.until, now + mostRest);
      spot.mostAsked = 1;
      return false;
    }
    spot.mostAsked *= 2;
    taken.set(spot, { receipt, at: clock.monotonic() });
  }
  return true;
}

/** How late a call goes after the answer of a store, in ms, because others were asked meanwhile; 0 if it does not matter. */
function lateBy({ receipt, at }: Taken, now: number): number {
  const ms = wholeTicks(now - at);
  return ms > receipt.plan.lateness ? ms : 0;
}

/** The receipt of a call that goes now. */
export function receiptAt(taken: Taken, now: number): Receipt {
  const ms = lateBy(taken, now);
  return ms > 0 ? goneLater(plainReceipt(taken.receipt), ms) : taken.receipt;
}

/** Lets shared stores count a call from `now` on, when it went, where that is later than they granted it. */
export async function countFrom(taken: ReadonlyMap<Spot, Taken>, now: number): Promise<void> {
  for (const [{ lanes, key }, one] of taken) {
    const ms = lateBy(one, now);
    if (ms > 0) await lanes.move(key, () => lanes.store.postpone?.(key, one.receipt, ms)).catch(() => {});
  }
}
