import { conformsBehind } from '../bucket/operations.ts';
import type { Cost } from '../limits/cost.ts';
import { wholeTicks } from '../time/clock.ts';
import type { Group, Waiter } from './group.ts';
import type { Lanes } from './lanes.ts';
import { mostRest, placesAt, type Spot } from './spot.ts';

/** Why a call does not go now: the bucket with the longest wait, and its end. */
export interface Hold {
  readonly spot: Spot;
  readonly until: number;
}

/** What a call needs of a bucket, and when. */
interface Need {
  readonly cost: Cost;
  readonly until: number;
}

/** What the calls in front keep from those behind them, during one pass through the line. */
export class Kept {
  readonly #now: number;
  /** By throttle and key; undefined if others may take nothing. */
  readonly #needs = new Map<Lanes, Map<string, Need | undefined>>();

  constructor(now: number) {
    this.#now = now;
  }

  /** Whether a call has to wait for one in front of it. */
  holds({ spots }: Group, { request: { cost } }: Waiter): boolean {
    return spots.some((spot) => {
      const needs = this.#needs.get(spot.lanes);
      const need = needs?.get(spot.key);
      return need === undefined ? needs?.has(spot.key) : !this.#leavesRoom(spot, cost, need);
    });
  }

  /**
   * Keeps the bucket with the longest wait for a call. Once it has been overtaken, it keeps its other buckets too:
   * others take from them only what does not delay it. Otherwise two buckets might never be free together.
   */
  keep({ spots }: Group, first: Waiter, { spot, until }: Hold): void {
    const isOvertaken = first.due <= this.#now && until < Infinity;
    first.due = Math.min(first.due, until);
    this.#needsOf(spot).set(spot.key, undefined);
    if (!isOvertaken) return;
    for (const other of spots) {
      if (other === spot) continue;
      const needs = this.#needsOf(other);
      needs.set(other.key, needs.has(other.key) ? undefined : { cost: first.request.cost, until });
    }
  }

  #needsOf({ lanes }: Spot): Map<string, Need | undefined> {
    const needs = this.#needs.get(lanes) ?? new Map<string, Need | undefined>();
    this.#needs.set(lanes, needs);
    return needs;
  }

  /** Whether a call may go now without delaying one in front of it. A shared store cannot tell. */
  #leavesRoom(spot: Spot, cost: Cost, need: Need): boolean {
    const now = this.#now;
    // When the place will be free again is not known, so it stays empty for a short time only.
    if (placesAt(spot) <= 1 && need.until - now <= mostRest) return false;
    const bucket = spot.lanes.bucketIn(spot.key, now);
    if (bucket === undefined) return true;
    const ticks = wholeTicks(now);
    return conformsBehind(bucket, cost, need.cost, ticks) - ticks <= need.until - now;
  }
}
