import type { Receipt } from '../../core/base/store.ts';
import { equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of `postpone`. */
export const postponeCases: readonly TrialCase[] = [
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
