import { atLeast, equal, exact, hour, leaky, type TrialCase, windowed } from './trial.ts';

/** What the contract says of `take`. */
export const takeCases: readonly TrialCase[] = [
  {
    name: 'the store has a name and says whether it is shared',
    async run({ store }) {
      equal('type of name', typeof store.name, 'string');
      equal('type of shared', typeof store.shared, 'boolean');
    },
  },
  {
    name: 'take lets a burst go at once from rest and refuses the next call',
    async run({ bucket, near, unit }) {
      const { granted, reserved, wait } = await bucket(leaky(3, unit)).take([1, 1, 1, 1]);
      equal('calls granted', granted.length, 3);
      equal('reservation', reserved, undefined);
      near('wait', wait, unit);
    },
  },
  {
    name: 'take lets one call go per emission interval after the burst',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(3, unit));
      equal('calls granted from rest', await mine.go(4), 3);
      for (const interval of [1, 2, 3]) {
        await advance(unit);
        equal(`calls granted after interval ${interval}`, await mine.go(4), 1);
      }
    },
  },
  {
    name: 'take refuses a call until it conforms and grants it then',
    async run({ bucket, advance, unit, moment }) {
      const mine = bucket(leaky(1, unit));
      equal('calls granted from rest', await mine.go(1), 1);
      await advance(unit - moment);
      equal('calls granted before', await mine.go(1), 0);
      await advance(moment);
      equal('calls granted then', await mine.go(1), 1);
    },
  },
  {
    name: 'take never saves up more than a burst',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(2, unit / 4));
      equal('calls granted from rest', await mine.go(9), 2);
      await advance(unit);
      equal('calls granted after a rest of four intervals', await mine.go(9), 2);
    },
  },
  {
    name: 'take tells the instant of its decision on one clock that goes on',
    async run({ bucket, advance, unit }) {
      const mine = bucket(leaky(5, hour));
      const first = await mine.take([1]);
      await advance(unit);
      const second = await mine.take([1]);
      atLeast('time that went by', second.now - first.now, unit);
      equal('slot', second.granted[0]?.slot, second.now);
    },
  },
  {
    name: 'take gives a receipt for each grant, with slot, cost, limits and tats, and without the tats before',
    async run({ bucket, unit }) {
      const limits = [leaky(5, unit, 'calls'), windowed(10, hour, 'window')];
      const { granted, now } = await bucket(limits).take([1, { calls: 2, window: 1 }]);
      const [first, second] = granted;
      equal('costs', [first?.cost, second?.cost], [1, { calls: 2, window: 1 }]);
      equal('slots', [first?.slot, second?.slot], [now, now]);
      equal(
        'limits',
        second?.plan.rules.map(({ limit }) => limit),
        limits,
      );
      exact('first tat', first?.after[0], now + unit);
      exact('second tat', second?.after[0], now + 3 * unit);
      exact('latest mark of the window', second?.after[1], now);
      equal('tats before', [first?.before, second?.before], [undefined, undefined]);
    },
  },
  {
    name: 'take changes nothing when it refuses',
    async run({ bucket, same, advance, unit }) {
      const limits = [leaky(2, unit), windowed(3, hour)];
      const mine = bucket(limits);
      equal('calls granted from rest', await mine.go(2), 2);
      const before = await mine.peek();
      for (let refusal = 0; refusal < 50; refusal++) equal('calls granted', await mine.go(1), 0);
      same('after refusals', await mine.peek(), before);
      await advance(unit);
      equal('calls granted an interval later', await mine.go(2), 1);
    },
  },
  {
    name: 'take grants in order and stops at the first call that does not conform',
    async run({ bucket, near }) {
      const mine = bucket(leaky(4, hour));
      const { granted, wait } = await mine.take([1, 4, 1, 1]);
      equal(
        'costs granted',
        granted.map(({ cost }) => cost),
        [1],
      );
      near('wait of the second', wait, hour);
      equal('calls left', await mine.go(9), 3);
    },
  },
  {
    name: 'take grants a long batch in one operation',
    async run({ bucket, near }) {
      const costs = Array.from({ length: 1024 }, () => 1);
      const { granted, reserved, wait } = await bucket(leaky(1000, hour)).take(costs, { ahead: Infinity });
      equal('calls granted', granted.length, 1000);
      equal('one slot reserved', reserved?.cost, 1);
      near('wait', wait, hour);
    },
  },
  {
    name: 'take answers a request without calls',
    async run({ bucket }) {
      const { granted, reserved, wait } = await bucket(leaky(1, hour)).take([]);
      equal('calls granted', granted.length, 0);
      equal('reservation', reserved, undefined);
      equal('wait', wait, 0);
    },
  },
  {
    name: 'take mixes costs, fractions included',
    async run({ bucket, near }) {
      const { granted, wait } = await bucket(leaky(4, hour)).take([2, 0.5, 1.5, 3]);
      equal(
        'costs granted',
        granted.map(({ cost }) => cost),
        [2, 0.5, 1.5],
      );
      near('wait of the last', wait, 3 * hour);
    },
  },
  {
    name: 'take lets a call of cost 0 pass a limit by',
    async run({ bucket, same }) {
      const mine = bucket([leaky(1, hour, 'calls'), leaky(9, hour, 'data')]);
      equal('calls granted from rest', await mine.go(2), 1);
      const before = await mine.peek();
      const free = await mine.take([0, 0]);
      equal('calls of cost 0 granted', free.granted.length, 2);
      equal('wait', free.wait, 0);
      same('after calls of cost 0', await mine.peek(), before);
      equal('calls that cost only data granted', (await mine.take([{ calls: 0, data: 8 }])).granted.length, 1);
      equal('calls that cost more data granted', (await mine.take([{ calls: 0, data: 1 }])).granted.length, 0);
    },
  },
  {
    name: 'take counts a call in every limit or in none',
    async run({ bucket, near, unit }) {
      const mine = bucket([leaky(5, hour, 'slow'), leaky(2, unit, 'fast')]);
      const { granted, wait, limits } = await mine.take([1, 1, 1], { report: true });
      equal('calls granted', granted.length, 2);
      near('wait for the limit that refused', wait, unit);
      equal(
        'remaining',
        limits?.map(({ name, remaining }) => [name, remaining]),
        [
          ['slow', 3],
          ['fast', 0],
        ],
      );
    },
  },
  {
    name: 'take waits for the slowest of several limits',
    async run({ bucket, near, unit }) {
      const mine = bucket([leaky(1, 2 * hour), leaky(1, unit), windowed(1, 3 * hour), leaky(1, hour)]);
      const { wait } = await mine.take([1, 1]);
      near('wait', wait, 3 * hour);
    },
  },
  {
    name: 'take reads the cost by the name of the limit, and 1 where there is none',
    async run({ bucket }) {
      const mine = bucket([leaky(9, hour, 'requests'), leaky(100, hour, '__proto__'), leaky(9, hour)]);
      const { limits } = await mine.take([JSON.parse('{ "requests": 2, "__proto__": 30 }')], { report: true });
      equal(
        'remaining',
        limits?.map(({ remaining }) => remaining),
        [7, 70, 8],
      );
    },
  },
  {
    name: 'take reserves one slot, for the first call that does not conform',
    async run({ bucket, near }) {
      const mine = bucket(leaky(2, hour));
      const { granted, reserved, wait, now } = await mine.take([1, 1, 0.5, 1], { ahead: Infinity });
      equal('calls granted', granted.length, 2);
      near('wait', wait, hour / 2);
      equal('cost reserved', reserved?.cost, 0.5);
      exact('slot', reserved?.slot, now + hour / 2);
      exact('tat before', reserved?.before?.[0], now + 2 * hour);
      exact('tat after', reserved?.after[0], now + 2.5 * hour);
      near('wait of the next', (await mine.take([1])).wait, 1.5 * hour);
    },
  },
  {
    name: 'take reserves no further ahead than it is told',
    async run({ bucket, same }) {
      const mine = bucket(leaky(1, hour));
      await mine.grant();
      const before = await mine.peek();
      equal('slot an hour away', (await mine.take([1], { ahead: hour / 2 })).reserved, undefined);
      equal('slot later than now', (await mine.take([1])).reserved, undefined);
      same('after refusals', await mine.peek(), before);
      equal('cost reserved', (await mine.take([1], { ahead: hour })).reserved?.cost, 1);
    },
  },
  {
    name: 'take grants instead of reserving what conforms now',
    async run({ bucket }) {
      const { granted, reserved } = await bucket(leaky(1, hour)).take([1], { ahead: Infinity });
      equal('calls granted', granted.length, 1);
      equal('reservation', reserved, undefined);
    },
  },
  {
    name: 'take spaces reservations by the emission interval',
    async run({ bucket }) {
      const mine = bucket(leaky(1, hour));
      const { slot } = await mine.grant();
      for (const interval of [1, 2, 3, 4]) exact('slot', (await mine.reserve()).slot, slot + interval * hour);
    },
  },
  {
    name: 'take reports where each limit stands, if asked to',
    async run({ bucket, near }) {
      const mine = bucket([leaky(5, hour, 'calls'), windowed(7, 2 * hour)]);
      const { limits = [] } = await mine.take([1, 1], { report: true });
      equal(
        'names and calls remaining',
        limits.map(({ name, remaining }) => [name ?? 'no name', remaining]),
        [
          ['calls', 3],
          ['no name', 5],
        ],
      );
      near('resetAfter of the leaky bucket', limits[0]?.resetAfter, 2 * hour);
      near('resetAfter of the window', limits[1]?.resetAfter, 2 * hour);
    },
  },
  {
    name: 'take says which limit a cost can never pass, after granting what came before',
    async run({ bucket }) {
      const mine = bucket([leaky(9, hour, 'calls'), windowed(4, hour, 'data')]);
      const { granted, reserved, wait, exceeded } = await mine.take([1, { data: 5 }, 1], { ahead: Infinity });
      equal('calls granted', granted.length, 1);
      equal('reservation', reserved, undefined);
      equal('wait', wait, Infinity);
      equal('exceeded', [exceeded?.limitName, exceeded?.cost, exceeded?.burst], ['data', 5, 4]);
      equal('calls left', await mine.go(9), 3);
    },
  },
  {
    name: 'take tells for how long the key is paused, and nothing if it is not',
    async run({ bucket, near }) {
      const mine = bucket(leaky(1, hour));
      equal('pausedFor of a grant', (await mine.take([1])).pausedFor, undefined);
      equal('pausedFor of a refusal by a limit', (await mine.take([1])).pausedFor, undefined);
      await mine.pause(hour / 2);
      near('pausedFor', (await mine.take([1])).pausedFor, hour / 2);
      near('pausedFor of a reservation', (await mine.take([1], { ahead: Infinity })).pausedFor, hour / 2);
    },
  },
  {
    name: 'take counts a call that waited from the slot at which it conformed or later, never from before',
    async run({ bucket, advance, near, unit }) {
      const mine = bucket(leaky(1, unit));
      const { slot } = await mine.grant();
      await advance(1.25 * unit);
      const late = await mine.take([1], { late: unit / 2 });
      const next = late.granted[0]?.slot ?? Number.NaN;
      atLeast('slot', next, slot + unit);
      atLeast('instant of the decision', late.now, next);
      const { wait, now } = await mine.take([1], { late: unit / 2 });
      near('wait of the next', wait, next + unit - now);
      await advance(next + 1.75 * unit - now);
      const later = await mine.take([1], { late: unit / 2 });
      equal('slot of a call that missed its own', later.granted[0]?.slot, later.now);
    },
  },
];
