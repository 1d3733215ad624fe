import type { Answer } from '../base/store.ts';

/** A change of the bucket, and the promise that waits for it. */
interface Move {
  readonly move: () => Answer<void>;
  readonly tell: (outcome: Promise<void>) => void;
}

/**
 * The changes that wait until no store operation of a lane is in flight.
 *
 * Invariant: moves and the line take turns, so that neither keeps the other from the store.
 */
export class Moves {
  #waiting: Move[] = [];
  /** Whether the bucket was changed since the line asked. */
  #hasMoved = false;
  /** Whether one of the moves must come before the line asks, even out of turn. */
  #isFirst = false;

  /** Adds a move. The promise settles when the move is done and the line has moved on. */
  add(move: () => Answer<void>, isFirst?: boolean): Promise<void> {
    if (isFirst) this.#isFirst = true;
    return new Promise((tell) => {
      this.#waiting.push({ move, tell });
    });
  }

  /** Whether it is the moves' turn. */
  areDue(lineAsks: boolean): boolean {
    return this.#waiting.length > 0 && (this.#isFirst || !(this.#hasMoved && lineAsks));
  }

  /** Notes that the line asks. */
  noteAsked(): void {
    this.#hasMoved = false;
  }

  /**
   * Makes all moves.
   * @param before what comes before them, even if it fails
   * @returns when they are done, a function that settles their promises
   */
  async make(before: () => Answer<void> | undefined): Promise<() => void> {
    const moves = this.#waiting;
    this.#waiting = [];
    this.#hasMoved = true;
    this.#isFirst = false;
    try {
      await before();
    } catch {
      // Nothing can be done about it here.
    }
    const outcomes = moves.map(async ({ move }) => move());
    await Promise.allSettled(outcomes);
    return () => {
      for (const [index, { tell }] of moves.entries()) tell(outcomes[index] as Promise<void>);
    };
  }
}
