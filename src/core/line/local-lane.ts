import type { Answer, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Bucket, conformsAt, grantAt, tatsOf } from '../bucket/bucket.ts';
import { exceededBy, receiptOf, takeBeside } from '../bucket/operations.ts';
import type { Plan } from '../limits/plan.ts';
import { tick, wholeTicks } from '../time/clock.ts';
import { grace, Lane, type LaneHost } from './lane.ts';
import type { NextCall, Waiter } from './waiting-room.ts';

/** What a local lane needs of its throttle. */
export interface LocalLaneHost extends LaneHost {
  /** The bucket of a key, brought to its limits. Errors of the user's function pass through. */
  bucketOf(key: string, now: number): Bucket;
}

/**
 * The line of a store with its buckets in this process: it reads the bucket when it wakes.
 *
 * Invariant: it holds nothing of the bucket between two steps, and answers are synchronous. Its knowledge of the next
 * call is a guess that costs one extra wake at most.
 */
export class LocalLane extends Lane {
  declare protected readonly host: LocalLaneHost;
  /** When the waiter that was checked last may go; undefined if that is not known. */
  #due: { readonly at: number; readonly waiter: Waiter } | undefined;

  override get nextDue(): number | undefined {
    return this.#due?.at;
  }

  protected override knownPlan(now: number): Plan {
    return this.host.bucketOf(this.key, now).plan;
  }

  protected override next(now: number): NextCall | undefined {
    if (this.#due === undefined) return undefined;
    const bucket = this.host.bucketOf(this.key, now);
    const { at, waiter } = this.#due;
    return { due: at, cost: waiter.cost, plan: bucket.plan, tats: tatsOf(bucket) };
  }

  override take(request: TakeRequest): TakeAnswer | undefined {
    const head = this.headCost;
    if (head === undefined) return undefined;
    const now = this.host.clock.monotonic();
    return takeBeside(this.host.bucketOf(this.key, now), request, head, wholeTicks(now));
  }

  override async renew(move: () => Answer<void>): Promise<void> {
    try {
      await move();
    } finally {
      this.look();
    }
  }

  override look(): void {
    this.#due = undefined;
    this.advance();
  }

  override restart(): void {
    this.look();
  }

  protected override step(now: number): number | undefined {
    if (this.rejectOverdue(now - grace, now)) return undefined;
    const head = this.room.first;
    if (head === undefined) this.#due = undefined;
    if (head === undefined || this.free <= 0) return this.rest(now, Infinity);
    try {
      return this.#serve(head, now);
    } catch (error) {
      // The user's limits function threw.
      this.room.reject(head, error);
      return undefined;
    }
  }

  /** Lets the first call of the line go if it may. */
  #serve(head: Waiter, now: number): number | undefined {
    const { gate } = this;
    const opensAt = gate?.opensAt(now, this.inFlight) ?? now;
    if (opensAt > now) return this.rest(now, opensAt);
    if (this.#due?.waiter === head && this.#due.at > now) return this.rest(now, this.#due.at);
    const bucket = this.host.bucketOf(this.key, now);
    const nowInTicks = wholeTicks(now);
    // A call that waited for its slot and wakes late still counts on the slot: a late timer loses no quota.
    const late = Math.min(bucket.plan.lateness, now - head.since);
    const from = late > 0 ? wholeTicks(now - late) : nowInTicks;
    const at = conformsAt(bucket, head.cost, from, nowInTicks);
    if (at === Infinity) {
      this.room.rejectExceeding(head, exceededBy(bucket, head.cost));
      return undefined;
    }
    if (at > nowInTicks) {
      const due = now + Math.max(at - nowInTicks, tick);
      this.#due = { at: due, waiter: head };
      return this.room.rejectIfLate(head, due) ? undefined : this.rest(now, due);
    }
    if (gate?.resume(now)) return undefined;
    this.#due = undefined;
    const slot = at > from ? at : nowInTicks;
    grantAt(bucket, head.cost, slot, nowInTicks);
    this.grant(head, receiptOf(bucket, head.cost, slot), now - (nowInTicks - slot));
    return undefined;
  }
}
