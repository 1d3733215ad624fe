import type { BucketStore, Limit, TakeAnswer } from 'sluice';
import { type LocalStorageStoreOptions, localStorageStore } from 'sluice/local-storage';
import { ManualClock } from 'sluice/testing';
import { afterEach, beforeEach, vi } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { type Outcome, outcomeOf } from '../core/line/outcome.ts';
import { Browser, type Tab, tabGlobals } from './browser-model.ts';
import { dice } from './storages.ts';

/** The emission interval of the tests' bucket, in ms. */
export const T = 50;
export const even: Limit = { rate: 1, interval: T };
export const plan = planOf([even], 0);

/** Gives each test the globals of the tab that runs. */
export function useTabGlobals(): void {
  beforeEach(() => {
    for (const [name, value] of Object.entries(tabGlobals)) vi.stubGlobal(name, value);
  });
  afterEach(() => vi.unstubAllGlobals());
}

/** Makes a store whose methods all run in one tab. */
export function storeIn(tab: Tab, options: LocalStorageStoreOptions = {}): BucketStore {
  const store = tab.run(() => localStorageStore({ storage: tab.storage, clock: tab.clock, ...options }));
  return new Proxy(store, {
    get: (_, name: keyof BucketStore) => {
      const member = store[name];
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => tab.run(() => (member as (...args: unknown[]) => unknown).apply(store, args));
    },
  });
}

/** A tab with a store, and what became of the slots it asked for. */
export interface Caller {
  readonly tab: Tab;
  readonly store: BucketStore;
  /** Asks for the next slot. */
  take(key?: string): Outcome<TakeAnswer>;
}

/** Opens tabs of one browser, each in a process of its own. */
export function openTabs(count: number, seed = 1) {
  const clock = new ManualClock();
  const browser = new Browser(clock, dice(seed));
  const slots: number[] = [];
  const callers = Array.from({ length: count }, (): Caller => {
    const tab = browser.openTab();
    const store = storeIn(tab);
    const take = (key = 'key') => {
      const answer = Promise.resolve(store.take(key, { plan, costs: [1], ahead: Infinity }));
      answer.then(
        ({ granted, reserved }) => {
          for (const { slot } of [...granted, ...(reserved ? [reserved] : [])]) slots.push(slot);
        },
        () => {},
      );
      return outcomeOf(answer, clock);
    };
    return { tab, store, take };
  });
  return { clock, browser, slots, callers };
}

/** How many slots are less than one emission interval after another. */
export function conflictsIn(slots: readonly number[]): number {
  const sorted = [...slots].sort((a, b) => a - b);
  return sorted.filter((slot, index) => index > 0 && slot - (sorted[index - 1] as number) < T).length;
}
