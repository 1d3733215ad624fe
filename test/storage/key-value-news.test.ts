import {
  createThrottle,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type StoreNews,
  type TakeRequest,
} from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { DatabaseClock, newName } from './databases.ts';
import { fakePage } from './fake-page.ts';

const limit: Limit = { rate: 1, interval: 1000, burst: 2 };
const plan = planOf(limit, 0);
const call: TakeRequest = { plan, costs: [1], ahead: 0 };
const even: Limit = { rate: 1, interval: 1000 };
const evenly: TakeRequest = { plan: planOf(even, 0), costs: [1], ahead: 0 };

describe('keyValueStore', () => {
  it('announces a pause, a reset and limits of its own, each after it was kept', async () => {
    const { store, said } = make();
    await store.take('key', call);
    said.length = 0;
    await store.pause('key', 500, plan);
    await store.override('key', [{ ...limit, rate: 2 }], plan);
    await store.reset('key');
    expect(said).toEqual(['kept', 'key', 'kept', 'key', 'kept', 'key']);
  });

  it('announces no call that goes, is given back or settled, and no look', async () => {
    const { store, said } = make();
    const { granted, reserved } = await store.take('key', { ...call, costs: [1, 1, 1], ahead: Infinity });
    await store.giveBack('key', reserved as NonNullable<typeof reserved>);
    await store.settle('key', granted[0] as (typeof granted)[0], 0);
    await store.postpone?.('key', granted[1] as (typeof granted)[0], 0);
    await store.peek('key', plan);
    expect(said.filter((word) => word !== 'kept')).toEqual([]);
  });

  it('announces that reserved slots have become later', async () => {
    const { store, clock, said } = make();
    const { granted, reserved } = await store.take('key', { ...evenly, costs: [1, 1], ahead: Infinity });
    const next = await store.take('key', { ...evenly, ahead: Infinity });
    said.length = 0;
    await store.postpone?.('key', granted[0] as (typeof granted)[0], 50);
    expect(said).toEqual(['kept', 'key']);
    await clock.advance(1500);
    said.length = 0;
    expect(await store.take('key', { ...evenly, instead: reserved })).toMatchObject({
      granted: [{ slot: clock.now() }],
    });
    expect(said).toEqual(['kept', 'key']);
    expect(await store.peek('key', evenly.plan)).toMatchObject({ moved: 500 });
    await clock.advance(1500);
    said.length = 0;
    // Nobody has reserved a slot after this one.
    expect(await store.take('key', { ...evenly, instead: next.reserved })).toMatchObject({ granted: [{ cost: 1 }] });
    expect(said).toEqual(['kept']);
  });

  it('does not announce a postponed call while no slot is reserved', async () => {
    const { store, said } = make();
    const { granted } = await store.take('key', evenly);
    await store.postpone?.('key', granted[0] as (typeof granted)[0], 50);
    expect(await store.peek('key', evenly.plan)).toMatchObject({ wait: 1050 });
    expect(said.filter((word) => word !== 'kept')).toEqual([]);
  });

  it('announces no operation that changed nothing or was not kept', async () => {
    const { store, storage, said } = make();
    await store.pause('key', 500, plan);
    said.length = 0;
    await store.pause('key', 400, plan);
    await store.reset('unknown');
    storage.isFull = true;
    await expect(store.pause('key', 9000, plan)).rejects.toThrow('full');
    expect(said.filter((word) => word !== 'kept')).toEqual([]);
  });

  it('completes an operation even if the announcement fails', async () => {
    const { store, storage } = make();
    storage.announce = () => {
      throw new Error('no channel');
    };
    await store.pause('key', 500, plan);
    expect(await store.peek('key', plan)).toMatchObject({ pausedFor: 500 });
  });

  it('listens to its storage once, as long as somebody listens to it', () => {
    const { store, watchers, tell } = make();
    const heard: [number, StoreNews][] = [];
    const stops = [1, 2].map((listener) => store.watch?.((news) => heard.push([listener, news])));
    expect(watchers.size).toBe(1);
    tell('key');
    expect(heard).toEqual([
      [1, { key: 'key' }],
      [2, { key: 'key' }],
    ]);
    stops[0]?.();
    tell('other');
    expect([watchers.size, heard.length, heard.at(-1)]).toEqual([1, 3, [2, { key: 'other' }]]);
    for (const stop of stops) stop?.();
    expect(watchers.size).toBe(0);
    store.watch?.(() => {});
    expect(watchers.size).toBe(1);
  });

  it('treats news without a key as news of all known keys', async () => {
    const { store, tell } = make();
    await store.take('a', call);
    await store.take('b', call);
    const heard: StoreNews[] = [];
    store.watch?.((news) => heard.push(news));
    tell(undefined);
    expect(heard).toEqual([{ key: 'a' }, { key: 'b' }]);
  });

  it('closes its storage, and hands it the clock', async () => {
    const { storage } = make();
    const clock = new DatabaseClock();
    const done: unknown[] = [];
    Object.assign(storage, { useClock: (given: unknown) => done.push(given), close: () => void done.push('closed') });
    const throttle = createThrottle({ limits: limit, clock, store: keyValueStore(storage) });
    expect(done).toEqual([clock]);
    await throttle.close();
    expect(done).toEqual([clock, 'closed']);
    const own = new DatabaseClock();
    createThrottle({ limits: limit, clock, store: keyValueStore(storage, { clock: own }) });
    expect(done).toEqual([clock, 'closed', own]);
  });
});

