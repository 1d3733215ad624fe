import type { Ceiling, Receipt, Standing, TakeAnswer, TakeRequest } from 'sluice';
import type { Bucket } from '../../src/core/bucket.ts';
import type { Plan } from '../../src/core/limit.ts';
import { peek, take } from '../../src/core/operations.ts';
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
        const { pool } = bucket;
        const answer = take(bucket, request, this.clock());
        if (pool !== undefined) bucket.pool = { ...pool, left: pool.left - answer.granted.length };
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
        bucket.tats = bucket.tats.map(() => this.clock() - 100 * 3_600_000);
      }
    },
  ],
  [
    'keeps what leaves less for ever',
    'sync keeps what leaves less, unless it is the newest',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        super.sync(key, { ...said, isNewest: false }, plan);
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
        if (bucket.pool !== undefined) bucket.pool = { ...bucket.pool, left: bucket.pool.left + 1 };
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
        if (bucket.pool !== undefined && receipt.pool === undefined)
          bucket.pool = { ...bucket.pool, left: bucket.pool.left + 1 };
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
        const pool = this.buckets.get(key)?.pool;
        super.reset(key);
        Object.assign(this.buckets.get(key) as Bucket, { pool });
      }
    },
  ],
];
