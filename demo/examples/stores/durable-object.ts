// Buckets in a Cloudflare Durable Object, for all Workers of an account. The object holds the throttle and sends the calls, so all waiting
// calls are in one line; its storage keeps the buckets when it is evicted. Copy this file, put your limits into it, and
// bind the class, with `new_sqlite_classes` in its migration.
//
//   const id = env.API.idFromName('api');
//   const response = await env.API.get(id).fetch('https://api.example.com/items');
import { createThrottle, keyValueStore, perSecond, type SharedStore, throttleFetch } from 'sluice';

/** The part of the `storage` of a Durable Object with SQLite that is used: it reads and writes at once. */
interface SyncStorage {
  readonly kv: {
    get(key: string): unknown;
    put(key: string, value: unknown): void;
    delete(key: string): boolean;
  };
}

export function durableObjectStore({ kv }: SyncStorage): SharedStore {
  // Atomic, since the object is the only one of its name and nothing here waits.
  return keyValueStore(
    {
      name: 'durable-object',
      update: (key, change) => {
        const place = `sluice:${key}`;
        const stored = kv.get(place);
        const value = change(stored);
        if (value === undefined) kv.delete(place);
        else if (value !== stored) kv.put(place, value);
      },
    },
    { shared: false },
  );
}

export class ThrottledApi {
  readonly #send: typeof fetch;

  constructor({ storage }: { readonly storage: SyncStorage }) {
    this.#send = throttleFetch(createThrottle({ limits: perSecond(20), store: durableObjectStore(storage) }));
  }

  fetch(request: Request): Promise<Response> {
    return this.#send(request);
  }
}
