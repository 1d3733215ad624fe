import type { Cost, Receipt, Standing, TakeAnswer, TakeRequest } from 'sluice';
import { type Bucket, copyOf, newBucket, note } from '../../src/core/bucket/bucket.ts';
import { takeOnSlot } from '../../src/core/bucket/moves.ts';
import { peek, settle } from '../../src/core/bucket/operations.ts';
import { type Plan, planOf } from '../../src/core/limits/plan.ts';
import { type BrokenStore, type Buckets, PlainStore, postponed } from './plain-store.ts';

export const brokenStores: readonly BrokenStore[] = [
  [
    'keeps reservations that are given back',
    'giveBack of the latest reservation leaves the bucket as it was',
    class extends PlainStore {
      override giveBack(): void {}
    },
  ],
  [
    'gives back what later grants were built on',
    'giveBack keeps what later grants were built on',
    class extends PlainStore {
      override giveBack(key: string, receipt: Receipt): void {
        const bucket = this.buckets.get(key) as Bucket;
        bucket.states = bucket.states.map(
          (tat, index) => (tat as number) - (receipt.after[index] ?? 0) + (receipt.before?.[index] ?? 0),
        );
      }
    },
  ],
  [
    'gives back twice',
    'giveBack the second time changes nothing',
    class extends PlainStore {
      override giveBack(key: string, receipt: Receipt): void {
        const bucket = this.buckets.get(key);
        if (bucket !== undefined) postponed(bucket, -1);
        super.giveBack(key, receipt);
      }
    },
  ],
  [
    'settles what it read before others settled',
    'settle loses nothing among many at once',
    class extends PlainStore {
      override async settle(key: string, receipt: Receipt, cost: Cost): Promise<void> {
        const bucket = this.buckets.get(key) as Bucket;
        const copy = copyOf(bucket);
        await Promise.resolve();
        settle(copy, receipt, cost, this.clock());
        Object.assign(bucket, copy);
      }
    },
  ],
  [
    'refunds twice',
    'settle gives back what a call cost less, to the last fraction',
    class extends PlainStore {
      override settle(key: string, receipt: Receipt, cost: Cost): void {
        super.settle(key, receipt, cost);
        super.settle(key, receipt, cost);
      }
    },
  ],
  [
    'lets no bucket go into debt',
    'settle charges what a call cost more, as a debt if need be',
    class extends PlainStore {
      override settle(key: string, receipt: Receipt, cost: Cost): void {
        super.settle(key, receipt, typeof cost === 'number' ? Math.min(cost, 2) : cost);
      }
    },
  ],
  [
    'refunds what has leaked',
    'settle gives back nothing that has leaked since',
    class extends PlainStore {
      override settle(key: string, { slot, plan, cost }: Receipt, settled: Cost): void {
        super.settle(key, { slot, plan, cost, after: plan.rules.map(() => Infinity) }, settled);
      }
    },
  ],
  [
    'knows receipts by their identity',
    'settle and giveBack take any object with the fields of a receipt',
    class extends PlainStore {
      readonly #receipts = new WeakSet<Receipt>();
      override take(key: string, request: TakeRequest): TakeAnswer {
        const answer = takeOnSlot(this.at(key, request.plan), request, this.clock());
        for (const receipt of answer.granted) this.#receipts.add(receipt);
        return answer;
      }
      override settle(key: string, receipt: Receipt, cost: Cost): void {
        if (this.#receipts.has(receipt)) super.settle(key, receipt, cost);
      }
    },
  ],
  [
    'shortens a pause',
    'pause can be lengthened, never shortened',
    class extends PlainStore {
      override pause(key: string, ms: number, plan: Plan): void {
        note(this.at(key, plan), { gate: this.clock() + ms });
      }
    },
  ],
  [
    'keeps a pause to itself',
    'pause holds for every sharer',
    class extends PlainStore {
      readonly #gates = new Map<string, number>();
      override pause(key: string, ms: number): void {
        this.#gates.set(key, Math.max(this.#gates.get(key) ?? 0, this.clock() + ms));
      }
      override take(key: string, request: TakeRequest): TakeAnswer {
        const bucket = this.at(key, request.plan);
        note(bucket, { gate: this.#gates.get(key) ?? 0 });
        return takeOnSlot(bucket, request, this.clock());
      }
    },
  ],
  [
    'lets calls of cost 0 go while paused',
    'pause lets nothing go, calls of cost 0 included',
    class extends PlainStore {
      override take(key: string, request: TakeRequest): TakeAnswer | Promise<TakeAnswer> {
        const free = request.costs.length > 0 && request.costs.every((cost) => cost === 0);
        if (!free) return super.take(key, request);
        return takeOnSlot(newBucket(request.plan), request, this.clock());
      }
    },
  ],
  [
    'takes one when it is only looked at',
    'peek changes nothing, whatever limits it asks with',
    class extends PlainStore {
      override peek(key: string, plan: Plan): Standing {
        const standing = super.peek(key, plan);
        takeOnSlot(this.at(key, plan), { plan, costs: [1], ahead: Infinity }, this.clock());
        return standing;
      }
    },
  ],
  [
    'takes over the limits of who only looks',
    'peek changes nothing, whatever limits it asks with',
    class extends PlainStore {
      override peek(key: string, plan: Plan): Standing {
        return peek(this.at(key, plan), this.clock());
      }
    },
  ],
  [
    'resets no bucket that was never used',
    'reset of a bucket that was never used does nothing',
    class extends PlainStore {
      override reset(key: string): void {
        if (!this.buckets.has(key)) throw new Error('no bucket');
        super.reset(key);
      }
    },
  ],
  [
    'goes on with a pause after reset',
    'reset makes the bucket as good as new, for every sharer',
    class extends PlainStore {
      override reset(key: string): void {
        const gate = this.buckets.get(key)?.extras.gate;
        super.reset(key);
        if (gate !== undefined) note(this.buckets.get(key) as Bucket, { gate });
      }
    },
  ],
  [
    'keeps its buckets in an object',
    'every key has a bucket of its own, whatever the key',
    class extends PlainStore {
      readonly #object: Record<string, Bucket> = {};
      override at(key: string, plan: Plan): Bucket {
        this.#object[key] ??= newBucket(plan);
        return this.#object[key];
      }
    },
  ],
  [
    'cuts keys off',
    'every key has a bucket of its own, whatever the key',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        return super.at(key.slice(0, 50_000), plan);
      }
    },
  ],
  [
    'normalizes keys',
    'every key has a bucket of its own, whatever the key',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        return super.at(key.normalize(), plan);
      }
    },
  ],
  [
    'holds a window to its burst and lets it leak',
    'a sliding window lets all its calls go at once, and again when they have left it',
    class extends PlainStore {
      override at(key: string, plan: Plan): Bucket {
        const leaky = plan.rules.map(({ limit }) => ({ ...limit, kind: 'leaky-bucket' as const }));
        return super.at(key, planOf(leaky, plan.margin));
      }
    },
  ],
  [
    'cannot be used once it was closed',
    'a store that was closed can be used again and still knows its buckets',
    class extends PlainStore {
      #closed = false;
      close(): void {
        this.#closed = true;
      }
      override at(key: string, plan: Plan): Bucket {
        if (this.#closed) throw new Error('closed');
        return super.at(key, plan);
      }
    },
  ],
  [
    'forgets its buckets when it is closed',
    'a store that was closed can be used again and still knows its buckets',
    class extends PlainStore {
      close(): void {
        this.buckets.clear();
      }
    },
  ],
  [
    'has a clock that stands still',
    'take lets one call go per emission interval after the burst',
    class extends PlainStore {
      constructor(buckets: Buckets) {
        super(buckets, () => 0);
      }
    },
  ],
  [
    'hands out copies of its buckets',
    'a bucket that is handed out is the one that operations work on',
    class extends PlainStore {
      bucket(key: string, plan: Plan): Bucket {
        const bucket = this.at(key, plan);
        return copyOf(bucket);
      }
    },
  ],
];
