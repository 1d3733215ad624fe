import type { HeldGrant } from '../base/grant.ts';

/** So many keys are remembered before those without a call in flight are dropped. */
const keysKept = 1_000;

/**
 * Counts the calls in flight of each key.
 *
 * Invariant: a grant that is held carries the count of its key, so that to leave it takes no look for the key.
 */
export class InFlight {
  /** Some of the keys have none any more: most keys are called again at once. */
  readonly #counts = new Map<string, { calls: number }>();
  #mostKeys = keysKept;

  /** How many calls of a key are in flight. */
  of(key: string): number {
    return this.#counts.get(key)?.calls ?? 0;
  }

  /** Counts a call as in flight. */
  hold(grant: HeldGrant): void {
    const { key } = grant;
    let count = this.#counts.get(key);
    if (count === undefined) {
      if (this.#counts.size >= this.#mostKeys) this.#dropIdle();
      count = { calls: 0 };
      this.#counts.set(key, count);
    }
    count.calls++;
    grant.inFlight = count;
  }

  /** Gives the place of a call back. */
  leave({ inFlight }: HeldGrant): void {
    if (inFlight !== undefined) inFlight.calls--;
  }

  #dropIdle(): void {
    for (const [key, { calls }] of this.#counts) if (calls === 0) this.#counts.delete(key);
    this.#mostKeys = Math.max(keysKept, 2 * this.#counts.size);
  }
}
