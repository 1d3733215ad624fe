import type { Receipt } from '../../core/base/store.ts';
import { joined } from '../../core/bucket/receipts.ts';
import type { Cost } from '../../core/limits/cost.ts';
import type { Plan } from '../../core/limits/plan.ts';
import { atLeast, atOnce, equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of `giveBack` and `settle`. */
export const correctionCases: readonly TrialCase[] = [
  {
    name: 'giveBack of the latest reservation leaves the bucket as it was',
    async run({ bucket, same }) {
      const mine = bucket([leaky(2, hour), leaky(3, hour / 2), windowed(4, hour)]);
      await mine.grant();
      await mine.grant();
      const before = await mine.peek();
      const reservation = await mine.reserve();
      await mine.giveBack(reservation);
      same('after giving back', await mine.peek(), before);
      exact('slot of the next', (await mine.reserve()).slot, reservation.slot);
    },
  },
  {
    name: 'giveBack from the latest on gives all reservations back',
    async run({ bucket, same }) {
      const mine = bucket(leaky(2, hour));
      await mine.grant(2);
      const before = await mine.peek();
      const reservations = [await mine.reserve(), await mine.reserve(0.5), await mine.reserve(2)];
      for (const reservation of reservations.reverse()) await mine.giveBack(reservation);
      same('after giving all back', await mine.peek(), before);
    },
  },
  {
    name: 'giveBack keeps what later grants were built on',
    async run({ bucket, elsewhere }) {
      const mine = bucket(leaky(1, hour));
      await mine.grant();
      const first = await mine.reserve();
      const second = await elsewhere(leaky(1, hour)).reserve();
      await mine.giveBack(first);
      atLeast('slot of the next', (await mine.reserve()).slot, second.slot + hour);
    },
  },
  {
    name: 'giveBack the second time changes nothing',
    async run({ bucket, same }) {
      const mine = bucket([leaky(1, hour), windowed(3, hour)]);
      await mine.grant();
      const reservation = await mine.reserve();
      await mine.giveBack(reservation);
      const before = await mine.peek();
      await mine.giveBack(reservation);
      same('after giving back twice', await mine.peek(), before);
    },
  },
  {
    name: 'giveBack leaves a bucket alone that was reset since, or that was never used',
    async run({ bucket, keyed }) {
      const limit = leaky(2, hour);
      const mine = bucket(limit);
      await mine.grant(2);
      const reservation = await mine.reserve();
      await mine.reset();
      await mine.giveBack(reservation);
      equal('calls granted after the reset', await mine.go(3), 2);
      const unused = keyed('contract: never used', limit);
      await unused.giveBack(reservation);
      equal('calls granted by the unused bucket', await unused.go(3), 2);
    },
  },
  {
    name: 'settle charges what a call cost more, as a debt if need be',
    async run({ bucket, near }) {
      const mine = bucket(leaky(2, hour));
      await mine.settle(await mine.grant(), 5);
      near('wait', (await mine.take([1])).wait, 4 * hour);
    },
  },
  {
    name: 'settle gives back what a call cost less, to the last fraction',
    async run({ bucket, near }) {
      const mine = bucket(leaky(5, hour));
      const receipt = await mine.grant(5);
      await mine.settle(receipt, 2.5);
      equal('calls granted', await mine.go(9), 2);
      near('wait', (await mine.take([1])).wait, hour / 2);
    },
  },
  {
    name: 'settle of calls that one operation granted, as one call of all their cost, gives all of it back',
    async run({ bucket }) {
      const mine = bucket([leaky(9, hour), windowed(9, hour)]);
      const { granted } = await mine.take([1, 2, 1, 3]);
      for (const receipt of joined(granted.slice(0, 3))) await mine.settle(receipt, 0);
      equal('calls granted', await mine.go(9), 6);
    },
  },
  {
    name: 'settle at the same cost changes nothing',
    async run({ bucket, same }) {
      const mine = bucket([leaky(3, hour), windowed(3, hour)]);
      const receipt = await mine.grant(2);
      const before = await mine.peek();
      await mine.settle(receipt, 2);
      same('afterwards', await mine.peek(), before);
    },
  },
  {
    name: 'settle gives back nothing that has leaked since',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(4, unit));
      const receipt = await mine.grant(4);
      await advance(2 * unit);
      equal('calls granted in place of what leaked', await mine.go(9), 2);
      await mine.settle(receipt, 0);
      equal('calls granted afterwards', await mine.go(9), 2);
    },
  },
  {
    name: 'settle gives back nothing that has left its window since',
    async run({ bucket, advance, unit }) {
      const mine = bucket(windowed(3, unit));
      const receipt = await mine.grant(3);
      await advance(unit);
      equal('calls granted in the next window', await mine.go(9), 3);
      await mine.settle(receipt, 0);
      equal('calls granted afterwards', await mine.go(9), 0);
    },
  },
  {
    name: 'settle corrects each limit by its own cost',
    async run({ bucket }) {
      const mine = bucket([leaky(9, hour, 'requests'), leaky(100, hour, 'tokens'), windowed(50, hour, 'window')]);
      const receipt = await mine.grant({ requests: 1, tokens: 60, window: 10 });
      await mine.settle(receipt, { requests: 1, tokens: 20, window: 45 });
      const { limits } = await mine.peek();
      equal(
        'remaining',
        limits.map(({ remaining }) => remaining),
        [8, 80, 5],
      );
    },
  },
  {
    name: 'settle corrects the call it is told, not those after it',
    async run({ bucket, near }) {
      const mine = bucket([leaky(6, hour), windowed(20, hour)]);
      const receipt = await mine.grant(2);
      equal('calls granted after it', await mine.go(3), 3);
      await mine.settle(receipt, 1);
      equal('calls granted afterwards', await mine.go(9), 2);
      near('wait', (await mine.take([1])).wait, hour);
    },
  },
  {
    name: 'settle and giveBack take any object with the fields of a receipt',
    async run({ bucket, same }) {
      class Copy implements Receipt {
        readonly #from: Receipt;
        constructor(from: Receipt) {
          this.#from = from;
        }
        get slot(): number {
          return this.#from.slot;
        }
        get cost(): Cost {
          return this.#from.cost;
        }
        get plan(): Plan {
          return this.#from.plan;
        }
        get before(): readonly number[] {
          return this.#from.before ?? [];
        }
        get after(): readonly number[] {
          return [...this.#from.after];
        }
        get refunds(): readonly number[] | undefined {
          return this.#from.refunds;
        }
        get latest(): number | undefined {
          return this.#from.latest;
        }
      }
      const mine = bucket(leaky(3, hour));
      await mine.settle(new Copy(await mine.grant(3)), 2);
      equal('calls granted after settle', await mine.go(9), 1);
      const before = await mine.peek();
      await mine.giveBack(new Copy(await mine.reserve()));
      same('after giveBack', await mine.peek(), before);
    },
  },
  {
    name: 'settle loses nothing among many at once',
    async run({ bucket, elsewhere, near }) {
      const handles = [bucket(leaky(50, hour)), elsewhere(leaky(50, hour))] as const;
      const receipts = await atOnce(50, (index) => handles[index % 2 === 0 ? 0 : 1].grant());
      await atOnce(50, async (index) => {
        await handles[index % 2 === 0 ? 1 : 0].settle(receipts[index] as Receipt, 3);
      });
      near('wait', (await handles[0].take([1])).wait, (150 + 1 - 50) * hour);
    },
  },
];
