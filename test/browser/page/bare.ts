// The least that a store must do for a step that no other tab undoes, done by hand and without any arithmetic: what a round trip
// of the store is held against.

/** Much the same as a record, made of the one before, and another one each time: browsers skip the write of a text that is there. */
function nextRecord(before: unknown): unknown {
  const seq = ((before as { seq?: number } | undefined)?.seq ?? 0) + 1;
  return {
    v: 3,
    birth: 2 ** 47,
    seq,
    writer: 2 ** 46,
    seen: 2 ** 40 + seq,
    rests: 2 ** 40,
    gate: -(2 ** 40),
    limits: [{ rate: 1, interval: 1_000 }],
    states: [2 ** 40 + seq],
    latest: 2 ** 40,
  };
}

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
    const request = values.get('bare');
    request.onsuccess = () => {
      values.put(nextRecord(request.result), 'bare');
      transaction.commit();
    };
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

const width = 512;
const digits = 16;
const fence = 'bare written ';

/** The text that can be read now, and the number of the write that it comes from. */
const textHere = (): string => localStorage.getItem('bare') ?? `${'0'.repeat(digits)} {}`;
const numberHere = (): number => Number(textHere().slice(0, digits));

/** The number of the latest write, which its writer has put up as the name of a lock. */
async function latestNumber(): Promise<number> {
  const { held = [] } = await navigator.locks.query();
  const numbers = held.map(({ name = '' }) => (name.startsWith(fence) ? Number(name.slice(fence.length)) : 0));
  return Math.max(0, ...numbers);
}

const { port1, port2 } = new MessageChannel();

/** A turn of the event loop. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(undefined);
  });

let lower = (): void => {};

/** Takes the lock that tells the number of a write, and lets go of the one before. Resolves when it has it. */
const raise = (number: number): Promise<void> =>
  new Promise((resolve) => {
    void navigator.locks.request(`${fence}${number}`, { mode: 'shared' }, () => {
      lower();
      resolve();
      return new Promise<void>((release) => {
        lower = release;
      });
    });
  });

/** Reads and writes under a lock, sees what was written before and tells what it has written. */
async function bareFence(waits: boolean): Promise<void> {
  await navigator.locks.request('bare', async () => {
    const latest = await latestNumber();
    while (numberHere() < latest) await turn();
    const before = textHere();
    const number = Number(before.slice(0, digits)) + 1;
    const text = JSON.stringify(nextRecord(JSON.parse(before.slice(digits))));
    localStorage.setItem('bare', `${String(number).padStart(digits, '0')} ${text}`.padEnd(width));
    const raised = raise(number);
    // Without this too it stands before the next one has the lock: a page's requests and releases are dealt with in order.
    if (waits) await raised;
  });
}

/** What a round trip of each store is compared to. */
export const bare = {
  'the same transaction': bareTransaction,
  'the same lock and fence': () => bareFence(false),
  'a lock and a fence that is waited for': () => bareFence(true),
};

export type BareStep = keyof typeof bare;
