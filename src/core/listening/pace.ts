import { putLatest } from '../base/latest.ts';
import type { Plan } from '../limits/plan.ts';

/** How a key that was refused goes on. */
interface Pace {
  /** The part of its limits' rate that it is held to: above 0, at most 1. */
  share: number;
  /** Calls that were answered since the latest refusal. */
  answered: number;
  /** When the latest call went, on the monotonic clock. */
  wentAt: number;
}

/** What a refusal leaves of the rate, and what each answered call gives back of the whole. */
const cut = 0.7;
const gain = 1 / 2_000;
const leastShare = 1 / 50;

/** After so many answered calls a refusal is forgotten: the next one says no more than that somebody was unlucky. */
const remembered = 1_000;

/** So many keys are held to a pace; the one that was refused first is let go first. */
const keysKept = 1_000;

/**
 * Holds keys to less than their limits while somebody else uses their quota too. One refusal is bad luck. After another one that
 * follows within 1,000 answered calls, calls go one by one at seven tenths of the rate, and each answered call gives a little back.
 */
export class Paces {
  readonly #paces = new Map<string, Pace>();

  /** Whether no key at all is held to anything. */
  get isIdle(): boolean {
    return this.#paces.size === 0;
  }

  /** Notes that the server refused calls of a key, once for all that were on their way together. */
  noteRefusal(key: string): void {
    const pace = this.#paces.get(key);
    const share = pace === undefined ? 1 : Math.max(leastShare, pace.share * cut);
    putLatest(this.#paces, key, { share, answered: 0, wentAt: pace?.wentAt ?? -Infinity }, keysKept);
  }

  /** Notes that the server took a call. */
  noteAnswer(key: string): void {
    const pace = this.#paces.get(key);
    if (pace === undefined) return;
    pace.share = Math.min(1, pace.share + gain);
    pace.answered++;
    if (pace.share === 1 && pace.answered >= remembered) this.#paces.delete(key);
  }

  /** Notes that a call goes at `now`. */
  noteGrant(key: string, now: number): void {
    const pace = this.#paces.get(key);
    if (pace !== undefined) pace.wentAt = now;
  }

  /** When the next call of a key may go, on the monotonic clock; undefined if its limits alone say so. */
  nextAt(key: string, plan: Plan): number | undefined {
    const pace = this.#paces.get(key);
    return pace === undefined || pace.share === 1 ? undefined : pace.wentAt + spacing(plan) / pace.share;
  }

  /** Takes a key for one that was never refused. */
  forget(key: string): void {
    this.#paces.delete(key);
  }
}

/** The time between calls of cost 1 on an even schedule, in ms. */
export function spacing({ rules }: Plan): number {
  return Math.max(...rules.map(({ emissionInterval }) => emissionInterval));
}
