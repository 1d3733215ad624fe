import type { Clock } from '../time/clock.ts';

interface Deadline {
  /** On the monotonic clock, in ms. */
  readonly at: number;
  /** @param late by how much it was missed, in ms */
  miss(late: number): void;
}

/**
 * Deadlines that are hardly ever missed. Each has the same length, and all share one timer, which keeps running when a
 * deadline is met. In a hidden page, with its timers in a worker, setting and clearing a timer costs more than the step
 * itself.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #ms: number;
  /** The open ones, the earliest first. */
  readonly #open = new Set<Deadline>();
  #timer: unknown;

  /** @param ms the length of each */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /**
   * Calls `miss` when the time is over, unless the deadline is met before.
   * @returns a function that meets it; it returns false if the deadline was met or missed before
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

  /** Makes all open deadlines missed now. */
  missAll(): void {
    for (const deadline of this.#open) {
      this.#open.delete(deadline);
      deadline.miss(0);
    }
    this.close();
  }

  /** Clears the timer if no deadline is open. */
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
    // Only now, because a missed deadline may set another, which is not the first.
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const [first] = this.#open;
    if (first !== undefined) this.#timer = this.#timerIn(first.at - now);
  }
}

/** Whether a Node timer keeps its process open. */
function keepsNodeOpen(timer: unknown, keeps: boolean): void {
  const { ref, unref } = (timer ?? {}) as { ref?: () => void; unref?: () => void };
  (keeps ? ref : unref)?.call(timer);
}
