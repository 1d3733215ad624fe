import type { Receipt } from '../../core/base/store.ts';
import { joined } from '../../core/bucket/receipts.ts';
import type { Cost } from '../../core/limits/cost.ts';
import type { Plan } from '../../core/limits/limit.ts';
import { atLeast, atOnce, equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of `giveBack`, `settle` and `postpone`. */
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
  {
    name: 'postpone counts a call as if it had gone later',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket(leaky(2, 4 * unit));
      const receipt = await mine.grant(2);
      await advance(2 * unit);
      await mine.postpone(receipt, unit);
      near('wait', (await mine.take([1])).wait, 3 * unit);
      equal('calls of twice the cost granted', (await mine.take([2])).granted.length, 0);
    },
  },
  {
    name: 'postpone counts a call as much later as it is told, even after now',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket([leaky(1, 2 * unit), windowed(1, 2 * unit)]);
      const receipt = await mine.grant();
      await advance(unit);
      await mine.postpone(receipt, hour);
      near('wait', (await mine.take([1])).wait, hour + unit);
    },
  },
  {
    name: 'postpone makes slots that were reserved after the call as much later, and tells their holders',
    async run({ bucket, elsewhere, advance, near, unit }) {
      for (const limit of [leaky(1, 2 * unit), windowed(1, 2 * unit)]) {
        const mine = bucket(limit);
        const theirs = elsewhere(limit);
        const receipt = await mine.grant();
        const first = await theirs.reserve();
        const second = await mine.reserve();
        equal('how much later slots became at first', (await theirs.peek()).moved, undefined);
        await advance(unit / 2);
        const later = unit / 4 + 0.5;
        await mine.postpone(receipt, later);
        exact('how much later slots became', (await theirs.peek()).moved, later);
        const { reserved, wait } = await theirs.take([1], { instead: first });
        exact('first slot', reserved?.slot, first.slot + later);
        near('wait for it', wait, 1.75 * unit + 0.5);
        exact('second slot', (await mine.take([1], { instead: second })).reserved?.slot, second.slot + later);
        near('wait of the next', (await mine.take([1])).wait, 5.75 * unit + 0.5);
        await mine.giveBack(second);
        await mine.giveBack(first);
        near('wait once they were given back', (await mine.take([1])).wait, 1.75 * unit + 0.5);
        await mine.reset();
      }
    },
  },
  {
    name: 'postpone makes slots later once for calls that were late together',
    async run({ bucket, unit }) {
      const mine = bucket([leaky(2, 2 * unit), windowed(9, hour)]);
      const { granted } = await mine.take([1, 1]);
      const { slot } = await mine.reserve();
      for (const receipt of granted) await mine.postpone(receipt, unit);
      exact('how much later slots became', (await mine.peek()).moved, unit);
      await mine.postpone(granted[0] as Receipt, 1.5 * unit);
      exact('how much later they became in all', (await mine.peek()).moved, 1.5 * unit);
      exact('next slot', (await mine.reserve()).slot, slot + 3.5 * unit);
    },
  },
  {
    name: 'postpone leaves a receipt by which the call is settled',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket([leaky(9, hour), windowed(9, hour)]);
      const { slot, cost, plan, after } = await mine.grant(5);
      await mine.grant(2);
      await advance(unit);
      const later = unit / 4 + 0.5;
      await mine.postpone({ slot, cost, plan, after }, later);
      await mine.settle({ slot: slot + later, cost, plan, after: after.map((tat) => tat + later) }, 1);
      const { limits } = await mine.peek();
      equal('remaining in the window', limits[1]?.remaining, 6);
      near('resetAfter', limits[0]?.resetAfter, 3 * hour + later - unit);
    },
  },
  {
    name: 'postpone lets a call leave its sliding window later, and none of the others',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket(windowed(3, 2 * unit));
      const receipt = await mine.grant(2);
      await mine.grant(1);
      await advance(unit);
      await mine.postpone(receipt, unit / 2);
      near('wait of one', (await mine.take([1])).wait, unit);
      near('wait of two', (await mine.take([2])).wait, 1.5 * unit);
    },
  },
  {
    name: 'postpone leaves a bucket alone that was never used, or that has other limits by now',
    async run({ bucket, advance, keyed, unit }) {
      const limit = leaky(2, hour);
      const receipt = await bucket(limit).grant();
      const unused = keyed('contract: never postponed', limit);
      const raised = bucket(leaky(4, hour));
      await raised.take([]);
      await advance(unit);
      await unused.postpone(receipt, unit);
      await raised.postpone(receipt, unit);
      equal('calls granted by the unused bucket', await unused.go(9), 2);
      equal('calls granted under other limits', await raised.go(9), 3);
    },
  },
];
