import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { adapt, type Bucket, copyOf, grantAt, newBucket, noExtras, note } from '../../../src/core/bucket/bucket.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { postpone } from '../../../src/core/bucket/moves.ts';
import { conformsBehind, giveBack, peek, reset, settle, take } from '../../../src/core/bucket/operations.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import { longAgo } from '../../../src/core/limits/limit.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { every, T } from './step-table.ts';

const one = planOf(every(1), 0);
const two = planOf([every(1, 'slow'), every(9, 'fast')], 0);

const takenFrom = (key: Bucket, cost: Cost, now: number) =>
  take(key, { plan: key.plan, costs: [cost], ahead: 0 }, now).granted[0] as Receipt;
const reservedFrom = (key: Bucket, cost: Cost, now: number) =>
  take(key, { plan: key.plan, costs: [cost], ahead: Infinity }, now).reserved as Receipt;

/** A bucket from which one call of cost 1 went at 0. */
function used(plan: Plan): Bucket {
  const key = newBucket(plan);
  takenFrom(key, 1, 0);
  return key;
}

describe('the latest slot', () => {
  test('is noted for calls in the future alone: most buckets note nothing', () => {
    const key = newBucket(one);
    grantAt(key, 1, 5, 5);
    grantAt(key, 1, T + 5, T + 6);
    expect(key.extras).toBe(noExtras);
  });

  test('stays where another limit has an earlier one', () => {
    const key = newBucket(two);
    takenFrom(key, { slow: 1, fast: 9 }, 0);
    expect(reservedFrom(key, { slow: 0, fast: 5 }, 0).slot).toBe(5 * T);
    expect(reservedFrom(key, { slow: 1, fast: 0 }, 0).slot).toBe(T);
    expect(key.extras.latest).toBe(5 * T);
  });
});

describe('a call that comes no sooner than a tick', () => {
  test('goes now where its slot was a part of a tick ago and it did not wait', () => {
    const key = newBucket(one);
    key.states = [T + 0.2 * tick];
    const now = T + 0.3 * tick;
    expect(takenFrom(key, 1, now).slot).toBe(now);
    key.states = [T + 0.2 * tick];
    const late = take(key, { plan: one, costs: [1], ahead: 0, late: tick }, now);
    expect(late.granted[0]?.slot).toBe(T + 0.2 * tick);
  });
});

describe('a call behind another one', () => {
  test('conforms after that, and neither is taken', () => {
    const key = used(one);
    const before = copyOf(key);
    expect(conformsBehind(key, 1, 1, 0)).toBe(2 * T);
    expect(conformsBehind(newBucket(planOf(every(3), 0)), 2, 1, 0)).toBe(0);
    expect(key).toEqual(before);
  });
});

describe('a reservation that is given back', () => {
  test('was made of other limits, or by a bucket that forgot it: nothing comes back', () => {
    const key = used(one);
    const receipt = reservedFrom(key, 1, 0);
    const of = (plan: Plan, latest: number) => {
      const other = newBucket(plan);
      other.states = key.states.slice();
      note(other, { latest });
      return other;
    };
    for (const other of [of(planOf(every(2), 0), T), of(one, longAgo), of(one, T - tick)]) {
      const before = copyOf(other);
      giveBack(other, receipt);
      expect(other).toEqual(before);
    }
    const same = of(one, T);
    giveBack(same, receipt);
    expect([same.states, same.extras.latest]).toEqual([[T], longAgo]);
  });

  test('is unknown to a bucket that forgot how its slot moved', () => {
    const key = used(one);
    const receipt = reservedFrom(key, 1, 0);
    const before = key.states.slice();
    note(key, { follow: () => undefined });
    giveBack(key, receipt);
    expect(key.states).toEqual(before);
  });

  test('leaves the latest slot as it is where one of its limits was built on, or it skips one', () => {
    const built = used(two);
    const reserved = reservedFrom(built, 1, 0);
    takenFrom(built, { slow: 0, fast: 1 }, 0);
    giveBack(built, reserved);
    expect([built.states, built.extras.latest]).toEqual([[T, 3 * T], T]);
    const key = newBucket(two);
    takenFrom(key, { slow: 1, fast: 0 }, 0);
    giveBack(key, reservedFrom(key, { slow: 1, fast: 0 }, 0));
    expect([key.states, key.extras.latest]).toEqual([[T, longAgo], T]);
  });

  test('leaves the rate that was learned, unless its slot comes after the refusal', () => {
    const before = used(one);
    const early = reservedFrom(before, 1, 0);
    slowDown(before, 0, 2 * T, 0);
    const { pace } = before.extras;
    giveBack(before, early);
    expect([before.states, before.extras.pace]).toEqual([[T], pace]);
    const at = newBucket(one);
    slowDown(at, 0, T, 0);
    const paused = at.extras.pace;
    giveBack(at, reservedFrom(at, 1, 0));
    expect(at.extras.pace).toEqual(paused);
  });

  test('is no call that went under the rate that was learned', () => {
    const calls = ({ extras }: Bucket) => extras.pace?.calls;
    const key = newBucket(planOf(every(5), 0));
    slowDown(key, 0, 0, 0);
    takenFrom(key, 0.5, 0);
    const reserved = reservedFrom(key, 2, 0);
    expect(calls(key)).toBe(2.5);
    giveBack(key, reserved);
    expect(calls(key)).toBe(0.5);
    // A refusal in between counts anew.
    const again = reservedFrom(key, 2, 0);
    note(key, { pace: { ...key.extras.pace!, calls: 1 } });
    giveBack(key, again);
    expect(calls(key)).toBe(0);
  });
});

