import type { Ceiling, Receipt, Standing, TakeAnswer, TakeRequest } from 'sluice';
import { type Bucket, note } from '../../src/core/bucket/bucket.ts';
import { takeOnSlot } from '../../src/core/bucket/moves.ts';
import { peek } from '../../src/core/bucket/operations.ts';
import type { Plan } from '../../src/core/limits/plan.ts';
import { type BrokenStore, PlainStore } from './plain-store.ts';

/** Stores that get wrong what the server says is left. */
export const brokenPools: readonly BrokenStore[] = [
  [
    'passes by what the server says is left',
    'sync lets no more go than the server says is left, until it has more',
    class extends PlainStore {
      override sync(): void {}
    },
  ],
  [
    'counts every call as one',
    'sync counts what a call costs',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        const bucket = this.at(key, request.plan);
        const { pools } = bucket.extras;
        const answer = takeOnSlot(bucket, request, this.clock());
        note(bucket, { pools: pools?.map(({ left, until }) => ({ left: left - answer.granted.length, until })) });
        return answer;
      }
    },
  ],
  [
    'takes what is left for a raise',
    'sync never lets more go than the limits do',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        super.sync(key, said, plan);
        const bucket = this.at(key, plan);
        bucket.states = bucket.states.map(() => this.clock() - 100 * 3_600_000);
      }
    },
  ],
  [
    'keeps what leaves less for ever',
    'sync keeps what leaves less of one instant, unless it is the newest',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        super.sync(key, { ...said, isNewest: false }, plan);
      }
    },
  ],
  [
    'keeps the newest statement alone',
    'sync keeps statements about different instants side by side',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        note(this.at(key, plan), { pools: undefined });
        super.sync(key, said, plan);
      }
    },
  ],
  [
    'ends what was said of other instants when it hears something newer',
    'sync ends no statement by one that holds for no time, and none of another instant',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        if (said.isNewest) note(this.at(key, plan), { pools: undefined });
        super.sync(key, said, plan);
      }
    },
  ],
  [
    'keeps few statements and drops the others',
    'sync lets no more go than any of many statements leaves',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        super.sync(key, said, plan);
        const bucket = this.at(key, plan);
        note(bucket, { pools: bucket.extras.pools?.slice(-4) });
      }
    },
  ],
  [
    'gives back to the first statement alone',
    'sync counts a reservation that was given back as left again of each statement',
    class extends PlainStore {
      override giveBack(key: string, receipt: Receipt): void {
        super.giveBack(key, { ...receipt, pools: receipt.pools?.slice(0, 1) ?? [] });
      }
    },
  ],
  [
    'keeps what is left to itself',
    'sync holds for every sharer',
    class extends PlainStore {
      #said: Ceiling | undefined;
      override sync(_key: string, said: Ceiling): void {
        this.#said = said;
      }
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        if (this.#said !== undefined) super.sync(key, this.#said, request.plan);
        return super.take(key, request);
      }
    },
  ],
  [
    'counts twice what is given back twice',
    'sync counts a reservation that was given back as left again, once',
    class extends PlainStore {
      override giveBack(key: string, receipt: Receipt): void {
        super.giveBack(key, receipt);
        const bucket = this.buckets.get(key) as Bucket;
        note(bucket, { pools: bucket.extras.pools?.map(({ left, until }) => ({ left: left + 1, until })) });
      }
    },
  ],
  [
    'counts as left what was never taken from it',
    'sync puts reservations off until the server has more',
    class extends PlainStore {
      override giveBack(key: string, receipt: Receipt): void {
        super.giveBack(key, receipt);
        const bucket = this.buckets.get(key) as Bucket;
        if (receipt.pools === undefined)
          note(bucket, { pools: bucket.extras.pools?.map(({ left, until }) => ({ left: left + 1, until })) });
      }
    },
  ],
  [
    'hides what the server says is left',
    'peek tells what the server says is left, as long as it holds',
    class extends PlainStore {
      override peek(key: string, plan: Plan): Standing {
        const { pool: _, ...standing } = peek(this.at(key, plan), this.clock());
        return standing;
      }
    },
  ],
  [
    'remembers what the server said beyond a reset',
    'reset forgets what the server said is left',
    class extends PlainStore {
      override reset(key: string): void {
        const pools = this.buckets.get(key)?.extras.pools;
        super.reset(key);
        note(this.buckets.get(key) as Bucket, { pools });
      }
    },
  ],
];
