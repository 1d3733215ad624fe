import type { Algorithm, BucketOptions, Standing, Verdict } from './algorithm.ts';

// Binary fractions miss a whole token by a hair (0.1 + 0.2); a millionth of a call is far below what a clock resolves.
const ROUNDING = 1e-6;

/** Holds up to `burst` tokens and gains `limit` per `interval`, evenly. A call takes `cost` of them or, if there are fewer, is refused. */
export class TokenBucket implements Algorithm {
  readonly #options: BucketOptions;
  #tokens: number;
  #updatedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  accept(now: number, cost = 1): Verdict {
    const { limit, interval, countRejected } = this.#options;
    this.#fill(now);
    if (this.#tokens >= cost - ROUNDING) {
      this.#tokens -= cost;
      return { accepted: true };
    }
    // There is nothing below empty: a refused call that counts takes the part of a token that had come back.
    if (countRejected) this.#tokens = 0;
    return { accepted: false, retryAfter: ((cost - this.#tokens) * interval) / limit };
  }

  standing(now: number): Standing {
    const { limit, interval, burst } = this.#options;
    this.#fill(now);
    const remaining = Math.max(0, Math.floor(this.#tokens + ROUNDING));
    const after = (tokens: number) => Math.max(0, ((Math.min(burst, tokens) - this.#tokens) * interval) / limit);
    return { limit: burst, remaining, resetAfter: after(burst), moreAfter: after(remaining + 1) };
  }

  #fill(now: number): void {
    const { limit, interval, burst } = this.#options;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#updatedAt) * limit) / interval);
    this.#updatedAt = now;
  }
}
