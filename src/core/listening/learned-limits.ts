import { putLatest } from '../base/latest.ts';
import type { ServerSignal, SignalBucket } from '../base/server-signal.ts';
import { learnedLimit } from '../limits/learned.ts';
import type { Limit } from '../limits/limit.ts';
import { quota } from '../limits/quota.ts';

/** Windows that differ by no more than this part are the same. */
const rounding = 0.1;

/** So many keys are remembered; the one that was learned first is forgotten first, and learned anew. */
const keysKept = 10_000;

/** What a key keeps whose server has told nothing. */
const unknown: readonly Limit[] = [learnedLimit];

/** The limits of keys that were left to their servers. */
export class LearnedLimits {
  readonly #learned = new Map<string, readonly Limit[]>();

  /** The limits of a key. The same object as long as they stay the same. */
  of(key: string): readonly Limit[] {
    return this.#learned.get(key) ?? unknown;
  }

  /**
   * Learns from an answer: quotas with a window become limits.
   * @returns whether the limits of the key have changed
   */
  learn(key: string, { buckets }: ServerSignal): boolean {
    const told = toldBy(buckets);
    if (told.length === 0 || areClose(this.#learned.get(key), told)) return false;
    putLatest(this.#learned, key, told, keysKept);
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
