import { type BucketStore, createThrottle, type TakeRequest, type ThrottleEvents } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { DatabaseClock, hang, newName, openBare, resultOf, turns, valuesIn, watchTransactions } from './databases.ts';

const hour = 3_600_000;
const limits = { rate: 1, interval: hour, burst: 3 };
const plan = planOf(limits, 0);
const call: TakeRequest = { plan, costs: [1], ahead: 0 };
const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeAll(() => {
  process.on('unhandledRejection', note);
});

afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

const remaining = async (store: BucketStore) => (await store.peek('key', plan)).limits[0]?.remaining;

describe('a connection', () => {
  it('is opened again after it was closed', async () => {
    const { store } = await used();
    const { made } = watchTransactions(onTestFinished);
    await store.peek('key', plan);
    made[0]?.db.close();
    expect(await remaining(store)).toBe(2);
  });

  it('is opened again after the browser ended it', async () => {
    const { store } = await used();
    const { made } = watchTransactions(onTestFinished);
    await store.peek('key', plan);
    const ended = made[0]?.db as IDBDatabase;
    ended.close();
    ended.onclose?.(new Event('close'));
    // Nobody has to find out by a transaction that fails.
    ended.transaction = () => expect.unreachable();
    expect(await remaining(store)).toBe(2);
  });

  it('does not block deletion of the database; what was used stays used', async () => {
    const { store, dbName, clock } = await used();
    let wasBlocked = false;
    const deletion = indexedDB.deleteDatabase(dbName);
    deletion.onblocked = () => {
      wasBlocked = true;
    };
    await resultOf(deletion);
    expect(wasBlocked).toBe(false);
    expect(await remaining(store)).toBe(2);
    await store.take('key', call);
    expect(await remaining(indexedDbStore({ dbName, clock }))).toBe(1);
  });

  it('does not block other code that creates its own store', async () => {
    const { store, dbName } = await used();
    (await openBare(dbName, ['theirs'], 2)).close();
    expect(await remaining(store)).toBe(2);
  });
});

describe('a database', () => {
  it('without the object store gets one', async () => {
    const dbName = newName();
    (await openBare(dbName, ['theirs'], 7)).close();
    const store = indexedDbStore({ dbName });
    expect(await store.take('key', call)).toMatchObject({ granted: { length: 1 } });
    const database = await openBare(dbName, []);
    expect([...database.objectStoreNames]).toEqual(['buckets', 'theirs']);
    database.close();
  });

  it('gets the object stores of all tabs that open it at once', async () => {
    const dbName = newName();
    const storeNames = ['a', 'b', 'c', 'd', 'e'];
    const stores = storeNames.map((storeName) => indexedDbStore({ dbName, storeName }));
    const answers = await Promise.all(stores.map((store) => store.take('key', call)));
    expect(answers).toMatchObject(storeNames.map(() => ({ granted: { length: 1 } })));
    for (const store of stores) expect(await remaining(store)).toBe(2);
  });

  it('gets its object store, though somebody else was faster to change it', async () => {
    const dbName = newName();
    (await openBare(dbName, ['theirs'])).close();
    const { open } = indexedDB;
    let wasFaster = false;
    indexedDB.open = (name, version) => {
      if (version !== undefined && !wasFaster) {
        wasFaster = true;
        const faster = open.call(indexedDB, name, version + 1);
        faster.onsuccess = () => faster.result.close();
      }
      return open.call(indexedDB, name, version);
    };
    onTestFinished(() => {
      indexedDB.open = open;
    });
    expect(await indexedDbStore({ dbName }).take('key', call)).toMatchObject({ granted: { length: 1 } });
    expect(wasFaster).toBe(true);
  });

  it('that is deleted and made anew while its object store is created is used as it is', async () => {
    const dbName = newName();
    (await openBare(dbName, ['theirs'], 7)).close();
    const { open } = indexedDB;
    let isAnew = false;
    indexedDB.open = (name, version) => {
      if (version !== undefined && !isAnew) {
        isAnew = true;
        indexedDB.deleteDatabase(name);
        const anew = open.call(indexedDB, name, 1);
        anew.onupgradeneeded = () => anew.result.createObjectStore('buckets');
        anew.onsuccess = () => anew.result.close();
      }
      return open.call(indexedDB, name, version);
    };
    onTestFinished(() => {
      indexedDB.open = open;
    });
    expect(await indexedDbStore({ dbName }).take('key', call)).toMatchObject({ granted: { length: 1 } });
    expect(isAnew).toBe(true);
  });

  it('that cannot be changed is a failure at once, with its reason', async () => {
    const dbName = newName();
    (await openBare(dbName, ['theirs'])).close();
    const { open } = indexedDB;
    let opens = 0;
    indexedDB.open = (name, version) => {
      opens++;
      if (version === undefined) return open.call(indexedDB, name);
      const request = { error: new DOMException('No room.', 'QuotaExceededError'), onerror: () => {} };
      queueMicrotask(() => request.onerror());
      return request as never;
    };
    onTestFinished(() => {
      indexedDB.open = open;
    });
    await expect(indexedDbStore({ dbName }).take('key', call)).rejects.toMatchObject({ name: 'QuotaExceededError' });
    expect(opens).toBe(2);
  });

  it('that does not open in time is a failure, and is used once it does', async () => {
    const clock = new DatabaseClock();
    const dbName = newName();
    const theirs = await openBare(dbName, ['theirs']);
    const store = indexedDbStore({ dbName, clock });
    const taking = store.take('key', call) as Promise<unknown>;
    const outcome = taking.catch((error) => error);
    await clock.advance(4000);
    expect(await outcome).toMatchObject({
      name: 'TimeoutError',
      message: `The database ${dbName} could not be opened within 2000 ms.`,
    });
    theirs.close();
    await turns();
    expect(await store.take('key', { ...call, costs: [1, 1, 1] })).toMatchObject({ granted: { length: 3 } });
    // The connections that came too late do not stay: nobody who deletes the database is blocked.
    await store.close?.();
    await resultOf(indexedDB.deleteDatabase(dbName));
    expect(clock.timers).toBe(0);
  });
});

