import { type Cost, costIn } from '../limits/cost.ts';
import { longAgo, type Plan, planOf, type Rule, samePlan } from '../limits/limit.ts';
import { addMark, emptyWindow, type Window, windowAllowAt } from '../limits/window.ts';
import { change, grantInPast, type Past, pastAllowsAt } from './change.ts';
import { grantInPools, type Pool, poolsAllowAt } from './pool.ts';

/** All that was reserved for later than `after` became `ms` later. */
export interface SlotMove {
  readonly after: number;
  readonly ms: number;
}

/** Where one key stands. All instants are in ms on the clock of its store. */
export interface Bucket {
  /** Limits that were put on this key alone; undefined if it keeps those it is asked with. */
  own: Plan | undefined;
  /** The limits that `tats` and `windows` belong to, in order. */
  plan: Plan;
  /** Before this instant nothing may go, because the server said so. */
  gate: number;
  /** Per limit the theoretical arrival time; of a sliding window, the latest mark. */
  tats: number[];
  /** Per limit its window, where it has one. Undefined if none has. */
  windows: (Window | undefined)[] | undefined;
  /** Per limit the calls from before and since it changed, as long as they matter to the limits before. Undefined if none changed. */
  past: (Past | undefined)[] | undefined;
  /** What the server says is left, in the order in which it ends; undefined if it said nothing that still holds. */
  pools: Pool[] | undefined;
  /** The latest instant that was reserved ahead of its time. */
  latest: number;
  /** The latest slot that was reserved by a caller who goes then, whatever becomes later; long ago if there is none. */
  fixed: number;
  /** How much later reserved slots have become, in ms, all moves together. A receipt that has seen less is of a slot before them. */
  moved: number;
  /** The latest of those moves, the oldest first; undefined if there was none of late. */
  moves: SlotMove[] | undefined;
  /**
   * Per limit how much its tat went down, in ms, all refunds together; undefined if it never did. A receipt that has seen less
   * is older than the refund. What ends the worth of all receipts raises this past them.
   */
  refunds: number[] | undefined;
}

/** Makes a bucket at rest. */
export function newBucket(plan: Plan): Bucket {
  return {
    // What every call looks at stands together.
    plan,
    gate: longAgo,
    tats: plan.atRest.slice(),
    past: undefined,
    pools: undefined,
    refunds: undefined,
    own: undefined,
    windows: plan.leaky ? undefined : plan.rules.map((rule) => (rule.window === 0 ? undefined : emptyWindow())),
    latest: longAgo,
    fixed: longAgo,
    moved: 0,
    moves: undefined,
  };
}

/**
 * Says when a call conforms to every limit and the gate: an instant not before `from`; Infinity for never, when the cost is
 * above a burst. Changes nothing.
 * @param now the instant by which the gate is judged
 */
export function conformsAt(bucket: Bucket, cost: Cost, from: number, now: number = from): number {
  const { rules } = bucket.plan;
  let at = bucket.gate > now ? bucket.gate : from;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as Rule;
    const calls = typeof cost === 'number' ? cost : costIn(rule, cost);
    if (calls > rule.burst) return Infinity;
    if (calls === 0) continue;
    const allowAt =
      rule.window === 0
        ? sum(bucket.tats[index] as number, charge(rule, calls) - rule.emissionInterval - rule.tolerance)
        : windowAllowAt(bucket.windows?.[index] as Window, rule.window, rule.burst, calls);
    if (allowAt > at) at = allowAt;
  }
  if (bucket.past !== undefined) at = pastAllowsAt(bucket.past, rules, cost, at);
  return bucket.pools === undefined ? at : poolsAllowAt(bucket.pools, cost, at);
}

