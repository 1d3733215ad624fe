import { createThrottle, type TakeRequest, type ThrottleEvents } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { DatabaseClock, hang, newName, resultOf, turns, watchTransactions } from './databases.ts';
import { fakePage } from './fake-page.ts';

const limits = { rate: 1, interval: 3_600_000, burst: 3 };
const plan = planOf(limits, 0);
const call: TakeRequest = { plan, costs: [1], ahead: 0 };

describe('a page that is left', () => {
  it.each(['pagehide', 'freeze'])(
    'ends its transactions at once on %s, so that other tabs do not wait for it',
    async (type) => {
      const { send, taking, made, settled } = await leftAmid(type);
      expect(() => made[0]?.abort()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
      expect(settled()).toBe(false);
      send('pageshow');
      expect(await taking).toMatchObject({ granted: { length: 1 } });
    },
  );

  it('begins no transaction before it comes back, and then does what it was asked, once', async () => {
    const { send, store, taking, made } = await leftAmid('freeze');
    const later = store.take('key', call);
    await turns();
    expect(made).toHaveLength(1);
    send('resume');
    await taking;
    await later;
    expect(made).toHaveLength(3);
    expect(await store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 1 }] });
  });

  it('completes its pending operations, once, however often it was left meanwhile', async () => {
    const { send, store, taking } = await leftAmid('pagehide');
    for (let time = 0; time < 3; time++) {
      send('pageshow');
      for (let turn = 0; turn < 5; turn++) await undefined;
      send('pagehide');
    }
    send('pageshow');
    expect(await taking).toMatchObject({ granted: { length: 1 } });
    expect(await store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 2 }] });
  });

  it('does not block deletion of the database', async () => {
    const { send, dbName, store, taking } = await leftAmid('freeze');
    await resultOf(indexedDB.deleteDatabase(dbName));
    send('resume');
    await taking;
    expect(await store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 2 }] });
  });

  it('closes its connection even when nothing is pending', async () => {
    const send = fakePage(onTestFinished);
    const store = indexedDbStore({ dbName: newName(), clock: new DatabaseClock() });
    await store.peek('key', plan);
    const close = vi.spyOn(IDBDatabase.prototype, 'close');
    onTestFinished(() => close.mockRestore());
    send('freeze');
    await turns();
    expect(close).toHaveBeenCalledOnce();
    send('resume');
    expect(await store.take('key', call)).toMatchObject({ granted: { length: 1 } });
  });

  it('stops following the page after it is closed, and lets go of what waits', async () => {
    const { send, store, taking } = await leftAmid('pagehide');
    await store.close?.();
    expect(await taking).toMatchObject({ granted: { length: 1 } });
    await store.close?.();
    for (const type of ['pageshow', 'pagehide']) send(type);
    const throttle = createThrottle({ limits, store });
    const events: ThrottleEvents['store-error'][] = [];
    throttle.on('store-error', (event) => events.push(event));
    expect((await throttle.status('key')).limits).toMatchObject([{ remaining: 2 }]);
    expect(events).toEqual([]);
    await throttle.close();
  });
});

it('a page that is left is followed again when the store is used after it was closed', async () => {
  const send = fakePage(onTestFinished);
  const store = indexedDbStore({ dbName: newName(), clock: new DatabaseClock() });
  const close = vi.spyOn(IDBDatabase.prototype, 'close');
  onTestFinished(() => close.mockRestore());
  for (const closes of [2, 4]) {
    await store.peek('key', plan);
    send('freeze');
    await turns();
    send('resume');
    await store.peek('key', plan);
    await store.close?.();
    await turns();
    expect(close).toHaveBeenCalledTimes(closes);
  }
});

/** Leaves the page while a call is taken that waits for another tab. */
async function leftAmid(type: string) {
  const send = fakePage(onTestFinished);
  const clock = new DatabaseClock();
  const dbName = newName();
  const store = indexedDbStore({ dbName, clock });
  await store.peek('key', plan);
  const release = await hang(dbName);
  const { made } = watchTransactions(onTestFinished);
  const taking = store.take('key', call);
  let isSettled = false;
  void Promise.resolve(taking).finally(() => {
    isSettled = true;
  });
  await turns();
  send(type);
  await release();
  await turns();
  return { send, dbName, store, taking, made, settled: () => isSettled };
}
