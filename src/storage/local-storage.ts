import { checkMethods, checkOptions, wrongType } from '../core/base/check.ts';
import type { Answer, SharedStore } from '../core/base/store.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import { opened, sealed } from './envelope.ts';
import { bucketsOn, type KeyValueStorage } from './key-value.ts';
import { LockedLine } from './locked-line.ts';
import { marksToCome } from './record.ts';
import { TabNews } from './tab-news.ts';

/** What is used of a `Storage`. */
export interface WebStorage {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** What `localStorageStore` takes. */
export interface LocalStorageStoreOptions {
  /**
   * What the names of all items begin with. Stores of the same prefix share their buckets.
   * @default 'sluice:'
   */
  readonly prefix?: string;
  /**
   * Where the items are, or a function that gets it when it is first needed: where a browser blocks a storage, the mere mention of
   * it throws. A sessionStorage belongs to one tab, so there it goes without locks.
   * @default the localStorage of the page
   */
  readonly storage?: WebStorage | (() => WebStorage);
  /**
   * The door to time: its wall clock is written into the records.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/**
 * Keeps buckets in localStorage, so that all tabs of an origin share them, across reloads too. `indexedDbStore` is the faster
 * one under contention, and works in workers and insecure pages as well.
 *
 * A Web Lock alone does not make localStorage safe: a tab may read what another has already written over. Each write is fenced,
 * and read by the next tab for certain. Where there are no Web Locks (insecure pages, old browsers) it is best effort, which a
 * `store-error` event tells once. A storage that is full, blocked or missing fails each operation, and the throttle does what its
 * `onStoreError` says.
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
  const shared = options.storage === undefined || !isSessionStorage(options.storage);
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
      // Whoever reads an item that was taken away and begun anew must not take the old one for later.
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
    // Servers, workers and some frames have none.
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
 * Reads, decides and writes without a pause.
 * @param atLeast what its own number is above, as it is above that of the write it follows
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
  if (next === undefined) {
    storage.removeItem(item);
    return undefined;
  }
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

function isSessionStorage(storage: WebStorage | (() => WebStorage)): boolean {
  try {
    const { sessionStorage } = globalThis;
    return sessionStorage !== undefined && (typeof storage === 'function' ? storage() : storage) === sessionStorage;
  } catch {
    return false;
  }
}
