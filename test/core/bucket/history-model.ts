import type { Limit } from 'sluice';

/** A seeded source of random numbers (mulberry32): the same seed tells the same story. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `from` to `to`. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.whole(0, values.length - 1)] as T;
  }
}

/** A leaky bucket by the book, that fills with each call and leaks in between. It only says what went wrong. */
export class LeakyModel {
  readonly #step: number;
  readonly #burst: number;
  #level = 0;
  #last = 0;

  constructor({ rate, interval, burst = 1 }: Limit) {
    this.#step = interval / rate;
    this.#burst = burst;
  }

  /** How full it is at an instant not before the last one, in calls. */
  levelAt(at: number): number {
    return Math.max(0, this.#level - (at - this.#last) / this.#step);
  }

  /** How many calls are too many if `cost` more come at `at`; 0 if it conforms. Counts them. */
  add(at: number, cost: number): number {
    this.#level = this.levelAt(at) + cost;
    this.#last = at;
    return Math.max(0, this.#level - this.#burst - 1e-6);
  }

  /** Whether a call of `cost` would conform at `at`. */
  conforms(at: number, cost: number): boolean {
    return this.levelAt(at) + cost <= this.#burst + 1e-6;
  }

  reset(): void {
    this.#level = 0;
  }
}

/** One call of a history, as the test keeps book of it. */
export interface Call {
  readonly name: string;
  /** Which lane it waits in. */
  readonly lane: number;
  readonly cost: number;
  readonly priority: number;
  readonly arrival: number;
  readonly arrivedAt: number;
  readonly maxWait: number;
  readonly abort: ((reason: unknown) => void) | undefined;
  readonly isRun: boolean;
  abortedAt: number | undefined;
  abortReason: unknown;
  /** How it ended: granted, or rejected with an error. */
  end: { readonly granted: boolean; readonly at: number; readonly error?: unknown } | undefined;
  times: number;
}

/** Whether call `a` should go before call `b` of the same lane. */
export const goesBefore = (a: Call, b: Call): boolean =>
  a.priority > b.priority || (a.priority === b.priority && a.arrival < b.arrival);

/** Finds a call that was granted before one that should have gone first and was there; undefined if there is none. */
export function outOfOrder(granted: readonly Call[], calls: readonly Call[], strict: boolean): string | undefined {
  for (const call of granted) {
    const { at } = call.end as { at: number };
    const passed = calls.find(
      (other) =>
        other.lane === call.lane &&
        (strict || other.priority === call.priority) &&
        goesBefore(other, call) &&
        (other.arrivedAt < at || other.arrival < call.arrival) &&
        (other.end === undefined || other.end.at > at),
    );
    if (passed !== undefined) return `${call.name} went at ${at} before ${passed.name}`;
  }
  return undefined;
}
