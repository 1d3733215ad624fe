import { CostExceedsBurstError } from '../base/errors.ts';
import type { Receipt } from '../base/store.ts';
import { type Bucket, conformsAt, copyOf, grantAt } from '../bucket/bucket.ts';
import { exceededBy, receiptOf } from '../bucket/operations.ts';
import type { Cost } from '../limits/cost.ts';
import { type Clock, tick, wholeTicks } from '../time/clock.ts';
import type { Lanes } from './lanes.ts';

/** One of the buckets that calls take from together with others. Instants are on the monotonic clock. */
export interface Spot {
  readonly lanes: Lanes;
  readonly key: string;
  /** When a store that is shared lets the next call go, as it said last. */
  until: number;
  /** When it is asked again, whatever it said. */
  lookAt: number;
  /** For how many calls it is asked at the moment. */
  asked: number;
  /** For how many it may be: one after it refused, and twice as many with each call that it grants. */
  mostAsked: number;
  /** From when on the next call may go past the line of the throttle itself: it lets the first call of that line go before it. */
  passAt: number;
}

/** How often a waiting call looks at least, in ms: limits may have changed, a pause may have ended, others may have given back. */
export const mostRest = 1_000;

/** Makes what is known of a bucket that no call has waited for yet. */
export const newSpot = (lanes: Lanes, key: string): Spot => ({
  lanes,
  key,
  until: -Infinity,
  lookAt: -Infinity,
  asked: 0,
  mostAsked: Infinity,
  passAt: Infinity,
});

/** Whether the bucket has to be asked for: nobody can look at it. */
export function isShared({ lanes, key }: Spot, now: number): boolean {
  return lanes.bucketIn(key, now) === undefined;
}

/**
 * When a call may go as far as one bucket and its throttle are concerned; Infinity for when another has ended. It takes nothing.
 * @param since when the call came
 * @param isTaken whether a shared store has given its slot already
 * @throws CostExceedsBurstError; whatever the user's limits function throws
 */
export function opensAt(spot: Spot, cost: Cost, since: number, now: number, isTaken: boolean): number {
  const { lanes, key } = spot;
  if (lanes.places.free(key) <= 0) return Infinity;
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
  // This line and that of the throttle itself take turns: the first call of that one goes, then one goes past it.
  const behind = copyOf(bucket);
  grantAt(behind, head, conformsAt(behind, head, ticks), ticks);
  spot.passAt = now + conformsAt(behind, cost, ticks) - ticks;
  return Math.max(due, spot.passAt);
}

/** Takes a call from a bucket of this process that lets it go now. */
export function takeIn(bucket: Bucket, cost: Cost, since: number, now: number): Receipt {
  const ticks = wholeTicks(now);
  const from = slotsFrom(bucket, since, now);
  const at = conformsAt(bucket, cost, from, ticks);
  const slot = at > from ? at : ticks;
  grantAt(bucket, cost, slot, ticks);
  return receiptOf(bucket, cost, slot);
}

/** A call that had to wait for its slot, and wakes late, goes on the slot: since when such slots count. */
function slotsFrom({ plan }: Bucket, since: number, now: number): number {
  const late = Math.min(plan.lateness, now - since);
  return wholeTicks(late > 0 ? now - late : now);
}

/**
 * Takes a call from those of its buckets that are in shared stores, one after the other.
 * @param spots those buckets
 * @param taken gets what was taken, also if another refuses or fails
 * @returns whether all gave
 */
export async function takeShared(
  spots: readonly Spot[],
  cost: Cost,
  clock: Clock,
  taken: Map<Spot, Receipt>,
): Promise<boolean> {
  // The one that let calls wait longest is asked first: then the least has to go back.
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
    taken.set(spot, receipt);
  }
  return true;
}
