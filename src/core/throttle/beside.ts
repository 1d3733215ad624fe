import type { Beside, Lanes } from './lanes.ts';

type Reject = (error: unknown) => void;

/** The calls that wait for one throttle and others at once, by key: what rejects them. */
export class CallsBeside implements Beside {
  readonly #calls = new Map<string, Set<Reject>>();

  add(key: string, reject: Reject): void {
    this.#calls.set(key, (this.#calls.get(key) ?? new Set()).add(reject));
  }

  delete(key: string, reject: Reject): void {
    const calls = this.#calls.get(key);
    calls?.delete(reject);
    if (calls?.size === 0) this.#calls.delete(key);
  }

  waiting(key: string): number {
    return this.#calls.get(key)?.size ?? 0;
  }

  keys(): Iterable<string> {
    return this.#calls.keys();
  }

  has(key: string): boolean {
    return this.#calls.has(key);
  }

  rejectAll(error: unknown, key?: string): void {
    const all = key === undefined ? [...this.#calls.values()] : [this.#calls.get(key) ?? []];
    for (const reject of all.flatMap((calls) => [...calls])) reject(error);
  }
}

/** The calls beside the lanes of a throttle. */
export function besideOf(lanes: Lanes): CallsBeside {
  lanes.beside ??= new CallsBeside();
  return lanes.beside as CallsBeside;
}
