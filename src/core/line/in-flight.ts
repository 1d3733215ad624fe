import type { HeldGrant } from '../base/grant.ts';
import type { Bounds } from './bounds.ts';

/** The number of keys from which on those without a call in flight are dropped. */
const keysKept = 1_000;

/** A line that moves on while there are places. */
interface Blocked {
  advance(): void;
}

/**
 * Counts the calls in flight, of each key and all together, and knows how many more may start.
 *
 * Invariant: a held grant carries the count of its key, so its end needs no lookup. Lines that wait for a place held by
 * other keys take turns.
 */
export class InFlight {
  bounds: Bounds;
  /** Calls of all keys. */
  total = 0;
  /** Calls that a store is being asked for, and that will hold a place. */
  asked = 0;
  /** Some of the keys have none now: most keys are called again soon. */
  readonly counts: Map<string, { calls: number }> = new Map();
  #mostKeys = keysKept;
  /** Lines that found all places taken, in that order. */
  readonly #blocked = new Set<Blocked>();

  constructor(bounds: Bounds) {
    this.bounds = bounds;
  }

  /** How many calls of a key are in flight. */
  of(key: string): number {
    return this.counts.get(key)?.calls ?? 0;
  }

  /**
   * How many more calls of a key may be in flight.
   * @param kept how many of its places are kept for calls that its line asks a store for
   */
  free(key: string, kept: number = 0): number {
    const { concurrency, maxInFlight } = this.bounds;
    // Each call asks, and most throttles have neither bound.
    if (concurrency === Infinity && maxInFlight === Infinity) return Infinity;
    return Math.min(this.#left, concurrency - this.of(key) - kept);
  }

  /** How many more calls of all keys may be in flight. */
  get #left(): number {
    return this.bounds.maxInFlight - this.total - this.asked;
  }

  /** Counts a call as in flight. */
  hold(grant: HeldGrant): void {
    const { key } = grant;
    let count = this.counts.get(key);
    if (count === undefined) {
      if (this.counts.size >= this.#mostKeys) this.#dropIdle();
      count = { calls: 0 };
      this.counts.set(key, count);
    }
    count.calls++;
    this.total++;
    grant.inFlight = count;
  }

  /** Gives the place of a call back. */
  leave({ inFlight }: HeldGrant): void {
    if (inFlight === undefined) return;
    inFlight.calls--;
    this.total--;
  }

  /** Notes whether calls wait in a line. If there is no place now, the line moves on when there is one. */
  note(line: Blocked, isWaiting: boolean): void {
    if (isWaiting && this.#left <= 0) this.#blocked.add(line);
    else this.#blocked.delete(line);
  }

  /** Moves on the lines that wait for a place, in turn, as long as there is one. */
  serve(): void {
    for (const line of this.#blocked) {
      if (this.#left <= 0) return;
      // A line that takes the last place and has more calls goes to the end.
      this.#blocked.delete(line);
      line.advance();
    }
  }

  #dropIdle(): void {
    for (const [key, { calls }] of this.counts) if (calls === 0) this.counts.delete(key);
    this.#mostKeys = Math.max(keysKept, 2 * this.counts.size);
  }
}
