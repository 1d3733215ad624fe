import type { StoreName } from './stores.ts';

// The least that a store must do for a step that no other tab undoes, done by hand and without any arithmetic: what a round trip
// of the store is held against.

/** Much the same as a record. */
const record = {
  v: 1,
  birth: 2 ** 47,
  seq: 1,
  writer: 2 ** 46,
  seen: 2 ** 40,
  rests: 2 ** 40,
  gate: -(2 ** 40),
  limits: [{ rate: 1, interval: 1_000 }],
  tats: [2 ** 40],
  latest: 2 ** 40,
};
const text = JSON.stringify(record).padEnd(512);

let database: Promise<IDBDatabase> | undefined;

function openBare(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('bare');
    request.onupgradeneeded = () => void request.result.createObjectStore('values');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Reads and writes in one transaction. */
async function bareTransaction(): Promise<void> {
  database ??= openBare();
  const transaction = (await database).transaction('values', 'readwrite', { durability: 'relaxed' });
  const values = transaction.objectStore('values');
  await new Promise<void>((resolve, reject) => {
    values.get('bare').onsuccess = () => {
      values.put(record, 'bare');
      transaction.commit();
    };
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

let writes = 0;
let lower = (): void => {};

/** Reads and writes under a lock, sees what was written before and tells what it has written. */
async function bareFence(): Promise<void> {
  await navigator.locks.request('bare', async () => {
    await navigator.locks.query();
    localStorage.getItem('bare');
    localStorage.setItem('bare', text);
    const before = lower;
    await new Promise<void>((resolve) => {
      void navigator.locks.request(`bare ${++writes}`, { mode: 'shared' }, () => {
        resolve();
        return new Promise<void>((release) => {
          lower = release;
        });
      });
    });
    before();
  });
}

/** What a round trip of each store is compared to. */
export const bare: Partial<Record<StoreName, () => Promise<void>>> = {
  'indexed-db': bareTransaction,
  'local-storage': bareFence,
};
