import { IDBFactory } from 'fake-indexeddb';
import { createThrottle, type StoreError, type ThrottleEvents } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { ManualClock } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

const limits = { rate: 1, interval: 1000, burst: 2 };
const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeAll(() => {
  process.on('unhandledRejection', note);
});

afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

const blocked = () => new DOMException('It is blocked.', 'SecurityError');

/** What a page or a process may find in the place of IndexedDB. */
const places: Record<string, [PropertyDescriptor | undefined, string]> = {
  'is missing, as in Node': [undefined, 'There is no IndexedDB here.'],
  'is null': [{ value: null }, 'There is no IndexedDB here.'],
  'throws when it is looked at': [
    {
      get() {
        throw blocked();
      },
    },
    'It is blocked.',
  ],
  'throws when it is opened, as in a sandboxed frame': [
    {
      value: {
        open() {
          throw blocked();
        },
      },
    },
    'It is blocked.',
  ],
  'fails when it is opened, as where site data are blocked': [{ value: { open: failing } }, 'Unknown.'],
};

function failing() {
  const request = { error: new DOMException('Unknown.', 'UnknownError'), onerror: () => {} };
  queueMicrotask(() => request.onerror());
  return request;
}

function put(descriptor: PropertyDescriptor | undefined, { onTestFinished }: TestContext): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB');
  set(descriptor);
  onTestFinished(() => set(before));
}

function set(descriptor: PropertyDescriptor | undefined): void {
  if (descriptor === undefined) Reflect.deleteProperty(globalThis, 'indexedDB');
  else Object.defineProperty(globalThis, 'indexedDB', { ...descriptor, configurable: true });
}

describe.each(Object.entries(places))('where IndexedDB %s', (_, [descriptor, message]) => {
  it('calls go on from a local bucket, and the event says why', async (context) => {
    put(descriptor, context);
    const clock = new ManualClock();
    const throttle = createThrottle({ limits, clock, store: indexedDbStore() });
    const events: ThrottleEvents['store-error'][] = [];
    throttle.on('store-error', (event) => events.push(event));
    const allowed: boolean[] = [];
    for (let calls = 0; calls < 3; calls++) allowed.push((await throttle.allow('key')).allowed);
    expect(allowed).toEqual([true, true, false]);
    expect(events).toMatchObject([{ key: 'key', error: { message }, fallback: true }]);
    await throttle.close();
    expect(clock.timers).toBe(0);
  });

  it("callers get StoreError, with onStoreError 'reject'", async (context) => {
    put(descriptor, context);
    const throttle = createThrottle({ limits, store: indexedDbStore(), onStoreError: 'reject' });
    const error: StoreError = await throttle.wait('key').then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(error).toMatchObject({ name: 'StoreError', store: 'indexed-db', key: 'key', cause: { message } });
    await throttle.close();
  });
});

it('is used as soon as it exists', async (context) => {
  put(undefined, context);
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, clock, store: indexedDbStore() });
  await throttle.wait('key');
  const indexedDB = new IDBFactory();
  put({ value: indexedDB }, context);
  await clock.advance(2000);
  await throttle.wait('key');
  expect((await indexedDB.databases()).map(({ name }) => name)).toEqual(['sluice']);
  await throttle.close();
});
