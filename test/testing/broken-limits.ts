import type { Limit } from 'sluice';
import { adapt, type Bucket, newBucket, note } from '../../src/core/bucket/bucket.ts';
import { type Plan, planOf } from '../../src/core/limits/plan.ts';
import { type BrokenStore, PlainStore, postponed } from './plain-store.ts';

/** A store that does something of its own before a bucket takes other limits. */
class ChangingStore extends PlainStore {
  before(_bucket: Bucket, _plan: Plan): void {}
  override at(key: string, plan: Plan): Bucket {
    const bucket = this.buckets.get(key);
    const next = bucket?.extras.own ?? plan;
    if (bucket !== undefined && bucket.plan !== next) this.before(bucket, next);
    return super.at(key, plan);
  }
}

/** Stores that get limits wrong: those of a key's own, and those that change. */
export const brokenLimits: readonly BrokenStore[] = [
  [
    'loses overrides',
    'override gives a key limits of its own, which count instead of those it is asked with',
    class extends PlainStore {
      override override(): void {}
    },
  ],
  [
    'keeps overrides to itself',
    'override is kept in the store and seen by every sharer',
    class extends PlainStore {
      readonly #own = new Map<string, Plan | undefined>();
      override override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
        this.#own.set(key, limits && planOf(limits, plan.margin));
      }
      override at(key: string, plan: Plan): Bucket {
        return super.at(key, this.#own.get(key) ?? plan);
      }
    },
  ],
  [
    'never takes overrides off',
    'override with undefined returns to the limits of the caller, for every sharer',
    class extends PlainStore {
      override override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
        if (limits !== undefined) super.override(key, limits, plan);
      }
    },
  ],
  [
    'forgets what was used when it overrides',
    'override counts what was used, from that moment on',
    class extends PlainStore {
      override override(key: string, limits: readonly Limit[] | undefined, plan: Plan): void {
        this.buckets.delete(key);
        super.override(key, limits, plan);
      }
    },
  ],
  [
    'loses overrides on reset',
    'override stays when the bucket is reset',
    class extends PlainStore {
      override reset(key: string): void {
        this.buckets.delete(key);
      }
    },
  ],
  [
    'keeps the limits it was asked with first',
    'limits that a later caller lowers count at once, and what was used stays used, counted in calls',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        return super.at(key, this.buckets.get(key)?.plan ?? plan);
      }
    },
  ],
  [
    'begins anew when it is asked with other limits',
    'limits that change again and again let no more go than the larger of them',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        const before = this.buckets.get(key);
        if (before?.extras.own === undefined && before?.plan !== plan) this.buckets.delete(key);
        return super.at(key, plan);
      }
    },
  ],
  [
    'takes limits made anew for other limits',
    'limits made anew with the same numbers are the same limits',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        const before = this.buckets.get(key);
        if (before !== undefined && before.plan !== plan) postponed(before, 1);
        return super.at(key, plan);
      }
    },
  ],
  [
    'ignores margins',
    'a margin that changes keeps what was used',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        return super.at(
          key,
          planOf(
            plan.rules.map(({ limit }) => limit),
            0,
          ),
        );
      }
    },
  ],
  [
    'keeps what was used in proportion',
    'limits that a later caller raises let go what they allow more, counted in calls',
    class extends ChangingStore {
      override before({ states, plan }: Bucket, next: Plan): void {
        for (const [index, marks] of states.entries()) {
          const scale = (next.rules[index]?.burst ?? 1) / (plan.rules[index]?.burst ?? 1);
          if (typeof marks === 'number') continue;
          for (let place = 2; place < marks.length; place += 2) marks[place] = (marks[place] as number) * scale;
        }
      }
    },
  ],
  [
    'forgets the limits from before',
    'limits of other kinds let no more go in any window than the largest of them',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        const bucket = super.at(key, plan);
        note(bucket, { past: undefined });
        return bucket;
      }
    },
  ],
  [
    'counts all calls as of now when the limits change',
    'limits from before matter no more once their longest interval has passed',
    class extends ChangingStore {
      override before({ states }: Bucket): void {
        for (const marks of states) {
          if (typeof marks === 'number') continue;
          for (let place = 1; place < marks.length; place += 2) marks[place] = this.clock();
        }
      }
    },
  ],
  [
    'loses what was used when a bucket becomes a window',
    'limits that become a sliding window, and back, keep what was used',
    class extends ChangingStore {
      override before(bucket: Bucket, next: Plan): void {
        if (!next.leaky) Object.assign(bucket, newBucket(bucket.plan));
      }
    },
  ],
  [
    'moves no bucket over when it is told of other limits',
    'adapt moves the buckets that stand under the limits before over to those after, at once',
    class extends PlainStore {
      adapt(): void {}
    },
  ],
  [
    'moves all buckets over when it is told of other limits, whatever limits they stand under',
    'adapt moves the buckets that stand under the limits before over to those after, at once',
    class extends PlainStore {
      adapt(_: unknown, after: (key: string) => Plan): void {
        for (const [key, bucket] of this.buckets) adapt(bucket, after(key), this.clock());
      }
    },
  ],
];
