import { describe, expect, test } from 'vitest';
import { adapt, atRest, grantAt, newBucket, note, restsAt } from '../../../src/core/bucket/bucket.ts';
import { notedIn, voidedRefunds } from '../../../src/core/bucket/change.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { peek, take } from '../../../src/core/bucket/operations.ts';
import type { Rule } from '../../../src/core/limits/kind.ts';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import { type Limit, longAgo } from '../../../src/core/limits/limit.ts';
import type { Pace } from '../../../src/core/limits/pace.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { perSecond, quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { T, table, walk } from './step-table.ts';

/** A limit that lets `rate` calls go every `interval` units of T, `burst` of them at once. */
const bucket = (burst: number, rate = 1, interval = 1, name?: string): Limit => ({
  rate,
  interval: interval * T,
  burst,
  ...(name === undefined ? undefined : { name }),
});

/** At most `limit` calls in any `interval` units of T. */
const window = (limit: number, interval = 10, name?: string): Limit =>
  slidingWindow({ limit, interval: interval * T, ...(name === undefined ? undefined : { name }) });

/** A leaky bucket that keeps that, `burst` of them at once. */
const steady = (limit: number, burst: number, interval = 10): Limit => quota({ limit, burst, interval: interval * T });

describe('what was used stays used, counted in calls', () => {
  table('when a window is lowered', window(8), [
    ['take', 0, 2, 0],
    ['take', 3, 2, 0],
    ['change', 4, window(5)],
    ['left', 4, 1],
    ['take', 4, 2, 6],
    ['take', 4, 1, 0],
    ['take', 10, 2, 0],
  ]);

  table('when a window is lowered below what went', window(8), [
    ['take', 0, 4, 0],
    ['take', 3, 4, 0],
    ['change', 4, window(4)],
    ['left', 4, 0],
    // None of the four of instant 3 fits beside one more.
    ['take', 4, 1, 9],
    ['take', 13, 4, 0],
  ]);

  table('when a window is raised', window(4), [
    ['take', 0, 3, 0],
    ['change', 1, window(8)],
    ['left', 1, 5],
    ['take', 1, 5, 0],
    ['take', 1, 1, 9],
  ]);

  table('when a window gets longer', window(4), [
    ['take', 0, 2, 0],
    ['change', 1, window(4, 30)],
    ['take', 1, 3, 29],
    ['take', 1, 2, 0],
  ]);

  table('when a window gets longer, as far as it counted yet', window(4), [
    ['take', 0, 4, 0],
    ['change', 10, window(4, 30)],
    ['left', 10, 4],
  ]);

  table('when a window gets shorter, for as long as it counted before', window(4), [
    ['take', 0, 4, 0],
    ['change', 1, window(2, 1)],
    // In ten T the larger one lets two go in each: 20 calls.
    ['take', 1, 2, 0],
    ['change', 1, window(4)],
    ['left', 1, 0],
    ['take', 1, 1, 9],
  ]);

  table('when a leaky bucket is lowered', bucket(8), [
    ['take', 0, 2, 0],
    ['change', 0, bucket(4)],
    ['left', 0, 2],
    ['take', 0, 2, 0],
    ['take', 0, 1, 1],
  ]);

  table('when a leaky bucket is lowered below what went', bucket(8), [
    ['take', 0, 6, 0],
    ['change', 0, bucket(4)],
    ['left', 0, 0],
    ['take', 0, 1, 1],
  ]);

  table('when a leaky bucket is raised', bucket(4), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(8)],
    ['left', 0, 4],
    ['take', 0, 4, 0],
    ['take', 0, 1, 1],
  ]);

  table('when a leaky bucket gets slower', bucket(4), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(4, 1, 7)],
    ['take', 0, 1, 7],
    ['take', 7, 1, 0],
  ]);

  table('when a leaky bucket gets faster', bucket(4, 1, 7), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(4)],
    ['take', 0, 1, 1],
    ['take', 1, 1, 0],
  ]);

  table('when there is less than one call in an interval', { rate: 0.1, interval: T }, [
    ['take', 0, 1, 0],
    ['change', 5, { rate: 0.1, interval: T, burst: 2 }],
    ['take', 5, 1, 0],
    ['take', 5, 1, 5],
  ]);

  table('when a quota of one burst becomes one without', steady(10, 10), [
    ['take', 0, 10, 0],
    ['change', 0, steady(10, 1)],
    ['left', 0, 0],
    ['take', 0, 1, 10],
    ['take', 9, 1, 1],
    ['take', 10, 1, 0],
    ['take', 10, 1, 1],
  ]);

  table('when a window becomes a quota', window(10), [
    ['take', 0, 4, 0],
    ['change', 5, steady(10, 1)],
    ['take', 5, 1, 0],
    ['take', 6, 1, 0],
    ['take', 7, 1, 0],
    ['take', 8, 1, 0],
    ['take', 9, 1, 0],
    // The four of before leave the window.
    ['take', 10, 1, 0],
  ]);

  table('when a full window becomes a quota', window(10), [
    ['take', 0, 10, 0],
    ['change', 5, steady(10, 1)],
    ['left', 5, 0],
    ['take', 5, 1, 5],
    ['take', 10, 1, 0],
    ['take', 10, 1, 1],
  ]);

  table('when a leaky bucket becomes a window: as many count as could have gone, as late as they could', bucket(4), [
    ['take', 0, 4, 0],
    // The last two by now, and one at 1; the first is older than the interval.
    ['change', 1.5, window(9)],
    ['left', 1.5, 6],
    ['take', 1.5, 6, 0],
    ['take', 1.5, 1, 9.5],
  ]);

  table('when a quota at rest becomes a window', steady(10, 1), [
    ['take', 0, 1, 0],
    ['take', 1, 1, 0],
    ['change', 11, window(10)],
    ['left', 11, 10],
    ['take', 11, 10, 0],
    ['change', 11, steady(10, 1)],
    ['take', 11, 1, 10],
  ]);

  table('and a limit at rest stays at rest', bucket(3), [
    ['take', 0, 3, 0],
    ['change', 4, window(9)],
    ['left', 4, 9],
    ['change', 4, bucket(5)],
    ['left', 4, 5],
  ]);
});

