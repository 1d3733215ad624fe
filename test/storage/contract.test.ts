import { type BucketStore, keyValueStore, memoryStore } from 'sluice';
import { bucketStoreContract, type StoreContractOptions } from 'sluice/testing';
import { beforeAll, describe, it } from 'vitest';
import { asText, type Values } from './storages.ts';

const values = new WeakMap<object, Values>();

function open(held: Values): BucketStore {
  const store = keyValueStore(asText(held));
  values.set(store, held);
  return store;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The contract on the clock of this machine: never early, and late by no more than a busy machine is. */
function contractOf(options: Pick<StoreContractOptions, 'create' | 'sharer'>) {
  const contract = bucketStoreContract({ ...options, advance: sleep, precision: 150 });
  return contract.map(({ name, run }) => ({ name, run, outcome: Promise.resolve() }));
}

const contracts = {
  memoryStore: contractOf({ create: () => memoryStore() }),
  keyValueStore: contractOf({
    create: () => open(new Map()),
    sharer: (store) => open(values.get(store) as Values),
  }),
};

// All cases wait together, each begun a little after the one before.
beforeAll(async () => {
  for (const one of [...contracts.memoryStore, ...contracts.keyValueStore]) {
    one.outcome = one.run();
    one.outcome.catch(() => {});
    await sleep(5);
  }
});

describe.each(Object.entries(contracts))('%s on the clock of this machine', (_, contract) => {
  for (const one of contract) it(one.name, () => one.outcome, 30_000);
});
