import type { Receipt, TakeAnswer, TakeRequest } from '../base/store.ts';
import type { Plan } from '../limits/plan.ts';
import type { Waiter } from '../line/waiting-room.ts';
import { tick } from '../time/clock.ts';

/** The most calls that one store operation carries. */
const mostPerPass = 512;

/** Finds out how many calls to request at once: each call beyond those that go costs a useless promise. */
export class Batch {
  /** 0 while nothing is known. */
  #size = 0;

  /** How many calls the next operation carries. */
  sizeFor({ mostAtOnce }: Plan): number {
    return Math.min(this.#size || mostAtOnce + 1, mostPerPass);
  }

  noteAnswer(granted: number, asked: number): void {
    this.#size = granted < asked ? 2 : asked * 4;
  }

  forget(): void {
    this.#size = 0;
  }
}

/** How a lane requests grants for its callers. */
interface Terms {
  readonly plan: Plan;
  readonly now: number;
  /** Whether the first call that does not conform now gets a slot. */
  readonly reserves: boolean;
  /** A reservation that is due, and by how much it was missed, in ms. */
  readonly instead: Receipt | undefined;
  readonly missedBy: number;
  /** How late a call may leave after its slot, in ms. */
  readonly lateness: number;
  /** How long the latest answer of the store took, in ms. */
  readonly answerTook: number;
}

/** The request of a lane to its store. */
export function requestFor(callers: readonly Waiter[], terms: Terms): TakeRequest {
  const { plan, now, reserves, instead, missedBy, lateness, answerTook } = terms;
  const longest = callers.reduce((most, { ends }) => Math.max(most, (ends?.deadline ?? Infinity) - now), 0);
  // Rounded up, so that a wait of exactly maxWait fits for any fraction of the clock.
  const ahead = reserves ? Math.ceil(longest / tick) * tick : 0;
  const waited = callers.reduce((least, { since }) => Math.min(least, now - since), Infinity);
  const late = Math.min(lateness, Math.max(missedBy, Math.min(waited, lateness - answerTook), 0));
  return { plan, costs: callers.map(({ cost }) => cost), ahead, instead, late };
}

/** The answer to an empty line. */
export const nothing: TakeAnswer = { now: 0, granted: [], reserved: undefined, wait: 0 };