/** Notes a call that goes at `at`, an instant that `conformsAt` gave, in every limit. */
export function grantAt(bucket: Bucket, cost: Cost, at: number, now: number): void {
  const { rules } = bucket.plan;
  const { tats } = bucket;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as Rule;
    const calls = typeof cost === 'number' ? cost : costIn(rule, cost);
    if (calls === 0) continue;
    if (rule.window === 0) {
      const tat = tats[index] as number;
      tats[index] = sum(tat > at ? tat : at, charge(rule, calls));
    } else {
      addMark(bucket.windows?.[index] as Window, rule.window, rule.burst, calls, at, now);
      tats[index] = at;
    }
  }
  if (at > now && at > bucket.latest) bucket.latest = at;
  if (bucket.past !== undefined) bucket.past = grantInPast(bucket.past, rules, cost, at, now);
  if (bucket.pools !== undefined) bucket.pools = grantInPools(bucket.pools, cost, at, now);
}

/**
 * Grants a call of cost 1 if it may go at `now`, and tells whether it did. The same as `conformsAt` and `grantAt`, with the
 * case of most throttles, one leaky bucket, written out.
 */
export function grantNow(bucket: Bucket, now: number): boolean {
  const { only } = bucket.plan;
  if (only === undefined || bucket.past !== undefined || bucket.pools !== undefined) {
    if (conformsAt(bucket, 1, now) > now) return false;
    grantAt(bucket, 1, now, now);
    return true;
  }
  const tat = bucket.tats[0] as number;
  // In this sense, so that a clock without a number grants nothing.
  if (!(bucket.gate <= now && tat - only.tolerance <= now)) return false;
  bucket.tats[0] = (tat > now ? tat : now) + only.emissionInterval;
  return true;
}

/** How far one call moves the tat on, in ms: rounded up where a fraction of a call would not be exact. */
export function charge(rule: Rule, calls: number): number {
  if (calls === 1) return rule.emissionInterval;
  if (Number.isInteger(calls)) return calls * rule.emissionInterval;
  return Math.min(Math.ceil(calls * rule.emissionInterval * 2048) / 2048, Math.ceil(calls) * rule.emissionInterval);
}

/** What part of a number takes it to the next double above, once rounded: just over half of its last place. */
const toNextDouble = 0.501 * Number.EPSILON;

/** An instant some ms later or earlier, rounded up where a double cannot hold it: with emission intervals below a tick. */
export function sum(instant: number, ms: number): number {
  const exact = instant + ms;
  return exact - instant < ms ? exact + Math.abs(exact) * toNextDouble : exact;
}

/** Whether the bucket is as good as new, so that it may be forgotten. */
export function atRest(bucket: Bucket, now: number): boolean {
  return restsAt(bucket) <= now;
}

/** When the bucket will be as good as new if nothing more happens: an instant, long ago if it was never used. */
export function restsAt({ plan, gate, tats, windows, past, pools }: Bucket): number {
  let at = Math.max(gate, pools?.at(-1)?.until ?? longAgo);
  for (let index = 0; index < tats.length; index++) {
    const rule = plan.rules[index] as Rule;
    // A cost near the burst needs a bucket that has rested for its margin too.
    const rest = rule.window === 0 ? (rule.burst - 1) * rule.emissionInterval - rule.tolerance : rule.window;
    at = Math.max(
      at,
      sum(tats[index] as number, rest),
      windows?.[index]?.free ?? longAgo,
      past?.[index]?.until ?? longAgo,
    );
  }
  return at;
}

/**
 * Makes a bucket ready for the limits it is asked with, unless it has limits of its own.
 * @param since when the limits changed, if that was before `now`
 */
export function adapt(bucket: Bucket, plan: Plan, now: number, since: number = now): void {
  if (bucket.own !== undefined && bucket.own.margin !== plan.margin)
    bucket.own = planOf(bucket.own.limits, plan.margin);
  const next = bucket.own ?? plan;
  if (bucket.plan === next) return;
  if (!samePlan(bucket.plan, next)) change(bucket, next, Math.min(since, now));
  bucket.plan = next;
}
