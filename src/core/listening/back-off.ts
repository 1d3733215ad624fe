/** The pause after a refusal that names no time: at first, and at most after many in a row, in ms. */
const firstBackOff = 1_000;
const longestBackOff = 60_000;

/** After this time, in ms, a refusal matters no more to the next one. */
const refusalsMatter = 600_000;

/**
 * Counts the calls of one key that were refused one after the other, and says how long to pause where the server does not.
 *
 * Invariant: of calls that were on their way together one refusal counts.
 */
export class BackOff {
  #refusals = 0;
  /** When the latest of them was refused, on the monotonic clock. */
  #refusedAt = -Infinity;

  /**
   * Notes a refusal.
   * @param left when the call left
   * @returns whether it is the first in a row
   */
  noteRefusal(left: number, now: number): boolean {
    if (left < this.#refusedAt) return false;
    this.#refusedAt = now;
    return ++this.#refusals === 1;
  }

  /** Notes that the server took a call that left at `left`. */
  noteAnswer(left: number): void {
    if (left >= this.#refusedAt) this.#refusals = 0;
  }

  /** Whether the refusals matter no more. */
  isOver(now: number): boolean {
    return this.#refusals === 0 || this.#refusedAt <= now - refusalsMatter;
  }

  /** How long to pause, in ms: doubled with each refusal, and spread, so that not all come back at once. */
  pause(least: number = firstBackOff): number {
    const first = Math.max(firstBackOff, least);
    const doubled = first * 2 ** Math.min(this.#refusals - 1, 16);
    return Math.min(doubled, Math.max(first, longestBackOff)) * (1 + Math.random() / 10);
  }
}