describe('limits belong together', () => {
  const calls = window(4, 10, 'calls');
  const data = window(8, 10, 'data');

  table(
    'by name, whatever their order',
    [calls, data],
    [
      ['take', 0, { calls: 3, data: 2 }, 0],
      ['change', 0, [data, window(5, 10, 'new'), calls]],
      ['left', 0, 6, 5, 1],
      ['change', 0, [calls]],
      ['left', 0, 1],
      // One that went and came back is new.
      ['change', 0, [calls, data]],
      ['left', 0, 1, 8],
    ],
  );

  table(
    'by place where they have no name',
    [window(4), window(8)],
    [
      ['take', 0, 2, 0],
      ['take', 0, 2, 0],
      ['change', 0, [window(6), window(5)]],
      ['left', 0, 2, 1],
      ['change', 0, window(5)],
      ['left', 0, 1],
    ],
  );

  table('by place where one gets a name, gets another, or loses it', window(4), [
    ['take', 0, 3, 0],
    ['change', 0, calls],
    ['left', 0, 1],
    ['change', 0, window(6, 10, 'data')],
    ['left', 0, 3],
    ['change', 0, window(4)],
    ['left', 0, 1],
  ]);

  table(
    'by place among those that have no namesake',
    [calls, window(8)],
    [
      ['take', 0, { calls: 3 }, 0],
      ['change', 0, [window(8), calls]],
      ['left', 0, 7, 1],
      ['change', 0, [window(5, 10, 'other'), window(6, 10, 'calls')]],
      ['left', 0, 4, 3],
    ],
  );

  table('with the last one where there are more than before', window(4), [
    ['take', 0, 3, 0],
    ['change', 0, [window(100, 600), window(4)]],
    ['left', 0, 97, 1],
    ['take', 0, 2, 10],
  ]);

  table('with the last one, each on its own, even if they are the same', window(4), [
    ['take', 0, 1, 0],
    ['change', 0, [window(4), window(4)]],
    ['take', 0, 1, 0],
    ['left', 0, 2, 2],
  ]);

  test('and one that did not change remembers nothing', () => {
    const key = walk(
      [steady(4, 1), window(4)],
      [
        ['take', 0, 1, 0],
        ['change', 1, [steady(4, 1), window(5)]],
      ],
    );
    expect(key.extras.past).toEqual([undefined, expect.anything()]);
    expect(restsAt(key)).toBe(11 * T);
  });

  table(
    'and those that did not change stand as they stood',
    [calls, data],
    [
      ['take', 0, { calls: 3, data: 2 }, 0],
      ['change', 5, [calls, window(8, 20, 'data')]],
      ['take', 5, { calls: 2, data: 0 }, 5],
    ],
  );
});

