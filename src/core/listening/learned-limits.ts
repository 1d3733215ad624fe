import { putLatest } from '../base/latest.ts';
import { type ServerSignal, type SignalBucket, sameInstant } from '../base/server-signal.ts';
import type { Limit } from '../limits/limit.ts';
import { quota } from '../limits/quota.ts';

/** Windows that differ by no more than this part are the same. */
const rounding = 0.1;

/** So many keys are remembered; the one that was learned first is forgotten first, and learned anew. */
const keysKept = 10_000;

interface Learned {
  readonly limits: readonly Limit[];
  /** When the window ends that they were reckoned from, in ms since the epoch; undefined if the server told the limits. */
  readonly until: number | undefined;
}

/** The limits of keys that were left to their servers. */
export class LearnedLimits {
  readonly #learned = new Map<string, Learned>();

  /** The limits of a key; undefined if they are not known. The same object as long as they stay the same. */
  of(key: string): readonly Limit[] | undefined {
    return this.#learned.get(key)?.limits;
  }

  /**
   * Learns from an answer: quotas with a window become limits; without, what is left is spread until there is more.
   * @param now ms since the epoch
   * @returns whether the limits of the key have changed
   */
  learn(key: string, signal: ServerSignal, now: number): boolean {
    const known = this.#learned.get(key);
    const told = toldBy(signal.buckets);
    if (told.length > 0) {
      if (known?.until === undefined && areClose(known?.limits, told)) return false;
      putLatest(this.#learned, key, { limits: told, until: undefined }, keysKept);
      return true;
    }
    const { remaining = 0, resetAt = now, unit } = signal;
    if (unit !== undefined || remaining < 1 || resetAt <= now) return false;
    if (known !== undefined && (known.until === undefined || resetAt - known.until <= sameInstant)) return false;
    const burst = Math.max(1, Math.floor(remaining / 10));
    const limits = [{ rate: remaining, interval: resetAt - now, burst }];
    putLatest(this.#learned, key, { limits, until: resetAt }, keysKept);
    return true;
  }
}

/** Whether limits are the same but for what servers round: windows that are reckoned from a reset differ with every answer. */
function areClose(known: readonly Limit[] = [], told: readonly Limit[]): boolean {
  return (
    known.length === told.length &&
    told.every(({ rate, interval }, index) => {
      const old = known[index] as Limit;
      return rate === old.rate && Math.abs(interval / old.interval - 1) <= rounding;
    })
  );
}

/** The limits among quotas: those of requests whose number and window are known. */
function toldBy(buckets: readonly SignalBucket[]): Limit[] {
  const limits: Limit[] = [];
  for (const { limit, window, unit } of buckets) {
    if (unit !== undefined || limit === undefined || window === undefined) continue;
    try {
      limits.push(quota({ limit: Math.floor(limit), interval: window }));
    } catch {
      // A quota of nothing, or a window of centuries, is no limit to keep.
    }
  }
  return limits;
}