describe('two tabs on IndexedDB', () => {
  it('stop together when one of them is paused, without time passing', async () => {
    const { mine, theirs } = await twoTabs();
    const paused = vi.fn();
    theirs.throttle.on('paused', paused);
    await mine.throttle.pause('key', mine.clock.now() + 60_000);
    await vi.waitFor(() => expect(paused).toHaveBeenCalledTimes(1), 500);
    expect(paused).toHaveBeenCalledWith({ key: 'key', until: mine.clock.now() + 60_000 });
    await theirs.clock.advance(59_000);
    expect(theirs.gone()).toBe(0);
  });

  it('both use the new limits that one of them sets, even if no time passes', async () => {
    const { mine, theirs } = await twoTabs();
    const before = (await theirs.throttle.status('key')).nextAt;
    await mine.throttle.setLimits('key', { rate: 1, interval: 5000 });
    await vi.waitFor(async () => expect((await theirs.throttle.status('key')).nextAt).toBeGreaterThan(before), 500);
    await theirs.clock.advance(before - theirs.clock.now());
    expect(theirs.gone()).toBe(0);
  });

  it('go on together when one is reset, be it in line or paused, even if no time passes', async () => {
    const { mine, theirs } = await twoTabs();
    await mine.throttle.reset('key');
    await vi.waitFor(() => expect(theirs.gone()).toBe(1), 500);
    const resumed = vi.fn();
    theirs.throttle.on('resumed', resumed);
    await mine.throttle.pause('key', mine.clock.now() + 60_000);
    await vi.waitFor(async () => expect((await theirs.throttle.status('key')).pausedUntil).toBeDefined(), 500);
    await mine.throttle.reset('key');
    await vi.waitFor(async () => expect((await theirs.throttle.status('key')).pausedUntil).toBeUndefined(), 500);
  });

  it('both wait for a slot that one of them moved later, even if no time passes', async () => {
    const dbName = newName();
    const clock = new DatabaseClock();
    const mine = indexedDbStore({ dbName, clock });
    const theirs = createThrottle({ limits: even, margin: 0, clock, store: indexedDbStore({ dbName }) });
    onTestFinished(async () => {
      await theirs.close();
      await mine.close?.();
    });
    const { granted } = await mine.take('key', evenly);
    const gone = vi.fn();
    theirs.wait('key').then(gone, () => {});
    await clock.advance(0);
    const before = (await theirs.status('key')).nextAt;
    await mine.postpone?.('key', granted[0] as (typeof granted)[0], 300);
    await vi.waitFor(async () => expect((await theirs.status('key')).nextAt).toBe(before + 300), 500);
    await clock.advance(before + 299 - clock.now());
    expect(gone).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(gone).toHaveBeenCalledTimes(1);
  });

  it('receive no news while the page is left, and look again when it comes back', async () => {
    const send = fakePage(onTestFinished);
    const { dbName, theirs } = await twoTabs();
    const paused = vi.fn();
    theirs.throttle.on('paused', paused);
    send('freeze');
    // A tab that is not left at the same time: it begins to follow the page only now.
    await indexedDbStore({ dbName, clock: theirs.clock }).pause('key', 60_000, plan);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(paused).not.toHaveBeenCalled();
    send('resume');
    await vi.waitFor(() => expect(paused).toHaveBeenCalledTimes(1), 500);
  });
});

/** Two throttles, each with a store of its own on the same database, one of which has a call that waits. */
async function twoTabs() {
  const dbName = newName();
  const clock = new DatabaseClock();
  const tab = () => {
    const throttle = createThrottle({ limits: limit, margin: 0, clock, store: indexedDbStore({ dbName }) });
    onTestFinished(() => throttle.close());
    return throttle;
  };
  const [mine, theirs] = [tab(), tab()];
  await mine.wait('key');
  await mine.wait('key');
  let gone = 0;
  theirs.wait('key').then(
    () => gone++,
    () => {},
  );
  await clock.advance(0);
  return { dbName, mine: { throttle: mine, clock }, theirs: { throttle: theirs, clock, gone: () => gone } };
}

/** A store on a Map that tells what it keeps and announces. */
function make() {
  const values = new Map<string, unknown>();
  const said: string[] = [];
  const watchers = new Set<(key?: string) => void>();
  const storage: KeyValueStorage & { isFull: boolean } = {
    name: 'map',
    isFull: false,
    update: async (key, change) => {
      const next = change(values.get(key));
      if (storage.isFull) throw new Error('full');
      await Promise.resolve();
      values.set(key, next);
      said.push('kept');
    },
    announce: (key) => void said.push(key),
    watch: (listener) => {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
  };
  const tell = (key: string | undefined) => {
    for (const watcher of watchers) watcher(key);
  };
  const clock = new DatabaseClock();
  return { store: keyValueStore(storage, { clock }), clock, storage, said, watchers, tell };
}
