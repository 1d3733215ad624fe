export { type Fault, faultyStore, type StoreOperation } from './testing/faulty-store.ts';
export { ManualClock, type ManualClockOptions } from './testing/manual-clock.ts';
export { bucketStoreContract, type StoreContractCase, type StoreContractOptions } from './testing/store-contract.ts';
