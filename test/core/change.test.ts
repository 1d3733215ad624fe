import { describe, expect, test } from 'vitest';
import { adapt, atRest, newBucket } from '../../src/core/bucket.ts';
import { type Limit, perSecond, planOf, quota, slidingWindow } from '../../src/core/limit.ts';
import { peek, take } from '../../src/core/operations.ts';
import { T, table, walk } from './step-table.ts';

/** A limit that lets a call go every `interval` units of T, `burst` of them at once. */
const bucket = (burst: number, interval = 1, name?: string): Limit => ({
  rate: 1,
  interval: interval * T,
  burst,
  ...(name === undefined ? undefined : { name }),
});

/** So many calls in any `interval` units of T. */
const window = (limit: number, interval = 10, name?: string): Limit =>
  slidingWindow({ limit, interval: interval * T, ...(name === undefined ? undefined : { name }) });

describe('half used up stays half used up', () => {
  table('when a leaky bucket is lowered', bucket(8), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(4)],
    ['left', 0, 2],
    ['take', 0, 2, 0],
    ['take', 0, 1, 1],
  ]);

  table('when a leaky bucket is raised', bucket(4), [
    ['take', 0, 2, 0],
    ['change', 0, bucket(8)],
    ['left', 0, 4],
    ['take', 0, 4, 0],
    ['take', 0, 1, 1],
  ]);

  table('when a leaky bucket gets slower', bucket(4), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(4, 7)],
    ['take', 0, 1, 7],
    ['take', 0, 3, 21],
  ]);

  table('when a leaky bucket gets faster', bucket(4, 7), [
    ['take', 0, 4, 0],
    ['change', 0, bucket(4)],
    ['take', 0, 1, 1],
    ['take', 1, 1, 0],
  ]);

  table('when a window is lowered', window(8), [
    ['take', 0, 2, 0],
    ['take', 3, 2, 0],
    ['change', 4, window(4)],
    ['left', 4, 2],
    ['take', 4, 3, 6],
    ['take', 10, 3, 0],
  ]);

  table('when a window is raised', window(4), [
    ['take', 0, 2, 0],
    ['change', 1, window(8)],
    ['left', 1, 4],
    ['take', 1, 5, 9],
  ]);

  table('when a window gets longer', window(4), [
    ['take', 0, 2, 0],
    ['change', 1, window(4, 30)],
    ['take', 1, 3, 29],
  ]);

  table('when a window gets longer, as far as it still counted', window(4), [
    ['take', 0, 4, 0],
    ['change', 11, window(4, 30)],
    ['left', 11, 4],
  ]);

  table('when a leaky bucket becomes a window', bucket(4), [
    ['take', 0, 4, 0],
    ['change', 2, window(8)],
    ['left', 2, 4],
    ['take', 2, 5, 10],
  ]);

  table('when a window becomes a leaky bucket', window(8), [
    ['take', 0, 4, 0],
    ['change', 5, bucket(4)],
    ['left', 5, 2],
    ['take', 5, 3, 1],
  ]);

  table('when a quota takes the place of a leaky bucket', bucket(2), [
    ['take', 0, 1, 0],
    ['change', 0, quota({ limit: 12, interval: 9 * T, burst: 4 })],
    ['left', 0, 2],
  ]);

  table('and a limit at rest stays at rest', bucket(3), [
    ['take', 0, 3, 0],
    ['change', 3, window(9)],
    ['left', 3, 9],
    ['change', 3, bucket(5)],
    ['left', 3, 5],
  ]);
});

