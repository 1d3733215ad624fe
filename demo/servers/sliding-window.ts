import type { Algorithm, Verdict, WindowOptions } from './algorithm.ts';

/** Keeps every counted arrival: at most `limit` of them in any half-open window of `interval` ms, to the microsecond. */
export class SlidingWindow implements Algorithm {
  readonly #options: WindowOptions;
  readonly #arrivals: number[] = [];

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  accept(now: number): Verdict {
    const { limit, interval, countRejected } = this.#options;
    const arrivals = this.#arrivals;
    // An arrival counts for `interval` ms, that instant excluded.
    while (arrivals.length > 0 && now - (arrivals[0] as number) >= interval) arrivals.shift();
    if (arrivals.length < limit) {
      arrivals.push(now);
      return { accepted: true };
    }
    if (countRejected) arrivals.push(now);
    // Refused calls that count can hold more than `limit` arrivals: all the surplus has to age out, not the oldest alone.
    const lastToAge = arrivals[arrivals.length - limit] as number;
    return { accepted: false, retryAfter: lastToAge + interval - now };
  }
}