describe('limits that change again and again', () => {
  table('hand out no second burst by way of a small, fast limit', bucket(10, 1, 10), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(1, 1, 5)],
    ['take', 5, 1, 5],
    ['change', 5, bucket(10, 1, 10)],
    ['left', 5, 0],
    ['take', 5, 1, 5],
    ['take', 10, 10, 0],
  ]);

  table('hand out no second burst by way of a leaky bucket in the place of a window', window(10, 100), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(1, 1, 20)],
    ['change', 20, window(10, 100)],
    ['left', 20, 0],
    ['take', 20, 1, 80],
  ]);

  table('hand out no second burst by way of a short window', window(10, 100), [
    ['take', 0, 10, 0],
    ['change', 0, window(2, 20)],
    ['change', 20, window(10, 100)],
    ['take', 20, 1, 80],
    ['take', 100, 10, 0],
  ]);

  table('hand out no second burst by way of nine others, whose shortest is forgotten first', window(10, 100), [
    ['take', 0, 10, 0],
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((calls) => ['change', calls, window(calls, 9 + calls)] as const),
    ['change', 30, window(10, 100)],
    ['take', 30, 1, 70],
  ]);

  table(
    'count each on its own',
    [window(20, 5), window(10, 100)],
    [
      ['take', 0, 10, 0],
      ['change', 0, [window(20, 6), bucket(1, 1, 20)]],
      ['change', 20, [window(20, 5), window(10, 100)]],
      ['left', 20, 20, 0],
      ['take', 20, 1, 80],
    ],
  );

  table('count true costs', window(10), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(4)],
    ['settle', 0, 1, 6],
    ['change', 0, window(10)],
    ['left', 0, 4],
    ['take', 0, 5, 10],
  ]);

  test('are not at rest while earlier limits still count', () => {
    const key = walk(window(10, 10), [
      ['take', 0, 10, 0],
      ['change', 4, bucket(1, 1, 0.1)],
    ]);
    expect([4.1, 13.9, 14].map((at) => atRest(key, at * T))).toEqual([false, false, true]);
  });

  test('leave a leaky bucket at rest that has leaked', () => {
    const key = walk({ rate: 2, interval: 10 * T, burst: 2 }, [
      ['take', 0, 1, 0],
      ['change', 5, { rate: 2, interval: 10 * T, burst: 1 }],
    ]);
    expect(key.states).toEqual([longAgo]);
  });

  test('remember nothing of a key at rest', () => {
    expect(walk(window(10), [['change', 0, window(5)]]).extras.past).toBeUndefined();
  });

  test('are remembered up to eight besides the present one, without the shortest', () => {
    const key = walk(window(10, 100), [
      ['take', 0, 10, 0],
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((calls) => ['change', calls, window(calls, 9 + calls)] as const),
    ]);
    const intervals = key.extras.past?.[0]?.limits.map(({ interval }) => interval / T);
    expect(intervals).toEqual([100, 11, 12, 13, 14, 15, 16, 17, 18]);
  });

  table('leave as many calls as the largest of them', window(10, 100), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(3, 1, 10)],
    // In a hundred T the leaky bucket lets twelve go.
    ['left', 30, 2],
    ['take', 30, 1, 0],
    ['left', 30, 1],
    ['take', 30, 1, 0],
    ['left', 30, 0],
    ['take', 30, 1, 70],
    ['left', 100, 3],
  ]);

  table('leave no call before one that is reserved', window(4), [
    ['take', 0, 4, 0],
    ['reserve', 0, 1, 10],
    ['change', 0, bucket(20)],
    ['left', 0, 0],
    ['take', 0, 0, 0],
  ]);

  table('count the true cost of a call that cost one more', window(10), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(4)],
    ['settle', 0, 1, 2],
    ['change', 0, window(10)],
    ['left', 0, 8],
  ]);

  table('count the true cost of a call that cost half a call more', window(10), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(4)],
    ['settle', 0, 1, 1.5],
    ['change', 0, window(10)],
    ['take', 0, 8.5, 0],
    ['take', 0, 1, 10],
  ]);

  table('let calls of cost 0 pass', window(2), [
    ['take', 0, 2, 0],
    ['change', 0, bucket(4)],
    ['take', 0, 0, 0],
  ]);
});