describe('limits belong together', () => {
  const calls = bucket(4, 10, 'calls');
  const data = bucket(8, 10, 'data');

  table(
    'by name, whatever their order',
    [calls, data],
    [
      ['take', 0, { calls: 3, data: 2 }, 0],
      ['change', 0, [data, bucket(5, 10, 'new'), calls]],
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
    [bucket(4, 10), bucket(8, 10)],
    [
      ['take', 0, 2, 0],
      ['change', 0, [bucket(6, 10), bucket(4, 10)]],
      ['left', 0, 3, 3],
      ['change', 0, bucket(2, 10)],
      ['left', 0, 1],
    ],
  );

  table('with others only if both or neither have a name', bucket(4, 10), [
    ['take', 0, 2, 0],
    ['change', 0, calls],
    ['left', 0, 4],
    ['take', 0, 2, 0],
    ['change', 0, bucket(4, 10)],
    ['left', 0, 4],
  ]);

  table(
    'and those that did not change stand as they stood',
    [calls, data],
    [
      ['take', 0, { calls: 3, data: 2 }, 0],
      ['change', 5, [calls, bucket(8, 20, 'data')]],
      ['take', 5, { calls: 2, data: 0 }, 5],
    ],
  );
});

describe('limits that change again and again', () => {
  table('hand out no second burst by way of a small, fast limit', bucket(10, 10), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(1, 0.1)],
    ['change', 0.2, bucket(10, 10)],
    // Ten at once and ten each T is the most that either allows: two calls in 0.2 T besides the burst.
    ['take', 0.2, 2, 0],
    ['take', 0.2, 1, 0.1],
  ]);

  table('hand out no second burst by way of a leaky bucket in the place of a window', window(10, 100), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(1, 0.1)],
    ['change', 0.2, window(10, 100)],
    ['take', 0.2, 2, 0],
    ['take', 0.2, 1, 0.1],
  ]);

  table('hand out no second burst by way of a short window', window(10, 100), [
    ['take', 0, 10, 0],
    ['change', 0, window(2, 1)],
    ['take', 1, 1, 0],
    ['change', 1, window(10, 100)],
    ['take', 1, 1, 0],
    ['take', 1, 1, 0.5],
  ]);

  table(
    'are guarded each on its own where they have no names',
    [bucket(10, 10), bucket(20, 1)],
    [
      ['take', 0, 10, 0],
      ['change', 0, [bucket(1, 0.1), bucket(20, 2)]],
      ['change', 0.2, [bucket(10, 10), bucket(20, 1)]],
      ['take', 0.2, 2, 0],
      ['take', 0.2, 1, 0.1],
    ],
  );

  table(
    'are guarded each on its own, whatever their order',
    [bucket(20, 1), bucket(10, 10)],
    [
      ['take', 0, 10, 0],
      ['change', 0, [bucket(20, 2), bucket(1, 0.1)]],
      ['change', 0.2, [bucket(20, 1), bucket(10, 10)]],
      ['take', 0.2, 2, 0],
      ['take', 0.2, 1, 0.1],
    ],
  );

  table('are free again when the bucket would have come to rest', bucket(10, 10), [
    ['take', 0, 10, 0],
    ['change', 0, bucket(1, 0.1)],
    ['change', 1, bucket(10, 10)],
    ['take', 1, 10, 0],
    ['take', 1, 1, 10],
  ]);

  table('count true costs', bucket(1, 0.1), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(10, 1)],
    ['settle', 0, 1, 16],
    ['change', 0, bucket(1, 0.1)],
    // Sixteen calls went; ten at once and ten each T is the most that either allows.
    ['take', 0, 1, 0.7],
  ]);

  test('are not at rest as long as their guard is not', () => {
    const key = walk(bucket(10, 10), [
      ['take', 0, 10, 0],
      ['change', 0, bucket(1, 0.1)],
    ]);
    expect([0.1, 0.9, 1].map((at) => atRest(key, at * T))).toEqual([false, false, true]);
  });

  table('let calls of cost 0 pass', bucket(2, 10), [
    ['take', 0, 2, 0, 1],
    ['settle', 0, 1, 9],
    ['change', 0, bucket(4, 10)],
    ['take', 0, 0, 0],
  ]);
});

describe('a reservation', () => {
  table('far ahead does not make a slower limit wait any longer', bucket(1), [
    ['pause', 0, 1000],
    ['reserve', 0, 1, 1000],
    ['change', 0, bucket(1, 50)],
    ['take', 0, 1, 1050],
  ]);

  table('keeps its place among calls of the new limit', bucket(1), [
    ['take', 0, 1, 0],
    ['reserve', 0, 1, 1],
    ['change', 0, window(5)],
    // It counts as the whole of the limit, as it did before.
    ['take', 0, 1, 11],
    ['take', 11, 5, 0],
  ]);

  table('given back leaves others of its slot in their place', window(2), [
    ['take', 0, 2, 0],
    ['reserve', 0, 1, 10, 1],
    ['reserve', 0, 1, 10, 2],
    ['cancel', 0, 1],
    ['change', 0, bucket(2)],
    ['take', 0, 1, 10],
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
    ['change', 1, window(4)],
    ['settle', 1, 1, 0],
    ['left', 1, 2],
  ]);

  table('gives no other call back after a change that was undone', window(2), [
    ['take', 0, 1, 0, 1],
    ['change', 0, window(2, 1)],
    ['take', 2, 1, 0],
    ['change', 2, window(2)],
    ['settle', 2, 1, 0],
    ['take', 2, 1, 0],
    ['take', 2, 1, 10],
  ]);

  table('charges what the call cost more', bucket(4), [
    ['take', 0, 1, 0, 1],
    ['change', 0, bucket(8)],
    ['settle', 0, 1, 4],
    ['left', 0, 3],
  ]);
});

describe('adapt', () => {
  test('keeps everything as it is when only the margin changes', () => {
    const limits = [quota({ limit: 10, interval: 1000, burst: 10 }), window(3)];
    const key = newBucket(planOf(limits, 0));
    take(key, { plan: key.plan, costs: [2], ahead: 0 }, 0);
    const { tats, windows } = structuredClone({ tats: key.tats, windows: key.windows });
    adapt(key, planOf(limits, 50), 1);
    expect(key).toMatchObject({ tats, windows, guards: undefined, refunds: undefined });
    expect(key.plan.margin).toBe(50);
  });

  test('makes room for no more calls when the margin grows', () => {
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

  test('holds a key to limits of its own, with the margin of the asker', () => {
    const asked = planOf(perSecond(1), 0);
    const key = newBucket(asked);
    key.own = planOf(bucket(5), 0);
    adapt(key, asked, 0);
    expect(peek(key, 0).limits).toEqual([{ remaining: 5, resetAfter: 0 }]);
    adapt(key, planOf(perSecond(1), 2 * T), 0);
    expect(peek(key, 0).limits).toEqual([{ remaining: 3, resetAfter: 0 }]);
    key.own = undefined;
    adapt(key, asked, 0);
    expect(key.plan).toBe(asked);
  });

  test('changes nothing under the same limits made anew', () => {
    const key = newBucket(planOf([bucket(3), window(5)], 0));
    take(key, { plan: key.plan, costs: [2], ahead: 0 }, 0);
    const plan = planOf([{ ...bucket(3), kind: 'leaky-bucket' }, { ...window(5) }], 0);
    const before = { ...key, plan };
    adapt(key, plan, 1);
    expect(key).toEqual(before);
  });
});
