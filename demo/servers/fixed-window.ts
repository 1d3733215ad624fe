import type { Algorithm, Standing, Verdict, WindowOptions } from './algorithm.ts';

/**
 * Counts calls in windows that start at the multiples of `interval` on the server's own clock, wherever the client's
 * first call falls. Two full windows may meet at an edge: 2 × `limit` calls in no time are within such a quota. Whether
 * refused calls count makes no difference to it: a full window stays full until its end.
 */
export class FixedWindow implements Algorithm {
  readonly #options: WindowOptions;
  #window = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  accept(now: number, cost = 1): Verdict {
    const { remaining, resetAfter } = this.standing(now);
    if (cost > remaining) return { accepted: false, retryAfter: resetAfter };
    this.#count += cost;
    return { accepted: true };
  }

  standing(now: number): Standing {
    const { limit, interval } = this.#options;
    const window = Math.floor(now / interval);
    if (window !== this.#window) {
      this.#window = window;
      this.#count = 0;
    }
    const resetAfter = (window + 1) * interval - now;
    return { limit, remaining: limit - this.#count, resetAfter, moreAfter: this.#count > 0 ? resetAfter : 0 };
  }
}
