import type { Algorithm, BucketOptions, Standing, Verdict } from './algorithm.ts';

// As in every sum of binary fractions: a bucket that has leaked exactly enough must not look a hair too full.
const ROUNDING = 1e-6;

/**
 * The leaky bucket as a meter: each call pours its cost in, `limit` per `interval` leak out, and what would run over the brim
 * of `burst` is refused. From a full bucket that is strict spacing, one call per `interval / limit` ms.
 */
export class LeakyBucket implements Algorithm {
  readonly #options: BucketOptions;
  #level = 0;
  #updatedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  accept(now: number, cost = 1): Verdict {
    const { burst, countRejected } = this.#options;
    this.#leak(now);
    if (this.#level + cost <= burst + ROUNDING) {
      this.#level += cost;
      return { accepted: true };
    }
    // A refused call that counts fills the bucket to the brim; the rest runs over.
    if (countRejected) this.#level = burst;
    return { accepted: false, retryAfter: this.#untilLeaked(this.#level + cost - burst) };
  }

  standing(now: number): Standing {
    const { burst } = this.#options;
    this.#leak(now);
    const remaining = Math.max(0, Math.floor(burst - this.#level + ROUNDING));
    const over = this.#level + remaining + 1 - burst;
    return {
      limit: burst,
      remaining,
      resetAfter: this.#untilLeaked(this.#level),
      moreAfter: this.#untilLeaked(Math.min(this.#level, over)),
    };
  }

  #leak(now: number): void {
    const { limit, interval } = this.#options;
    this.#level = Math.max(0, this.#level - ((now - this.#updatedAt) * limit) / interval);
    this.#updatedAt = now;
  }

  #untilLeaked(calls: number): number {
    return (calls * this.#options.interval) / this.#options.limit;
  }
}
