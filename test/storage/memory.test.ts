import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type BucketStore, type Limit, memoryStore, type Receipt, slidingWindow, type TakeAnswer } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import type { Bucket } from '../../src/core/bucket/bucket.ts';
import { postpone } from '../../src/core/bucket/moves.ts';
import { planOf } from '../../src/core/limits/plan.ts';

const hour = 3_600_000;
const limit: Limit = { rate: 1, interval: 1000, burst: 5 };
const plan = planOf(limit, 0);

describe('memoryStore', () => {
  it.each<[string, unknown, string]>([
    ['options', 5, 'Expected `options` to be an object, got `5`.'],
    ['options', null, 'Expected `options` to be an object, got `null`.'],
    ['a clock', { clock: {} }, 'Expected `clock.monotonic` to be a function, got `undefined`.'],
  ])('refuses %s of the wrong type: %s', (_, options, message) => {
    expect(() => memoryStore(options as undefined)).toThrow(new TypeError(message));
  });

  it('has a name, is not shared, and holds nothing open', () => {
    const store = memoryStore();
    expect(store).toMatchObject({ name: 'memory', shared: false });
    expect([store.close, store.watch]).toEqual([undefined, undefined]);
  });

  it('uses the given clock, else that of the first throttle, else that of the machine', async () => {
    const [given, later] = [new ManualClock(), new ManualClock()];
    await given.advance(10);
    await later.advance(20);
    const at = async (store: BucketStore) => (await store.take('key', { plan, costs: [], ahead: 0 })).now;
    const withOwn = memoryStore({ clock: given });
    withOwn.useClock?.(later);
    expect(await at(withOwn)).toBe(10);
    const withFirst = memoryStore();
    withFirst.useClock?.(later);
    withFirst.useClock?.(given);
    expect(await at(withFirst)).toBe(20);
    const before = performance.now();
    const now = await at(memoryStore());
    expect(now).toBeGreaterThan(before - 0.001);
    expect(now).toBeLessThanOrEqual(performance.now());
  });

  it('does not notice that the wall clock was set', async () => {
    const { store, clock, go } = make();
    expect(go('key', 9)).toBe(5);
    for (const by of [-hour, 2 * hour]) {
      clock.jump(by);
      expect(store.peek('key', plan)).toMatchObject({ wait: 1000, limits: [{ resetAfter: 5000 }] });
    }
  });

  it('shows a bucket under the limits that are asked about, and leaves it under its own', () => {
    const { store, go } = make();
    go('key', 4);
    const other = planOf({ rate: 1, interval: 1000, burst: 9 }, 0);
    expect(store.peek('key', other)).toMatchObject({ plan: other, limits: [{ remaining: 5 }] });
    expect(store.bucket?.('key', plan, 0)).toMatchObject({ plan, states: [4000] });
  });

  it('shows a bucket whose slots have moved', () => {
    const { store } = make();
    const { granted } = store.take('key', { plan, costs: [5, 1], ahead: Infinity }) as TakeAnswer;
    const bucket = store.bucket?.('key', plan, 0) as Bucket;
    postpone(bucket, granted[0] as Receipt, 500, 0);
    expect(bucket.extras.moved).toBe(500);
    expect(store.peek('key', plan)).toMatchObject({ moved: 500, wait: 2500 });
  });

  it('keeps no bucket for a key that is only read, reset, refunded or postponed', async () => {
    const { store, clock, go } = make();
    const old = store.take('old', { plan, costs: [1], ahead: 0 }) as TakeAnswer;
    await clock.advance(5000);
    go('other', 4);
    const { reserved } = store.take('other', { plan, costs: [3], ahead: Infinity }) as TakeAnswer;
    const before = heap();
    for (let key = 0; key < 100_000; key++) {
      store.peek(`key ${key}`, plan);
      store.reset(`key ${key}`);
      store.giveBack(`key ${key}`, reserved as Receipt);
      store.settle(`key ${key}`, old.granted[0] as Receipt, 1);
    }
    expect(heap() - before).toBeLessThan(5_000_000);
    expect(go('key 5', 9)).toBe(5);
  });

  it('continues with a bucket that it handed out', () => {
    const { store, go } = make();
    const bucket = store.bucket?.('key', plan, 0);
    expect(store.bucket?.('key', plan, 5)).toBe(bucket);
    expect(store.bucket?.('other', plan, 5)).not.toBe(bucket);
    expect(go('key', 2)).toBe(2);
    expect(bucket?.states).toEqual([2000]);
  });

  describe('with buckets at rest', () => {
    it.each([
      [10_999, [true, true]],
      [11_000, [false, true]],
      [15_000, [false, false]],
    ])('has forgotten those that have been so for ten seconds when any key is used after %s ms', async (ms, left) => {
      const { clock, go, kept } = make();
      go('key', 1);
      go('full', 5);
      expect([kept('key'), kept('full')]).toEqual([true, true]);
      await clock.advance(ms);
      go('other', 1);
      expect([kept('key'), kept('full')]).toEqual(left);
    });

    it('looks for them ten seconds later at the earliest, and less often with more buckets', async () => {
      const { clock, go, kept } = make();
      for (let key = 0; key < 100_000; key++) go(`key ${key}`, 5);
      kept('key 7');
      await clock.advance(12_000);
      go('other', 1);
      await clock.advance(19_999);
      expect(kept('key 7')).toBe(true);
      await clock.advance(10);
      expect(kept('key 7')).toBe(false);
    });

    it('frees the memory of 100,000 keys that were used once', async () => {
      const { clock, go } = make();
      const before = heap();
      for (let key = 0; key < 100_000; key++) go(`key ${key}`, 1);
      await clock.advance(30_000);
      go('other', 1);
      expect(heap() - before).toBeLessThan(2_000_000);
      expect(go('other', 9)).toBe(4);
    });

    it('keeps those that are in use, paused, in debt, or under limits of their own', async () => {
      const { store, clock, go, kept } = make();
      const keys = ['in use', 'paused', 'in debt', 'own', 'at rest'];
      for (const key of keys) go(key, 1);
      expect(keys.every(kept)).toBe(true);
      store.pause('paused', hour, plan);
      store.override('own', [limit], plan);
      const { granted } = store.take('in debt', { plan, costs: [1], ahead: 0 }) as TakeAnswer;
      store.settle('in debt', granted[0] as Receipt, 3000);
      for (let time = 0; time < 10; time++) {
        go(`${time}`, 1);
        await clock.advance(9000);
        go('in use', 1);
      }
      expect(keys.filter(kept)).toEqual(['in use', 'paused', 'in debt', 'own']);
      expect(store.take('own', { plan: planOf({ rate: 1, interval: 1 }, 0), costs: [5], ahead: 0 })).toMatchObject({
        granted: { length: 1 },
      });
    });

    it('keeps a sliding window until its last call has left it', async () => {
      const { store, clock, go } = make();
      const window = planOf(slidingWindow({ limit: 3, interval: hour }), 0);
      store.take('key', { plan: window, costs: [3], ahead: 0 });
      await clock.advance(hour - 1);
      go('a', 1);
      expect(store.take('key', { plan: window, costs: [1], ahead: 0 })).toMatchObject({ granted: [], wait: 1 });
    });

    it('keeps the calls that earlier limits granted, while they count', async () => {
      const { store, clock, go } = make();
      const large = planOf(slidingWindow({ limit: 100, interval: hour }), 0);
      const small = planOf({ rate: 10, interval: hour }, 0);
      const ask = (asked: typeof large) =>
        (store.take('key', { plan: asked, costs: Array.from({ length: 100 }, () => 1), ahead: 0 }) as TakeAnswer)
          .granted.length;
      expect(ask(large)).toBe(100);
      expect(ask(small)).toBe(0);
      await clock.advance(hour - 1);
      go('a', 1);
      expect([ask(small), ask(large)]).toEqual([0, 0]);
      await clock.advance(1);
      expect(ask(large)).toBe(100);
    });

    it('counts a debt of a call whose bucket was forgotten meanwhile, and no refund', async () => {
      const { store, clock, go } = make();
      const { granted } = store.take('key', { plan, costs: [2], ahead: 0 }) as TakeAnswer;
      await clock.advance(30_000);
      go('a', 1);
      store.settle('key', granted[0] as Receipt, 1);
      // 100 calls are 100 seconds, of which 30 have gone by; the burst is 5.
      store.settle('key', granted[0] as Receipt, 100);
      expect(store.take('key', { plan, costs: [1], ahead: 0 })).toMatchObject({ wait: 100_000 - 30_000 - 4000 });
    });
  });

  it('holds no more than the keys of the last seconds, over a million keys that are each used once', async () => {
    const { clock, go } = make();
    const before = heap();
    for (let key = 0; key < 1_000_000; key++) {
      go(`key ${key}`, 1);
      if (key % 1000 === 0) await clock.advance(1000);
    }
    // A bucket takes some 400 bytes, so that all of them would take 400 MB.
    expect(heap() - before).toBeLessThan(40_000_000);
  }, 30_000);
});

function make() {
  const clock = new ManualClock();
  const store = memoryStore({ clock });
  const first = new Map<string, unknown>();
  return {
    clock,
    store,
    /** Asks for `calls` calls and tells how many may go. */
    go: (key: string, calls: number): number => {
      const costs = Array.from({ length: calls }, () => 1);
      return (store.take(key, { plan, costs, ahead: 0 }) as TakeAnswer).granted.length;
    },
    /** Whether the bucket of a key is the one that it was when this was asked first. */
    kept: (key: string): boolean => {
      const bucket = store.bucket?.(key, plan, clock.monotonic());
      const before = first.get(key) ?? bucket;
      first.set(key, before);
      return bucket === before;
    },
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