describe('a transaction', () => {
  it.each([
    [2500, 2],
    [2501, 1],
  ])('that fails %i ms after the operation began is attempted, in all, times: %i', async (ms, attempts) => {
    let now = 10_000;
    const clock = { now: Date.now, monotonic: () => now, setTimeout() {}, clearTimeout() {} };
    const store = indexedDbStore({ dbName: newName(), clock });
    await store.take('key', call);
    const { transaction } = IDBDatabase.prototype;
    let begun = 0;
    IDBDatabase.prototype.transaction = () => {
      begun++;
      if (begun === 1) now += ms;
      throw new DOMException('It was closed.', begun === 1 ? 'InvalidStateError' : 'SecurityError');
    };
    onTestFinished(() => {
      IDBDatabase.prototype.transaction = transaction;
    });
    await expect(store.take('key', call)).rejects.toThrow('It was closed.');
    expect(begun).toBe(attempts);
  });

  it('that fails on a connection that was lost before leaves the new one alone', async () => {
    const { store, dbName } = await used();
    const release = await hang(dbName);
    const { made } = watchTransactions(onTestFinished);
    const takings = [store.take('key', call), store.take('key', call)];
    while (made.length < 2) await undefined;
    const { open } = indexedDB;
    let opens = 0;
    indexedDB.open = (...args) => {
      opens++;
      return open.apply(indexedDB, args);
    };
    onTestFinished(() => {
      indexedDB.open = open;
    });
    made[0]?.abort();
    while (opens === 0) await new Promise((resolve) => setImmediate(resolve));
    made[1]?.abort();
    await turns();
    await release();
    await Promise.all(takings);
    expect(await remaining(store)).toBe(0);
    expect(opens).toBe(1);
  });

  it.each([1, 2])('that was aborted %i times is repeated, and counts once', async (times) => {
    const { store } = await used();
    const { made } = watchTransactions(onTestFinished);
    const taking = store.take('key', call);
    for (let time = 1; time <= times; time++) {
      // As soon as it is made, before the database has had a turn.
      while (made.length < time)
        await (time === 1 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)));
      made[time - 1]?.abort();
    }
    expect(await taking).toMatchObject({ granted: { length: 1 } });
    expect(made).toHaveLength(times + 1);
    expect(await remaining(store)).toBe(1);
  });

  it('that is aborted again and again is a failure, and counts not at all', async () => {
    const { store, dbName, clock } = await used();
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...args) {
      const request = put.apply(this, args);
      request.addEventListener('success', () => this.transaction.abort());
      return request;
    };
    const { commit } = IDBTransaction.prototype;
    Object.assign(IDBTransaction.prototype, { commit: undefined });
    const undo = () => {
      Object.assign(IDBTransaction.prototype, { commit });
      IDBObjectStore.prototype.put = put;
    };
    onTestFinished(undo);
    await expect(store.take('key', call)).rejects.toMatchObject({
      name: 'AbortError',
      message: 'The transaction was aborted.',
    });
    undo();
    expect(await remaining(store)).toBe(2);
    expect(await remaining(indexedDbStore({ dbName, clock }))).toBe(2);
  });

  it('that finds no room fails at once, with its reason', async () => {
    const { store } = await used();
    const { put } = IDBObjectStore.prototype;
    let puts = 0;
    IDBObjectStore.prototype.put = () => {
      puts++;
      throw new DOMException('No room.', 'QuotaExceededError');
    };
    onTestFinished(() => {
      IDBObjectStore.prototype.put = put;
    });
    await expect(store.take('key', call)).rejects.toMatchObject({ name: 'QuotaExceededError' });
    expect(puts).toBe(1);
    IDBObjectStore.prototype.put = put;
    expect(await remaining(store)).toBe(2);
  });

  it('behind a hanging tab is given up, tried again, and counts once', async () => {
    const { store, dbName, clock } = await used();
    const release = await hang(dbName);
    const taking = store.take('key', call);
    await clock.advance(2500);
    await release();
    expect(await taking).toMatchObject({ granted: { length: 1 } });
    expect(await valuesIn(dbName)).toMatchObject({ key: { seq: 2 } });
    expect(await remaining(store)).toBe(1);
    await clock.advance(2000);
    expect(clock.timers).toBe(0);
  });

  it('behind a tab that keeps hanging fails before the throttle gives up, and does not count', async () => {
    const { store, dbName, clock } = await used();
    const release = await hang(dbName);
    const outcome = (store.take('key', call) as Promise<unknown>).catch((error) => error);
    await clock.advance(2000);
    await clock.advance(2000);
    expect(await outcome).toMatchObject({
      name: 'TimeoutError',
      message: `The database ${dbName} did not answer within 2000 ms.`,
    });
    await release();
    expect(await remaining(store)).toBe(2);
  });

  it('that may be kept already is not tried again, and its answer is waited for', async () => {
    const { store, dbName, clock } = await used();
    const release = await hang(dbName);
    const { made } = watchTransactions(onTestFinished);
    const { abort } = IDBTransaction.prototype;
    IDBTransaction.prototype.abort = () => {
      throw new DOMException('It is being committed.', 'InvalidStateError');
    };
    onTestFinished(() => {
      IDBTransaction.prototype.abort = abort;
    });
    const taking = store.take('key', call);
    await clock.advance(10_000);
    await release();
    expect(await taking).toMatchObject({ granted: { length: 1 } });
    expect(made).toHaveLength(1);
    expect(await remaining(store)).toBe(1);
  });
});

