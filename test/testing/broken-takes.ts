import type { TakeAnswer, TakeRequest } from 'sluice';
import { copyOf } from '../../src/core/bucket/bucket.ts';
import { takeOnSlot } from '../../src/core/bucket/moves.ts';
import { type BrokenStore, PlainStore, postponed } from './plain-store.ts';

export const brokenTakes: readonly BrokenStore[] = [
  [
    'reads, lets others go first, and writes',
    '200 calls at once get exactly what one bucket allows',
    class extends PlainStore {
      override async take(key: string, request: TakeRequest): Promise<TakeAnswer> {
        const bucket = copyOf(this.at(key, request.plan));
        await Promise.resolve();
        const answer = takeOnSlot(bucket, request, this.clock());
        this.buckets.set(key, bucket);
        return answer;
      }
    },
  ],
  [
    'charges for a refusal',
    'take changes nothing when it refuses',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const answer = takeOnSlot(bucket, request, this.clock());
        if (answer.granted.length === 0) postponed(bucket, 1);
        return answer;
      }
    },
  ],
  [
    'counts a refused call in the limits that would let it go',
    'take counts a call in every limit or in none',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const answer = takeOnSlot(bucket, request, this.clock());
        if (answer.wait > 0)
          bucket.states[0] =
            ((bucket.states[0] as number | undefined) ?? 0) + (request.plan.rules[0]?.emissionInterval ?? 0);
        const { limits } = takeOnSlot(bucket, { ...request, costs: [], instead: undefined }, this.clock());
        return limits === undefined ? answer : { ...answer, limits };
      }
    },
  ],
  [
    'passes over a call that does not conform',
    'take grants in order and stops at the first call that does not conform',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const answers = request.costs.map((cost) => takeOnSlot(bucket, { ...request, costs: [cost] }, this.clock()));
        const first = answers.find(({ wait }) => wait > 0);
        const last = takeOnSlot(bucket, { ...request, costs: [] }, this.clock());
        return { ...(first ?? last), granted: answers.flatMap(({ granted }) => granted) };
      }
    },
  ],
  [
    'reserves a slot for every call',
    'take reserves one slot, for the first call that does not conform',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        const left = request.costs.slice(answer.granted.length + 1);
        for (const cost of left) takeOnSlot(this.at(key, request.plan), { ...request, costs: [cost] }, this.clock());
        return answer;
      }
    },
  ],
  [
    'reserves however far ahead',
    'take reserves no further ahead than it is told',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        return super.take(key, request.ahead > 0 ? { ...request, ahead: Infinity } : request);
      }
    },
  ],
  [
    'tells instants where durations belong',
    'take lets a burst go at once from rest and refuses the next call',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        return answer.wait > 0 ? { ...answer, wait: this.clock() + answer.wait } : answer;
      }
    },
  ],
  [
    'does not report',
    'take reports where each limit stands, if asked to',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        return super.take(key, { ...request, report: false });
      }
    },
  ],
  [
    'takes no costs by name',
    'take reads the cost by the name of the limit, and 1 where there is none',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        return super.take(key, {
          ...request,
          costs: request.costs.map((cost) => (typeof cost === 'number' ? cost : 1)),
        });
      }
    },
  ],
  [
    'keeps the tats before a grant as if it were a reservation',
    'take gives a receipt for each grant, with slot, cost, limits and tats, and without the tats before',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        return { ...answer, granted: answer.granted.map((receipt) => ({ ...receipt, before: [] })) };
      }
    },
  ],
  [
    'has no name',
    'the store has a name and says whether it is shared',
    class extends PlainStore {
      override readonly name = undefined as unknown as string;
    },
  ],
  [
    'wants at least one call',
    'take answers a request without calls',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        if (request.costs.length === 0) throw new Error('no calls');
        return super.take(key, request);
      }
    },
  ],
  [
    'reserves what could go now',
    'take grants instead of reserving what conforms now',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        return request.ahead > 0 && answer.reserved === undefined
          ? { ...answer, granted: answer.granted.slice(0, -1), reserved: answer.granted.at(-1) }
          : answer;
      }
    },
  ],
  [
    'keeps few marks of a window and drops the others',
    'a sliding window counts calls at more instants than it keeps',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        const [marks] = bucket.states;
        if (typeof marks === 'object') marks.splice(1, Math.max(0, marks.length - 17));
        return takeOnSlot(bucket, request, this.clock());
      }
    },
  ],
];
