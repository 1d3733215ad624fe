import { type BucketStore, type KeyValueStorage, keyValueStore } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { Browser, type Tab } from './browser-model.ts';
import { dice } from './storages.ts';
import { conflictsIn, plan, storeIn, useTabGlobals } from './tab-stores.ts';

useTabGlobals();

const takes = 120;

/** Lets tabs take slots back to back. Tells how many slots there are, and how many were given twice. */
async function ledgerOf(tabs: number, seed: number, open: (tab: Tab) => BucketStore) {
  const clock = new ManualClock();
  const browser = new Browser(clock, dice(seed));
  const slots: number[] = [];
  let working = tabs;
  const work = async (store: BucketStore) => {
    for (let call = 0; call < takes / tabs; call++) {
      const { granted, reserved } = await store.take('key', { plan, costs: [1], ahead: Infinity });
      slots.push(((granted[0] ?? reserved) as { slot: number }).slot);
    }
    await store.close?.();
    working--;
  };
  for (let tab = 0; tab < tabs; tab++) work(open(browser.openTab()));
  while (working > 0 && clock.monotonic() < 60_000) await clock.advance(10);
  return { slots: slots.length, conflicts: conflictsIn(slots), steals: browser.asked.steal };
}

/** localStorage as it is mostly used: without a lock, or with a Web Lock alone. */
function naive({ locks, storage }: Tab, isLocked: boolean): KeyValueStorage {
  const step = (key: string, change: (stored: unknown) => unknown) => {
    const text = storage.getItem(key);
    const stored = text === null ? undefined : JSON.parse(text);
    const next = change(stored);
    if (next !== stored) storage.setItem(key, JSON.stringify(next));
  };
  return {
    name: 'naive',
    update: (key, change) =>
      isLocked ? locks.request('key', () => step(key, change)).then(() => {}) : step(key, change),
  };
}

describe.each([1, 2])('tabs whose processes see each other late (seed %s)', (seed) => {
  it.each([2, 4, 8])('get different slots: %s of them', async (tabs) => {
    expect(await ledgerOf(tabs, seed, (tab) => storeIn(tab))).toEqual({ slots: takes, conflicts: 0, steals: 0 });
  });

  it.each([
    ['a lock alone', true],
    ['no lock', false],
  ])('get slots twice with %s: the fence is needed', async (_, isLocked) => {
    const ledger = await ledgerOf(4, seed, (tab) => keyValueStore(naive(tab, isLocked), { clock: tab.clock }));
    expect(ledger.slots).toBe(takes);
    expect(ledger.conflicts).toBeGreaterThan(0);
  });
});
