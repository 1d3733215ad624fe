/** A pause elsewhere that is shorter than this, in ms, does not matter: the slot comes after it. */
export const leastPause = 10;

/** How early a lane polls at most whose store cannot notify it, in ms before its slot. */
const earliestLook = 50;

/** How long a lane sleeps before it looks again whether the key was paused elsewhere, in ms. */
const lookAgainAfter = 1000;

/**
 * When a lane looks into its store for what others did.
 *
 * Invariant: a lane that waits looks at least once a second, and just before its slot where the store cannot notify it.
 */
export class Looks {
  /** When it looked for the last time, on the monotonic clock. */
  #at = 0;

  note(now: number): void {
    this.#at = now;
  }

  /** Makes the lane look at once, because others have changed the bucket. */
  forget(): void {
    this.#at = -Infinity;
  }

  /** Whether a long pause has passed without a look. */
  areStale(now: number): boolean {
    return now - this.#at > 2 * lookAgainAfter;
  }

  /**
   * When to look again while the lane waits for a slot at `due`.
   * @param hears whether the store notifies
   * @param answerTook how long its latest answer took, in ms
   */
  nextBefore(due: number, hears: boolean, answerTook: number): number {
    const before = due - Math.min(earliestLook, 2 + 4 * answerTook);
    const isDeaf = !hears && this.#at < before && answerTook > 0;
    return Math.min(this.#at + lookAgainAfter, isDeaf ? before : Infinity);
  }
}
