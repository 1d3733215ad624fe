import type { Beside, Lanes } from './lanes.ts';
import { newSpot, type Spot } from './spot.ts';

type Reject = (error: unknown) => void;

/**
 * The calls that wait for one throttle together with others, by key: what is known about their bucket, and what rejects
 * them.
 */
export class CallsBeside implements Beside {
  readonly #lanes: Lanes;
  readonly #calls = new Map<string, { readonly spot: Spot; readonly rejects: Set<Reject> }>();

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
  }

  /** What is known about a bucket, shared by all calls that wait for it. */
  spotOf(key: string): Spot {
    return this.#calls.get(key)?.spot ?? newSpot(this.#lanes, key);
  }

  add(spot: Spot, reject: Reject): void {
    const { key } = spot;
    const calls = this.#calls.get(key) ?? { spot, rejects: new Set() };
    calls.rejects.add(reject);
    this.#calls.set(key, calls);
  }

  delete(key: string, reject: Reject): void {
    const calls = this.#calls.get(key);
    calls?.rejects.delete(reject);
    if (calls?.rejects.size === 0) this.#calls.delete(key);
  }

  waiting(key: string): number {
    return this.#calls.get(key)?.rejects.size ?? 0;
  }

  keys(): Iterable<string> {
    return this.#calls.keys();
  }

  rejectAll(error: unknown, key?: string): void {
    const keys = key === undefined ? [...this.#calls.keys()] : [key];
    for (const reject of keys.flatMap((one) => [...(this.#calls.get(one)?.rejects ?? [])])) reject(error);
  }
}

/** The waiting calls beside the lanes of a throttle. */
export function besideOf(lanes: Lanes): CallsBeside {
  lanes.beside ??= new CallsBeside(lanes);
  return lanes.beside as CallsBeside;
}
