import { indexedDbStore } from 'sluice/indexed-db';
import { bucketStoreContract, ManualClock } from 'sluice/testing';
import { describe, it } from 'vitest';
import { newName } from './databases.ts';

describe('indexedDbStore', () => {
  const clock = new ManualClock();
  const names = new WeakMap<object, string>();
  const open = (dbName: string) => {
    const store = indexedDbStore({ dbName, clock });
    names.set(store, dbName);
    return store;
  };
  const contract = bucketStoreContract({
    create: () => open(newName()),
    sharer: (store) => open(names.get(store) as string),
    advance: (ms) => clock.advance(ms),
  });
  for (const { name, run } of contract) it(name, run);
});
