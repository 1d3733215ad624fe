import { describe, expect, test } from 'vitest';
import {
  atRest,
  conformsAt,
  copyOf,
  grantAt,
  grantNow,
  newBucket,
  note,
  tatOrTatsOf,
} from '../../../src/core/bucket/bucket.ts';
import { callIn, exceededBy, peek, receiptOf, take, takeBeside } from '../../../src/core/bucket/operations.ts';
import { type Limit, longAgo } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { every, type Step, T, table, walk } from './step-table.ts';

describe('a leaky bucket', () => {
  table('lets one call go at a time', every(1), [
    ['take', 0, 1, 0],
    ['take', 0, 1, 1],
    ['take', 0.5, 1, 0.5],
    ['take', 1, 1, 0],
    ['take', 1.5, 1, 0.5],
    ['take', 10, 1, 0],
    ['take', 10, 1, 1],
  ]);

  table('lets a burst go from rest, then one call at a time', every(3), [
    ['left', 0, 3],
    ['take', 0, 1, 0],
    ['left', 0, 2],
    ['take', 0, 1, 0],
    ['take', 0, 1, 0],
    ['left', 0, 0],
    ['take', 0, 1, 1],
    ['take', 1, 1, 0],
    ['take', 1.5, 1, 0.5],
    ['take', 3, 1, 0],
    ['take', 3, 1, 0],
    ['take', 3, 1, 1],
    ['left', 5.9, 2],
    ['left', 6, 3],
  ]);

  table('spaces calls by what they cost', every(5), [
    ['take', 0, 5, 0],
    ['take', 0, 1, 1],
    ['take', 0, 3, 3],
    ['take', 3, 3, 0],
    ['take', 3, 5, 5],
    ['take', 5, 4, 2],
    ['take', 7, 4, 0],
  ]);

  table('passes calls of cost 0 by, at any time', every(1), [
    ['take', 0, 0, 0],
    ['take', 0, 1, 0],
    ['take', 0, 0, 0],
    ['take', 0, 1, 1],
    ['reserve', 0, 0, 0],
    ['take', 1, 1, 0],
  ]);

  table('takes fractions of a call', every(2), [
    ['take', 0, 0.5, 0],
    ['take', 0, 1.25, 0],
    ['take', 0, 0.25, 0],
    ['take', 0, 0.5, 0.5],
    ['left', 0.5, 0],
    ['take', 0.5, 0.5, 0],
    ['take', 0.5, 2, 2],
  ]);

  table('never lets a call above its burst go', every(3), [
    ['take', 0, 3.5, Infinity],
    ['take', 0, 4, Infinity],
    ['take', 0, 3, 0],
  ]);

  test('says by which limit a call can never go', () => {
    const plan = planOf([every(5), every(2, 'two')], 0);
    const bucket = newBucket(plan);
    const exceeded = (cost: number) => take(bucket, { plan, costs: [cost], ahead: Infinity }, 0).exceeded;
    expect(exceeded(3)).toEqual({ cost: 3, burst: 2, limitName: 'two' });
    expect(exceeded(6)).toEqual({ cost: 6, burst: 5 });
    expect(bucket).toEqual(newBucket(plan));
  });

  table(
    'with a margin gives up as much of its burst',
    every(5),
    [
      ['left', 0, 3],
      ['take', 0, 1, 0],
      ['take', 0, 1, 0],
      ['take', 0, 1, 0],
      ['take', 0, 1, 0.5],
      ['take', 0.5, 1, 0],
      ['left', 1, 0],
    ],
    1.5 * T,
  );

  table(
    'with a margin lets its burst go at once only after a rest of the margin',
    every(5),
    [
      ['take', 0, 5, 0],
      ['take', 4, 5, 2.5],
      ['take', 6, 5, 0.5],
      ['take', 6.5, 5, 0],
      ['take', 6.5, 1, 2.5],
      ['take', 11.5, 4, 0.5],
    ],
    1.5 * T,
  );

  table(
    'with a margin above its burst goes slower',
    every(2),
    [
      ['take', 0, 1, 0],
      ['take', 0, 1, 1.5],
      ['take', 1.5, 1, 0],
      ['take', 1.5, 2, 3],
      ['take', 4.5, 2, 0],
      ['take', 4.5, 1, 3],
    ],
    1.5 * T,
  );
});

