/** The margin of `'auto'` before any round trip was seen, in ms: a first call over a new connection arrives about that late. */
export const firstMargin = 50;

/**
 * The largest margin of `'auto'`, in ms. Larger differences between round trips are the server's work, not the
 * network's.
 */
const greatestMargin = 100;

/**
 * The smallest margin of `'auto'`, in ms: the sudden difference that a quiet network and a busy event loop may cause.
 */
const leastMargin = 8;

/** The part of its distance to the shortest round trip that the longest one loses with each shorter one. */
const fading = 0.01;

/** The shortest round trip is that of at least this many round trips, and at most twice as many. */
const generation = 500;

/**
 * The part of the way down that the margin goes with each round trip. It is small, because the quick calls of a burst
 * are answered first, and for a while all calls look quick.
 */
const shrinking = 0.01;

/**
 * Follows how much the time from slot to answer differs between calls, and computes the margin for it. A slow call may
 * have reached the server late, and the next one at once. Then they arrive closer together than their slots, at most by
 * the difference of these times.
 */
export class Spread {
  #count = 0;
  #longest = 0;
  /** The shortest round trip of this generation, and of the one before. */
  #shortest = Infinity;
  #shortestBefore = Infinity;
  #margin = firstMargin;
  #told = firstMargin;

  /**
   * Notes one round trip, in ms: from the slot of a call over an open connection to the head of its answer.
   * @returns the margin
   */
  note(roundTrip: number): number {
    if (this.#count % generation === 0) {
      this.#shortestBefore = this.#shortest;
      this.#shortest = Infinity;
    }
    this.#count++;
    this.#shortest = Math.min(this.#shortest, roundTrip);
    const least = Math.min(this.#shortest, this.#shortestBefore);
    const faded = this.#longest - (this.#longest - least) * fading;
    this.#longest = Math.max(faded, Math.min(roundTrip, least + greatestMargin));
    // A few round trips do not show the spread yet.
    const spread = (this.#longest - least) * (1 + 6 / this.#count);
    const wanted = Math.max(leastMargin, Math.min(spread, greatestMargin));
    this.#margin = Math.max(wanted, this.#margin - (this.#margin - wanted) * shrinking);
    // Another margin means new plans for all limits, so it goes down in steps of a tenth.
    if (this.#margin > this.#told || this.#margin < 0.9 * this.#told) this.#told = Math.ceil(this.#margin);
    return this.#told;
  }

  /** The margin, in ms. */
  get margin(): number {
    return this.#told;
  }
}
