import { type BucketStore, keyValueStore, memoryStore } from 'sluice';
import { bucketStoreContract, ManualClock, type StoreContractOptions } from 'sluice/testing';
import { describe, it } from 'vitest';
import {
  asClones,
  asText,
  dice,
  inOtherOrder,
  type MakeStorage,
  onMap,
  type Values,
  withDelays,
  withRehearsal,
  withRetries,
} from './storages.ts';

const storages: Record<string, MakeStorage> = {
  'a Map': onMap,
  'a storage of texts': asText,
  'a storage of structured clones': asClones,
  'a storage that reorders fields': inOtherOrder,
  'an asynchronous Map with delays': withDelays(dice(1)),
  'a storage that compares and swaps': withRetries,
  'a storage that does each step twice': withRehearsal,
};

describe('memoryStore', () => {
  const clock = new ManualClock();
  prove({ create: () => memoryStore({ clock }), advance: (ms) => clock.advance(ms) });
});

describe.each(Object.entries(storages))('keyValueStore on %s', (_, storage) => {
  const clock = new ManualClock();
  const values = new WeakMap<BucketStore, Values>();
  const open = (held: Values) => {
    const store = keyValueStore(storage(held), { clock });
    values.set(store, held);
    return store;
  };
  prove({
    create: () => open(new Map()),
    sharer: (store) => open(values.get(store) as Values),
    advance: (ms) => clock.advance(ms),
  });
});

function prove(options: StoreContractOptions): void {
  for (const { name, run } of bucketStoreContract(options)) it(name, run);
}
