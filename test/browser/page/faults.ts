import type { StoreName } from './stores.ts';

// What happens to a page's storage, done to it by the page itself, and what the page does with it.

const connections = new Set<IDBDatabase>();
const open = globalThis.IDBFactory?.prototype.open;

/** Notes the connections of this page, which have no other way to be found. */
function noteConnections(): void {
  if (open === undefined) return;
  IDBFactory.prototype.open = function (...parameters: [string, number?]) {
    const request = open.apply(this, parameters);
    request.addEventListener('success', () => connections.add(request.result));
    return request;
  };
}
noteConnections();

/** How often this page has begun a transaction and asked for a lock. */
export const uses = { transactions: 0, locks: 0 };

function countUses(): void {
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (...parameters) {
    uses.transactions++;
    return transaction.apply(this, parameters);
  };
  const locks = globalThis.LockManager?.prototype;
  if (locks === undefined) return;
  const { request } = locks;
  locks.request = function (this: LockManager, ...parameters: never[]) {
    uses.locks++;
    return Reflect.apply(request, this, parameters);
  };
}
countUses();

const answered = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** What is no record. */
const foreign = 'not a bucket';

async function corruptRecord(key: string): Promise<void> {
  const database = await answered(open.call(indexedDB, 'sluice'));
  const transaction = database.transaction('buckets', 'readwrite');
  await answered(transaction.objectStore('buckets').put(foreign, key));
  database.close();
}

export const faults = {
  /** Deletes the database of the store. Answers with how long it took, in ms. */
  async deleteDatabase(): Promise<number> {
    const begun = performance.now();
    await answered(indexedDB.deleteDatabase('sluice'));
    return performance.now() - begun;
  },

  /** Closes every connection under the store's feet. Answers with how many there were. */
  closeConnections(): number {
    const count = connections.size;
    for (const connection of connections) connection.close();
    connections.clear();
    return count;
  },

  /** Fills localStorage to the last character. */
  fillStorage(): void {
    let name = 0;
    for (let length = 2 ** 20; length >= 1; ) {
      try {
        localStorage.setItem(`filling ${name}`, 'x'.repeat(length));
        name++;
      } catch {
        length = Math.floor(length / 2);
      }
    }
  },

  /** Writes something else in place of a bucket. */
  async corrupt({ store, key }: { store: StoreName; key: string }): Promise<void> {
    if (store === 'local-storage') localStorage.setItem(`sluice:${key}`, foreign);
    else await corruptRecord(key);
  },

  /** Takes everything out of localStorage. */
  clearStorage(): void {
    localStorage.clear();
  },

  hasLocks: (): boolean => navigator.locks !== undefined,

  storedItems: (): number => localStorage.length,

  /** The wall clock as the page sees it. */
  now: (): number => Date.now(),
};
