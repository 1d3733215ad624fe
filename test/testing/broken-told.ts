import type { Ceiling } from 'sluice';
import { note } from '../../src/core/bucket/bucket.ts';
import type { Plan } from '../../src/core/limits/plan.ts';
import { type BrokenStore, PlainStore } from './plain-store.ts';

/** What a server said, said otherwise. */
const otherwise = (said: Ceiling, words: Partial<Ceiling['told']>): Ceiling =>
  said.told === undefined ? said : { ...said, told: { ...said.told, ...words } };

/** Stores that get wrong what a server tells, or what a refusal teaches. */
export const brokenTold: readonly BrokenStore[] = [
  [
    'takes every server at its word',
    'sync with what our own calls explain answers 0 and holds nothing back',
    class extends PlainStore {
      override sync(key: string, { told: _, ...said }: Ceiling, plan: Plan) {
        return super.sync(key, said, plan);
      }
    },
  ],
  [
    'does not answer whether it was news',
    'sync with what our own calls explain answers 0 and holds nothing back',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan): void {
        super.sync(key, said, plan);
      }
    },
  ],
  [
    'takes all that a server tells as explained',
    'sync with less than our own calls explain holds calls of every sharer back',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return said.told === undefined ? super.sync(key, said, plan) : 0;
      }
    },
  ],
  [
    'lets a leaky bucket refill only when it is full',
    'sync with less than a leaky bucket holds takes as much from it, and no more',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        const { told: _, ...plain } = said;
        return super.sync(key, plan.only === undefined ? said : plain, plan);
      }
    },
  ],
  [
    'keeps nothing back for others',
    'sync keeps calls back for others',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return super.sync(key, otherwise(said, { keptBack: 0 }), plan);
      }
    },
  ],
  [
    'answers as if calls kept back for others were calls of others',
    'sync answers with a negative time where our own calls explain what is left',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return Math.abs(super.sync(key, said, plan) as number);
      }
    },
  ],
  [
    'passes by how long an answer took',
    'sync counts calls that may have reached the server later than they left',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return super.sync(key, otherwise(said, { roundTrip: 0 }), plan);
      }
    },
  ],
  [
    'takes any number for one of its limits',
    'sync with the words of a server takes a quota that is none of the limits at its word',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return super.sync(key, otherwise(said, { limit: 9 }), plan);
      }
    },
  ],
  [
    'takes every unit for calls',
    'sync of a unit counts in the limit of that name, and of one that no limit has holds nothing back',
    class extends PlainStore {
      override sync(key: string, said: Ceiling, plan: Plan) {
        return super.sync(key, otherwise(said, { unit: undefined }), plan);
      }
    },
  ],
  [
    'goes on as fast after a refusal',
    'pause for a refused call slows down afterwards, for every sharer',
    class extends PlainStore {
      override pause(key: string, ms: number, plan: Plan): void {
        super.pause(key, ms, plan);
      }
    },
  ],
  [
    'learns from every pause',
    'pause for another reason leaves the pace as it is',
    class extends PlainStore {
      override pause(key: string, ms: number, plan: Plan): void {
        super.pause(key, ms, plan, 0);
      }
    },
  ],
  [
    'counts every refusal',
    'pause counts refusals of calls that were on their way together as one',
    class extends PlainStore {
      override pause(key: string, ms: number, plan: Plan, sentAgo?: number): void {
        super.pause(key, ms, plan, sentAgo === undefined ? undefined : -2 * ms);
      }
    },
  ],
  [
    'keeps its pace when it is reset',
    'reset forgets what was learned from refusals',
    class extends PlainStore {
      override reset(key: string): void {
        const pace = this.buckets.get(key)?.extras.pace;
        super.reset(key);
        const bucket = this.buckets.get(key);
        if (bucket !== undefined) note(bucket, { pace });
      }
    },
  ],
];
