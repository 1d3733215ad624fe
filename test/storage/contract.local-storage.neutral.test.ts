import type { BucketStore } from 'sluice';
import { localStorageStore } from 'sluice/local-storage';
import { bucketStoreContract, ManualClock } from 'sluice/testing';
import { afterEach, describe, it } from 'vitest';
import { useWebStorages } from './web-storages.ts';

const clock = new ManualClock();
const advance = (ms: number) => clock.advance(ms);
useWebStorages();
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe('localStorageStore without Web Locks', () => {
  const open = () => localStorageStore({ clock });
  prove({ create: open, sharer: open, advance });
});

describe('localStorageStore in sessionStorage', () => {
  prove({ create: () => localStorageStore({ storage: sessionStorage, clock }), advance });
});

function prove(options: {
  create: () => BucketStore;
  sharer?: () => BucketStore;
  advance: (ms: number) => Promise<void>;
}): void {
  for (const { name, run } of bucketStoreContract(options)) it(name, run);
}
