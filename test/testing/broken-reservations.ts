import type { Receipt, Standing, TakeAnswer, TakeRequest } from 'sluice';
import { type Bucket, note } from '../../src/core/bucket/bucket.ts';
import { postpone, takeOnSlot } from '../../src/core/bucket/moves.ts';
import { giveBack } from '../../src/core/bucket/operations.ts';
import { sameCost } from '../../src/core/limits/cost.ts';
import type { Plan } from '../../src/core/limits/plan.ts';
import { type BrokenStore, PlainStore, postponed } from './plain-store.ts';

/** A store to which no call comes too late for its slot. */
class LateStore extends PlainStore {
  override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
    return super.take(key, request.instead === undefined ? request : { ...request, late: 86_400_000 });
  }
}

/** Stores that get wrong what becomes of a slot that was reserved. */
export const brokenReservations: readonly BrokenStore[] = [
  [
    'does not see that a reservation is to be used',
    'take keeps a reservation whose slot is yet to come, and says when that is',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        return super.take(key, { ...request, instead: undefined });
      }
    },
  ],
  [
    'gives every reservation back and asks anew',
    'take lets the first call go on a reservation whose slot has come, up to `late` after it',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        const { instead, ...anew } = request;
        if (instead !== undefined) this.giveBack(key, instead);
        return super.take(key, anew);
      }
    },
  ],
  [
    'lets a call go on its slot however late it is',
    'take lets a call go now that missed its slot by more than `late`, and makes later slots as much later',
    LateStore,
  ],
  [
    'tells nobody that slots have become later',
    'take lets a call go now that missed its slot by more than `late`, and makes later slots as much later',
    class extends PlainStore {
      override peek(key: string, plan: Plan, without?: Receipt): Standing {
        const { moved: _, ...standing } = super.peek(key, plan, without);
        return standing;
      }
    },
  ],
  [
    'lets a call go on its slot even if the next one was used',
    'take gives back a reservation that was missed by so much that the next slot may have been used',
    LateStore,
  ],
  [
    'forgets that a caller goes at his slot, whatever becomes later',
    'take moves no slot of a caller who goes then, whatever becomes later',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        return super.take(key, { ...request, fixed: false });
      }
    },
  ],
  [
    'lets any call go on a reservation',
    'take gives back a reservation that does not fit the first call, and asks anew',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        const { instead, costs } = request;
        const fits = instead === undefined || costs.length === 0;
        return super.take(key, fits ? request : { ...request, costs: [instead.cost, ...costs.slice(1)] });
      }
    },
  ],
  [
    'keeps a reservation that does not fit',
    'take gives back a reservation that does not fit even if it then refuses',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        const { instead, costs } = request;
        const fits = instead !== undefined && costs[0] !== undefined && sameCost(instead.cost, costs[0]);
        return super.take(key, fits ? request : { ...request, instead: undefined });
      }
    },
  ],
  [
    'keeps reservations through a pause',
    'take gives back a reservation while the key is paused, and asks anew',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const { gate } = bucket.extras;
        if (request.instead !== undefined) note(bucket, { gate: -Infinity });
        const answer = takeOnSlot(bucket, request, this.clock());
        note(bucket, { gate });
        return answer;
      }
    },
  ],
  [
    'keeps reservations that the server has no call left for',
    'take gives back a reservation from before the server said that nothing is left, and asks anew',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const { pools } = bucket.extras;
        if (request.instead !== undefined) note(bucket, { pools: undefined });
        const answer = takeOnSlot(bucket, request, this.clock());
        note(bucket, { pools });
        return answer;
      }
    },
  ],
  [
    'keeps reservations through a reset',
    'take asks anew with a reservation from before a reset or other limits',
    class extends PlainStore {
      override reset(key: string): void {
        const { latest, refunds } = (this.buckets.get(key) as Bucket).extras;
        super.reset(key);
        note(this.buckets.get(key) as Bucket, { latest, refunds });
      }
    },
  ],
  [
    'counts a late call from before it could go',
    'take counts a call that waited from the slot at which it conformed or later, never from before',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        const { late = 0 } = request;
        return { ...answer, granted: answer.granted.map((receipt) => ({ ...receipt, slot: answer.now - late })) };
      }
    },
  ],
  [
    'builds on when a late call leaves',
    'take counts a call that waited from the slot at which it conformed or later, never from before',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const answer = takeOnSlot(bucket, request, this.clock());
        const [first] = answer.granted;
        if (request.late !== undefined && first !== undefined) postponed(bucket, answer.now - first.slot);
        return answer;
      }
    },
  ],
  [
    'does not tell of a pause',
    'take tells for how long the key is paused, and nothing if it is not',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const { pausedFor: _, ...answer } = takeOnSlot(this.at(key, request.plan), request, this.clock());
        return answer;
      }
    },
  ],
  [
    'does not postpone',
    'postpone counts a call as if it had gone later',
    class extends PlainStore {
      override postpone(): void {}
    },
  ],
  [
    'postpones no further than now',
    'postpone counts a call as much later as it is told, even after now',
    class extends PlainStore {
      override postpone(key: string, receipt: Receipt, ms: number): void {
        super.postpone(key, receipt, Math.min(ms, this.clock() - receipt.slot));
      }
    },
  ],
  [
    'postpones a call and leaves what was built on it where it is',
    'postpone makes slots that were reserved after the call as much later, and tells their holders',
    class extends PlainStore {
      override postpone(key: string, receipt: Receipt, ms: number): void {
        super.postpone(key, { ...receipt, moved: -Infinity }, ms);
      }
    },
  ],
  [
    'postpones what was built on a call once for each that was late',
    'postpone makes slots later once for calls that were late together',
    class extends PlainStore {
      override postpone(key: string, receipt: Receipt, ms: number): void {
        super.postpone(key, { ...receipt, moved: this.buckets.get(key)?.extras.moved ?? 0 }, ms);
      }
    },
  ],
  [
    'postpones by whole milliseconds',
    'postpone leaves a receipt by which the call is settled',
    class extends PlainStore {
      override postpone(key: string, receipt: Receipt, ms: number): void {
        super.postpone(key, receipt, Math.ceil(ms));
      }
    },
  ],
  [
    'postpones what went at the same instant too',
    'postpone lets a call leave its sliding window later, and none of the others',
    class extends PlainStore {
      override postpone(key: string, _: Receipt, ms: number): void {
        const bucket = this.buckets.get(key) as Bucket;
        postponed(bucket, ms);
      }
    },
  ],
  [
    'postpones under other limits',
    'postpone leaves a bucket alone that was never used, or that has other limits by now',
    class extends PlainStore {
      override postpone(key: string, receipt: Receipt, ms: number): void {
        const bucket = this.buckets.get(key);
        if (bucket !== undefined) postpone(bucket, { ...receipt, plan: bucket.plan }, 4 * 3_600_000 + ms, this.clock());
      }
    },
  ],
  [
    'counts a reservation that it is to look past',
    'peek tells where the bucket stands without a reservation, and leaves it there',
    class extends PlainStore {
      override peek(key: string, plan: Plan): Standing {
        return super.peek(key, plan);
      }
    },
  ],
  [
    'gives back a reservation that it is to look past',
    'peek tells where the bucket stands without a reservation, and leaves it there',
    class extends PlainStore {
      override peek(key: string, plan: Plan, without?: Receipt): Standing {
        if (without !== undefined) giveBack(this.at(key, plan), without);
        return super.peek(key, plan);
      }
    },
  ],
];
