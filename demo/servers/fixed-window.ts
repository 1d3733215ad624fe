import type { Algorithm, Verdict, WindowOptions } from './algorithm.ts';

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

  accept(now: number): Verdict {
    const { limit, interval } = this.#options;
    const window = Math.floor(now / interval);
    if (window !== this.#window) {
      this.#window = window;
      this.#count = 0;
    }
    if (this.#count < limit) {
      this.#count++;
      return { accepted: true };
    }
    return { accepted: false, retryAfter: (window + 1) * interval - now };
  }
}