describe('a debt', () => {
  table('of a leaky bucket stays, whatever the burst', bucket(4), [
    ['take', 0, 1, 0, 1],
    ['settle', 0, 1, 10],
    ['change', 0, bucket(2)],
    // Two of ten calls are the burst; six are a debt.
    ['take', 0, 1, 7],
  ]);

  table('of a leaky bucket leaves room for a greater burst', bucket(4), [
    ['take', 0, 1, 0, 1],
    ['settle', 0, 1, 10],
    ['change', 0, bucket(20)],
    ['left', 0, 10],
  ]);

  table('of a window stays', window(4), [
    ['take', 0, 1, 0, 1],
    ['settle', 0, 1, 10],
    ['change', 1, window(8)],
    ['take', 1, 1, 9],
    ['take', 10, 8, 0],
  ]);

  table('of a call from before counts under the new limit', window(4), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(8)],
    ['settle', 0, 1, 4],
    ['left', 0, 4],
    ['change', 0, window(4)],
    ['left', 0, 0],
  ]);
});

describe('a reservation', () => {
  table('far ahead counts when it goes', window(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 2, 10],
    ['reserve', 0, 2, 20],
    ['change', 0, bucket(4, 4, 10)],
    // Four in ten T, and the two of 20 are among them.
    ['take', 0, 1, 20],
    ['take', 20, 2, 0],
    ['take', 20, 1, 2.5],
  ]);

  table('holds the limits from before in force until its own window is over', window(10), [
    ['take', 0, 10, 0],
    ['reserve', 0, 1, 10],
    ['reserve', 0, 9, 10],
    ['reserve', 0, 5, 20],
    ['change', 0, steady(10, 1)],
    ['take', 21, 1, 0],
    ['take', 22, 1, 0],
    ['take', 23, 1, 0],
    ['take', 24, 1, 0],
    ['take', 25, 1, 0],
    ['take', 26, 1, 4],
    ['take', 30, 1, 0],
  ]);

  table('far ahead does not make a slower limit wait any longer', bucket(1), [
    ['pause', 0, 1000],
    ['reserve', 0, 1, 1000],
    ['change', 0, bucket(1, 1, 50)],
    ['take', 0, 1, 1050],
  ]);

  table('given back leaves others of its slot in their place', window(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 10, 1],
    ['reserve', 0, 1, 10, 2],
    ['cancel', 0, 1],
    ['change', 0, bucket(2, 2, 10)],
    ['take', 0, 1, 10],
    ['take', 10, 1, 0],
  ]);

  table('cannot be given back after a change, nor after one that was undone', bucket(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 1, 1],
    ['change', 0, bucket(4)],
    ['cancel', 0, 1],
    ['change', 0, bucket(2)],
    ['cancel', 0, 1],
    ['take', 0, 1, 2],
  ]);

  table('from after a change is given back whole', window(4), [
    ['take', 0, 2, 0],
    ['change', 0, window(6)],
    ['reserve', 0, 5, 10, 1],
    ['cancel', 0, 1],
    ['take', 0, 4, 0],
    ['take', 0, 1, 10],
  ]);
});

describe('settle after a change', () => {
  table('gives nothing back: nobody can tell what is left of the call', bucket(4), [
    ['take', 0, 4, 0, 1],
    ['change', 0, window(4)],
    ['settle', 0, 1, 0],
    ['take', 0, 1, 10],
    ['change', 0, bucket(4)],
    ['settle', 0, 1, 0],
    ['take', 0, 1, 1],
  ]);

  table('gives no other call back in a window that was lowered', window(8), [
    ['take', 0, 2, 0, 1],
    ['take', 0, 2, 0],
    ['change', 1, window(5)],
    ['settle', 1, 1, 0],
    ['left', 1, 1],
  ]);

  table('gives no other call back after a change that was undone', window(4), [
    ['take', 0, 1, 0, 1],
    ['take', 2, 1, 0],
    ['change', 2, steady(4, 1)],
    ['take', 5, 1, 0],
    ['change', 5, window(4)],
    ['settle', 5, 1, 0],
    ['left', 5, 1],
    ['settle', 5, 1, 0],
    // Only the mark that is its own goes, among what was before.
    ['change', 5, steady(4, 1)],
    ['change', 5, window(4)],
    ['left', 5, 2],
  ]);

  table('of a call from after it comes back', window(10), [
    ['take', 0, 5, 0],
    ['change', 1, window(8)],
    ['take', 1, 3, 0, 1],
    ['settle', 2, 1, 1],
    ['left', 2, 2],
    ['change', 2, window(9)],
    ['left', 2, 3],
  ]);
});