describe('settle', () => {
  const window = planOf([slidingWindow({ limit: 9, interval: 10 * T })], 0);

  test('with the same cost changes nothing, also where limits were added', () => {
    for (const plan of [one, window]) {
      const key = newBucket(plan);
      const receipt = takenFrom(key, 1, 0);
      const before = copyOf(key);
      settle(key, receipt, 1, 1);
      adapt(key, plan, 1);
      expect(key).toEqual(before);
    }
    const key = newBucket(one);
    const receipt = takenFrom(key, 1, 0);
    adapt(key, planOf([every(1), every(5, 'more')], 0), 0);
    const before = copyOf(key);
    settle(key, receipt, 1, 0);
    expect(key).toEqual(before);
  });

  test('counts what a call cost more once', () => {
    const key = newBucket(window);
    settle(key, takenFrom(key, 1, 0), 3, 1);
    expect(key.states).toEqual([[longAgo, 0, 3]]);
  });

  test('charges a part of a call also after the limits have changed', () => {
    const key = newBucket(one);
    const receipt = takenFrom(key, 1, 0);
    adapt(key, planOf(every(2), 0), 0);
    settle(key, receipt, 1.5, 0);
    expect(key.states).toEqual([1.5 * T]);
    settle(key, receipt, 0.5, 0);
    expect(key.states).toEqual([1.5 * T]);
  });

  test('gives back a part of a call, however small', () => {
    const key = newBucket(one);
    settle(key, takenFrom(key, 1, 0), 1 - 1 / 256, 0);
    expect(key.states).toEqual([T - T / 256]);
  });

  test('gives back what a call was charged, not what it would be charged by now', () => {
    // Two at once and one each T, or each 2 T with a margin.
    const limit = quota({ limit: 10, interval: 9 * T, burst: 2 });
    const key = newBucket(planOf(limit, 0));
    takenFrom(key, 1, 0);
    const receipt = takenFrom(key, 1, 0);
    adapt(key, planOf(limit, 9 * T), 0);
    settle(key, receipt, 0, 0);
    expect(key.states).toEqual([T]);
  });
});

describe('the state of a bucket', () => {
  test('tells how far slots have moved only if they have', () => {
    const key = newBucket(one);
    expect(peek(key, 0)).not.toHaveProperty('moved');
    expect(peek(key, 0)).not.toHaveProperty('moves');
    const first = takenFrom(key, 1, 0);
    reservedFrom(key, 1, 0);
    postpone(key, first, 1, 0);
    expect(peek(key, 0)).toMatchObject({ moved: 1, moves: [{ after: 0, ms: 1 }] });
  });

  test('tells for how long a key is paused, and 0 once that is over', () => {
    const key = newBucket(one);
    note(key, { gate: 5 });
    expect([0, 4.5, 5, 9].map((now) => peek(key, now).pausedFor)).toEqual([5, 0.5, 0, 0]);
  });

  test('tells the names of limits that have one', () => {
    const { limits } = peek(newBucket(planOf([every(1), every(2, 'two')], 0)), 0);
    expect(limits).toStrictEqual([
      { remaining: 1, resetAfter: 0 },
      { name: 'two', remaining: 2, resetAfter: 0 },
    ]);
  });
});

test('limits of a key alone are worked out anew only for another margin', () => {
  const key = newBucket(one);
  note(key, { own: planOf(every(5), 0) });
  adapt(key, one, 0);
  const { plan } = key;
  expect(plan.rules[0]?.burst).toBe(5);
  adapt(key, planOf(every(1), 0), 0);
  expect(key.plan).toBe(plan);
  adapt(key, planOf(every(1), T), 0);
  expect([key.plan === plan, key.plan.margin]).toEqual([false, T]);
});

test('a call from before a reset is in no window afterwards', () => {
  const plan = planOf([every(1), slidingWindow({ limit: 9, interval: 10 * T })], 0);
  const key = newBucket(plan);
  const receipt = takenFrom(key, 1, 0);
  reset(key, 0);
  postpone(key, receipt, T, T / 2);
  expect(key.states[1]).toEqual([longAgo]);
});
