// Buckets in Deno KV, for the processes or the deployment that share one database. Copy this file; it takes what `Deno.openKv()`
// resolves with.
import { keyValueStore, type SharedStore } from 'sluice';

/** The part of a `Deno.Kv` that is used. */
interface Kv {
  get(key: string[]): Promise<Entry>;
  atomic(): Atomic;
}
interface Entry {
  readonly key: readonly unknown[];
  readonly value: unknown;
  readonly versionstamp: string | null;
}
interface Atomic {
  check(entry: Entry): Atomic;
  set(key: string[], value: unknown): Atomic;
  delete(key: string[]): Atomic;
  commit(): Promise<{ ok: boolean }>;
}

export function denoKvStore(kv: Kv): SharedStore {
  return keyValueStore({
    name: 'deno-kv',
    update: async (key, change) => {
      const place = ['sluice', await shortened(key)];
      for (let attempt = 0; ; attempt++) {
        if (await isDone(tryOnce(kv, place, change))) return;
        // Longer and longer, each by a random part, so that not all who collided try again together.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(100, 2 ** attempt)));
      }
    },
  });
}

/** False where another wrote since we read. Then all has to be done again, on what the other wrote. */
async function tryOnce(kv: Kv, place: string[], change: (stored: unknown) => unknown): Promise<boolean> {
  const entry = await kv.get(place);
  const stored = entry.value ?? undefined;
  const value = change(stored);
  if (value === stored) return true;
  const step = kv.atomic().check(entry);
  return (await (value === undefined ? step.delete(place) : step.set(place, value)).commit()).ok;
}

/** A database in a file says so too where another process is at work: nothing was written. */
async function isDone(tried: Promise<boolean>): Promise<boolean> {
  try {
    return await tried;
  } catch (error) {
    if (error instanceof Error && error.message.includes('database is locked')) return false;
    throw error;
  }
}

/** A key of Deno KV has room for 2,048 bytes: a longer one is replaced by its hash. */
async function shortened(key: string): Promise<string> {
  if (key.length < 500) return key;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key));
  return `sha-256:${[...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