describe('the margin', () => {
  test('alone changes nothing', () => {
    const limits = [quota({ limit: 10, interval: 1000, burst: 10 }), window(3)];
    const key = newBucket(planOf(limits, 0));
    take(key, { plan: key.plan, costs: [2], ahead: 0 }, 0);
    const states = structuredClone(key.states);
    adapt(key, planOf(limits, 50), 1);
    expect([key.states, key.extras.past, key.extras.refunds]).toEqual([states, undefined, undefined]);
    expect(key.plan.margin).toBe(50);
  });

  test('makes room for no more calls when it grows', () => {
    const limit = quota({ limit: 10, interval: 1000, burst: 10 });
    const key = newBucket(planOf(limit, 0));
    const ask = (margin: number, now: number) => {
      const plan = planOf(limit, margin);
      adapt(key, plan, now);
      return take(key, { plan, costs: [1], ahead: 0 }, now).wait;
    };
    for (let call = 0; call < 10; call++) expect(ask(0, 0)).toBe(0);
    expect(ask(50, 0)).toBeGreaterThanOrEqual(1000);
    expect(ask(200, 500)).toBeGreaterThanOrEqual(500);
    expect(ask(0, 999)).toBeGreaterThanOrEqual(1);
  });

  table(
    'counts the calls from before for as much longer',
    window(10),
    [
      ['take', 0, 10, 0],
      ['change', 0, steady(10, 1)],
      ['take', 10, 1, 1],
      ['take', 11, 1, 0],
    ],
    T,
  );
});

describe('more instants than are kept', () => {
  const rule = planOf(window(100), 0).rules[0] as Rule;
  const spanOf = (span: number) => ({ burst: 1, even: 0, interval: span, span });
  const pastOf = (instants: readonly number[], ...spans: number[]) => ({
    marks: [longAgo, ...instants.flatMap((at, index) => [at, index + 1])],
    limits: spans.map(spanOf),
    until: Infinity,
  });
  const evenly = (from: number, by: number, count: number) =>
    Array.from({ length: count }, (_, index) => from + by * index);

  /** The marks with a call at `now` more, as instants and calls. */
  function grown(instants: readonly number[], now: number, ...spans: number[]) {
    const { marks } = notedIn(pastOf(instants, ...spans), rule, 1, now, now);
    return {
      instants: marks.filter((_, place) => place % 2 === 1),
      calls: marks.slice(1).filter((_, place) => place % 2 === 1),
    };
  }

  test('become one mark of the two that are closest, at the later instant', () => {
    const instants = evenly(0, 10, 32).map((at) => (at === 150 ? 147 : at));
    const grownTo = grown(instants, 320, 1000, 2000);
    expect(grownTo.instants).toEqual([...instants.filter((at) => at !== 140), 320]);
    expect(grownTo.calls).toEqual([...evenly(1, 1, 14), 15 + 16, ...evenly(17, 1, 16), 1]);
  });

  test('become one mark of the first two where all are as close', () => {
    const instants = evenly(0, 10, 32);
    expect(grown(instants, 320, 1000, 2000).instants).toEqual([...instants.slice(1), 320]);
  });

  test('become one mark of the latest two where these are the closest', () => {
    const instants = evenly(0, 10, 32);
    expect(grown(instants, 315, 1000, 2000).instants).toEqual([...instants.slice(0, -1), 315]);
  });

  test('become one mark of the two that are the closest for their age', () => {
    const instants = [0, 20, ...evenly(500, 16, 30)];
    expect(grown(instants, 1000, 100, 2000).instants).toEqual([...instants.slice(1), 1000]);
    // In a window in which all ages count the same it is the distance.
    expect(grown(instants, 1000, 2000, 2000).instants).toEqual([0, 20, ...instants.slice(3), 1000]);
  });

  test('are forgotten after two windows where no limits from before matter', () => {
    const now = 2 + 20 * T;
    const past = { marks: [longAgo, 1, 1, 2, 1, 3, 1], limits: [], until: now + 10 * T };
    expect(notedIn(past, rule, 1, now, now).marks).toEqual([longAgo, 3, 1, now, 1]);
  });

  test('are kept for longer where the answers of a server are slow', () => {
    const now = 2 + 20 * T;
    const past = { marks: [longAgo, 1, 1, 2, 1, 3, 1], limits: [], until: now + 10 * T + 1 };
    expect(notedIn(past, rule, 1, now, now).marks).toEqual([longAgo, 2, 1, 3, 1, now, 1]);
  });

  test('are no more for a call that costs nothing', () => {
    const past = pastOf([1, 2]);
    expect(notedIn(past, rule, 0, 5, 5)).toBe(past);
  });
});

