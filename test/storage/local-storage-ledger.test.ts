import { type BucketStore, type KeyValueStorage, keyValueStore, type Limit } from 'sluice';
import { localStorageStore } from 'sluice/local-storage';
import { ManualClock } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { planOf } from '../../src/core/limit.ts';
import { Browser, type Tab, tabGlobals } from './browser-model.ts';
import { dice } from './storages.ts';

const T = 50;
const limit: Limit = { rate: 1, interval: T };
const plan = planOf([limit], 0);
const takes = 120;

beforeEach(() => {
  for (const [name, value] of Object.entries(tabGlobals)) vi.stubGlobal(name, value);
});
afterEach(() => vi.unstubAllGlobals());

/** What a ledger of slots shows: how many there are, and how many are less than one emission interval after another. */
async function ledgerOf(tabs: number, seed: number, open: (tab: Tab) => BucketStore) {
  const clock = new ManualClock();
  const browser = new Browser(clock, dice(seed));
  const slots: number[] = [];
  const work = async (tab: Tab) => {
    const store = open(tab);
    store.useClock?.(clock);
    for (let call = 0; call < takes / tabs; call++) {
      const answer = await tab.run(() => store.take('key', { plan, costs: [1], ahead: Infinity }));
      for (const { slot } of answer.reserved === undefined ? answer.granted : [answer.reserved]) slots.push(slot);
    }
    store.close?.();
  };
  let working = tabs;
  for (let tab = 0; tab < tabs; tab++) {
    const opened = browser.openTab();
    work(opened).then(() => working--);
  }
  while (working > 0 && clock.monotonic() < 60_000) await clock.advance(10);
  const sorted = slots.sort((a, b) => a - b);
  const conflicts = sorted.filter((slot, index) => index > 0 && slot - (sorted[index - 1] as number) < T).length;
  return { slots: slots.length, conflicts, took: clock.monotonic(), asked: browser.asked };
}

/** localStorage as it is mostly used: with no lock, or with a Web Lock alone. */
function naive({ locks, storage }: Tab, withLock: boolean): KeyValueStorage {
  const step = (key: string, change: (stored: unknown) => unknown) => {
    const text = storage.getItem(key);
    const stored = text === null ? undefined : JSON.parse(text);
    const next = change(stored);
    if (next !== stored) storage.setItem(key, JSON.stringify(next));
  };
  return {
    name: 'naive',
    update: (key, change) =>
      withLock ? locks.request('key', () => step(key, change)).then(() => {}) : step(key, change),
  };
}

describe.each([1, 2])('tabs whose processes see each other late (seed %s)', (seed) => {
  it.each([2, 4, 8])('give %s of them slots of their own', async (tabs) => {
    const ledger = await ledgerOf(tabs, seed, (tab) => localStorageStore({ storage: tab.storage }));
    expect(ledger).toMatchObject({ slots: takes, conflicts: 0 });
    expect(ledger.asked.steal).toBe(0);
  });

  it('give slots twice with a lock alone, and without one: the fence is needed', async () => {
    for (const withLock of [true, false]) {
      const ledger = await ledgerOf(4, seed, (tab) => keyValueStore(naive(tab, withLock)));
      expect(ledger.slots).toBe(takes);
      expect(ledger.conflicts).toBeGreaterThan(0);
    }
  });
});
