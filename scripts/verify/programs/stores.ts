// The contract of the stores that every runtime has, on virtual time.
import { keyValueStore, memoryStore } from 'sluice';
import { bucketStoreContract, ManualClock, type StoreContractOptions } from 'sluice/testing';
import type { Check } from './smoke.ts';

export const contractOf = (store: string, options: StoreContractOptions): readonly Check[] =>
  bucketStoreContract(options).map(({ name, run }) => ({ name: `${store}: ${name}`, run }));

export function storeChecks(): readonly Check[] {
  const clock = new ManualClock();
  const advance = (ms: number) => clock.advance(ms);
  const values = new WeakMap<object, Map<string, unknown>>();
  const open = (held: Map<string, unknown>) => {
    const update = async (key: string, change: (stored: unknown) => unknown) =>
      void held.set(key, change(held.get(key)));
    const store = keyValueStore({ name: 'map', update, delete: (key) => void held.delete(key) }, { clock });
    values.set(store, held);
    return store;
  };
  return [
    ...contractOf('memoryStore', { create: () => memoryStore({ clock }), advance }),
    ...contractOf('keyValueStore', {
      create: () => open(new Map()),
      sharer: (store) => open(values.get(store) ?? new Map()),
      advance,
    }),
  ];
}
