import { beforeEach, vi } from 'vitest';

/** A storage of texts like those of a page. */
function webStorage(): Storage {
  return Object.create({
    getItem(this: Storage, name: string) {
      return Object.hasOwn(this, name) ? this[name] : null;
    },
    setItem(this: Storage, name: string, text: string) {
      this[name] = text;
    },
    removeItem(this: Storage, name: string) {
      delete this[name];
    },
    clear(this: Storage) {
      for (const name of Object.keys(this)) delete this[name];
    },
    get length() {
      return Object.keys(this).length;
    },
  }) as Storage;
}

/** Gives each test the storages of a page where there is no page. */
export function useWebStorages(): void {
  if (typeof document === 'object') return;
  beforeEach(() => {
    vi.stubGlobal('localStorage', webStorage());
    vi.stubGlobal('sessionStorage', webStorage());
    return () => void vi.unstubAllGlobals();
  });
}
