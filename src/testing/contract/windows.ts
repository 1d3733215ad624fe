import { equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of sliding windows. */
export const windowCases: readonly TrialCase[] = [
  {
    name: 'a sliding window lets all its calls go at once, and again when they have left it',
    async run({ bucket, advance, near, unit, moment }) {
      const mine = bucket(windowed(3, unit));
      const { granted, wait } = await mine.take([1, 1, 1, 1]);
      equal('calls granted from rest', granted.length, 3);
      near('wait', wait, unit);
      await advance(unit - moment);
      equal('calls granted before', await mine.go(9), 0);
      await advance(moment);
      equal('calls granted then', await mine.go(9), 3);
    },
  },
  {
    name: 'a sliding window lets calls go one by one as those before leave it',
    async run({ bucket, advance, unit }) {
      const mine = bucket(windowed(3, unit));
      await mine.grant(1);
      await advance(unit / 2);
      await mine.grant(2);
      equal('calls granted with the window full', await mine.go(9), 0);
      await advance(unit / 2);
      equal('calls granted when the first has left', await mine.go(9), 1);
      await advance(unit / 2);
      equal('calls granted when the others have left', await mine.go(9), 2);
    },
  },
  {
    name: 'a sliding window reserves, gives back and grants again',
    async run({ bucket, same }) {
      const mine = bucket(windowed(2, hour));
      const { slot } = await mine.grant(2);
      const first = await mine.reserve(2);
      exact('first slot', first.slot, slot + hour);
      const second = await mine.reserve(1);
      exact('second slot', second.slot, slot + 2 * hour);
      await mine.giveBack(second);
      exact('second slot again', (await mine.take([1], { ahead: Infinity })).reserved?.slot, second.slot);
      await mine.reset();
      await mine.grant(2);
      const before = await mine.peek();
      await mine.giveBack(await mine.reserve());
      same('after giving back', await mine.peek(), before);
    },
  },
  {
    name: 'a sliding window keeps the other calls of a slot of which one is given back',
    async run({ bucket }) {
      for (const limit of [2, 40]) {
        const mine = bucket(windowed(limit, hour));
        const { slot } = await mine.grant(limit);
        const first = await mine.reserve(limit / 2);
        exact('second slot', (await mine.reserve(limit / 2)).slot, slot + hour);
        await mine.giveBack(first);
        exact('third slot', (await mine.reserve(limit / 2)).slot, slot + hour);
        exact('fourth slot', (await mine.reserve(limit / 2)).slot, slot + 2 * hour);
        await mine.reset();
      }
    },
  },
  {
    name: 'a sliding window is as it was when a reservation close to other calls is given back',
    async run({ bucket, same, unit }) {
      const mine = bucket([leaky(2, unit), windowed(1000, 1000 * unit)]);
      await mine.grant(2);
      const { limits } = await mine.peek();
      await mine.giveBack(await mine.reserve());
      const after = await mine.peek();
      same('after giving back', after, { ...after, limits });
    },
  },
  {
    name: 'a sliding window settles up and down',
    async run({ bucket, near }) {
      const mine = bucket(windowed(5, hour));
      const receipt = await mine.grant(3);
      await mine.settle(receipt, 1);
      equal('calls granted after settling down', await mine.go(9), 4);
      await mine.reset();
      await mine.settle(await mine.grant(1), 9);
      near('wait after settling up', (await mine.take([1])).wait, hour);
    },
  },
  {
    name: 'a sliding window counts calls at more instants than it keeps',
    async run({ bucket, advance, unit }) {
      const mine = bucket(windowed(100, 4 * unit));
      for (let call = 0; call < 40; call++) {
        equal('calls granted', await mine.go(1), 1);
        await advance(unit / 20);
      }
      equal('calls granted at last', await mine.go(99), 60);
    },
  },
  {
    name: 'a sliding window and a leaky bucket hold together',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket([leaky(2, unit), windowed(3, hour)]);
      equal('calls granted from rest', await mine.go(9), 2);
      await advance(unit);
      equal('calls granted an interval later', await mine.go(9), 1);
      await advance(2 * unit);
      const { granted, wait } = await mine.take([1]);
      equal('calls granted with the window full', granted.length, 0);
      near('wait', wait, hour - 3 * unit);
    },
  },
];
