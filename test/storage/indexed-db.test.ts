import { createThrottle, type TakeRequest } from 'sluice';
import { type IndexedDbStoreOptions, indexedDbStore } from 'sluice/indexed-db';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { DatabaseClock, newName, valuesIn, watchTransactions } from './databases.ts';

const hour = 3_600_000;
const plan = planOf({ rate: 1, interval: hour, burst: 3 }, 0);
const call: TakeRequest = { plan, costs: [1], ahead: 0 };

describe('indexedDbStore', () => {
  it.each<[string, unknown, string]>([
    ['options', 5, 'Expected `options` to be an object, got `5`.'],
    ['dbName', { dbName: 5 }, 'Expected `dbName` to be a string, got `5`.'],
    ['storeName', { storeName: null }, 'Expected `storeName` to be a string, got `null`.'],
    [
      'clock',
      { clock: { now() {}, monotonic() {} } },
      'Expected `clock.setTimeout` to be a function, got `undefined`.',
    ],
  ])('refuses %s of the wrong type', (_, options, message) => {
    expect(() => indexedDbStore(options as IndexedDbStoreOptions)).toThrow(new TypeError(message));
  });

  it('is shared, and has a name for errors', () => {
    expect(indexedDbStore()).toMatchObject({ name: 'indexed-db', shared: true });
  });

  it('keeps its buckets in the database `sluice` by default', async () => {
    await indexedDbStore().take('key', call);
    expect(Object.keys(await valuesIn('sluice'))).toEqual(['key']);
  });

  it('finds a bucket with what was used, after a reload', async () => {
    const dbName = newName();
    const before = indexedDbStore({ dbName });
    expect(await before.take('key', { ...call, costs: [1, 1] })).toMatchObject({ granted: { length: 2 } });
    await before.close?.();
    expect(await indexedDbStore({ dbName }).take('key', { ...call, costs: [1, 1] })).toMatchObject({
      granted: { length: 1 },
    });
  });

  it('shares buckets with stores of the same two names, and no others', async () => {
    const dbName = newName();
    const stores = [{}, {}, { storeName: 'other' }, { dbName: newName() }];
    const remaining: unknown[] = [];
    for (const names of stores) {
      const store = indexedDbStore({ dbName, ...names });
      await store.take('key', call);
      remaining.push((await store.peek('key', plan)).limits[0]?.remaining);
    }
    expect(remaining).toEqual([2, 1, 2, 2]);
  });

  it('may be used again after it was closed', async () => {
    const store = indexedDbStore({ dbName: newName() });
    await store.take('key', call);
    await store.close?.();
    await store.close?.();
    expect(await store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 2 }] });
  });

  it('uses the given clock, else that of the throttle', async () => {
    const clock = new ManualClock({ now: 1_000 });
    const given = indexedDbStore({ dbName: newName(), clock });
    expect(await given.take('key', call)).toMatchObject({ now: 1_000 });
    await given.close?.();
    expect(clock.timers).toBe(0);
    const store = indexedDbStore({ dbName: newName() });
    store.useClock?.(clock);
    const taking = store.take('key', call);
    expect(clock.timers).toBe(1);
    expect(await taking).toMatchObject({ now: 1_000 });
    await store.close?.();
    expect(clock.timers).toBe(0);
  });

  describe('what it costs', () => {
    it('is one transaction for a pass of 100 calls, with one value read and one written', async ({
      onTestFinished,
    }) => {
      const store = indexedDbStore({ dbName: newName() });
      await store.peek('key', plan);
      const { made, requests } = watchTransactions(onTestFinished);
      const wide = planOf({ rate: 1, interval: hour, burst: 99 }, 0);
      const costs = Array.from({ length: 100 }, () => 1);
      const answer = await store.take('key', { plan: wide, costs, ahead: Infinity });
      expect(answer).toMatchObject({ granted: { length: 99 }, reserved: { cost: 1 } });
      expect(made).toHaveLength(1);
      expect(requests).toEqual(['get', 'put']);
    });

    it('is one transaction for each slot, while 100 calls wait', async ({ onTestFinished }) => {
      const clock = new DatabaseClock();
      const store = indexedDbStore({ dbName: newName() });
      const throttle = createThrottle({ limits: { rate: 1, interval: 100 }, margin: 0, clock, store });
      let gone = 0;
      for (let calls = 0; calls < 100; calls++) void throttle.wait().then(() => gone++);
      await clock.advance(100);
      const { made } = watchTransactions(onTestFinished);
      const before = gone;
      for (let slot = 0; slot < 20; slot++) await clock.advance(100);
      expect(gone - before).toBe(20);
      expect(made).toHaveLength(20);
    });

    it('is a relaxed transaction that commits at once', async ({ onTestFinished }) => {
      const { commit } = IDBTransaction.prototype;
      let commits = 0;
      IDBTransaction.prototype.commit = function () {
        commits++;
        commit.call(this);
      };
      onTestFinished(() => {
        IDBTransaction.prototype.commit = commit;
      });
      const store = indexedDbStore({ dbName: newName() });
      await store.peek('key', plan);
      commits = 0;
      const { made } = watchTransactions(onTestFinished);
      await store.take('key', call);
      expect(made).toMatchObject([{ mode: 'readwrite', durability: 'relaxed' }]);
      expect(commits).toBe(1);
    });

    it('needs no explicit commit where browsers have none', async ({ onTestFinished }) => {
      const { commit } = IDBTransaction.prototype;
      Object.assign(IDBTransaction.prototype, { commit: undefined });
      onTestFinished(() => void Object.assign(IDBTransaction.prototype, { commit }));
      expect(await indexedDbStore({ dbName: newName() }).take('key', call)).toMatchObject({ granted: { length: 1 } });
    });

    it('is no write when nothing changes', async ({ onTestFinished }) => {
      const dbName = newName();
      const store = indexedDbStore({ dbName });
      await store.take('key', { ...call, costs: [1, 1, 1] });
      const { requests } = watchTransactions(onTestFinished);
      await store.take('key', call);
      await store.peek('key', plan);
      await store.peek('unknown', plan);
      await store.reset('unknown');
      expect(requests).toEqual(['get', 'get', 'get', 'get']);
      expect(Object.keys(await valuesIn(dbName))).toEqual(['key']);
    });
  });

  it('forgets a bucket at rest in the transaction that looks at it', async ({ onTestFinished }) => {
    const clock = new DatabaseClock();
    const dbName = newName();
    const store = indexedDbStore({ dbName, clock });
    const short = { ...call, plan: planOf({ rate: 1, interval: 10 }, 0) };
    await store.take('key', short);
    await clock.advance(70_000);
    const { made, requests } = watchTransactions(onTestFinished);
    for (let look = 0; look < 3; look++) await store.peek('other', plan);
    await clock.advance(0);
    expect(await valuesIn(dbName)).toEqual({});
    expect(requests.filter((name) => name !== 'get')).toEqual(['delete']);
    // Three looks, the one that forgets, and that of this test.
    expect(made).toHaveLength(5);
  });
});