describe('a quota', () => {
  // 12 calls per 9 T, 4 of them at once: a call every T.
  const twelve = quota({ limit: 12, interval: 9 * T, burst: 4 });

  table('lets its burst go and then the rest, evenly', twelve, [
    ['take', 0, 4, 0],
    ['take', 0, 1, 1],
    ['take', 1, 1, 0],
    ['take', 2, 1, 0],
    ['take', 5, 3, 0],
    ['take', 5, 1, 1],
    ['take', 9, 4, 0],
  ]);

  table(
    'with a margin goes slower',
    twelve,
    [
      ['take', 0, 1, 0],
      ['take', 0, 1, 0],
      ['take', 0, 1, 0],
      // Without the margin this one would go too; three of a call take 0.25 T longer.
      ['take', 0, 1, 0.75],
      ['take', 0.75, 1, 0],
      ['take', 0.75, 1, 1.25],
    ],
    2.25 * T,
  );
});

describe('a reservation', () => {
  table('takes the next slot, and the one after that', every(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 1],
    ['reserve', 0, 1, 2],
    ['reserve', 0, 2, 4],
    ['take', 0, 1, 5],
    ['reserve', 1, 1, 5],
  ]);

  table('that is the latest is given back whole', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['cancel', 0, 2],
    ['take', 0, 1, 2],
    ['cancel', 0, 1],
    ['take', 0, 1, 1],
  ]);

  table('on which others were built is not given back', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['cancel', 0, 1],
    ['take', 0, 1, 3],
    ['cancel', 0, 2],
    ['take', 0, 1, 2],
  ]);

  table('after a gap is given back with the gap', every(1), [
    ['pause', 0, 10],
    ['reserve', 0, 1, 10, 1],
    ['take', 0, 1, 11],
    ['cancel', 0, 1],
    ['take', 0, 1, 10],
  ]);

  table('is not given back a second time', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['cancel', 0, 1],
    ['cancel', 0, 1],
    ['take', 0, 1, 1],
  ]);

  table('from before a reset is not given back', every(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1, 1],
    ['reset', 0],
    ['take', 0, 1, 0],
    // Now the bucket stands as the reservation left it.
    ['reserve', 0, 1, 1],
    ['cancel', 0, 1],
    ['take', 0, 1, 2],
  ]);

  test('beyond the requested time is not made', () => {
    const plan = planOf(every(1), 0);
    const bucket = newBucket(plan);
    take(bucket, { plan, costs: [1], ahead: 0 }, 0);
    const reserve = (ahead: number) => take(bucket, { plan, costs: [1], ahead }, 0);
    expect(reserve(T - 0.001)).toMatchObject({ wait: T, reserved: undefined });
    expect(reserve(T).reserved?.slot).toBe(T);
  });
});

describe('several limits', () => {
  // 3 at once and one each T, and 5 in 10 T.
  const both = [every(3), slidingWindow({ limit: 5, interval: 10 * T })];

  table('are one decision', both, [
    ['left', 0, 3, 5],
    ['take', 0, 3, 0],
    ['take', 0, 1, 1],
    ['take', 1, 1, 0],
    ['left', 1, 0, 1],
    ['take', 2, 2, 8],
    ['take', 2, 1, 0],
    ['take', 3, 1, 7],
    ['left', 9, 3, 0],
    ['take', 10, 1, 0],
  ]);

  table(
    'count a call each in its own way',
    [every(5, 'calls'), every(100, 'data')],
    [
      ['take', 0, { calls: 1, data: 90 }, 0],
      ['left', 0, 4, 10],
      ['take', 0, { calls: 1, data: 20 }, 10],
      ['take', 0, { data: 0 }, 0],
      ['left', 0, 3, 10],
      ['take', 0, { calls: 0, data: 10 }, 0],
      ['left', 0, 3, 0],
      ['take', 0, {}, 1],
      ['take', 0, 2, 2],
      ['take', 0, { calls: 6 }, Infinity],
    ],
  );

  table(
    'that refuse a call keep nothing of it',
    [every(1, 'slow'), every(9, 'fast')],
    [
      ['take', 0, { slow: 1, fast: 1 }, 0],
      ['take', 0, { slow: 1, fast: 8 }, 1],
      ['left', 0, 0, 8],
      ['take', 0, { slow: 0, fast: 8 }, 0],
    ],
  );

  table(
    'give back each what none was built on',
    [every(1, 'slow'), every(1, 'other')],
    [
      ['take', 0, 1, 0],
      ['reserve', 0, { slow: 1, other: 1 }, 1, 1],
      ['reserve', 0, { slow: 0, other: 1 }, 2],
      ['cancel', 0, 1],
      ['take', 0, { slow: 1, other: 0 }, 1],
      ['take', 0, { slow: 0, other: 1 }, 3],
    ],
  );
});

