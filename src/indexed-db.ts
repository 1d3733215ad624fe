export { type IndexedDbStoreOptions, indexedDbStore } from './storage/indexed-db.ts';
