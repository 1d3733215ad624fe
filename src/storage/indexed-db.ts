import { update } from 'idb-keyval';
import { checkMethods, checkOptions, wrongType } from '../core/base/check.ts';
import type { SharedStore } from '../core/base/store.ts';
import type { Clock } from '../core/time/clock.ts';
import { Database } from './database.ts';
import { bucketsOn } from './key-value.ts';
import { TabNews } from './tab-news.ts';

/** Options of `indexedDbStore`. */
export interface IndexedDbStoreOptions {
  /**
   * The database. Do not use it for anything else: large values in it would make calls wait.
   * @default 'sluice'
   */
  readonly dbName?: string;
  /**
   * The object store in it. Stores of the same two names share their buckets.
   * @default 'buckets'
   */
  readonly storeName?: string;
  /**
   * The source of time: its wall clock is written into the records.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/**
 * Keeps buckets in IndexedDB, so that all tabs and workers of an origin share them, across reloads too. It needs no Web
 * Locks and no secure page; idb-keyval must be installed.
 *
 * One operation is one transaction, however many calls wait. A lost connection is opened again. If there is no
 * IndexedDB or the browser blocks it, every operation fails, and the throttle follows its `onStoreError` option.
 * @throws TypeError for a wrong option
 * @see docs/storage.md
 * @example
 * import { indexedDbStore } from 'sluice/indexed-db';
 *
 * const throttle = createThrottle({ limits: perMinute(100), store: indexedDbStore() });
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): SharedStore {
  checkOptions('options', options);
  const { dbName = 'sluice', storeName = 'buckets', clock } = options;
  if (typeof dbName !== 'string') wrongType('dbName', 'a string', dbName);
  if (typeof storeName !== 'string') wrongType('storeName', 'a string', storeName);
  if (clock !== undefined) checkMethods('clock', clock, ['now', 'monotonic', 'setTimeout', 'clearTimeout']);
  const database = new Database(dbName, storeName);
  const news = new TabNews(`sluice/indexed-db/${encodeURIComponent(dbName)}/${encodeURIComponent(storeName)}`);
  return bucketsOn(
    {
      name: 'indexed-db',
      update: (key, change) => update(key, change, database.use),
      announce: (key) => news.announce(key),
      watch: (listener) => news.watch(listener),
      useClock: (given) => database.useClock(given),
      close: () => database.close(),
    },
    true,
    clock,
  );
}
