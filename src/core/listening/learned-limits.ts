import { putLatest } from '../base/latest.ts';
import type { ServerSignal, SignalBucket } from '../base/server-signal.ts';
import { learnedLimit } from '../limits/learned.ts';
import type { Limit } from '../limits/limit.ts';
import { quota } from '../limits/quota.ts';

/** Windows that differ by no more than this part are the same. */
const rounding = 0.1;

/** The number of keys that are remembered. The oldest is forgotten first, and learned again. */
const keysKept = 10_000;

/** The limits of a key whose server has sent none. */
const unknown: readonly Limit[] = [learnedLimit];

/** The limits of keys whose servers define them. */
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

/** Whether limits are the same apart from rounding: windows that are computed from a reset differ with every answer. */
function areClose(known: readonly Limit[] = [], told: readonly Limit[]): boolean {
  return (
    known.length === told.length &&
    told.every(({ rate, interval }, index) => {
      const old = known[index] as Limit;
      return rate === old.rate && Math.abs(interval / old.interval - 1) <= rounding;
    })
  );
}

/** The quotas that become limits: those of requests with a known number and window. */
function toldBy(buckets: readonly SignalBucket[]): Limit[] {
  const limits: Limit[] = [];
  for (const { limit, window, unit } of buckets) {
    if (unit !== undefined || limit === undefined || window === undefined) continue;
    try {
      limits.push(quota({ limit: Math.floor(limit), interval: window }));
    } catch {
      // A quota of 0, or a window of centuries, cannot be a limit.
    }
  }
  return limits;
}