describe('a throttle on a database that hangs', () => {
  it('continues with a local bucket that knows what was used, and goes back to the database', async () => {
    const { store, dbName, clock } = await used();
    const throttle = createThrottle({ limits, clock, store });
    const events: ThrottleEvents['store-error'][] = [];
    throttle.on('store-error', (event) => events.push(event));
    await throttle.wait('key');
    const release = await hang(dbName);
    const last = throttle.wait('key');
    await clock.advance(4000);
    await last;
    expect(events).toMatchObject([{ key: 'key', error: { name: 'TimeoutError' }, fallback: true }]);
    await release();
    await clock.advance(1000);
    expect(await remaining(store)).toBe(1);
    await throttle.close();
    expect(clock.timers).toBe(0);
  });
});

describe('a throttle on a database whose transactions fail when they are committed', () => {
  it.each([
    ['QuotaExceededError', 1],
    ['AbortError', 3],
  ])(
    '%s: goes on from a local bucket, tells that very error after attempts: %i, and tries again later',
    async (name, attempts) => {
      const { store, clock } = await used();
      const throttle = createThrottle({ limits, clock, store });
      const events: ThrottleEvents['store-error'][] = [];
      throttle.on('store-error', (event) => events.push(event));
      const error = new DOMException('It could not be kept.', name);
      const { commit } = IDBTransaction.prototype;
      let commits = 0;
      IDBTransaction.prototype.commit = function () {
        commits++;
        Object.defineProperty(this, 'error', { value: error });
        this.abort();
      };
      const undo = () => {
        IDBTransaction.prototype.commit = commit;
      };
      onTestFinished(undo);
      await throttle.wait('key');
      await throttle.wait('key');
      expect(events).toEqual([{ key: 'key', error, fallback: true }]);
      expect(events[0]?.error).toBe(error);
      expect(commits).toBe(attempts);
      undo();
      expect(await remaining(store)).toBe(2);
      await clock.advance(1000);
      await throttle.wait('key');
      expect(await remaining(store)).toBe(1);
      expect(events).toHaveLength(1);
      await throttle.close();
      expect(clock.timers).toBe(0);
    },
  );
});

/** A store of which one call was taken. */
async function used() {
  const clock = new DatabaseClock();
  const dbName = newName();
  const store = indexedDbStore({ dbName, clock });
  await store.take('key', call);
  return { clock, dbName, store };
}
