import { keyValueStore, memoryStore } from 'sluice';
import { bucketStoreContract, ManualClock, type StoreContractOptions } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
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

const plan = planOf({ rate: 1, interval: 100 }, 0);

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
  const values = new WeakMap<object, Values>();
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

  // The contract leaves this to the store.
  it('loses nothing when a call wakes late, and goes on the slot that it had', async () => {
    const store = await options.create();
    const take = () => store.take('key', { plan, costs: [1], ahead: 0, late: 10 });
    const slots: number[] = [];
    for (const ms of [0, 104, 96, 109, 102]) {
      await options.advance(ms);
      const { now, granted } = await take();
      slots.push(now - (granted[0]?.slot ?? Number.NaN));
    }
    // The last one was missed by more than it may be late.
    expect(slots).toEqual([0, 4, 0, 9, 0]);
    expect(await take()).toMatchObject({ granted: [], wait: 100 });
  });
}
