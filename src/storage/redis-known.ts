import { copyOfState } from '../core/bucket/bucket.ts';
import { type Cost, costIn } from '../core/limits/cost.ts';
import type { LimitState } from '../core/limits/kind.ts';
import { longAgo } from '../core/limits/limit.ts';
import type { Pace } from '../core/limits/pace.ts';
import { type Plan, samePlan } from '../core/limits/plan.ts';
import { limitsText, pairsOf, type Told } from './redis-message.ts';
import { storedWindows } from './stored-limits.ts';

/**
 * The state of a bucket that this process saw last; for windows, its own grants. Instants are on the server's clock.
 */
interface Known {
  readonly told: Told;
  readonly plan: Plan;
  /** Of each limit; a tat if it is not a window. */
  readonly states: readonly LimitState[];
  /** When it was seen, on the monotonic clock of this process. */
  readonly at: number;
}

/** If a server's clock is behind by more than this, in ms, it was set back, or is another server's. */
const jump = 250;
/** A bucket is forgotten after this time at rest, in ms. */
const restBeforeForgetting = 60_000;
/** The number of buckets that each operation checks: more than one operation can add. */
const looksPerOperation = 2;

/** What this process knows. A server that lost its data never makes a bucket emptier than that. */
export class KnownBuckets {
  readonly #known = new Map<string, Known>();
  #walk: Iterator<[string, Known]> | undefined;

  /** The latest write of a key that was seen, for the script. Empty if nothing is known. */
  mark(key: string): string {
    const told = this.#known.get(key)?.told;
    return told === undefined ? '' : `${told.birth},${told.seq},${told.rests}`;
  }

  /** Everything known about a key as a record, for a server whose clock shows `now`. Undefined if nothing is known. */
  record(key: string, now: number, monotonic: number): string | undefined {
    const known = this.#known.get(key);
    if (known === undefined) return undefined;
    const { told, plan, states, at } = known;
    const back = now - (told.now + monotonic - at);
    const ms = back < -jump ? back : 0;
    const later = (instant: number) => (instant === longAgo ? longAgo : instant + ms);
    const { birth, seq, rests, gate, latest, moved: slotsMoved, hasOwn, tats, refunds, pools, pace } = told;
    const limits = limitsText(plan.limits);
    const windows = storedWindows(plan, states)?.map(
      (window) => window && { ...window, times: window.times.map(later), free: later(window.free) },
    );
    return JSON.stringify([
      1,
      birth,
      seq,
      now,
      later(rests),
      later(gate),
      later(latest),
      longAgo,
      slotsMoved,
      limits,
      hasOwn && limits,
      tats.map(later),
      windows?.map((window) => window ?? false) ?? false,
      false,
      refunds ?? false,
      pools !== 0 && pairsOf(pools).map(([left, until]) => [left, later(until)]),
      false,
      pace !== 0 && paceOf(pace, later),
    ]);
  }

  /**
   * Notes the state of a bucket.
   * @param plan the limits that it keeps
   * @param granted slots and costs of the calls that this process was granted just now
   */
  learn(
    key: string,
    told: Told,
    plan: Plan,
    monotonic: number,
    granted: readonly { slot: number; cost: Cost }[] = [],
  ): void {
    if (told.seq === 0) return;
    const before = this.#known.get(key);
    const states = plan.leaky ? [] : statesOf(before, plan);
    for (const { slot, cost } of plan.leaky ? [] : granted) note(states, plan, slot, cost);
    if (before !== undefined && before.told.birth === told.birth && before.told.seq > told.seq) return;
    this.#known.set(key, { told, plan, states, at: monotonic });
  }

  /** Checks the next few buckets and forgets those long at rest. */
  forget(monotonic: number): void {
    for (let look = 0; look < looksPerOperation; look++) {
      this.#walk ??= this.#known.entries();
      const { done, value } = this.#walk.next();
      if (done) {
        this.#walk = undefined;
        return;
      }
      const [key, { told, at }] = value;
      if (told.rests <= told.now + monotonic - at - restBeforeForgetting) this.#known.delete(key);
    }
  }
}

/** The same pace on another clock. */
function paceOf(told: readonly number[], later: (instant: number) => number): Pace {
  const [most, span, since, calls, from, tat] = told as [number, number, number, number, number, number];
  return { most, span, since: later(since), calls, from: later(from), tat: later(tat) };
}

/** The windows known under these limits, with any margin; otherwise none. */
function statesOf(before: Known | undefined, plan: Plan): LimitState[] {
  const known = before !== undefined && samePlan(before.plan, plan) ? before.states : plan.atRest;
  return known.map(copyOfState);
}

/** Counts a call of cost 0 that turned out to cost something, because answers may overtake each other. */
function note(states: LimitState[], plan: Plan, slot: number, cost: Cost): void {
  for (const [index, rule] of plan.rules.entries()) {
    const call = { slot, calls: 0, before: longAgo, after: longAgo, refunded: 0 };
    const more = costIn(rule, cost);
    if (more > 0)
      states[index] = rule.kind.charge(rule, states[index] as LimitState, call, more, rule.emissionInterval, slot);
  }
}
