import { type BucketStore, type KeyValueStorage, keyValueStore } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { localStorageStore } from 'sluice/local-storage';

export type StoreName = 'indexed-db' | 'local-storage' | 'no lock' | 'lock alone';

const read = (key: string): unknown => JSON.parse(localStorage.getItem(key) ?? 'null') ?? undefined;

function change(key: string, by: (stored: unknown) => unknown): void {
  const stored = read(key);
  const next = by(stored);
  if (next !== stored) localStorage.setItem(key, JSON.stringify(next));
}

/** What one would write first. Tabs in different processes overwrite each other's records. */
const withoutLock: KeyValueStorage = { name: 'no lock', update: (key, by) => change(key, by) };

/** What one would write next. The lock comes sooner than what the holder before has written. */
const withLockAlone: KeyValueStorage = {
  name: 'lock alone',
  update: async (key, by) => {
    await navigator.locks.request(`lock alone ${key}`, () => change(key, by));
  },
};

const makers: Record<StoreName, () => BucketStore> = {
  'indexed-db': () => indexedDbStore(),
  'local-storage': () => localStorageStore(),
  'no lock': () => keyValueStore(withoutLock),
  'lock alone': () => keyValueStore(withLockAlone),
};

/** Makes a store of this page. */
export const makeStore = (name: StoreName): BucketStore => makers[name]();
