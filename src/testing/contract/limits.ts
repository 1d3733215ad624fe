import { quota } from '../../core/limits/quota.ts';
import { equal, hour, leaky, type TrialCase, windowed, within } from './trial.ts';

/** What the contract says of `override`, and of limits that change. */
export const limitCases: readonly TrialCase[] = [
  {
    name: 'override gives a key limits of its own, which count instead of those it is asked with',
    async run({ bucket, keyed, near }) {
      const mine = bucket(leaky(1, hour));
      const own = [leaky(4, hour / 2, 'own'), windowed(9, hour)];
      await mine.override(...own);
      const { granted, wait } = await mine.take([1, 1, 1, 1, 1]);
      equal('calls granted', granted.length, 4);
      near('wait', wait, hour / 2);
      equal(
        'limits of the receipt',
        granted[0]?.plan.rules.map(({ limit }) => limit),
        own,
      );
      const standing = await mine.peek();
      equal(
        'limits',
        standing.plan.rules.map(({ limit }) => limit),
        own,
      );
      equal(
        'remaining',
        standing.limits.map(({ remaining }) => remaining),
        [0, 5],
      );
      equal('calls granted on another key', await keyed('contract: another key', leaky(1, hour)).go(9), 1);
    },
  },
  {
    name: 'override says by its own limits what can never pass',
    async run({ bucket }) {
      const mine = bucket(leaky(9, hour));
      await mine.override(leaky(2, hour, 'own'));
      const { wait, exceeded } = await mine.take([3]);
      equal('wait', wait, Infinity);
      equal('exceeded', [exceeded?.limitName, exceeded?.cost, exceeded?.burst], ['own', 3, 2]);
    },
  },
  {
    name: 'override is kept in the store and seen by every sharer',
    async run({ bucket, elsewhere }) {
      const theirs = elsewhere(windowed(2, hour));
      equal('calls granted elsewhere before', await theirs.go(1), 1);
      await bucket(windowed(2, hour)).override(windowed(8, hour));
      equal('calls granted elsewhere', await theirs.go(9), 7);
      equal('burst elsewhere', (await theirs.peek()).plan.rules[0]?.burst, 8);
    },
  },
  {
    name: 'override with undefined returns to the limits of the caller, for every sharer',
    async run({ bucket, elsewhere }) {
      const theirs = elsewhere(windowed(2, hour));
      const mine = bucket(windowed(2, hour));
      await mine.override(windowed(8, hour));
      equal('calls granted elsewhere meanwhile', await theirs.go(1), 1);
      await mine.override();
      equal('burst elsewhere', (await theirs.peek()).plan.rules[0]?.burst, 2);
      equal('calls granted elsewhere', await theirs.go(9), 1);
    },
  },
  {
    name: 'override with undefined on a key without limits of its own does nothing',
    async run({ bucket, same }) {
      const mine = bucket(leaky(3, hour));
      await mine.grant();
      const before = await mine.peek();
      await mine.override();
      same('afterwards', await mine.peek(), before);
    },
  },
  {
    name: 'override counts what was used, from that moment on',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(8, unit));
      equal('calls granted before', await mine.go(8), 8);
      await mine.override(leaky(4, hour));
      await advance(2 * unit);
      equal('calls granted two of the old intervals later', await mine.go(9), 0);
    },
  },
  {
    name: 'override stays when the bucket is reset',
    async run({ bucket, elsewhere }) {
      const mine = bucket(leaky(1, hour));
      await mine.override(leaky(5, hour));
      equal('calls granted before', await mine.go(9), 5);
      await mine.reset();
      equal('calls granted elsewhere', await elsewhere(leaky(1, hour)).go(9), 5);
    },
  },
  {
    name: 'override stays when the key is paused, settled and given back to',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(9, hour));
      await mine.override(leaky(2, hour));
      const receipt = await mine.grant(2);
      await mine.giveBack(await mine.reserve());
      await mine.settle(receipt, 1);
      await mine.pause(unit / 4);
      await advance(unit / 2);
      equal('calls granted', await mine.go(9), 1);
    },
  },
  {
    name: 'limits made anew with the same numbers are the same limits',
    async run({ bucket, same }) {
      const limits = () => [leaky(3, hour, 'calls'), windowed(5, hour)];
      await bucket(limits()).grant(2);
      const before = await bucket(limits()).peek();
      same('under limits made anew', await bucket(limits()).peek(), before);
      equal('calls granted', await bucket(limits()).go(9), 1);
      const { limits: report } = await bucket(limits()).take([], { report: true });
      equal(
        'remaining',
        report?.map(({ remaining }) => remaining),
        [0, 2],
      );
    },
  },
  {
    name: 'limits that a later caller lowers count at once, and what was used stays used, counted in calls',
    async run({ bucket }) {
      for (const kind of [leaky, windowed]) {
        const [large, small] = [bucket(kind(8, hour)), bucket(kind(4, hour))];
        equal('calls granted before', await large.go(4), 4);
        equal('calls granted afterwards', await small.go(9), 0);
        await small.reset();
      }
    },
  },
  {
    name: 'limits that a later caller raises let go what they allow more, counted in calls',
    async run({ bucket }) {
      const small = bucket(windowed(4, hour));
      equal('calls granted before', await small.go(2), 2);
      equal('calls granted afterwards', await bucket(windowed(8, hour)).go(9), 6);
      await small.reset();
      equal('calls granted before by a leaky bucket', await bucket(leaky(4, hour)).go(2), 2);
      // A third call could have gone within the hour before for all that the bucket knows.
      within('calls granted by it afterwards', await bucket(leaky(8, hour)).go(9), 5, 6);
    },
  },
  {
    name: 'limits that a later caller lowers count from his first call on, even if it is refused',
    async run({ bucket, advance, unit }) {
      equal('calls granted before', await bucket(leaky(4, unit)).go(9), 4);
      const lowered = bucket(leaky(4, hour));
      equal('calls granted at first', await lowered.go(1), 0);
      await advance(2 * unit);
      equal('calls granted two of the old intervals later', await lowered.go(9), 0);
    },
  },
  {
    name: 'limits that change again and again let no more go than the larger of them',
    async run({ bucket }) {
      const large = bucket(leaky(10, hour));
      const small = bucket(leaky(1, hour));
      let granted = 0;
      for (let change = 0; change < 10; change++) granted += (await small.go(1)) + (await large.go(1));
      granted += await large.go(99);
      equal('no more calls granted than a burst', granted <= 10, true);
    },
  },
  {
    name: 'limits belong together by name when their order changes, and a new one begins at rest',
    async run({ bucket }) {
      const calls = leaky(4, hour, 'calls');
      const data = leaky(8, hour, 'data');
      await bucket([calls, data]).grant({ calls: 3, data: 2 });
      const { limits } = await bucket([data, leaky(5, hour, 'new'), calls]).take([], { report: true });
      equal(
        'names and calls remaining',
        limits?.map(({ name, remaining }) => [name, remaining]),
        [
          ['data', 6],
          ['new', 5],
          ['calls', 1],
        ],
      );
    },
  },
  {
    name: 'limits of other kinds let no more go in any window than the largest of them',
    async run({ bucket, advance, near, unit }) {
      const kinds = [
        windowed(10, unit),
        quota({ limit: 10, interval: unit, burst: 1 }),
        quota({ limit: 10, interval: unit, burst: 10 }),
        leaky(5, unit / 5),
      ];
      for (const first of kinds) {
        const mine = bucket(first);
        let granted = await mine.go(99);
        for (let change = 0; change < 3; change++) for (const next of kinds) granted += await bucket(next).go(99);
        within('calls granted at one instant', granted, 1, 10);
        await mine.reset();
      }
      const [all, even] = [bucket(windowed(10, unit)), bucket(quota({ limit: 10, interval: unit, burst: 1 }))];
      equal('calls granted by the window', await all.go(99), 10);
      near('wait under a limit that spreads them', (await even.take([1])).wait, unit);
      await advance(unit / 2);
      equal('calls granted half a window later', [await even.go(9), await all.go(9)], [0, 0]);
      await advance(unit / 2);
      equal('calls granted a window later', await even.go(9), 1);
      within('calls granted by the window again', await all.go(99), 0, 9);
      within('wait for all the window lets go', (await all.take([10])).wait, 0, unit);
    },
  },
  {
    name: 'limits that become a sliding window, and back, keep what was used',
    async run({ bucket }) {
      equal('calls granted before', await bucket(leaky(4, hour)).go(4), 4);
      // A fifth call could have gone within the hour before for all that the bucket knows.
      within('calls granted by the window', await bucket(windowed(8, hour)).go(9), 3, 4);
      equal('calls granted afterwards', await bucket(leaky(4, hour)).go(9), 0);
    },
  },
  {
    name: 'limits from before matter no more once their longest interval has passed',
    async run({ bucket, advance, unit }) {
      const [large, small] = [bucket(windowed(4, unit)), bucket(windowed(2, unit))];
      equal('calls granted before', await large.go(9), 4);
      equal('calls granted under other limits', await small.go(9), 0);
      await advance(unit);
      equal('calls granted an interval later', await small.go(9), 2);
      await advance(unit);
      equal('calls granted under the limits from before', await large.go(9), 4);
    },
  },
  {
    name: 'a margin that changes keeps what was used',
    async run({ bucket, near }) {
      const limits = [leaky(4, hour), windowed(4, hour)];
      await bucket(limits).grant(2);
      equal('calls granted with a margin', await bucket(limits, 50).go(9), 1);
      near('resetAfter', (await bucket(limits).peek()).limits[0]?.resetAfter, 3 * hour);
      equal('calls granted without', await bucket(limits).go(9), 1);
    },
  },
  {
    name: 'a margin counts in what settle charges and gives back',
    async run({ bucket, near }) {
      // The margin makes the interval between calls twice as long.
      const mine = bucket(quota({ limit: 2, interval: hour, burst: 2 }), hour);
      const receipt = await mine.grant(1);
      await mine.settle(receipt, 3);
      near('wait', (await mine.take([1])).wait, 5 * hour);
    },
  },
];
