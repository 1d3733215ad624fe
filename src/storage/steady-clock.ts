import { type Clock, checkInstant, wholeTicks } from '../core/time/clock.ts';

/**
 * If the wall clock moves by this much against the monotonic one, in ms, it was set. Smaller moves are drift, or
 * processes that share a record read it at different instants.
 */
const jump = 250;

/**
 * The wall clock as one that does not go back while this process lives: if it is set back, the difference is added from
 * then on. If it is set forward, it goes forward, because a machine that slept looks the same.
 */
export class SteadyClock {
  readonly #clock: Clock;
  #wallAhead: number;
  /** How far this clock is ahead of the wall clock now, and was before the wall clock was last set back. */
  #ahead = 0;
  #aheadBefore = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallAhead = clock.now() - clock.monotonic();
  }

  /** How far this clock is ahead of the wall clock, in ms. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Milliseconds since the epoch, in whole ticks, if the wall clock was right at first. */
  now(): number {
    const wall = checkInstant('now', this.#clock.now());
    const wallAhead = wall - this.#clock.monotonic();
    const back = this.#wallAhead - wallAhead;
    this.#wallAhead = wallAhead;
    if (back > jump) {
      this.#aheadBefore = this.#ahead;
      this.#ahead += wholeTicks(back);
    }
    return wholeTicks(wall) + this.#ahead;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** How far this clock is ahead of the wall clock by which a record was written at `seen`. */
  aheadOf(seen: number, now: number): number {
    if (seen + this.#ahead <= now + jump) return this.#ahead;
    // It was written before the wall clock was set back; only a process that lived then knows how long before.
    return Math.min(this.#aheadBefore, now - seen);
  }
}
