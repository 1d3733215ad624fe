import { equal, hour, leaky, type TrialCase, windowed, within } from './trial.ts';

/** What the contract says of `sync` with the words of a server, and of a pause for a refused call. */
export const toldCases: readonly TrialCase[] = [
  {
    name: 'sync with what our own calls explain answers 0 and holds nothing back',
    async run({ bucket, keyed, key }) {
      for (const mine of [bucket(windowed(9, hour)), keyed(`${key} leaky`, leaky(9, hour))]) {
        await mine.go(3);
        equal('answer', await mine.hear({ limit: 9, remaining: 6 }, hour), 0);
        const { pool, wait } = await mine.peek();
        equal('what is left by the server, and the wait', [pool, wait], [undefined, 0]);
        equal('calls granted', await mine.go(9), 6);
      }
    },
  },
  {
    name: 'sync with less than our own calls explain holds calls of every sharer back',
    async run({ bucket, elsewhere, near }) {
      const limits = windowed(9, hour);
      const [mine, theirs] = [bucket(limits), elsewhere(limits)];
      await mine.go(2);
      near('answer', await mine.hear({ limit: 9, remaining: 3 }, hour), hour);
      // One more than is left: the last call may have been counted twice.
      within('calls granted elsewhere', await theirs.go(9), 3, 4);
      near('wait', (await mine.take([1])).wait, hour);
    },
  },
  {
    name: 'sync with less than a leaky bucket holds takes as much from it, and no more',
    async run({ bucket, near }) {
      const mine = bucket(leaky(9, hour));
      near('answer', await mine.hear({ limit: 9, remaining: 4 }, 9 * hour), hour);
      equal('calls granted', await mine.go(9), 4);
      near('wait', (await mine.take([1])).wait, hour);
    },
  },
  {
    name: 'sync keeps calls back for others',
    async run({ bucket, near }) {
      const mine = bucket(windowed(9, hour));
      await mine.go(2);
      near('answer', await mine.hear({ limit: 9, remaining: 5, keptBack: 2 }, hour), hour);
      equal('calls granted', await mine.go(9), 3);
    },
  },
  {
    name: 'sync answers with a negative time where our own calls explain what is left',
    async run({ bucket, near }) {
      const mine = bucket(windowed(9, hour));
      await mine.go(2);
      near('answer', await mine.hear({ limit: 9, remaining: 7, keptBack: 2 }, hour), -hour);
      equal('calls granted', await mine.go(9), 5);
    },
  },
  {
    name: 'sync counts calls that may have reached the server later than they left',
    async run({ bucket, advance, unit }) {
      const mine = bucket(windowed(9, unit));
      await mine.hear({ limit: 9, remaining: 9 }, unit);
      await mine.go(3);
      await advance(unit / 2);
      await mine.hear({ limit: 9, remaining: 6 }, unit);
      await advance(unit / 2);
      equal('answer', await mine.hear({ limit: 9, remaining: 6, roundTrip: unit }, unit), 0);
    },
  },
  {
    name: 'sync with the words of a server takes a quota that is none of the limits at its word',
    async run({ bucket, unit, near }) {
      const mine = bucket(windowed(9, hour));
      near('answer', await mine.hear({ limit: 1000, remaining: 2 }, unit), unit);
      equal('calls granted', await mine.go(9), 2);
      near('wait', (await mine.take([1])).wait, unit);
    },
  },
  {
    name: 'sync of a unit counts in the limit of that name, and of one that no limit has holds nothing back',
    async run({ bucket, unit, near }) {
      const mine = bucket([leaky(9, hour, 'calls'), leaky(900, hour, 'tokens')]);
      equal('answer for tokens', await mine.hear({ limit: 900, remaining: 100, unit: 'tokens' }, hour), 0);
      equal('calls of 101 tokens granted', (await mine.take([{ tokens: 101 }])).granted.length, 0);
      equal('calls of 100 tokens granted', (await mine.take([{ tokens: 100 }])).granted.length, 1);
      near('answer for bytes of which none are left', await mine.hear({ remaining: 0, unit: 'bytes' }, unit), unit);
      equal('answer for bytes of which some are left', await mine.hear({ remaining: 5, unit: 'bytes' }, unit), 0);
      equal('calls granted', (await mine.take(Array(9).fill({ tokens: 0 }))).granted.length, 8);
    },
  },
  {
    name: 'pause for a refused call slows down afterwards, for every sharer',
    async run({ bucket, elsewhere, advance, unit }) {
      const [mine, theirs] = [bucket(leaky(9, unit)), elsewhere(leaky(9, unit))];
      await mine.pause(unit, 0);
      await advance(unit);
      equal('calls granted afterwards', await mine.go(9), 1);
      equal('calls granted elsewhere', await theirs.go(9), 0);
      within('part of the rate', ((await mine.peek()).learned ?? 0) * unit, 0.8, 0.95);
    },
  },
  {
    name: 'pause for another reason leaves the pace as it is',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(9, unit));
      await mine.pause(unit);
      await advance(unit);
      equal('learned', (await mine.peek()).learned, undefined);
      equal('calls granted afterwards', await mine.go(9), 9);
    },
  },
  {
    name: 'pause counts refusals of calls that were on their way together as one',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(9, unit));
      await mine.pause(unit, 0);
      await advance(unit);
      equal('calls granted after the pause', await mine.go(9), 1);
      await advance(2 * unit);
      equal('calls granted later', await mine.go(9), 1);
      // This one was sent before the pause.
      await mine.pause(unit, 4 * unit);
      within('part of the rate', ((await mine.peek()).learned ?? 0) * unit, 0.8, 0.95);
    },
  },
  {
    name: 'reset forgets what was learned from refusals',
    async run({ bucket, unit }) {
      const mine = bucket(leaky(9, unit));
      await mine.pause(hour, 0);
      await mine.reset();
      equal('learned', (await mine.peek()).learned, undefined);
      equal('calls granted', await mine.go(9), 9);
    },
  },
];
