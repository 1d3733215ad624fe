import type { Plan } from '../limits/plan.ts';

/** The pause after a refusal that names no time: at first, and at most after many in a row, in ms. */
const firstBackOff = 1_000;
const longestBackOff = 60_000;

/** After this time, in ms, a refusal matters no more to the pause after the next one. */
const refusalsMatter = 600_000;

/** What a refusal leaves of the rate, and what each answered call gives back of the whole. */
const cut = 0.7;
const gain = 1 / 2_000;
const leastShare = 1 / 50;

/** After so many answered calls a refusal is forgotten: the next one says no more than that somebody was unlucky. */
const remembered = 1_000;

/**
 * What refusals mean for how a key goes on: how long it pauses where the server does not say, and at what pace it goes while
 * somebody else uses its quota too. One refusal is bad luck. After another one that follows within 1,000 answered calls, calls go one
 * by one at seven tenths of the rate, and each answered call gives a little back.
 *
 * Invariant: of calls that were on their way together one refusal counts. The share of the rate is above 0 and at most 1; at 1 the
 * limits alone say when calls go.
 */
export class Refusals {
  /** Calls that were refused one after the other. */
  #inRow = 0;
  /** When the latest of them was refused, on the monotonic clock. */
  #refusedAt = -Infinity;
  #share = 1;
  /** Calls that were answered since the latest refusal. */
  #answered = remembered;
  /** When the latest call went, on the monotonic clock, and how long after it the next one may go by its limits, in ms. */
  #wentAt = -Infinity;
  #spacing = 0;

  /** Whether calls go one by one, at less than the whole rate. */
  get holds(): boolean {
    return this.#share < 1;
  }

  /** Notes that the server refused a call that left at `left`. */
  noteRefusal(left: number, now: number): void {
    if (left < this.#refusedAt) return;
    this.#refusedAt = now;
    this.#inRow++;
    if (this.#inRow > 1) return;
    if (this.holds || this.#answered < remembered) this.#share = Math.max(leastShare, this.#share * cut);
    this.#answered = 0;
  }

  /** Notes that the server took a call that left at `left`. */
  noteAnswer(left: number): void {
    if (left >= this.#refusedAt) this.#inRow = 0;
    this.#share = Math.min(1, this.#share + gain);
    this.#answered++;
  }

  /** Notes that a call goes at `now`. */
  noteGrant(now: number, plan: Plan): void {
    this.#wentAt = now;
    this.#spacing = spacing(plan);
  }

  /** Whether the refusals matter no more. */
  isOver(now: number): boolean {
    return this.#inRow === 0 || this.#refusedAt <= now - refusalsMatter;
  }

  /** How long to pause, in ms: doubled with each refusal, and spread, so that not all come back at once. */
  pause(least: number = firstBackOff): number {
    const first = Math.max(firstBackOff, least);
    const doubled = first * 2 ** Math.min(this.#inRow - 1, 16);
    return Math.min(doubled, Math.max(first, longestBackOff)) * (1 + Math.random() / 10);
  }

  /** When the next call may go at the pace that the key is held to, on the monotonic clock; -Infinity if it is held to none. */
  get nextAt(): number {
    return this.holds ? this.#wentAt + this.#spacing / this.#share : -Infinity;
  }
}

/** The time between calls of cost 1 on an even schedule, in ms. */
export function spacing({ rules }: Plan): number {
  return Math.max(...rules.map(({ emissionInterval }) => emissionInterval));
}
