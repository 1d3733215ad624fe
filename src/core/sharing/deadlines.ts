import type { Clock } from '../time/clock.ts';

interface Deadline {
  /** On the monotonic clock, in ms. */
  readonly at: number;
  /** @param late by how much it was missed, in ms */
  miss(late: number): void;
}

/**
 * Deadlines that are hardly ever missed. Each has the same time, and all share one timer, which runs on when a deadline is met:
 * to set a timer and take it back with every step costs a hidden page, whose timers are in a worker, more than the step.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #ms: number;
  /** Those that are not met yet, the earliest first. */
  readonly #open = new Set<Deadline>();
  #timer: unknown;

  /** @param ms the time that each has */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /**
   * Calls `miss` when the time is over, unless the deadline is met before.
   * @returns how to meet it; false if it was met or missed before
   */
  set(miss: (late: number) => void): () => boolean {
    const deadline = { at: this.#clock.monotonic() + this.#ms, miss };
    this.#open.add(deadline);
    this.#timer ??= this.#timerIn(this.#ms);
    keepsNodeOpen(this.#timer, true);
    return () => {
      if (!this.#open.delete(deadline)) return false;
      if (this.#open.size === 0) keepsNodeOpen(this.#timer, false);
      return true;
    };
  }

  /** Lets all open deadlines be missed now. */
  missAll(): void {
    for (const deadline of this.#open) {
      this.#open.delete(deadline);
      deadline.miss(0);
    }
    this.close();
  }

  /** Takes the timer back if no deadline is open. */
  close(): void {
    if (this.#open.size > 0) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #timerIn(ms: number): unknown {
    return this.#clock.setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    const now = this.#clock.monotonic();
    for (const deadline of this.#open) {
      if (deadline.at > now) break;
      this.#open.delete(deadline);
      deadline.miss(now - deadline.at);
    }
    // Only now, as whoever misses one may set another, which is not the first.
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const [first] = this.#open;
    if (first !== undefined) this.#timer = this.#timerIn(first.at - now);
  }
}

/** Whether a timer of Node keeps its process open. */
function keepsNodeOpen(timer: unknown, keeps: boolean): void {
  const { ref, unref } = (timer ?? {}) as { ref?: () => void; unref?: () => void };
  (keeps ? ref : unref)?.call(timer);
}
