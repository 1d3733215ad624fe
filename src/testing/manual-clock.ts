import { checkNumber } from '../core/base/check.ts';
import type { Clock } from '../core/time/clock.ts';

/** Options of `ManualClock`. */
export interface ManualClockOptions {
  /**
   * Where the wall clock starts, in ms since the epoch.
   * @default 1_767_225_600_000 (2026-01-01T00:00:00Z)
   */
  readonly now?: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when told to, for tests and simulations.
 * @example
 * const clock = new ManualClock();
 * const throttle = createThrottle({ limits: { rate: 1, interval: 1000 }, margin: 0, clock });
 * await throttle.wait();
 * const second = throttle.wait();
 * await clock.advance(1000);
 * await second;
 * clock.monotonic() //=> 1000
 */
export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #timers: Timer[] = [];
  #set = 0;

  constructor({ now = 1_767_225_600_000 }: ManualClockOptions = {}) {
    this.#now = checkNumber('now', now, {});
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { at: this.#monotonic + Math.max(0, ms), order: this.#set++, callback };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  /**
   * Lets `ms` pass: fires the timers that are due, each at its time, and lets promises settle before and after each.
   * Await it: time moves after all promises that can settle at the call have settled.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + checkNumber('ms', ms, { from: 0 });
    await settled();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#move(Math.max(0, timer.at - this.#monotonic));
      this.clearTimeout(timer);
      timer.callback();
      await settled();
    }
    this.#move(Math.max(0, end - this.#monotonic));
    await settled();
  }

  /** Sets only the wall clock, forward or back. */
  jump(ms: number): void {
    this.#now += checkNumber('ms', ms, {});
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#now += ms;
  }

  #nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        timer.at <= end &&
        (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order))
      )
        next = timer;
    }
    return next;
  }
}

/**
 * Resolves when all promises that can settle have settled: after a turn of the platform's event loop, if a test can see
 * one.
 */
async function settled(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
  // A faked one, which the clock that fakes it reveals, never calls back by itself.
  if (setImmediate !== undefined && !('clock' in setImmediate)) return new Promise((resolve) => setImmediate(resolve));
  if (typeof MessageChannel !== 'function') {
    // As in jsdom under Jest.
    for (let turn = 0; turn < 1_000; turn++) await undefined;
    return;
  }
  const { port1, port2 } = new MessageChannel();
  await new Promise<void>((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(undefined);
  });
  port1.close();
}