describe('a pause', () => {
  table('lets nothing go before its end, and lasts as long as the longest', every(2), [
    ['pause', 0, 5],
    ['take', 0, 1, 5],
    ['take', 0, 0, 5],
    ['pause', 1, 1],
    ['take', 1, 1, 4],
    ['pause', 1, 9],
    ['take', 4, 1, 6],
    ['take', 10, 2, 0],
    ['take', 10, 1, 1],
  ]);

  test('ends on a whole tick', () => {
    const bucket = walk(every(1), [['pause', 0, 1 / 3]]);
    expect((bucket.extras.gate * 2048) % 1).toBe(0);
    expect(bucket.extras.gate).toBeGreaterThanOrEqual(T / 3);
  });
});

describe('a bucket', () => {
  test('is at rest when nothing that it counted matters', () => {
    const at = (limits: Limit | Limit[], steps: Step[], instants: number[], margin = 0) => {
      const bucket = walk(limits, steps, margin);
      return instants.map((instant) => atRest(bucket, instant * T));
    };
    expect(at(every(3), [], [0])).toEqual([true]);
    expect(at(every(3), [['take', 0, 2, 0]], [0, 1.9, 2])).toEqual([false, false, true]);
    // A call of its whole burst needs a rest of the margin too.
    expect(at(every(3), [['take', 0, 1, 0]], [1, 1.9, 2], T)).toEqual([false, false, true]);
    expect(at(every(3), [['pause', 0, 2]], [1.9, 2])).toEqual([false, true]);
    const window = slidingWindow({ limit: 3, interval: 9 * T });
    expect(at([every(3), window], [['take', 0, 2, 0]], [8.9, 9])).toEqual([false, true]);
  });

  test('reports when it will be at rest', () => {
    const bucket = walk([every(3), slidingWindow({ limit: 3, interval: 9 * T })], [['take', 1, 2, 0]]);
    const resets = (at: number) => peek(bucket, at * T).limits.map(({ resetAfter }) => resetAfter / T);
    expect([resets(1), resets(4), resets(20)]).toEqual([
      [2, 9],
      [0, 6],
      [0, 0],
    ]);
    expect(peek(newBucket(planOf(every(1), 0)), 0).limits).toEqual([{ remaining: 1, resetAfter: 0 }]);
  });

  test('grants in the short way only what conforms', () => {
    const bucket = newBucket(planOf(every(2), 0));
    expect([0, 0, 0, 0.99, 1, 1].map((at) => grantNow(bucket, at * T))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
    note(bucket, { gate: 50 * T });
    expect([grantNow(bucket, 49 * T), grantNow(bucket, 50 * T)]).toEqual([false, true]);
  });

  test('on a clock that went back waits, and grants no more than before', () => {
    const bucket = walk(every(2), [
      ['take', 10, 2, 0],
      ['take', 5, 1, 6],
      ['take', 11, 1, 0],
    ]);
    expect(conformsAt(bucket, 1, longAgo)).toBe(12 * T);
  });
});

describe('an answer', () => {
  const plan = planOf(every(1), 0);
  const ask = { plan, costs: [1], ahead: 0 };

  test('says no more than it was asked for', () => {
    const key = newBucket(plan);
    expect(take(key, { ...ask, report: true }, 0)).toStrictEqual({
      now: 0,
      granted: [receiptOf(key, 1, 0)],
      reserved: undefined,
      wait: 0,
      limits: [{ remaining: 0, resetAfter: T }],
    });
    const { reserved } = take(key, { ...ask, ahead: Infinity }, 0);
    expect(reserved).toMatchObject({ slot: T, before: [T], after: [2 * T] });
    expect(reserved).not.toHaveProperty('pools');
    note(key, { gate: 5 });
    expect(take(key, ask, 4)).toMatchObject({ pausedFor: 1 });
    expect(take(key, ask, 5)).not.toHaveProperty('pausedFor');
    expect(take(key, ask, 5)).not.toHaveProperty('limits');
  });

  test('names the first limit whose burst the cost is above, if it has a name', () => {
    expect(exceededBy(newBucket(planOf([every(3, 'three'), every(2)], 0)), 3)).toStrictEqual({ cost: 3, burst: 2 });
    const named = newBucket(planOf([every(3), every(2, 'two')], 0));
    expect(exceededBy(named, { two: 4 })).toStrictEqual({ cost: 4, burst: 2, limitName: 'two' });
  });

  test('says nothing of limits that the call passed by', () => {
    const key = newBucket(planOf([every(1, 'calls'), every(1, 'data')], 0));
    take(key, { ...ask, plan: key.plan }, 0);
    const receipt = receiptOf(key, { calls: 1, data: 0 }, 0);
    expect(receipt.after).toEqual([T, longAgo]);
    expect(callIn(key, 1, receipt)).toMatchObject({ calls: 0, after: longAgo });
  });

  test('tells one tat of one limit, and a list of several', () => {
    const one = newBucket(plan);
    grantAt(one, 1, 0, 0);
    expect(tatOrTatsOf(one)).toBe(T);
    const two = newBucket(planOf([every(1), slidingWindow({ limit: 3, interval: T })], 0));
    grantAt(two, 1, 5, 5);
    expect(tatOrTatsOf(two)).toEqual([T + 5, 5]);
  });
});

describe('a call that may be late', () => {
  const plan = planOf(every(1), 0);
  const slotOf = (tat: number, now: number, late: number) => {
    const key = newBucket(plan);
    key.states = [tat];
    return take(key, { plan, costs: [1], ahead: 0, late }, now).granted[0]?.slot;
  };

  test.each([
    ['goes on the slot that it had', 95, T, 10, 95],
    ['goes on the slot that it had the smallest part of time ago', 99.5, T, 1, 99.5],
    ['goes now if the slot came before it did', 90, T, 10, T],
    ['goes now if it was missed', 80, T, 10, T],
    ['goes now if it did not wait', 99, T, 0, T],
    ['goes now if it did not wait, though that is no whole tick', T + 0.01, T + 0.03, 0, T + 0.03],
  ])('%s', (_, tat, now, late, slot) => expect(slotOf(tat, now, late)).toBe(slot));

  test('goes on a slot from before the end of a pause that is over', () => {
    const key = newBucket(plan);
    note(key, { gate: 10 });
    expect([9, 10].map((now) => conformsAt(key, 1, 5, now))).toEqual([10, 5]);
  });
});

describe('a call beside one that waits', () => {
  const plan = planOf([every(3, 'few'), every(10, 'many')], 0);
  const ask = (cost: Record<string, number>) => ({ plan, costs: [cost], ahead: 0 });
  const head = { few: 2, many: 1 };

  /** A bucket of which a call waits for two of the few. */
  function full() {
    const key = newBucket(plan);
    grantAt(key, { few: 3, many: 1 }, 0, 0);
    return key;
  }

  test('goes if it delays nothing', () => {
    const key = full();
    const { granted } = takeBeside(key, ask({ few: 0, many: 1 }), head, 0);
    expect(granted).toHaveLength(1);
    expect(key.states).toEqual([3 * T, 2 * T]);
  });

  test('is refused if it would delay the one that waits, and changes nothing', () => {
    const key = full();
    const before = copyOf(key);
    const answer = takeBeside(key, ask({ few: 1, many: 1 }), head, T);
    expect(answer).toMatchObject({ granted: [], wait: 2 * T, limits: peek(before, T).limits });
    expect(key).toEqual(before);
  });

  test('goes if the one that waits could go now', () => {
    const key = full();
    expect(takeBeside(key, ask({ few: 1, many: 1 }), head, 2 * T).granted).toHaveLength(1);
    expect(key.states).toEqual([4 * T, 3 * T]);
  });

  test('waits for its own limits alone if it comes before the other goes', () => {
    const key = full();
    expect(takeBeside(key, ask({ few: 1, many: 1 }), head, 0)).toMatchObject({ granted: [], wait: T });
  });
});
