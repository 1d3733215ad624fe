import 'fake-indexeddb/auto';
import { ManualClock } from 'sluice/testing';

let names = 0;

/** The name of a database that nobody has used yet. */
export const newName = (): string => `database ${++names}`;

/** What a request of IndexedDB comes to. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Opens a database as other code of the page would: without listening to whether anybody wants to change it. */
export function openBare(dbName: string, stores: readonly string[], version?: number): Promise<IDBDatabase> {
  const request = indexedDB.open(dbName, version);
  request.onupgradeneeded = () => {
    for (const store of stores) request.result.createObjectStore(store);
  };
  return resultOf(request);
}

/** All that an object store holds. */
export async function valuesIn(dbName: string, storeName = 'buckets'): Promise<Record<string, unknown>> {
  const database = await openBare(dbName, []);
  const store = database.transaction(storeName).objectStore(storeName);
  const [keys, values] = await Promise.all([resultOf(store.getAllKeys()), resultOf(store.getAll())]);
  database.close();
  return Object.fromEntries(keys.map((key, index) => [String(key), values[index]]));
}

/** Keeps a transaction open, as a tab that hangs does. Returns what ends it. */
export async function hang(dbName: string, storeName = 'buckets'): Promise<() => Promise<void>> {
  const database = await openBare(dbName, [storeName]);
  const transaction = database.transaction(storeName, 'readwrite');
  const store = transaction.objectStore(storeName);
  let hangs = true;
  const ask = () => {
    store.get('any').onsuccess = () => hangs && ask();
  };
  ask();
  const over = new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve();
  });
  return async () => {
    hangs = false;
    await over;
    database.close();
  };
}

interface Transactions {
  /** Those made since, in order. */
  readonly made: IDBTransaction[];
  /** What was asked of their object stores. */
  readonly requests: string[];
}

/** Watches the transactions of everybody, until the test is over. */
export function watchTransactions(onTestFinished: (undo: () => void) => void): Transactions {
  const made: IDBTransaction[] = [];
  const requests: string[] = [];
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (...args) {
    const one = transaction.apply(this, args);
    made.push(one);
    return one;
  };
  const undo = (['get', 'put', 'delete'] as const).map((name) => {
    const original = IDBObjectStore.prototype[name];
    IDBObjectStore.prototype[name] = function (this: IDBObjectStore, ...args: never[]) {
      requests.push(name);
      return (original as (...args: never[]) => never).apply(this, args);
    };
    return () => Object.assign(IDBObjectStore.prototype, { [name]: original });
  });
  onTestFinished(() => {
    IDBDatabase.prototype.transaction = transaction;
    for (const restore of undo) restore();
  });
  return { made, requests };
}

/** Lets a database do what it can do now. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock on which time goes by while promises and databases do. */
export class DatabaseClock extends ManualClock {
  override async advance(ms: number): Promise<void> {
    await turns();
    await super.advance(ms);
    await turns();
  }
}
