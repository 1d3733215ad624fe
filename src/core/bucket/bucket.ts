import type { Receipt } from '../base/store.ts';
import { type Cost, costIn } from '../limits/cost.ts';
import type { LimitState, Rule } from '../limits/kind.ts';
import { longAgo } from '../limits/limit.ts';
import type { Pace, Pacing } from '../limits/pace.ts';
import { type Plan, planOf, samePlan } from '../limits/plan.ts';
import { sum } from '../limits/rounding.ts';
import { change, grantInPast, type Past, pastAllowsAt } from './change.ts';
import { grantInPools, type Pool, poolsAllowAt } from './pool.ts';

// The state of one key, and the step of one call. Nothing is written before it is decided that the call goes.

/** Everything that was reserved for later than `after` moved by `ms`. */
export interface SlotMove {
  readonly after: number;
  readonly ms: number;
}

/** The state of one key. All instants are in ms on the clock of its store. */
export interface Bucket {
  /** The limits that `states` belong to, in order. */
  plan: Plan;
  /** The state of each limit. */
  states: LimitState[];
  extras: Extras;
}

/** What most keys never need. It is never changed: `note` replaces it. */
export interface Extras {
  /** Limits of this key alone; undefined if it keeps those of the request. */
  readonly own?: Plan | undefined;
  /** No call may go before this instant, because the server paused the key. */
  readonly gate: number;
  /** Per limit the calls from before and since it changed, as long as they matter to the limits before. Undefined if none changed. */
  readonly past?: readonly (Past | undefined)[] | undefined;
  /** The server's statements of what is left, in the order in which they end; undefined if none holds. */
  readonly pools?: readonly Pool[] | undefined;
  /** The rate that was learned from refusals; undefined if there were no recent refusals. */
  readonly pace?: Pace | undefined;
  /** The operations on `pace`; code that sets a pace sets this too. */
  readonly pacing?: Pacing | undefined;
  /** The latest instant that was reserved ahead of its time. */
  readonly latest: number;
  /** The latest slot of a caller that goes at its slot even if others move; long ago if there is none. */
  readonly fixed: number;
  /**
   * Per limit how much its tat was lowered, in ms, all refunds together; undefined if it never was. A receipt with a
   * lower number is older than the refund. To void all receipts, this is raised past them.
   */
  readonly refunds?: readonly number[] | undefined;
  /**
   * How far reserved slots have been moved, in ms, all moves together. A receipt with a lower number is of a slot
   * before the last move.
   */
  readonly moved: number;
  /** The latest of those moves, the oldest first; undefined if there were no recent moves. */
  readonly moves?: readonly SlotMove[] | undefined;
  /** Finds where a reservation is now, undefined if that is lost; code that moves slots sets it. */
  readonly follow?: ((receipt: Receipt, extras: Extras) => Receipt | undefined) | undefined;
}

/** The extras of most keys. */
export const noExtras: Extras = { gate: longAgo, latest: longAgo, fixed: longAgo, moved: 0 };

/** Notes what is other than before in the extras of a bucket. */
export function note(bucket: Bucket, news: Partial<Extras>): void {
  bucket.extras = { ...bucket.extras, ...news };
}

/** Makes a bucket at rest. */
export function newBucket(plan: Plan): Bucket {
  return { plan, states: copiesOf(plan.atRest, plan.leaky), extras: noExtras };
}

/** A copy that can be changed without changing the original. */
export function copyOf({ plan, states, extras }: Bucket): Bucket {
  return { plan, states: copiesOf(states, plan.leaky), extras };
}

function copiesOf(states: readonly LimitState[], areNumbers: boolean): LimitState[] {
  return areNumbers ? states.slice() : states.map(copyOfState);
}

/** A copy that can be changed without changing the original. */
export const copyOfState = (state: LimitState): LimitState => (typeof state === 'number' ? state : state.slice());

/**
 * Returns when a call conforms to every limit and the gate: an instant not before `from`, or Infinity if the cost is
 * above a burst. Changes nothing.
 * @param now the instant by which the gate is judged
 */
