// The slow and obvious side of the property tests. It shares nothing with src: what it says comes from the definitions alone.

/** A call that was granted: when it goes, and what it counts as. */
export interface Going {
  readonly at: number;
  readonly cost: number;
}

/** Costs are multiples of a sixteenth; sums of shares of them may be off by less than this. */
const hair = 1e-9;

/**
 * Looks at every span from one call to another and says in which more went than `allowed`.
 * @param allowed the most that may go in a span of this many ms, both of its ends included
 * @returns what is wrong; undefined if nothing is
 */
export function crowdedSpan(calls: readonly Going[], allowed: (span: number) => number): string | undefined {
  const sorted = [...calls].sort((a, b) => a.at - b.at);
  for (const [first, { at: from }] of sorted.entries()) {
    let cost = 0;
    for (const [index, call] of sorted.entries()) {
      if (index < first) continue;
      cost += call.cost;
      // Calls of one instant are one step.
      if (sorted[index + 1]?.at === call.at) continue;
      const most = allowed(call.at - from);
      if (cost > most + hair) return `${cost} calls from ${from} to ${call.at}, at most ${most} may go`;
    }
  }
  return undefined;
}

/** As `crowdedSpan`, for spans that end with the last of the calls only. */
export function crowdedBefore(calls: readonly Going[], last: Going, allowed: (span: number) => number) {
  const before = calls.filter(({ at }) => at <= last.at);
  for (const { at: from } of before) {
    const cost = before.reduce((sum, call) => (call.at >= from ? sum + call.cost : sum), 0);
    const most = allowed(last.at - from);
    if (cost > most + hair) return `${cost} calls from ${from} to ${last.at}, at most ${most} may go`;
  }
  return undefined;
}

/**
 * The most that a leaky bucket may let go in a span, its ends included. A half-open window of `window` ms holds spans up to
 * just below it, and so at most `burst - 1 + ceil(window / emissionInterval)` whole calls.
 */
export const bucketAllows =
  (burst: number, emissionInterval: number) =>
  (span: number): number =>
    burst + span / emissionInterval;

/** The most that may go in a span if no half-open window of `length` ms may hold more than `limit`. */
export const windowAllows =
  (limit: number, length: number) =>
  (span: number): number =>
    span < length ? limit : Infinity;

/** A bucket with a hole in its bottom. Its water is measured in the ms that it takes to run out, which keeps sums exact. */
export class SlowBucket {
  readonly #burst: number;
  readonly #emissionInterval: number;
  #water = 0;
  #at = -Infinity;

  constructor(burst: number, emissionInterval: number) {
    this.#burst = burst;
    this.#emissionInterval = emissionInterval;
  }

  #levelAt(instant: number): number {
    return Math.max(0, this.#water - (instant - this.#at));
  }

  /** The first instant from `now` on at which a call of `cost` fits in. */
  allowAt(cost: number, now: number): number {
    if (cost === 0) return now;
    // What is reserved was poured in ahead of its time: until then nothing runs out that counts.
    const from = Math.max(now, this.#at);
    const over = this.#levelAt(from) + (cost - this.#burst) * this.#emissionInterval;
    return Math.max(now, from + over);
  }

  pour(cost: number, at: number): void {
    if (cost === 0) return;
    const level = this.#at <= at ? this.#levelAt(at) : this.#water + this.#at - at;
    this.#water = level + cost * this.#emissionInterval;
    this.#at = at;
  }
}

/** A window by the definition: a log of all calls, and a look at every window. Calls go in order. */
export class SlowWindow {
  readonly #limit: number;
  readonly #length: number;
  readonly #calls: Going[] = [];

  constructor(limit: number, length: number) {
    this.#limit = limit;
    this.#length = length;
  }

  /** Whether every window that a call at `at` falls into has room for it. */
  #fits(cost: number, at: number): boolean {
    const starts = [at, ...this.#calls.map((call) => call.at)].filter((from) => from > at - this.#length && from <= at);
    return starts.every((from) => {
      const inside = this.#calls.filter((call) => call.at >= from && call.at < from + this.#length);
      return inside.reduce((sum, call) => sum + call.cost, cost) <= this.#limit + hair;
    });
  }

  /** The first instant from `now` on, not before the latest call, at which a call of `cost` may go. */
  allowAt(cost: number, now: number): number {
    if (cost === 0) return now;
    const from = this.#calls.reduce((latest, call) => Math.max(latest, call.at), now);
    const later = this.#calls.map((call) => call.at + this.#length).filter((at) => at > from);
    const instants = [from, ...later.sort((a, b) => a - b)];
    return instants.find((at) => this.#fits(cost, at)) as number;
  }

  pour(cost: number, at: number): void {
    if (cost > 0) this.#calls.push({ at, cost });
  }
}
