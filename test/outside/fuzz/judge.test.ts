import { type Limit, quota, type Status, slidingWindow } from 'sluice';
import { describe, expect, test } from 'vitest';
import { rules } from './judge.ts';
import { type Departure, type Log, newLog } from './log.ts';
import type { CallPlan, ChangePlan, Setup } from './setup.ts';

const window = slidingWindow({ limit: 2, interval: 100 });
const even: Limit = { rate: 1, interval: 100 };

const planned: CallPlan = {
  id: 0,
  sharer: 0,
  at: 0,
  by: 'run',
  cost: 1,
  priority: 0,
  settle: undefined,
  quitsAfter: undefined,
};
const calm: Setup = {
  seed: 0,
  profile: 'saturated',
  store: 'memory',
  sharers: 1,
  hears: true,
  storeTakes: { before: 0, after: 0 },
  limits: [window],
  margin: 0,
  late: { most: 0, always: false },
  way: { there: 5, inside: 0, back: 5, jitter: 0 },
  ponders: 0,
  opening: undefined,
  calls: [planned],
  changes: [],
  pauses: [],
  syncs: [],
  plain: false,
};

/** The log of a world in which calls left at these instants, one call by each sharer in turn. */
function logOf(times: readonly number[], setup: Partial<Setup> = {}, more: Partial<Log> = {}): Log {
  const { sharers = 1 } = setup;
  const calls = times.map((_, id) => ({ ...planned, id, sharer: id % sharers }));
  const departures = times.map(
    (at, order): Departure => ({
      call: calls[order] as CallPlan,
      order: 10 * order,
      askedAt: 0,
      at,
      isCold: false,
      arrivesAt: at + 5,
      answeredAt: at + 10,
      settled: [],
    }),
  );
  return { ...newLog({ ...calm, calls, ...setup }), departures, ...more };
}

const status = (remaining: number, resetAfter = 0): Status => ({
  limits: [{ remaining, resetAfter }],
  waiting: 0,
  inFlight: 0,
  nextAt: 0,
  eta: undefined,
  pausedUntil: undefined,
  pool: undefined,
  learned: undefined,
  margin: 0,
  timer: undefined,
});
const stop = { sharer: 0, at: 50, order: 5, until: 200, appliedAt: 50 };

/** Other limits from an instant on, in both the set-up and the log. */
function changed(limits: Limit, at: number, order: number): [Partial<Setup>, Partial<Log>] {
  const plan: ChangePlan = { at, sharer: undefined, by: 'configure', limits: [limits] };
  return [{ profile: 'changing', changes: [plan] }, { changes: [{ plan, order, appliedAt: at }] }];
}

const settledAt = (remaining: number) => {
  const log = logOf([0]);
  const departure = log.departures[0] as Departure;
  return { ...log, seen: [{ departure, at: 50, from: 1, to: 0, before: status(1), after: status(remaining) }] };
};

/** Per rule a log that keeps it, and one that does not. */
const rows: Readonly<Record<string, readonly (readonly [good: Log, bad: Log])[]>> = {
  neverAbove: [
    [logOf([0, 0, 100]), logOf([0, 0, 99.9])],
    [logOf([0, 100, 200], { limits: [even] }), logOf([0, 100, 199], { limits: [even] })],
    [logOf([0, 110], { limits: [even], margin: 20 }), logOf([0, 90], { limits: [even], margin: 20 })],
  ],
  keepsTheMargin: [[logOf([0, 0, 120], { margin: 20 }), logOf([0, 0, 119], { margin: 20 })]],
  neverAboveTheLargest: [
    [logOf([0, 60, 100, 160], ...changed(even, 50, 5)), logOf([0, 60, 61, 100], ...changed(even, 50, 5))],
  ],
  nothingDuringAPause: [
    [logOf([0, 200], {}, { pauses: [stop] }), logOf([0, 199], {}, { pauses: [stop] })],
    [
      logOf([0, 1_040], { sharers: 2, hears: false }, { pauses: [{ ...stop, until: 5_000 }] }),
      logOf([0, 1_060], { sharers: 2, hears: false }, { pauses: [{ ...stop, until: 5_000 }] }),
    ],
  ],
  keepsCeilings: [
    [
      logOf([0, 100, 200], {}, { syncs: [{ ...stop, remaining: 1, inFlight: 0 }] }),
      logOf([0, 100, 150], {}, { syncs: [{ ...stop, remaining: 1, inFlight: 0 }] }),
    ],
  ],
  neverIdle: [[logOf([0, 0, 100, 100]), logOf([0, 0, 200, 200])]],
  slowApisUseTheirQuota: [
    [
      logOf([0, 10_000, 20_500], { profile: 'slow', limits: [quota({ limit: 6, interval: 60_000 })] }),
      logOf([0, 12_000, 24_000], { profile: 'slow', limits: [quota({ limit: 6, interval: 60_000 })] }),
    ],
  ],
  nobodyStarves: [
    [
      logOf([0, 0, 100, 100, 200, 200], { sharers: 2, store: 'map' }),
      logOf([0, 0, 100, 2_000], { sharers: 2, store: 'map' }),
    ],
  ],
  changesWasteLittle: [[logOf([0, 200, 300], ...changed(even, 50, 5)), logOf([0, 200, 900], ...changed(even, 50, 5))]],
  everybodyIsServed: [
    [logOf([0]), logOf([0], {}, { stillWait: [planned] })],
    [logOf([0]), logOf([0], {}, { hung: ['close did not end'] })],
    [logOf([0]), logOf([0], {}, { outcomes: [{ call: planned, state: 'failed', error: new Error('no') }] })],
  ],
  settlementsShow: [[settledAt(2), settledAt(1)]],
  statusAgrees: [
    [
      logOf([0], {}, { final: [{ at: 50, status: status(1) }] }),
      logOf([0], {}, { final: [{ at: 50, status: status(2) }] }),
    ],
    [
      logOf([0], {}, { final: [{ at: 200, status: status(2) }] }),
      logOf([0], {}, { final: [{ at: 200, status: status(1) }] }),
    ],
  ],
  nothingUnhandled: [[logOf([0]), logOf([0], {}, { unhandled: [new Error('nobody')] })]],
};

describe('the judge of the drawn worlds', () => {
  test('has an example for each of its rules', () => {
    expect(Object.keys(rows).sort()).toEqual(Object.keys(rules).sort());
  });

  const all = Object.entries(rows).flatMap(([name, some]) => some.map((row, index) => ({ name, index, row })));
  test.each(all)('finds what breaks $name, and nothing in what keeps it: log $index', ({ name, row: [good, bad] }) => {
    const rule = rules[name];
    expect(rule?.(good)).toBeUndefined();
    expect(rule?.(bad)).toBeTypeOf('string');
  });
});