export function conformsAt({ plan, states, extras }: Bucket, cost: Cost, from: number, now: number = from): number {
  const { rules } = plan;
  let at = extras.gate > now ? extras.gate : from;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as Rule;
    const calls = costIn(rule, cost);
    if (calls > rule.burst) return Infinity;
    if (calls === 0) continue;
    const allowAt = rule.kind.allowAt(rule, states[index] as LimitState, calls);
    if (allowAt > at) at = allowAt;
  }
  if (extras.pace !== undefined && extras.pace.tat > at) at = extras.pace.tat;
  if (extras.past !== undefined) at = pastAllowsAt(extras.past, rules, cost, at);
  return extras.pools === undefined ? at : poolsAllowAt(extras.pools, cost, at);
}

/** Counts a call that goes at `at`, an instant from `conformsAt`, in every limit. */
export function grantAt(bucket: Bucket, cost: Cost, at: number, now: number): void {
  const { states, extras } = bucket;
  const { rules } = bucket.plan;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as Rule;
    const calls = costIn(rule, cost);
    if (calls > 0) states[index] = rule.kind.grant(rule, states[index] as LimitState, calls, at, now);
  }
  const { past, pools } = extras;
  const { plan } = bucket;
  const pacing = extras.pace === undefined ? plan.pacing : extras.pacing;
  if (pacing !== undefined)
    note(bucket, { pace: pacing.after(extras.pace ?? pacing.begin(plan, at), plan, cost, at), pacing });
  if (past !== undefined) note(bucket, { past: grantInPast(past, rules, cost, at, now) });
  if (pools !== undefined) note(bucket, { pools: grantInPools(pools, cost, at, now) });
  if (at > now && at > extras.latest) note(bucket, { latest: at });
}

/**
 * Grants a call of cost 1 if it may go at `now`, and returns whether it did. It does the same as `conformsAt` and
 * `grantAt`; the case of most throttles, one leaky bucket, is written out.
 */
export function grantNow(bucket: Bucket, now: number): boolean {
  const { states, extras } = bucket;
  const { only } = bucket.plan;
  if (only === undefined || extras.past !== undefined || extras.pools !== undefined || extras.pace !== undefined) {
    if (conformsAt(bucket, 1, now) > now) return false;
    grantAt(bucket, 1, now, now);
    return true;
  }
  const tat = states[0] as number;
  // Compared in this direction, so that a clock that returns NaN grants nothing.
  if (!(extras.gate <= now && sum(tat, -only.tolerance) <= now)) return false;
  states[0] = sum(tat > now ? tat : now, only.emissionInterval);
  return true;
}

/** Per limit the tat; of a sliding window, the latest mark. */
export function tatsOf({ plan, states }: Bucket): readonly number[] {
  return plan.leaky
    ? (states.slice() as number[])
    : states.map((state, index) => (plan.rules[index] as Rule).kind.tatOf(state));
}

/** The same in fewer steps where there is one limit: a lone number. */
export function tatOrTatsOf(bucket: Bucket): number | readonly number[] {
  const { plan, states } = bucket;
  return plan.rules.length > 1 ? tatsOf(bucket) : (plan.rules[0] as Rule).kind.tatOf(states[0] as LimitState);
}

/** Whether the bucket is unused again, so that it may be forgotten. */
export function atRest(bucket: Bucket, now: number): boolean {
  return restsAt(bucket) <= now;
}

/** When the bucket will be unused again if nothing more happens: an instant, long ago if it was never used. */
export function restsAt({ plan, states, extras: { gate, pools, past, pace } }: Bucket): number {
  let at = Math.max(gate, pace === undefined ? longAgo : pace.tat + pace.span, pools?.at(-1)?.until ?? longAgo);
  for (const [index, rule] of plan.rules.entries())
    at = Math.max(at, rule.kind.restsAt(rule, states[index] as LimitState), past?.[index]?.until ?? longAgo);
  return at;
}

/**
 * Brings a bucket to the limits of the request, unless it has limits of its own.
 * @param since when the limits changed, if that was before `now`
 */
export function adapt(bucket: Bucket, plan: Plan, now: number, since: number = now): void {
  let { own } = bucket.extras;
  if (own !== undefined && own.margin !== plan.margin) {
    own = planOf(own.limits, plan.margin);
    note(bucket, { own });
  }
  const next = own ?? plan;
  if (bucket.plan === next) return;
  if (!samePlan(bucket.plan, next)) change(bucket, next, Math.min(since, now));
  bucket.plan = next;
}
