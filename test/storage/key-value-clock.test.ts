import {
  type BucketStore,
  createThrottle,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type Standing,
  slidingWindow,
  type TakeAnswer,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { onMap, type Values } from './storages.ts';

const minute = 60_000;
const hour = 60 * minute;

const kinds: [string, Limit][] = [
  ['leaky bucket', { rate: 1, interval: hour, burst: 4 }],
  ['sliding window', slidingWindow({ limit: 4, interval: 4 * hour })],
];

describe.each(kinds)('a wall clock that is set, and a %s', (_, limit) => {
  it.each([
    [-hour, 0],
    [-hour, 20 * minute],
    [-hour, 90 * minute],
    [-20 * minute, 90 * minute],
    [-1000, 30 * minute],
    [-100 * hour, minute],
  ])('set by %d ms, %d ms after a call, makes nobody wait longer than before', async (by, after) => {
    const { open, go, look } = make(limit);
    const { clock, store } = open();
    expect(go(store, 9)).toBe(4);
    await clock.advance(after);
    const before = look(store);
    clock.jump(by);
    expect(look(store)).toEqual(before);
    expect(go(store, 9)).toBe(before.limits[0]?.remaining);
  });

  it('does not stop a process that keeps asking and is refused', async () => {
    const { open, go, look } = make(limit);
    const { clock, store } = open();
    go(store, 9);
    await clock.advance(minute);
    clock.jump(-hour);
    const { wait } = look(store);
    for (let asked = 0; asked < 10; asked++) {
      expect(go(store, 1)).toBe(0);
      await clock.advance(wait / 10);
    }
    expect(go(store, 1)).toBe(1);
  });

  it('set back repeatedly grants no more than one that was not', async () => {
    const { open, go } = make(limit);
    const { clock, store } = open();
    let granted = go(store, 99);
    for (let set = 0; set < 30; set++) {
      await clock.advance(minute);
      clock.jump(-hour);
      granted += go(store, 99);
      await clock.advance(minute);
    }
    granted += go(store, 99);
    expect(granted).toBe(limit.kind === undefined ? 5 : 4);
  });

  it('set forward grants at most one burst', async () => {
    const { open, go } = make(limit);
    const { clock, store } = open();
    expect(go(store, 99)).toBe(4);
    clock.jump(100 * hour);
    expect(go(store, 99)).toBe(4);
    expect(go(store, 99)).toBe(0);
    clock.jump(-100 * hour);
    expect(go(store, 99)).toBe(0);
    await clock.advance(hour);
    expect(go(store, 99)).toBe(limit.kind === undefined ? 1 : 0);
  });

  it('set back makes other processes wait for at most the time of a whole bucket', async () => {
    const { open, go, look } = make(limit);
    const first = open();
    go(first.store, 4);
    await first.clock.advance(10 * minute);
    first.clock.jump(-100 * hour);
    const second = open(first.clock);
    const { wait, limits } = look(second.store);
    expect(wait).toBeLessThanOrEqual(limit.kind === undefined ? hour : 4 * hour);
    expect(limits[0]?.resetAfter).toBeLessThanOrEqual(4 * hour);
    expect(limits[0]?.remaining).toBe(0);
    for (let asked = 0; asked < 10; asked++) {
      expect(go(second.store, 1)).toBe(0);
      await first.clock.advance(wait / 10);
    }
    expect(go(second.store, 1)).toBe(1);
  });

  it.each([1, 2])('set back is followed exactly by every running process: time %d', async (times) => {
    const { open, go, look } = make(limit);
    const clock = new ManualClock();
    const [first, second] = [open(clock), open(clock)];
    for (let time = 1; time < times; time++) {
      clock.jump(-2 * hour);
      look(first.store);
      look(second.store);
    }
    go(first.store, 2);
    await clock.advance(minute);
    go(second.store, 9);
    await clock.advance(10 * minute);
    const before = look(second.store);
    clock.jump(-hour);
    // The first has not seen yet what the second wrote before.
    expect(look(first.store)).toEqual(before);
    expect(look(second.store)).toEqual(before);
    expect(go(first.store, 1)).toBe(0);
    expect(look(second.store)).toEqual(before);
    await clock.advance(before.wait);
    expect(go(second.store, 1)).toBe(1);
    expect(look(first.store)).toEqual(look(second.store));
  });

  it.each([
    ['granted', 3, minute, -hour],
    ['refused', 4, minute, -hour],
    ['refused', 4, 50 * minute, -20 * minute],
  ])('set back is told to who comes later by the next call, a %s one', async (outcome, used, after, by) => {
    const { open, go, look } = make(limit);
    const { clock, store } = open();
    go(store, used);
    await clock.advance(after);
    clock.jump(by);
    expect(go(store, 1)).toBe(outcome === 'granted' ? 1 : 0);
    await clock.advance(9 * minute);
    expect(look(open(clock).store)).toEqual(look(store));
  });

  it.each([false, true])('set back fills no bucket that was at rest before, limits of its own: %s', async (own) => {
    const { open, go, look, plan } = make(limit);
    const { clock, store } = open();
    if (own) store.override('key', [limit], plan);
    go(store, 9);
    await clock.advance(5 * hour);
    clock.jump(-4 * hour);
    store.peek('another', plan);
    store.peek('another', plan);
    expect(look(store)).toMatchObject({ wait: 0, limits: [{ remaining: 4, resetAfter: 0 }] });
    expect(go(store, 9)).toBe(4);
  });

  it('set back keeps reservations and settlements of calls before it', async () => {
    const { open, go, look, plan } = make(limit);
    const { clock, store } = open();
    const { granted } = store.take('key', { plan, costs: [3, 1], ahead: 0 }) as TakeAnswer;
    await clock.advance(minute);
    const before = look(store);
    const { reserved } = store.take('key', { plan, costs: [1], ahead: Infinity }) as TakeAnswer;
    clock.jump(-hour);
    store.giveBack('key', reserved as NonNullable<typeof reserved>);
    expect(look(store)).toEqual(before);
    store.settle('key', granted[0] as (typeof granted)[0], 1);
    expect(go(store, 9)).toBe(2);
  });

  it('set back does not restore what leaked before it', async () => {
    const { open, go, plan } = make(limit);
    const { clock, store } = open();
    const { granted } = store.take('key', { plan, costs: [4], ahead: 0 }) as TakeAnswer;
    await clock.advance(4 * hour);
    expect(go(store, 9)).toBe(4);
    clock.jump(-5 * hour);
    store.settle('key', granted[0] as (typeof granted)[0], 0);
    expect(go(store, 9)).toBe(0);
  });
});

describe('wall clocks that differ by some ms', () => {
  it.each([5, 100, 240])('%d ms: grant no more than one clock', async (skew) => {
    const limit: Limit = { rate: 1, interval: 10, burst: 5 };
    const { open, go } = make(limit);
    const early = open();
    const late = open(new ManualClock({ now: early.clock.now() - skew }));
    let granted = 0;
    for (let ms = 0; ms < 1000; ms++) {
      const [first, second] = ms % 2 === 0 ? [early, late] : [late, early];
      granted += go(first.store, 1) + go(second.store, 1);
      await early.clock.advance(1);
      await late.clock.advance(1);
    }
    expect(granted).toBeLessThanOrEqual(5 + 100);
    // The late one may find the bucket fuller than it is, by as much as the clocks differ, at the beginning.
    expect(granted).toBeGreaterThanOrEqual(5 + 99);
  });
});

describe('a storage that is slow to begin', () => {
  const plan = planOf({ rate: 1, interval: minute, burst: 200 }, 0);
  const setUp = () => {
    const clock = new ManualClock();
    const values = onMap(new Map());
    let updates = 0;
    const update: KeyValueStorage['update'] = async (key, change) => {
      updates++;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, updates === 1 ? 50 : 1));
      await values.update(key, change);
    };
    return { clock, store: keyValueStore({ name: 'slow', update }, { clock }), updates: () => updates };
  };

  it('ends a pause, and what is left, when the server said', async () => {
    const { clock, store } = setUp();
    const said = { remaining: 3, ms: 400, isNewest: true };
    const told = Promise.all([store.pause('key', 300, plan), store.sync('key', said, plan)]);
    await clock.advance(50);
    await told;
    const standing = store.peek('key', plan);
    await clock.advance(1);
    expect(await standing).toMatchObject({ pausedFor: 249, pool: { remaining: 3, resetAfter: 349 } });
  });

  it('is asked once for all calls that wait for the end of a pause', async () => {
    const { clock, store, updates } = setUp();
    const throttle = createThrottle({ limits: plan.limits, store, clock });
    const pausing = throttle.pause('key', clock.now() + 300);
    const waits = Array.from({ length: 100 }, () => throttle.wait('key'));
    await clock.advance(400);
    await Promise.all([pausing, ...waits]);
    expect(updates()).toBe(2);
  });
});

function make(limit: Limit) {
  const values: Values = new Map();
  const plan = planOf(limit, 0);
  return {
    plan,
    open: (clock = new ManualClock()) => {
      const store = keyValueStore(onMap(values), { clock });
      // A process knows how its clocks go from its first look on.
      store.peek('unused', plan);
      return { clock, store };
    },
    go: (store: BucketStore, calls: number): number => {
      const answer = store.take('key', { plan, costs: Array.from({ length: calls }, () => 1), ahead: 0 });
      return (answer as TakeAnswer).granted.length;
    },
    look: (store: BucketStore) => store.peek('key', plan) as Standing,
  };
}
