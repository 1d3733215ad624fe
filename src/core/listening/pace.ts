import type { Plan } from '../limits/plan.ts';

/** What a refusal leaves of the rate, and what each answered call gives back of the whole. */
const cut = 0.7;
const gain = 1 / 2_000;
const leastShare = 1 / 50;

/** After so many answered calls a refusal is forgotten: the next one says no more than that somebody was unlucky. */
const remembered = 1_000;

/**
 * How a key that was refused goes on while somebody else uses its quota too. One refusal is bad luck. After another one that follows
 * within 1,000 answered calls, calls go one by one at seven tenths of the rate, and each answered call gives a little back.
 *
 * Invariant: the share of the rate is above 0 and at most 1; at 1 the limits alone say when calls go.
 */
export class Pace {
  #share = 1;
  /** Calls that were answered since the latest refusal. */
  #answered = 0;
  /** When the latest call went, on the monotonic clock. */
  #wentAt = -Infinity;

  /** Whether nothing is left to remember. */
  get isOver(): boolean {
    return this.#share === 1 && this.#answered >= remembered;
  }

  /** Whether calls go one by one. */
  get holds(): boolean {
    return this.#share < 1;
  }

  /** Notes another refusal, once for all calls that were on their way together. */
  noteRefusal(): void {
    this.#share = Math.max(leastShare, this.#share * cut);
    this.#answered = 0;
  }

  /** Notes that the server took a call. */
  noteAnswer(): void {
    this.#share = Math.min(1, this.#share + gain);
    this.#answered++;
  }

  /** Notes that a call goes at `now`. */
  noteGrant(now: number): void {
    this.#wentAt = now;
  }

  /** When the next call may go, on the monotonic clock. */
  nextAt(plan: Plan): number {
    return this.#wentAt + spacing(plan) / this.#share;
  }
}

/** The time between calls of cost 1 on an even schedule, in ms. */
export function spacing({ rules }: Plan): number {
  return Math.max(...rules.map(({ emissionInterval }) => emissionInterval));
}
