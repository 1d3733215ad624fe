import { atLeast, equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of `take` with a reservation whose slot has come. */
export const reservationCases: readonly TrialCase[] = [
  {
    name: 'take keeps a reservation whose slot is yet to come, and says when that is',
    async run({ bucket, near }) {
      const mine = bucket([leaky(1, hour), windowed(9, hour)]);
      await mine.grant();
      const old = await mine.reserve();
      const { granted, reserved, wait } = await mine.take([1, 1], { instead: old });
      equal('calls granted', granted.length, 0);
      exact('slot', reserved?.slot, old.slot);
      near('wait', wait, hour);
      near('wait of the next', (await mine.take([1])).wait, 2 * hour);
    },
  },
  {
    name: 'take lets the first call go on a reservation whose slot has come, up to `late` after it',
    async run({ bucket, elsewhere, advance, near, unit }) {
      for (const limit of [leaky(1, unit), windowed(1, unit)]) {
        const mine = bucket(limit);
        await mine.grant();
        const first = await mine.reserve();
        const second = await elsewhere(limit).reserve();
        await advance(1.25 * unit);
        const { granted, wait } = await mine.take([1, 1], { instead: first, late: unit / 2 });
        equal(
          'calls granted',
          granted.map(({ cost }) => cost),
          [1],
        );
        exact('slot', granted[0]?.slot, first.slot);
        near('wait of the next', wait, 1.75 * unit);
        equal('how much later slots became', (await mine.peek()).moved, undefined);
        exact('slot reserved elsewhere', (await mine.take([1], { instead: second })).reserved?.slot, second.slot);
        await mine.reset();
      }
    },
  },
  {
    name: 'take lets a call go now that missed its slot by more than `late`, and makes later slots as much later',
    async run({ bucket, elsewhere, advance, near, unit }) {
      for (const limit of [leaky(1, unit), windowed(1, unit)]) {
        const mine = bucket(limit);
        const theirs = elsewhere(limit);
        await mine.grant();
        const first = await mine.reserve();
        const second = await theirs.reserve();
        await advance(1.25 * unit);
        const { granted, now } = await mine.take([1], { instead: first });
        exact('slot', granted[0]?.slot, now);
        const later = now - first.slot;
        exact('how much later slots became', (await theirs.peek()).moved, later);
        const { reserved, wait } = await theirs.take([1], { instead: second });
        exact('slot reserved elsewhere', reserved?.slot, second.slot + later);
        near('wait elsewhere', wait, unit);
        near('wait of the next', (await mine.take([1])).wait, 2 * unit);
        await mine.reset();
      }
    },
  },
  {
    name: 'take gives back a reservation that was missed by so much that the next slot may have been used',
    async run({ bucket, elsewhere, advance, near, unit }) {
      const mine = bucket(leaky(1, unit));
      await mine.grant();
      const first = await mine.reserve();
      const theirs = elsewhere(leaky(1, unit));
      const second = await theirs.reserve();
      await advance(2.25 * unit);
      const { granted, wait } = await mine.take([1], { instead: first });
      equal('calls granted', granted.length, 0);
      near('wait', wait, 0.75 * unit);
      const late = await theirs.take([1], { instead: second, late: unit / 2 });
      exact('slot granted elsewhere', late.granted[0]?.slot, second.slot);
    },
  },
  {
    name: 'take moves no slot of a caller who goes then, whatever becomes later',
    async run({ bucket, elsewhere, advance, near, unit }) {
      const mine = bucket(leaky(1, unit));
      await mine.grant();
      const first = await mine.reserve();
      await elsewhere(leaky(1, unit)).take([1], { ahead: Infinity, fixed: true });
      await advance(1.25 * unit);
      const { granted, wait } = await mine.take([1], { instead: first });
      equal('calls granted', granted.length, 0);
      near('wait', wait, 1.75 * unit);
      equal('how much later slots became', (await mine.peek()).moved, undefined);
    },
  },
  {
    name: 'take gives back a reservation that does not fit the first call, and asks anew',
    async run({ bucket, near, same }) {
      const mine = bucket([leaky(2, hour), windowed(9, 2 * hour)]);
      await mine.grant(2);
      const before = await mine.peek();
      const { reserved, wait } = await mine.take([2], { ahead: Infinity, instead: await mine.reserve() });
      equal('cost reserved', reserved?.cost, 2);
      near('wait', wait, 2 * hour);
      equal('calls granted', (await mine.take([], { instead: reserved })).granted.length, 0);
      same('after giving back', await mine.peek(), before);
    },
  },
  {
    name: 'take gives back a reservation that does not fit even if it then refuses',
    async run({ bucket, same }) {
      const mine = bucket(leaky(2, hour));
      await mine.grant(2);
      const before = await mine.peek();
      equal('slot', (await mine.take([2], { instead: await mine.reserve() })).reserved, undefined);
      same('as before the reservation', await mine.peek(), before);
    },
  },
  {
    name: 'take gives back a reservation while the key is paused, and asks anew',
    async run({ bucket, near }) {
      const mine = bucket(leaky(1, hour));
      await mine.grant();
      const old = await mine.reserve();
      await mine.pause(1.5 * hour);
      near('wait', (await mine.take([1], { ahead: Infinity, instead: old })).wait, 1.5 * hour);
      near('wait of the next', (await mine.take([1])).wait, 2.5 * hour);
    },
  },
  {
    name: 'take gives back a reservation from before the server said that nothing is left, and asks anew',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket(leaky(1, unit));
      await mine.grant();
      const old = await mine.reserve();
      await mine.sync(0, 2 * unit);
      await advance(unit);
      const { granted, wait } = await mine.take([1], { ahead: Infinity, instead: old });
      equal('calls granted', granted.length, 0);
      near('wait', wait, unit);
    },
  },
  {
    name: 'take asks anew with a reservation from before a reset or other limits',
    async run({ bucket, near }) {
      const mine = bucket(leaky(1, hour));
      await mine.grant();
      const old = await mine.reserve();
      await mine.reset();
      const fresh = await mine.take([1, 1], { instead: old });
      equal(
        'slots after the reset',
        fresh.granted.map(({ slot }) => slot),
        [fresh.now],
      );
      near('wait after the reset', fresh.wait, hour);
      const slow = bucket(windowed(1, 3 * hour));
      const { reserved, wait } = await slow.take([1], { ahead: Infinity, instead: await mine.reserve() });
      equal('limits of the reservation', reserved?.plan.rules[0]?.limit, slow.plan.limits[0]);
      atLeast('wait under other limits', wait, 2 * hour);
    },
  },
];
