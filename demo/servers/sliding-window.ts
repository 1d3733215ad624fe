import type { Algorithm, Standing, Verdict, WindowOptions } from './algorithm.ts';

/** Keeps every counted arrival: at most `limit` of them in any half-open window of `interval` ms, to the microsecond. */
export class SlidingWindow implements Algorithm {
  readonly #options: WindowOptions;
  readonly #arrivals: number[] = [];

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  accept(now: number, cost = 1): Verdict {
    const { limit, interval, countRejected } = this.#options;
    const arrivals = this.#arrivals;
    this.#forget(now);
    const accepted = arrivals.length + cost <= limit;
    if (accepted || countRejected) arrivals.push(...Array<number>(cost).fill(now));
    if (accepted) return { accepted };
    // Refused calls that count can hold more than `limit` arrivals: all the surplus has to age out, not the oldest alone.
    const lastToAge = arrivals[arrivals.length + cost - limit - 1] as number;
    return { accepted: false, retryAfter: lastToAge + interval - now };
  }

  standing(now: number): Standing {
    const { limit, interval } = this.#options;
    this.#forget(now);
    const [oldest = now - interval] = this.#arrivals;
    const resetAfter = oldest + interval - now;
    const remaining = Math.max(0, limit - this.#arrivals.length);
    return { limit, remaining, resetAfter, moreAfter: resetAfter };
  }

  /** An arrival counts for `interval` ms, that instant excluded. */
  #forget(now: number): void {
    const arrivals = this.#arrivals;
    while (arrivals.length > 0 && now - (arrivals[0] as number) >= this.#options.interval) arrivals.shift();
  }
}
