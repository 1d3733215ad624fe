import { checkMethods, checkOptions, wrongType } from '../core/base/check.ts';
import type { Answer, SharedStore } from '../core/base/store.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import { opened, sealed } from './envelope.ts';
import { bucketsOn, type KeyValueStorage } from './key-value.ts';
import { LockedLine } from './locked-line.ts';
import { marksToCome } from './record.ts';
import { TabNews } from './tab-news.ts';

/** The part of a `Storage` that is used. */
export interface WebStorage {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** Options of `localStorageStore`. */
export interface LocalStorageStoreOptions {
  /**
   * The beginning of the names of all items. Stores with the same prefix share their buckets.
   * @default 'sluice:'
   */
  readonly prefix?: string;
  /**
   * The storage of the items, or a function that returns it when it is first needed: if a browser blocks a storage,
   * reading the property throws. A sessionStorage belongs to one tab, so it needs no locks.
   * @default the localStorage of the page
   */
  readonly storage?: WebStorage | (() => WebStorage);
  /**
   * The source of time: its wall clock is written into the records.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/**
 * Keeps buckets in localStorage, so that all tabs of an origin share them, across reloads too. `indexedDbStore` is
 * faster under contention, and works in workers and insecure pages too.
 *
 * A Web Lock alone does not make localStorage safe: a tab may read a value that another tab has already overwritten. So
 * each write is fenced, and the next tab is certain to read it. Without Web Locks (insecure pages, old browsers) it is
 * best effort, which a `store-error` event reports once. With a full, blocked or missing storage each operation fails,
 * and the throttle follows its `onStoreError` option.
 * @throws TypeError for a wrong option
 * @see docs/storage.md
 * @example
 * import { localStorageStore } from 'sluice/local-storage';
 *
 * const throttle = createThrottle({ limits: perMinute(100), store: localStorageStore() });
 */
export function localStorageStore(options: LocalStorageStoreOptions = {}): SharedStore {
  checkOptions('options', options);
  const { prefix = 'sluice:', storage = () => globalThis.localStorage, clock } = options;
  if (typeof prefix !== 'string') wrongType('prefix', 'a string', prefix);
  if (typeof storage !== 'function') checkMethods('storage', storage, ['getItem', 'setItem', 'removeItem']);
  if (clock !== undefined) checkMethods('clock', clock, ['now', 'monotonic', 'setTimeout', 'clearTimeout']);
  const shared = !isSessionStorage(options.storage);
  return bucketsOn(new Items(prefix, storage, shared), shared, clock);
}

type Listener = (key?: string, trouble?: unknown) => void;

class Items implements KeyValueStorage {
  readonly name: string;
  readonly #prefix: string;
  readonly #get: () => WebStorage;
  readonly #shared: boolean;
  readonly #news: TabNews;
  readonly #listeners = new Set<Listener>();
  #storage: WebStorage | undefined;
  #clock: Clock = systemClock;
  #line: LockedLine | undefined;
  #hasWarned = false;

  constructor(prefix: string, storage: WebStorage | (() => WebStorage), shared: boolean) {
    this.name = shared ? 'local-storage' : 'session-storage';
    this.#prefix = prefix;
    this.#get = typeof storage === 'function' ? storage : () => storage;
    this.#shared = shared;
    this.#news = new TabNews(`sluice/local-storage/${encodeURIComponent(prefix)}`);
  }

  useClock(clock: Clock): void {
    this.#clock = clock;
  }

  update(key: string, change: (stored: unknown) => unknown): Answer<void> {
    const storage = this.#open();
    const item = this.#prefix + key;
    const locks = this.#shared ? webLocks() : undefined;
    if (locks === undefined) {
      if (this.#shared) this.#warn(key);
      rewrite(storage, item, change, this.#clock.now());
      return undefined;
    }
    this.#line ??= new LockedLine(locks, this.#clock);
    return this.#line.join(item, storage, (latest) =>
      // After an item was deleted and created again, readers must not take the old one for the later one.
      rewrite(storage, item, change, Math.max(latest, this.#clock.now())),
    );
  }

  announce(key: string): void {
    if (this.#shared) this.#news.announce(key);
  }

  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    const unwatch = this.#shared ? this.#news.watch((key) => listener(key)) : undefined;
    return () => {
      this.#listeners.delete(listener);
      unwatch?.();
    };
  }

  close(): void {
    this.#line?.close();
  }

  #open(): WebStorage {
    this.#storage ??= this.#get();
    // Servers, workers and some frames have no localStorage.
    if (this.#storage === undefined || this.#storage === null) throw new Error('There is no localStorage here.');
    return this.#storage;
  }

  #warn(key: string): void {
    if (this.#hasWarned || this.#listeners.size === 0) return;
    this.#hasWarned = true;
    const trouble = new Error('There are no Web Locks here: tabs may overwrite what others write to localStorage.');
    for (const listener of this.#listeners) listener(key, trouble);
  }
}

/**
 * Reads, decides and writes synchronously.
 * @param atLeast a lower bound of its own number, besides the number of the write that it follows
 * @returns the number of its own write; undefined if nothing was written
 */
function rewrite(
  storage: WebStorage,
  item: string,
  change: (stored: unknown) => unknown,
  atLeast: number,
): number | undefined {
  const { number, value, width } = opened(storage.getItem(item));
  const next = change(value);
  if (next === value) return undefined;
  if (next === undefined) return void storage.removeItem(item);
  const mine = Math.max(number, Math.floor(atLeast)) + 1;
  storage.setItem(item, sealed(mine, next, width, marksToCome(next)));
  return mine;
}

/** The Web Locks of this page, if it has any. */
function webLocks(): LockManager | undefined {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager | null } };
  const locks = navigator?.locks;
  return typeof locks?.request === 'function' && typeof locks.query === 'function' ? locks : undefined;
}

function isSessionStorage(storage: LocalStorageStoreOptions['storage']): boolean {
  try {
    const { sessionStorage } = globalThis;
    return sessionStorage !== undefined && (typeof storage === 'function' ? storage() : storage) === sessionStorage;
  } catch {
    return false;
  }
}
