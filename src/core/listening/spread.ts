/** The margin of `'auto'` before any round trip was seen, in ms: a first call over a new connection arrives about that late. */
export const firstMargin = 50;

/** The greatest margin of `'auto'`, in ms. What round trips differ by beyond it is the server's work, not the network. */
const greatestMargin = 100;

/** The least margin of `'auto'`, in ms: what a quiet network and a busy event loop may differ by all of a sudden. */
const leastMargin = 8;

/** How much of its distance to the shortest the longest round trip loses with each one that is shorter. */
const fading = 0.01;

/** So many round trips are remembered for the shortest at least, and twice that at most. */
const generation = 500;

/**
 * How much of the way down the margin goes with each round trip. Slowly, because of the calls of one burst those that were
 * quick answer first: for a while they look as if all were.
 */
const shrinking = 0.011;

/**
 * Follows how much calls differ in the time from their slot to their answer, and says what margin keeps those apart that timers and
 * the network bunch up. A call that takes long may have reached the server late, and the next one at once: then they arrive
 * closer together than their slots are, by no more than these times differ.
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
   * Notes one round trip, in ms: from the slot of a call over a connection in use to the first of its answer.
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
    // A few do not show yet how far they spread.
    const spread = (this.#longest - least) * (1 + 6 / this.#count);
    const wanted = Math.max(leastMargin, Math.min(spread, greatestMargin));
    this.#margin = Math.max(wanted, this.#margin - (this.#margin - wanted) * shrinking);
    // All limits are made ready anew for another margin, so it goes down a twentieth at a time.
    if (this.#margin > this.#told || this.#margin < 0.95 * this.#told) this.#told = Math.ceil(this.#margin);
    return this.#told;
  }

  /** The margin, in ms. */
  get margin(): number {
    return this.#told;
  }
}
