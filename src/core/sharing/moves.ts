import type { Answer, TakeAnswer } from '../base/store.ts';

/** What is to move the bucket, and who waits for it. */
interface Move {
  readonly move: () => Answer<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
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
    return new Promise((resolve, reject) => {
      this.#waiting.push({ move, resolve, reject });
    });
  }

  /**
   * Takes calls before the line asks.
   * @param goOn has the line make the moves
   */
  take(take: () => Answer<TakeAnswer>, goOn: () => void): Promise<TakeAnswer> {
    return new Promise((resolve, reject) => {
      this.add(async () => resolve(await take()), true).catch(reject);
      goOn();
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
   * @param before what comes before them
   * @returns when they are made, and what tells those who wait for them
   */
  make(before: () => Promise<unknown>): { readonly moving: Promise<void>; readonly tell: () => void } {
    const moves = this.#waiting;
    this.#waiting = [];
    this.#hasMoved = true;
    this.#isFirst = false;
    const outcomes: (() => void)[] = [];
    const make = async ({ move, resolve, reject }: Move) => {
      try {
        await move();
        outcomes.push(resolve);
      } catch (error) {
        outcomes.push(() => reject(error));
      }
    };
    const makeAll = async () => {
      await before().catch(() => {});
      await Promise.all(moves.map(make));
    };
    const tell = () => {
      for (const outcome of outcomes) outcome();
    };
    return { moving: makeAll(), tell };
  }
}
