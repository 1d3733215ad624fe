import type { Answer } from '../base/store.ts';

/** What is to move the bucket, and who waits for it. */
interface Move {
  readonly move: () => Answer<void>;
  readonly tell: (outcome: Promise<void>) => void;
}

/**
 * What is to move the bucket of one lane as soon as no store operation is in flight.
 *
 * Invariant: moves and the line take turns, so that neither keeps the other from the store.
 */
export class Moves {
  #waiting: Move[] = [];
  /** Whether the bucket was moved since the line asked. */
  #hasMoved = false;
  /** Whether one of the moves is to come before the line asks, whoever's turn it is. */
  #isFirst = false;

  /** Notes a move. The promise settles when it was made and the line has gone on. */
  add(move: () => Answer<void>, isFirst: boolean): Promise<void> {
    this.#isFirst ||= isFirst;
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
   * @param before what comes before them, whether it fails or not
   * @returns when they are made, what tells those who wait for them
   */
  async make(before: () => Answer<void> | undefined): Promise<() => void> {
    const moves = this.#waiting;
    this.#waiting = [];
    this.#hasMoved = true;
    this.#isFirst = false;
    try {
      await before();
    } catch {
      // Nobody here can do anything about it.
    }
    const outcomes = moves.map(async ({ move }) => move());
    await Promise.allSettled(outcomes);
    return () => {
      for (const [index, { tell }] of moves.entries()) tell(outcomes[index] as Promise<void>);
    };
  }
}
