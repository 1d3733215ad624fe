import type { Plan } from '../limits/plan.ts';

/** The pause after a refusal that names no time: at first, and at most after many in a row, in ms. */
const firstBackOff = 1_000;
const longestBackOff = 60_000;

/** More refusals in a row than this are an outage. */
const mostInRow = 3;

/** After this time, in ms, a refusal no longer affects the next pause. */
const refusalsMatter = 600_000;

/**
 * How long a key pauses after a refusal without a time.
 *
 * Invariant: refusals of calls that were in flight together count once.
 */
export class Refusals {
  /** The number of refusals in a row. */
  #inRow = 0;
  /** When the latest of them arrived, on the monotonic clock. */
  #refusedAt = -Infinity;

  /**
   * Notes that the server refused a call that left at `left`.
   * @returns whether it shows that others use the quota: it was the first of those in flight together, and it is no
   *   outage
   */
  noteRefusal(left: number, now: number): boolean {
    if (left < this.#refusedAt) return false;
    this.#refusedAt = now;
    this.#inRow++;
    return this.#inRow <= mostInRow;
  }

  /** Notes that the server accepted a call that left at `left`. */
  noteAnswer(left: number): void {
    if (left >= this.#refusedAt) this.#inRow = 0;
  }

  /** Whether the refusals no longer matter. */
  isOver(now: number): boolean {
    return this.#inRow === 0 || this.#refusedAt <= now - refusalsMatter;
  }

  /**
   * How long to pause, in ms: doubled with each refusal, with a random part, so that sharers do not come back together.
   */
  pause(least: number = firstBackOff): number {
    const first = Math.max(firstBackOff, least);
    const doubled = first * 2 ** (this.#inRow - 1);
    return Math.min(doubled, Math.max(first, longestBackOff)) * (1 + Math.random() / 10);
  }
}

/** The time between calls of cost 1 on an even schedule, in ms. */
export function spacing({ rules }: Plan): number {
  return Math.max(...rules.map(({ emissionInterval }) => emissionInterval));
}
