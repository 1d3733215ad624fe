import { type Clock, checkInstant, wholeTicks } from '../core/time/clock.ts';

/**
 * A wall clock that moves by so much against the monotonic one was set, in ms; by less it drifts, or the processes that share a
 * record read it at different instants.
 */
const jump = 250;

/**
 * The wall clock as one that does not go back while this process lives: what it is set back by is added from then on. Set
 * forward it goes forward, since a machine that slept looks the same.
 */
export class SteadyClock {
  readonly #clock: Clock;
  #wallAhead: number;
  /** How far this clock is ahead of the wall clock now, and was before that was set back for the last time. */
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
    // It was written before the wall clock was set back; how long before, only a process that lived then can tell.
    return Math.min(this.#aheadBefore, now - seen);
  }
}
