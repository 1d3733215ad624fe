import type { UseStore } from 'idb-keyval';
import { Deadlines } from '../core/sharing/deadlines.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import { openDatabase } from './open-database.ts';
import { followPage } from './page-life.ts';

/**
 * How long one attempt may take, opening included, and after how long no new one starts, in ms: less than a throttle
 * waits.
 */
const attemptPatience = 2_000;
const lastAttemptAfter = 2_500;

/** While site data are cleared, Chromium fails a transaction and the connection that is opened next; the third try succeeds. */
const mostAttempts = 3;

/**
 * The error of a transaction that was aborted because the page leaves: others must not wait for it, and it is tried
 * again later.
 */
const pageLeft = new Error('The page was left.');

/**
 * One object store in a database. A lost connection is opened again. Every use is one transaction, which is tried again
 * if the connection may be the cause of a failure, and aborted when it takes too long.
 */
export class Database {
  readonly #dbName: string;
  readonly #storeName: string;
  #clock: Clock = systemClock;
  /** Of the attempts in flight. */
  #deadlines = new Deadlines(systemClock, attemptPatience);
  #connection: Promise<IDBDatabase> | undefined;
  /** Set while the page is away. */
  #absence: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  #unfollow: (() => void) | undefined;

  constructor(dbName: string, storeName: string) {
    this.#dbName = dbName;
    this.#storeName = storeName;
  }

  useClock(clock: Clock): void {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, attemptPatience);
  }

  /** Ends the connection. The next use makes a new one. */
  close(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#comeBack();
    this.#deadlines.close();
    this.#drop(this.#connection);
  }

  /**
   * Runs `work`, an update, in its own transaction, and resolves when that is complete. If the transaction has to be
   * repeated, `work` runs again.
   */
  readonly use: UseStore = async (mode, work) => {
    this.#unfollow ??= followPage({ leave: () => this.#leave(), comeBack: () => this.#comeBack() });
    const since = this.#clock.monotonic();
    for (let failures = 0; ; ) {
      while (this.#absence !== undefined) await this.#absence.over;
      try {
        return await this.#attempt(mode, work);
      } catch (error) {
        if (error === pageLeft) continue;
        failures++;
        const isLast = failures === mostAttempts || this.#clock.monotonic() - since > lastAttemptAfter;
        if (isLast || !mayPass(error)) throw error;
      }
    }
  };

  #attempt<T>(mode: IDBTransactionMode, work: Parameters<typeof this.use<T>>[1]): Promise<T> {
    this.#connection ??= this.#connect();
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      let transaction: IDBTransaction | undefined;
      let isGivenUp = false;
      const fail = (error: unknown) => {
        meet();
        isGivenUp = true;
        this.#drop(connection);
        reject(error);
      };
      const begin = async () => {
        const database = await connection;
        if (isGivenUp) return;
        const begun = database.transaction(this.#storeName, mode, { durability: 'relaxed' });
        transaction = begun;
        begun.oncomplete = () => {
          meet();
          resolve(undefined as T);
        };
        // Its error is null if it was aborted by a call of ours or of other code.
        begun.onabort = () => fail(begun.error ?? named('AbortError', 'The transaction was aborted.'));
        await work(leanStore(begun.objectStore(this.#storeName)));
      };
      const meet = this.#deadlines.set(() => {
        // A transaction that is being committed will report its end: a new try now could count a call twice.
        if (transaction !== undefined && !isAborted(transaction)) return;
        fail(this.#absence === undefined ? this.#tooLong(transaction) : pageLeft);
      });
      begin().catch(fail);
    });
  }

  #tooLong(transaction: IDBTransaction | undefined): Error {
    const what = transaction === undefined ? 'could not be opened' : 'did not answer';
    return named('TimeoutError', `The database ${this.#dbName} ${what} within ${attemptPatience} ms.`);
  }

  #connect(): Promise<IDBDatabase> {
    const connection = openDatabase(this.#dbName, this.#storeName, () => this.#drop(connection));
    return connection;
  }

  /** Closes a connection, even one that is still opening. */
  #drop(connection: Promise<IDBDatabase> | undefined): void {
    if (this.#connection === connection) this.#connection = undefined;
    connection?.then(
      (database) => database.close(),
      () => {},
    );
  }

  /** Closes the database, so that a frozen page does not block others that use or delete it. */
  #leave(): void {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#absence = { over, end };
    this.#deadlines.missAll();
    this.#drop(this.#connection);
  }

  #comeBack(): void {
    this.#absence?.end();
    this.#absence = undefined;
  }
}

/**
 * The errors of a lost or damaged connection: it was closed, a store is missing, site data were cleared, there was no
 * answer.
 */
const passing = ['InvalidStateError', 'NotFoundError', 'AbortError', 'UnknownError', 'TimeoutError'];

/** Whether a new connection may help. */
function mayPass(error: unknown): boolean {
  return passing.includes((error as Error).name);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** Aborts a transaction. False if it is too late for that. */
function isAborted(transaction: IDBTransaction): boolean {
  try {
    transaction.abort();
    return true;
  } catch {
    return false;
  }
}

/**
 * The part of an object store that an update needs. It writes nothing if nothing changed, keeps no undefined values,
 * and commits at once, which frees the store for the others a little earlier. It does not report how the transaction
 * ends: the code that began it sees that.
 */
function leanStore(store: IDBObjectStore): IDBObjectStore {
  let reading: IDBRequest;
  const lean = {
    transaction: {},
    get: (key: IDBValidKey): IDBRequest => {
      reading = store.get(key);
      return reading;
    },
    put: (value: unknown, key: IDBValidKey): void => {
      if (value !== reading.result) {
        if (value === undefined) store.delete(key);
        else store.put(value, key);
      }
      store.transaction.commit?.();
    },
  };
  return lean as unknown as IDBObjectStore;
}
