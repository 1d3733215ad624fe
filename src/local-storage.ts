export { type LocalStorageStoreOptions, localStorageStore, type WebStorage } from './storage/local-storage.ts';
