import type { Algorithm, BucketOptions, Verdict } from './algorithm.ts';

// As in every sum of binary fractions: a bucket that has leaked exactly enough must not look a hair too full.
const ROUNDING = 1e-6;

/**
 * The leaky bucket as a meter: each call pours one in, `limit` per `interval` leak out, and what would run over the brim
 * of `burst` is refused. From a full bucket that is strict spacing, one call per `interval / limit` ms.
 */
export class LeakyBucket implements Algorithm {
  readonly #options: BucketOptions;
  #level = 0;
  #updatedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  accept(now: number): Verdict {
    const { limit, interval, burst, countRejected } = this.#options;
    const leakPerMs = limit / interval;
    this.#level = Math.max(0, this.#level - (now - this.#updatedAt) * leakPerMs);
    this.#updatedAt = now;
    if (this.#level + 1 <= burst + ROUNDING) {
      this.#level += 1;
      return { accepted: true };
    }
    // A refused call that counts fills the bucket to the brim; the rest runs over.
    if (countRejected) this.#level = burst;
    return { accepted: false, retryAfter: (this.#level + 1 - burst) / leakPerMs };
  }
}
