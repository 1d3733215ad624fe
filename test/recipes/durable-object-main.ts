// Run in workerd by durable-object.recipe.ts: the Worker, the object of the recipe, and one that proves its storage.
import { createThrottle } from 'sluice';
import { bucketStoreContract, ManualClock } from 'sluice/testing';
import { durableObjectStore, ThrottledApi } from '../../demo/examples/stores/durable-object.ts';

type Storage = Parameters<typeof durableObjectStore>[0];
interface Namespace {
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(request: Request | string): Promise<Response> };
}

export { ThrottledApi };

export class Proof {
  readonly #storage: Storage;

  constructor({ storage }: { readonly storage: Storage }) {
    this.#storage = storage;
  }

  async fetch(request: Request): Promise<Response> {
    return Response.json(new URL(request.url).pathname === '/left' ? await this.#left() : await this.#contract());
  }

  /** What is left after one more call. */
  async #left(): Promise<number | undefined> {
    const limits = { rate: 1, interval: 3_600_000, burst: 10, margin: 0 };
    const throttle = createThrottle({ limits, store: durableObjectStore(this.#storage) });
    return (await throttle.allow()).limits[0]?.remaining;
  }

  async #contract(): Promise<Record<string, string>> {
    const clock = new ManualClock();
    const handle = () => {
      const store = durableObjectStore(this.#storage);
      store.useClock?.(clock);
      return store;
    };
    const cases = bucketStoreContract({
      create: handle,
      sharer: handle,
      advance: (ms) => clock.advance(ms),
      precision: 0,
    });
    const failures: Record<string, string> = {};
    for (const { name, run } of cases) {
      failures[name] = await run().then(
        () => '',
        (error: unknown) => String((error as Error).stack),
      );
    }
    return failures;
  }
}

export default {
  fetch(request: Request, env: { API: Namespace; PROOF: Namespace }): Promise<Response> {
    const target = request.headers.get('x-target');
    if (target === null) return env.PROOF.get(env.PROOF.idFromName('proof')).fetch(request);
    return env.API.get(env.API.idFromName('api')).fetch(new Request(target, request));
  },
};
