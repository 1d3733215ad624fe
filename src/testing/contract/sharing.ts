import type { LocalStore, StoreOperations } from '../../core/base/store.ts';
import { atOnce, equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

const strangeKeys = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'undefined',
  'null',
  '0',
  'a',
  'A',
  'a:b',
  '{a}:b',
  'a\nb',
  'a\0b',
  '*',
  '\u00e9',
  'e\u0301',
  '日本語',
  '🙂',
  'k'.repeat(100_000),
  `${'k'.repeat(100_000)}k`,
  `${'k'.repeat(99_999)}j`,
];

/** What the contract says of `pause`, `peek` and `reset`, and of many callers on one bucket. */
export const sharingCases: readonly TrialCase[] = [
  {
    name: 'pause lets nothing go, calls of cost 0 included',
    async run({ bucket, near }) {
      const mine = bucket(leaky(5, hour));
      await mine.pause(hour);
      equal('calls granted', await mine.go(1), 0);
      const { granted, wait } = await mine.take([0]);
      equal('calls of cost 0 granted', granted.length, 0);
      near('wait', wait, hour);
      near('pausedFor', (await mine.peek()).pausedFor, hour);
    },
  },
  {
    name: 'pause ends by itself and leaves the bucket as full as it was',
    async run({ bucket, advance, unit, moment }) {
      const mine = bucket(leaky(5, hour));
      equal('calls granted before', await mine.go(2), 2);
      await mine.pause(unit);
      await advance(unit - moment);
      equal('calls granted meanwhile', await mine.go(9), 0);
      await advance(moment);
      equal('calls granted afterwards', await mine.go(9), 3);
      equal('pausedFor', (await mine.peek()).pausedFor, 0);
    },
  },
  {
    name: 'pause can be lengthened, never shortened',
    async run({ bucket, near }) {
      const mine = bucket(leaky(1, hour));
      await mine.pause(2 * hour);
      await mine.pause(hour);
      near('pausedFor after a shorter pause', (await mine.peek()).pausedFor, 2 * hour);
      await mine.pause(0);
      near('pausedFor after no pause', (await mine.peek()).pausedFor, 2 * hour);
      await mine.pause(3 * hour);
      near('pausedFor after a longer pause', (await mine.peek()).pausedFor, 3 * hour);
    },
  },
  {
    name: 'pause holds for every sharer',
    async run({ bucket, elsewhere, near }) {
      const mine = bucket(leaky(2, hour));
      const theirs = elsewhere(leaky(2, hour));
      await mine.grant();
      await theirs.pause(hour);
      equal('calls granted here', await mine.go(1), 0);
      equal('calls granted elsewhere', await theirs.go(1), 0);
      near('pausedFor', (await mine.peek()).pausedFor, hour);
    },
  },
  {
    name: 'pause puts reservations off until it ends',
    async run({ bucket, near }) {
      const mine = bucket(leaky(1, hour));
      await mine.pause(2 * hour);
      equal('slot in an hour', (await mine.take([1], { ahead: hour })).reserved, undefined);
      const { reserved, wait, now } = await mine.take([1], { ahead: Infinity });
      near('wait', wait, 2 * hour);
      near('time to the slot', (reserved?.slot ?? Number.NaN) - now, 2 * hour);
      near('wait of the next', (await mine.take([1])).wait, 3 * hour);
    },
  },
  {
    name: 'pause of the longest wins among many at once',
    async run({ bucket, elsewhere, near }) {
      const handles = [bucket(leaky(1, hour)), elsewhere(leaky(1, hour))] as const;
      await atOnce(20, (index) => handles[index % 2 === 0 ? 0 : 1].pause((((index * 7) % 20) + 1) * hour));
      near('pausedFor', (await handles[0].peek()).pausedFor, 20 * hour);
    },
  },
  {
    name: 'peek tells where the bucket stands',
    async run({ bucket, near }) {
      const limits = [leaky(3, hour, 'calls'), windowed(9, 2 * hour)];
      const mine = bucket(limits);
      const rest = await mine.peek();
      equal('at rest', [rest.wait, rest.pausedFor], [0, 0]);
      equal(
        'remaining and resetAfter at rest',
        rest.limits.map(({ remaining, resetAfter }) => [remaining, resetAfter]),
        [
          [3, 0],
          [9, 0],
        ],
      );
      await mine.grant(3);
      const standing = await mine.peek();
      near('wait', standing.wait, hour);
      equal('names', [standing.limits[0]?.name, standing.limits[1]?.name], ['calls', undefined]);
      equal('remaining', [standing.limits[0]?.remaining, standing.limits[1]?.remaining], [0, 6]);
      near('resetAfter', standing.limits[0]?.resetAfter, 3 * hour);
      near('resetAfter of the window', standing.limits[1]?.resetAfter, 2 * hour);
      equal(
        'limits',
        standing.plan.rules.map(({ limit }) => limit),
        limits,
      );
    },
  },
  {
    name: 'peek changes nothing, whatever limits it asks with',
    async run({ bucket, same, advance, unit }) {
      const mine = bucket([leaky(4, unit), windowed(9, hour)]);
      equal('calls granted from rest', await mine.go(9), 4);
      const before = await mine.peek();
      await bucket([windowed(2, hour), leaky(2, hour)]).peek();
      await bucket(leaky(1, hour)).peek();
      same('after looking', await mine.peek(), before);
      await advance(2 * unit);
      equal('calls granted two intervals later', await mine.go(9), 2);
    },
  },
  {
    name: 'peek tells where the bucket stands without a reservation, and leaves it there',
    async run({ bucket, elsewhere, near, same }) {
      const limits = [leaky(2, hour), windowed(3, 2 * hour)];
      const mine = bucket(limits);
      await mine.grant(2);
      await mine.sync(9, 3 * hour);
      const before = await mine.peek();
      const reserved = await mine.reserve();
      const standing = await elsewhere(limits).peek(reserved);
      same('without it', standing, before);
      equal('what the server says is left', standing.pool?.remaining, 9);
      near('wait with it', (await mine.peek()).wait, 2 * hour);
      await mine.giveBack(reserved);
      near('wait once it was given back', (await mine.peek()).wait, hour);
    },
  },
  {
    name: 'reset makes the bucket as good as new, for every sharer',
    async run({ bucket, elsewhere }) {
      const limits = [leaky(3, hour), windowed(4, hour)];
      const mine = bucket(limits);
      const theirs = elsewhere(limits);
      await mine.grant(3);
      await mine.reserve();
      await mine.pause(hour);
      equal('calls granted elsewhere before', await theirs.go(9), 0);
      await mine.reset();
      const { wait, pausedFor, limits: standings } = await theirs.peek();
      equal('wait and pausedFor', [wait, pausedFor], [0, 0]);
      equal(
        'resetAfter',
        standings.map(({ resetAfter }) => resetAfter),
        [0, 0],
      );
      equal('calls granted elsewhere', await theirs.go(9), 3);
      equal('calls granted here', await mine.go(9), 0);
    },
  },
  {
    name: 'reset of a bucket that was never used does nothing',
    async run({ bucket }) {
      const mine = bucket(leaky(2, hour));
      await mine.reset();
      equal('calls granted', await mine.go(9), 2);
    },
  },
  {
    name: 'every key has a bucket of its own, whatever the key',
    async run({ keyed }) {
      const limit = leaky(2, hour);
      for (const key of strangeKeys) equal(`calls granted to ${shortened(key)}`, await keyed(key, limit).go(1), 1);
      for (const key of strangeKeys) equal(`calls granted to ${shortened(key)}`, await keyed(key, limit).go(9), 1);
      await keyed('', limit).reset();
      await keyed('__proto__', limit).pause(hour);
      equal('calls granted to "" after its reset', await keyed('', limit).go(9), 2);
      equal('calls granted to an unused key', await keyed('valueOf', limit).go(9), 2);
    },
  },
  {
    name: 'a second handle takes from the same bucket',
    async run({ bucket, elsewhere, same }) {
      const limits = [leaky(5, hour), windowed(5, hour)];
      const mine = bucket(limits);
      const theirs = elsewhere(limits);
      equal('calls granted here', await mine.go(2), 2);
      equal('calls granted elsewhere', await theirs.go(1), 1);
      const before = await mine.peek();
      same('elsewhere', await theirs.peek(), before);
      equal('calls granted here afterwards', await mine.go(9), 2);
      equal('calls granted elsewhere afterwards', await theirs.go(9), 0);
    },
  },
  {
    name: 'what one handle took another settles and gives back',
    async run({ bucket, elsewhere, same }) {
      const mine = bucket(leaky(5, hour));
      const theirs = elsewhere(leaky(5, hour));
      await theirs.settle(await mine.grant(5), 4);
      equal('calls granted after settle', await mine.go(9), 1);
      const before = await mine.peek();
      await theirs.giveBack(await mine.reserve());
      same('after giveBack', await mine.peek(), before);
    },
  },
  {
    name: '200 calls at once get exactly what one bucket allows',
    async run({ bucket, elsewhere }) {
      for (const limit of [leaky(50, hour), windowed(50, hour)]) {
        const handles = [bucket(limit), elsewhere(limit)] as const;
        const granted = await atOnce(200, (index) => handles[index % 2 === 0 ? 0 : 1].go(1));
        equal(
          'calls granted',
          granted.reduce((sum, calls) => sum + calls, 0),
          50,
        );
        await handles[0].reset();
      }
    },
  },
  {
    name: '200 reservations at once get 200 slots, one emission interval apart',
    async run({ bucket, elsewhere }) {
      const handles = [bucket(leaky(1, hour)), elsewhere(leaky(1, hour))] as const;
      const { slot } = await handles[0].grant();
      const reservations = await atOnce(200, (index) => handles[index % 2 === 0 ? 0 : 1].reserve());
      const slots = reservations.map((reservation) => reservation.slot).sort((a, b) => a - b);
      for (const [index, at] of slots.entries()) exact(`slot ${index + 1}`, at, slot + (index + 1) * hour);
    },
  },
  {
    name: 'operations of all kinds at once on many keys keep each key apart',
    async run({ keyed }) {
      const limit = leaky(3, hour);
      await atOnce(60, async (index) => {
        const mine = keyed(`contract: key ${index}`, limit);
        await mine.settle(await mine.grant(2), 1);
        if (index % 3 === 0) await mine.pause(hour);
        if (index % 3 === 1) await mine.reset();
        const calls = [0, 3, 2][index % 3];
        equal(`calls granted on key ${index}`, await mine.go(9), calls);
      });
    },
  },
  {
    name: 'a store that was closed can be used again and still knows its buckets',
    async run({ bucket, store }) {
      const mine = bucket(leaky(3, hour));
      await mine.grant(2);
      await store.close?.();
      await store.close?.();
      equal('calls granted', await mine.go(9), 1);
    },
  },
  {
    name: 'watch can be ended, more than once',
    async run({ bucket, store }) {
      const stop = store.watch?.(() => {});
      await bucket(leaky(1, hour)).pause(hour);
      stop?.();
      stop?.();
      equal('calls granted', await bucket(leaky(1, hour)).go(1), 0);
    },
  },
  {
    name: 'a bucket that is handed out is the one that operations work on',
    async run({ bucket, store, key }) {
      if (!handsOut(store)) return;
      const mine = bucket(leaky(3, hour));
      const { now } = await mine.take([1]);
      const handed = store.bucket(key, mine.plan, now);
      equal('states', handed.states, [now + hour]);
      handed.states[0] = now + 2 * hour;
      equal('calls granted', await mine.go(9), 1);
    },
  },
  {
    name: 'adapt moves the buckets that stand under the limits before over to those after, at once',
    async run({ bucket, keyed, store, advance, unit }) {
      if (!('adapt' in store)) return;
      const [before, after] = [bucket(leaky(4, hour)), bucket(leaky(4, unit))];
      const other = keyed('contract: other limits', leaky(3, hour));
      equal('calls granted before', [await before.go(9), await other.go(9)], [4, 3]);
      (store as LocalStore).adapt(
        () => before.plan,
        () => after.plan,
      );
      await advance(2 * unit);
      equal('calls granted two of the new intervals later', await after.go(9), 2);
      equal('calls granted of a key under other limits', await other.go(9), 0);
    },
  },
];

/** Whether a store's buckets live in this process. */
function handsOut(store: StoreOperations): store is LocalStore {
  return 'bucket' in store;
}

function shortened(key: string): string {
  return key.length > 20 ? `a key of ${key.length} characters` : JSON.stringify(key);
}
