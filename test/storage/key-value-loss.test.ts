import {
  type BucketStore,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type Receipt,
  type Standing,
  slidingWindow,
  type TakeAnswer,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import type { Marks } from '../../src/core/limits/marks.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { onMap, type Values } from './storages.ts';

const hour = 3_600_000;
const leaky: Limit = { rate: 1, interval: hour, burst: 6 };
const windowed: Limit = slidingWindow({ limit: 6, interval: hour });

const kinds: [string, Limit][] = [
  ['leaky bucket', leaky],
  ['sliding window', windowed],
];

describe.each(kinds)('a %s that was lost from the storage', (_, limit) => {
  it('keeps what was used for the process that knows it, and is written again by its next call, a refused one too', () => {
    const { values, open, go, refuse } = make(limit);
    const mine = open();
    expect(go(mine, 5)).toBe(5);
    values.clear();
    refuse(mine);
    expect(go(open(), 9)).toBe(1);
    expect(go(mine, 9)).toBe(0);
  });

  it('is not written by a read', () => {
    const { values, open, go, remaining } = make(limit);
    const mine = open();
    go(mine, 5);
    values.clear();
    expect(remaining(mine)).toBe(1);
    expect(values.get('key')).toBe(undefined);
  });

  it('keeps what was used if another process created it again', () => {
    for (const others of [1, 2, 3]) {
      const { values, open, go, remaining } = make(limit);
      const mine = open();
      expect(go(mine, 5)).toBe(5);
      values.clear();
      const theirs = open();
      for (let call = 0; call < others; call++) expect(go(theirs, 1)).toBe(1);
      expect(remaining(mine)).toBeLessThanOrEqual(1);
      expect(go(mine, 9)).toBeLessThanOrEqual(1);
      expect(go(theirs, 9)).toBe(0);
    }
  });

  it('has the larger use and the longer pause of two processes', () => {
    const { clock, values, open, go, remaining, plan } = make(limit);
    const mine = open();
    go(mine, 1);
    mine.pause('key', 1000, plan);
    values.clear();
    const theirs = open();
    go(theirs, 5);
    theirs.pause('key', 2000, plan);
    expect(remaining(mine)).toBe(1);
    expect(mine.peek('key', plan)).toMatchObject({ pausedFor: 2000 });
    clock.jump(2000);
    expect(go(mine, 9)).toBe(1);
  });

  it('counts under the limits of its own, if it is rolled back to before it had any', () => {
    const { values, open, go, plan } = make(limit);
    const mine = open();
    go(mine, 3);
    const backup = values.get('key');
    const own = { ...limit, rate: 12, burst: 12 };
    mine.override('key', [own], plan);
    values.set('key', backup);
    expect(mine.peek('key', plan)).toMatchObject({ plan: { rules: [{ burst: 12 }] }, limits: [{ remaining: 9 }] });
  });

  it('keeps its pause and the limits of its own', () => {
    const { values, open, go, plan } = make(limit);
    const mine = open();
    mine.override('key', [{ ...limit, rate: 3, burst: 3 }], plan);
    go(mine, 2);
    mine.pause('key', 1000, plan);
    values.clear();
    const theirs = open();
    expect(go(theirs, 1)).toBe(1);
    expect(mine.peek('key', plan)).toMatchObject({ pausedFor: 1000, plan: { rules: [{ limit: { rate: 3 } }] } });
    expect(go(mine, 9)).toBe(0);
  });

  it('keeps its own limits that were set later, by the process that created it again', () => {
    const { values, open, go, plan } = make(limit);
    const mine = open();
    mine.override('key', [{ ...limit, rate: 3, burst: 3 }], plan);
    go(mine, 2);
    values.clear();
    open().override('key', [{ ...limit, rate: 4, burst: 4 }], plan);
    expect(mine.peek('key', plan)).toMatchObject({ plan: { rules: [{ limit: { rate: 4 } }] } });
  });

  it('keeps what was used when it is rolled back, and counts what others took since', () => {
    const { values, open, go, remaining } = make(limit);
    const mine = open();
    go(mine, 1);
    const backup = values.get('key');
    go(mine, 3);
    values.set('key', backup);
    expect(remaining(mine)).toBe(2);
    expect(go(open(), 1)).toBe(1);
    expect(remaining(mine)).toBe(2);
    expect(go(mine, 9)).toBe(2);
    expect(go(open(), 9)).toBe(0);
  });

  it('settles calls from before', () => {
    const { values, open, go, plan } = make(limit);
    const mine = open();
    const { granted } = mine.take('key', { plan, costs: [1, 1, 3], ahead: 0 }) as TakeAnswer;
    values.clear();
    mine.settle('key', granted[0] as Receipt, 2);
    values.clear();
    mine.settle('key', granted[2] as Receipt, 1);
    expect(go(open(), 9)).toBe(2);
  });

  it('may be created again once it is at rest', async () => {
    const { clock, values, open, go } = make(limit);
    const mine = open();
    go(mine, 6);
    await clock.advance(6 * hour);
    values.clear();
    expect(go(open(), 5)).toBe(5);
    expect(go(mine, 9)).toBe(1);
  });
});

describe('a sliding window whose calls are split between two processes', () => {
  it('counts the calls of both', async () => {
    const { clock, values, open, go } = make(windowed);
    const mine = open();
    go(mine, 4);
    values.clear();
    await clock.advance(10);
    const theirs = open();
    go(theirs, 1);
    await clock.advance(10);
    expect(go(mine, 9)).toBe(1);
    expect(go(theirs, 9)).toBe(0);
    await clock.advance(hour - 20);
    expect(go(theirs, 9)).toBe(4);
  });

  it('keeps at most its number of marks', async () => {
    const limit = slidingWindow({ limit: 1000, interval: hour });
    const { clock, values, open, go } = make(limit);
    const mine = open();
    const theirs = open();
    for (let round = 0; round < 60; round++) {
      expect(go(round % 2 === 0 ? mine : theirs, 10)).toBe(10);
      values.clear();
      await clock.advance(hour / 100);
    }
    go(mine, 10);
    const { states } = values.get('key') as { states: [Marks] };
    const [[, ...marks]] = states;
    expect(marks.length).toBeLessThanOrEqual(2 * 32);
    const counted = marks.filter((_, place) => place % 2 === 1).reduce((sum, cost) => sum + cost, 0);
    expect(counted).toBeGreaterThanOrEqual(310);
  });
});

describe('two writes at once', () => {
  it('both count if they can be distinguished', async () => {
    const { clock, values, open, go, remaining } = make(windowed);
    const mine = open();
    const theirs = open();
    go(mine, 1);
    const before = values.get('key');
    go(mine, 2);
    await clock.advance(10);
    // The storage had not heard of that yet in the other process.
    values.set('key', before);
    go(theirs, 1);
    expect(remaining(mine)).toBe(2);
    expect(go(mine, 9)).toBe(2);
    expect(go(theirs, 9)).toBe(0);
  });

  it('of one process leave the last value, in any order of their ends', async () => {
    const { clock, values, plan, remaining } = make(leaky);
    const ends: (() => void)[] = [];
    const storage: KeyValueStorage = {
      name: 'slow map',
      update: (key, change) => {
        values.set(key, change(values.get(key)));
        return new Promise((resolve) => ends.push(resolve));
      },
    };
    const mine = keyValueStore(storage, { clock });
    const takes = [1, 2].map((cost) => mine.take('key', { plan, costs: [cost], ahead: 0 }));
    for (const end of ends.reverse()) end();
    await Promise.all(takes);
    values.clear();
    const standing = mine.peek('key', plan);
    ends.at(-1)?.();
    expect((await standing).limits[0]?.remaining).toBe(3);
    expect(remaining(keyValueStore(onMap(values), { clock }))).toBe(6);
  });
});

describe('a bucket that another process emptied', () => {
  it('stays empty', () => {
    const { open, go, plan } = make(leaky);
    const mine = open();
    const theirs = open();
    const { granted } = mine.take('key', { plan, costs: [5], ahead: 0 }) as TakeAnswer;
    theirs.settle('key', granted[0] as Receipt, 2);
    expect(go(mine, 9)).toBe(4);
    theirs.reset('key');
    expect(go(mine, 9)).toBe(6);
  });

  it('stays empty when the record was forgotten since', async () => {
    const { clock, values, open, go, plan } = make(leaky);
    const mine = open();
    const theirs = open();
    go(mine, 6);
    go(mine, 0);
    theirs.reset('key');
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(60_000);
      for (const key of ['a', 'b', 'c']) theirs.peek(key, plan);
    }
    expect(values.get('key')).toBeDefined();
    expect(go(mine, 9)).toBe(6);
  });

  it('stays known for as long as a record that it was joined with', () => {
    const { clock, values, open, go, plan } = make(leaky);
    const mine = open();
    go(mine, 1);
    values.clear();
    const theirs = open();
    theirs.pause('key', 50 * hour, plan);
    theirs.reset('key');
    go(mine, 1);
    expect(values.get('key')).toMatchObject({ rests: clock.now() + 50 * hour });
  });

  it('loses its own limits that were removed, when the record was forgotten since', async () => {
    const { clock, values, open, go, plan } = make(leaky);
    const mine = open();
    const theirs = open();
    mine.override('key', [{ ...leaky, burst: 9 }], plan);
    go(mine, 3);
    theirs.override('key', undefined, plan);
    await clock.advance(9 * hour);
    for (const key of ['a', 'b', 'c']) go(theirs, 1, key);
    expect(values.get('key')).toBe(undefined);
    expect(mine.peek('key', plan)).toMatchObject({ plan: { rules: [{ burst: 6 }] } });
  });

  it('gets limits of its own from a process that did not know it before', async () => {
    const { clock, open, go, plan } = make(leaky);
    const mine = open();
    for (let call = 0; call < 5; call++) go(mine, 1);
    await clock.advance(9 * hour);
    open().reset('key');
    const theirs = open();
    for (const key of ['a', 'b', 'c']) go(mine, 1, key);
    theirs.override('key', [{ ...leaky, burst: 2 }], plan);
    expect(go(mine, 9)).toBe(2);
  });
});

function make(limit: Limit) {
  const clock = new ManualClock();
  const values: Values = new Map();
  const plan = planOf(limit, 0);
  return {
    clock,
    values,
    plan,
    open: () => keyValueStore(onMap(values), { clock }),
    /** Asks for `calls` calls and tells how many may go. */
    go: (store: BucketStore, calls: number, key = 'key'): number => {
      const answer = store.take(key, { plan, costs: Array.from({ length: calls }, () => 1), ahead: 0 });
      return (answer as TakeAnswer).granted.length;
    },
    refuse: (store: BucketStore) => {
      const answer = store.take('key', { plan, costs: [limit.burst ?? 1], ahead: 0 });
      expect(answer).toMatchObject({ granted: [] });
    },
    remaining: (store: BucketStore): number | undefined => {
      const { limits } = store.peek('key', plan) as Standing;
      return limits[0]?.remaining;
    },
  };
}