describe('the refunds after a change', () => {
  test('are more than any receipt can take back', () => {
    const key = newBucket(planOf([bucket(3), bucket(5, 1, 1, 'other')], 0));
    expect(voidedRefunds(key, 0, 1)).toEqual([tick]);
    grantAt(key, 2, 0, 0);
    note(key, { refunds: [T / 2, 0] });
    expect(voidedRefunds(key, T, 3)).toEqual([1.5 * T + tick, 1.5 * T + tick, 1.5 * T + tick]);
    expect(voidedRefunds(key, 10 * T, 1)).toEqual([T / 2 + tick]);
  });
});

describe('the pace', () => {
  test('of limits that were left to the server ends when there are limits', () => {
    const key = newBucket(planOf(learnedLimit, 0));
    take(key, { plan: key.plan, costs: [1], ahead: 0 }, 0);
    expect(key.extras.pace).toBeDefined();
    adapt(key, planOf({ ...learnedLimit, name: 'other' }, 0), 0);
    expect(key.extras.pace).toBeDefined();
    adapt(key, planOf(bucket(1), 0), 0);
    expect(key.extras.pace).toBeUndefined();
  });

  test('that was learned from a refusal stays', () => {
    const key = newBucket(planOf(bucket(1), 0));
    slowDown(key, 0, T, 0);
    const { pace } = key.extras;
    adapt(key, planOf(bucket(2), 0), 0);
    expect(key.extras.pace).toBe(pace);
  });

  test('is learned but once of calls that were on their way together', () => {
    const key = newBucket(planOf(bucket(1), 0));
    slowDown(key, 0, T, 10 * T);
    const { most } = key.extras.pace as Pace;
    take(key, { plan: key.plan, costs: [1, 1], ahead: Infinity }, 11 * T);
    slowDown(key, 2 * T, T, 12.5 * T);
    expect(key.extras.pace?.most).toBe(most);
    take(key, { plan: key.plan, costs: [1, 1], ahead: Infinity }, 14 * T);
    slowDown(key, 0, T, 18 * T);
    expect(key.extras.pace?.most).toBeLessThan(most);
  });
});

describe('adapt', () => {
  test('keeps a key to its own limits, with the margin of the asker', () => {
    const asked = planOf(perSecond(1), 0);
    const key = newBucket(asked);
    note(key, { own: planOf(bucket(5), 0) });
    adapt(key, asked, 0);
    expect(peek(key, 0).limits).toEqual([{ remaining: 5, resetAfter: 0 }]);
    adapt(key, planOf(perSecond(1), 2 * T), 0);
    expect(peek(key, 0).limits).toEqual([{ remaining: 3, resetAfter: 0 }]);
    expect(key.extras.own).toBe(key.plan);
    note(key, { own: undefined });
    adapt(key, asked, 0);
    expect(key.plan).toBe(asked);
  });

  test('changes nothing under equal new limits', () => {
    const key = newBucket(planOf([bucket(3), window(5)], 0));
    take(key, { plan: key.plan, costs: [2], ahead: 0 }, 0);
    const plan = planOf([{ ...bucket(3), kind: 'leaky-bucket' }, { ...window(5) }], 0);
    const before = { ...key, plan };
    adapt(key, plan, 1);
    expect(key).toEqual(before);
  });

  test('changes the limits as of the instant when they changed', () => {
    const before = planOf({ rate: 10, interval: 1000, burst: 10 }, 0);
    const key = newBucket(before);
    take(key, { plan: before, costs: [10], ahead: 0 }, 0);
    // By the instant 1000 the old bucket would have been at rest.
    adapt(key, planOf({ rate: 10, interval: 100_000, burst: 10 }, 0), 1000, 0);
    expect(peek(key, 1000).limits[0]?.remaining).toBe(0);
    expect(peek(key, 10_000).limits[0]?.remaining).toBe(1);
  });
});
