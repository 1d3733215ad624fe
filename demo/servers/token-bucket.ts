import type { Algorithm, BucketOptions, Verdict } from './algorithm.ts';

// Binary fractions miss a whole token by a hair (0.1 + 0.2); a millionth of a call is far below what a clock resolves.
const ROUNDING = 1e-6;

/** Holds up to `burst` tokens and gains `limit` per `interval`, evenly. A call takes one; an empty bucket refuses. */
export class TokenBucket implements Algorithm {
  readonly #options: BucketOptions;
  #tokens: number;
  #updatedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  accept(now: number): Verdict {
    const { limit, interval, burst, countRejected } = this.#options;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#updatedAt) * limit) / interval);
    this.#updatedAt = now;
    if (this.#tokens >= 1 - ROUNDING) {
      this.#tokens -= 1;
      return { accepted: true };
    }
    // There is nothing below empty: a refused call that counts takes the part of a token that had come back.
    if (countRejected) this.#tokens = 0;
    return { accepted: false, retryAfter: ((1 - this.#tokens) * interval) / limit };
  }
}
