import type { Clock } from 'sluice';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Where the wall clock of every world starts, in ms since the epoch. */
const epoch = 1_767_225_600_000;

/** A world in which more timers than this ring is in a loop. */
const mostTimers = 400_000;

/**
 * The time of a world. The library's timers come late, as all real ones do; those of the world itself come when they are due.
 * Work outside of virtual time (a real server's answer) holds the clock until it is done.
 */
export class WorldClock implements Clock {
  readonly #lateness: () => number;
  #now = 0;
  /** Latest first. */
  readonly #timers: Timer[] = [];
  #order = 0;
  #rung = 0;
  #outside = 0;
  #whenBack: (() => void) | undefined;

  /** @param lateness how late the next timer of the library comes, in ms */
  constructor(lateness: () => number) {
    this.#lateness = lateness;
  }

  now(): number {
    return epoch + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    return this.exactly(ms + this.#lateness(), callback);
  }

  clearTimeout(handle: unknown): void {
    const index = this.#timers.indexOf(handle as Timer);
    if (index !== -1) this.#timers.splice(index, 1);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Sets a timer that comes when it is due. */
  exactly(ms: number, callback: () => void): unknown {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, callback };
    let low = 0;
    for (let high = this.#timers.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as Timer).at > timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  /** Waits by a timer that comes when it is due. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.exactly(ms, resolve));
  }

  /** Lets virtual time stand still while something outside of it is done. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      if (--this.#outside === 0) this.#whenBack?.();
    }
  }

  /** Lets `ms` go by. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#settled();
    for (let next = this.#timers.at(-1); next !== undefined && next.at <= end; next = this.#timers.at(-1)) {
      if (this.#rung++ > mostTimers) throw new Error(`More than ${mostTimers} timers rang.`);
      this.#timers.pop();
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await this.#settled();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Lets all promises settle that can. */
  async #settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#outside > 0) {
      await new Promise<void>((resolve) => {
        this.#whenBack = resolve;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
