import { equal, hour, leaky, type TrialCase, within } from './trial.ts';

/** What the contract says of `sync`. */
export const poolCases: readonly TrialCase[] = [
  {
    name: 'sync lets no more go than the server says is left, until it has more',
    async run({ bucket, advance, unit, moment, near }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(2, unit);
      equal('calls granted', await mine.go(5), 2);
      near('wait', (await mine.take([1])).wait, unit);
      await advance(unit - moment);
      equal('calls granted before there is more', await mine.go(5), 0);
      await advance(moment);
      equal('calls granted afterwards', await mine.go(9), 7);
    },
  },
  {
    name: 'sync counts what a call costs',
    async run({ bucket }) {
      const mine = bucket([leaky(9, hour, 'calls'), leaky(900, hour, 'tokens')]);
      await mine.sync(5, hour);
      equal('calls of cost 3 granted', (await mine.take([3, 3])).granted.length, 1);
      const named = { calls: 1, tokens: 100 };
      equal('calls with a cost per limit granted', (await mine.take([named, named, named])).granted.length, 2);
      equal('calls of cost 0 granted', (await mine.take([0])).granted.length, 1);
    },
  },
  {
    name: 'sync never lets more go than the limits do',
    async run({ bucket, near }) {
      const mine = bucket(leaky(2, hour));
      equal('calls granted before', await mine.go(5), 2);
      await mine.sync(100, hour / 2);
      equal('calls granted afterwards', await mine.go(5), 0);
      near('wait', (await mine.take([1])).wait, hour);
    },
  },
  {
    name: 'sync keeps statements about different instants side by side',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(1, unit);
      await mine.sync(3, hour);
      equal('calls granted', await mine.go(5), 1);
      near('wait', (await mine.take([1])).wait, unit);
      await advance(unit);
      equal('calls granted when the first has ended', await mine.go(5), 2);
      await mine.sync(9, 2 * hour, true);
      equal('calls granted after a newer one about a later instant', await mine.go(1), 0);
    },
  },
  {
    name: 'sync keeps what leaves less of one instant, unless it is the newest',
    async run({ bucket }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(1, hour);
      await mine.sync(3, hour);
      equal('remaining after one that leaves more', (await mine.peek()).pool?.remaining, 1);
      await mine.sync(3, hour, true);
      equal('remaining after a newer one that leaves more', (await mine.peek()).pool?.remaining, 3);
      await mine.sync(0, hour);
      equal('calls granted after one that leaves less', await mine.go(1), 0);
    },
  },
  {
    name: 'sync ends no statement by one that holds for no time, and none of another instant',
    async run({ bucket }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(2, hour);
      await mine.sync(9, 0, true);
      await mine.sync(9, hour / 2, true);
      equal('remaining', (await mine.peek()).pool?.remaining, 2);
      equal('calls granted', await mine.go(9), 2);
    },
  },
  {
    name: 'sync lets no more go than any of many statements leaves',
    async run({ bucket, near }) {
      const mine = bucket(leaky(40, hour));
      for (let left = 20; left > 0; left--) await mine.sync(left, left * hour);
      equal('calls granted', await mine.go(9), 1);
      const standing = await mine.peek();
      equal('remaining', standing.pool?.remaining, 0);
      within('hours to wait', Math.ceil(standing.wait / hour), 1, 20);
      await mine.sync(0, 20 * hour);
      near('wait after none is left', (await mine.take([1])).wait, 20 * hour);
    },
  },
  {
    name: 'sync holds for every sharer',
    async run({ bucket, elsewhere }) {
      const [mine, theirs] = [bucket(leaky(9, hour)), elsewhere(leaky(9, hour))];
      await mine.sync(3, hour);
      equal('calls granted elsewhere', await theirs.go(2), 2);
      equal('calls granted here', await mine.go(2), 1);
    },
  },
  {
    name: 'sync counts a reservation that was given back as left again, once',
    async run({ bucket, unit }) {
      const mine = bucket([leaky(1, unit / 4), leaky(9, hour)]);
      await mine.grant();
      await mine.sync(3, hour);
      const reserved = await mine.reserve();
      equal('remaining with a reservation', (await mine.peek()).pool?.remaining, 2);
      await mine.giveBack(reserved);
      await mine.giveBack(reserved);
      equal('remaining without it', (await mine.peek()).pool?.remaining, 3);
    },
  },
  {
    name: 'sync counts a reservation that was given back as left again of each statement',
    async run({ bucket, advance, unit }) {
      const mine = bucket([leaky(1, unit / 4), leaky(9, hour)]);
      await mine.grant();
      await mine.sync(1, unit);
      await mine.sync(2, hour);
      await mine.giveBack(await mine.reserve());
      await advance(unit);
      equal('first call granted', await mine.go(1), 1);
      await advance(unit / 4);
      equal('second call granted', await mine.go(1), 1);
      await advance(unit / 4);
      equal('third call granted', await mine.go(1), 0);
    },
  },
  {
    name: 'sync puts reservations off until the server has more',
    async run({ bucket, unit, near }) {
      const mine = bucket(leaky(9, unit / 4));
      await mine.sync(0, hour);
      const { reserved, wait } = await mine.take([1], { ahead: Infinity });
      near('wait', wait, hour);
      await mine.giveBack(reserved as NonNullable<typeof reserved>);
      equal('remaining', (await mine.peek()).pool?.remaining, 0);
    },
  },
  {
    name: 'peek tells what the server says is left, as long as it holds',
    async run({ bucket, advance, unit, near }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(4, unit);
      const { pool, limits } = await mine.peek();
      equal('remaining', [pool?.remaining, limits[0]?.remaining], [4, 4]);
      near('resetAfter', pool?.resetAfter, unit);
      await advance(unit);
      equal('what is left afterwards', (await mine.peek()).pool, undefined);
    },
  },
  {
    name: 'reset forgets what the server said is left',
    async run({ bucket }) {
      const mine = bucket(leaky(9, hour));
      await mine.sync(0, hour);
      await mine.reset();
      equal('calls granted', await mine.go(9), 9);
    },
  },
];
