import type { LimitStatus, Receipt, Standing, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Cost, costIn, costInCalls } from '../limits/cost.ts';
import type { LimitState, Rule, TakenCall } from '../limits/kind.ts';
import { longAgo } from '../limits/limit.ts';
import { takeOff } from '../limits/marks.ts';
import type { Pace } from '../limits/pace.ts';
import { samePlan } from '../limits/plan.ts';
import { wholeTicksUp } from '../limits/rounding.ts';
import { wholeTicks } from '../time/clock.ts';
import { type Bucket, conformsAt, copyOf, grantAt, newBucket, noExtras, note, tatsOf } from './bucket.ts';
import { notedIn, pastLeaves, voidedRefunds } from './change.ts';
import { type Ceiling, type Pool, poolsAfter, returnToPools } from './pool.ts';

// The operations of the store contract, as functions of a bucket and the instant. No clock, no await, no throw.

/** See `StoreOperations.take`. It ignores the reservation in a request; `takeOnSlot` handles that. */
export function take(bucket: Bucket, request: TakeRequest, now: number): TakeAnswer {
  const { costs, ahead, late = 0 } = request;
  const from = late > 0 ? wholeTicks(now - late) : now;
  const granted: Receipt[] = [];
  let reserved: Receipt | undefined;
  let wait = 0;
  let refused: Cost = 0;
  for (const cost of costs) {
    const at = conformsAt(bucket, cost, from, now);
    if (at <= now) {
      // A call that had to wait until `at` goes on that slot; a call that came later, or missed it, goes now.
      const slot = at > from ? at : now;
      grantAt(bucket, cost, slot, now);
      granted.push(receiptOf(bucket, cost, slot));
      continue;
    }
    wait = at - now;
    refused = cost;
    if (wait <= ahead && wait !== Infinity) {
      reserved = reserveAt(bucket, cost, at, now);
      if (request.fixed) note(bucket, { fixed: Math.max(bucket.extras.fixed, at) });
    }
    break;
  }
  const { gate } = bucket.extras;
  return {
    now,
    granted,
    reserved,
    wait,
    ...(gate > now ? { pausedFor: gate - now } : undefined),
    ...(wait === Infinity ? { exceeded: exceededBy(bucket, refused) } : undefined),
    ...(request.report ? { limits: limitsOf(bucket, now) } : undefined),
  };
}

/**
 * The same as `take` for a call that does not wait, except that it refuses a call that would delay `head`, a call that
 * waits for its limits.
 */
export function takeBeside(bucket: Bucket, request: TakeRequest, head: Cost, now: number): TakeAnswer {
  const headGoesAt = conformsAt(bucket, head, now);
  const after = copyOf(bucket);
  const answer = take(after, request, now);
  const isDelaying =
    answer.granted.length > 0 ? conformsAt(after, head, now) > headGoesAt : now + answer.wait >= headGoesAt;
  if (headGoesAt <= now || !isDelaying) {
    Object.assign(bucket, after);
    return answer;
  }
  const behind = copyOf(bucket);
  grantAt(behind, head, headGoesAt, now);
  return { ...take(behind, request, now), limits: limitsOf(bucket, now) };
}

/** When a call conforms that comes after another one, of cost `first`, which goes as soon as it conforms. It takes nothing. */
export function conformsBehind(bucket: Bucket, first: Cost, cost: Cost, now: number): number {
  const behind = copyOf(bucket);
  grantAt(behind, first, conformsAt(behind, first, now), now);
  return conformsAt(behind, cost, now);
}

function reserveAt(bucket: Bucket, cost: Cost, at: number, now: number): Receipt {
  const before = tatsOf(bucket);
  const { latest, pools = [] } = bucket.extras;
  grantAt(bucket, cost, at, now);
  const pooled = pools.map(({ until }) => until).filter((until) => at < until);
  return { ...receiptOf(bucket, cost, at), before, latest, ...(pooled.length > 0 ? { pools: pooled } : undefined) };
}

export function receiptOf(bucket: Bucket, cost: Cost, slot: number): Receipt {
  const { plan, extras } = bucket;
  const { refunds, moved } = extras;
  // A limit that the call skips has a tat of other calls, which may be lowered again without notice.
  const after = tatsOf(bucket).map((tat, index) => (costIn(plan.rules[index] as Rule, cost) > 0 ? tat : longAgo));
  return { slot, cost, plan, after, refunds, moved };
}

export function exceededBy(bucket: Bucket, cost: Cost): NonNullable<TakeAnswer['exceeded']> {
  const rule = bucket.plan.rules.find((candidate) => costIn(candidate, cost) > candidate.burst) as Rule;
  const { burst, name } = rule;
  return { cost: costIn(rule, cost), burst, ...(name === undefined ? undefined : { limitName: name }) };
}

/** The part of a receipt for one limit. */
export function callIn({ plan, extras }: Bucket, index: number, receipt: Receipt): TakenCall {
  return {
    slot: receipt.slot,
    calls: costIn(plan.rules[index] as Rule, receipt.cost),
    before: receipt.before?.[index],
    after: receipt.after[index] as number,
    refunded: Math.max(0, (extras.refunds?.[index] ?? 0) - (receipt.refunds?.[index] ?? 0)),
  };
}

/** Corrects the cost of the call of `slot` in the counts of earlier limits. */
export function correctPast(bucket: Bucket, index: number, slot: number, more: number, now: number): void {
  const one = bucket.extras.past?.[index];
  if (one === undefined || more === 0) return;
  const corrected =
    more > 0 ? notedIn(one, bucket.plan.rules[index] as Rule, more, slot, now) : { ...one, marks: one.marks.slice() };
  if (more < 0) takeOff(corrected.marks, slot, -more, true);
  note(bucket, { past: bucket.extras.past?.map((past, place) => (place === index ? corrected : past)) });
}

/** See `StoreOperations.giveBack`. */
export function giveBack(bucket: Bucket, reservation: Receipt): void {
  const { plan, states, extras } = bucket;
  const receipt = extras.follow === undefined ? reservation : extras.follow(reservation, extras);
  // A bucket that was forgotten at rest, or reset, knows no slot.
  if (receipt === undefined || !samePlan(plan, receipt.plan) || receipt.slot > extras.latest) return;
  const { slot, cost, pools, latest = slot } = receipt;
  let wasLatest = extras.latest === slot;
  for (const [index, rule] of plan.rules.entries()) {
    const call = callIn(bucket, index, receipt);
    // Only a reservation can be given back, and it knows nothing of the limits that it skipped.
    const isReserved = call.before !== undefined && call.calls > 0;
    const state = isReserved ? rule.kind.giveBack(rule, states[index] as LimitState, call) : undefined;
    if (state === undefined) wasLatest = false;
    else states[index] = state;
  }
  if (!wasLatest) return;
  const { pace } = extras;
  note(bucket, {
    latest,
    ...(pace && slot >= pace.since && { pace: paceWithout(pace, slot, cost) }),
    ...(pools && extras.pools ? { pools: returnToPools(extras.pools, cost, pools) } : undefined),
  });
  for (const [index, rule] of plan.rules.entries()) correctPast(bucket, index, slot, -costIn(rule, cost), slot);
}

/** The pace without the call that gave its slot back. */
const paceWithout = (pace: Pace, slot: number, cost: Cost): Pace => ({
  ...pace,
  tat: Math.min(pace.tat, slot),
  calls: Math.max(0, pace.calls - costInCalls(cost)),
});

/** See `StoreOperations.settle`. */
export function settle(bucket: Bucket, receipt: Receipt, cost: Cost, now: number): void {
  const { plan, states } = bucket;
  // After the limits have changed, the rest of the call is unknown.
  const comesBack = samePlan(plan, receipt.plan);
  for (const [index, rule] of plan.rules.entries()) {
    const call = callIn(bucket, index, receipt);
    const more = costIn(rule, cost) - call.calls;
    if (more === 0 || (more < 0 && !comesBack)) continue;
    correctPast(bucket, index, receipt.slot, more, now);
    // With the margin the emission interval changes too.
    const { emissionInterval } = rule;
    const then = comesBack ? (receipt.plan.rules[index] as Rule).emissionInterval : emissionInterval;
    const state = states[index] as LimitState;
    if (more > 0) {
      states[index] = rule.kind.charge(rule, state, call, more, Math.max(emissionInterval, then), now);
      continue;
    }
    const { latest, refunds = states.map(() => 0) } = bucket.extras;
    const ms = rule.kind.refund(rule, state, call, -more, Math.min(emissionInterval, then), latest, now);
    if (ms <= 0) continue;
    states[index] = (state as number) - ms;
    note(bucket, { refunds: refunds.map((sum, place) => (place === index ? sum + ms : sum)) });
  }
}

/** See `StoreOperations.reset`. */
export function reset(bucket: Bucket, now: number): void {
  const { plan, extras } = bucket;
  const refunds = voidedRefunds(bucket, now, plan.rules.length);
  Object.assign(bucket, newBucket(plan), { extras: { ...noExtras, own: extras.own, refunds } });
}

/** The bucket as the call left it, for a bucket that was forgotten at rest since then: a debt counts from there on. */
export function bucketLeftBy({ plan, after }: Receipt): Bucket {
  const bucket = newBucket(plan);
  for (const [index, state] of bucket.states.entries())
    if (typeof state === 'number') bucket.states[index] = after[index] as number;
  return bucket;
}

/** See `StoreOperations.pause`. */
export function pause(bucket: Bucket, ms: number, now: number): void {
  note(bucket, { gate: Math.max(bucket.extras.gate, wholeTicksUp(now + ms)) });
}

/** See `StoreOperations.sync`. It believes the server; `hear` compares the statement with our own calls. */
export function sync(bucket: Bucket, said: Ceiling, now: number): number {
  const pools = poolsAfter(bucket.extras.pools, said, now);
  note(bucket, { pools });
  // If two ends count as the same, the earlier one is used.
  return Math.min(
    said.ms,
    ...(pools ?? []).filter((pool) => pool.left === said.remaining).map(({ until }) => until - now),
  );
}

/** See `StoreOperations.peek`. */
export function peek(bucket: Bucket, now: number): Standing {
  const { gate, moved, moves = [], pace, pacing } = bucket.extras;
  const pool = poolOf(bucket, now);
  return {
    limits: limitsOf(bucket, now),
    wait: conformsAt(bucket, 1, now) - now,
    pausedFor: Math.max(0, gate - now),
    plan: bucket.plan,
    ...(moved === 0 ? undefined : { moved, moves }),
    ...(pace && pacing && { learned: pacing.rateAt(pace, now) }),
    ...(pool && { pool: { remaining: Math.floor(pool.left), resetAfter: pool.until - now } }),
  };
}

/** The lowest of the server's statements binds first. */
const poolOf = ({ extras }: Bucket, now: number): Pool | undefined => extras.pools?.find(({ until }) => until > now);

function limitsOf(bucket: Bucket, now: number): LimitStatus[] {
  const { plan, states, extras } = bucket;
  return plan.rules.map((rule, index) => {
    const { kind, burst, name } = rule;
    const state = states[index] as LimitState;
    const past = extras.past?.[index];
    const calls = Math.min(
      kind.remaining(rule, state, now),
      past === undefined ? Infinity : pastLeaves(past, rule, now),
      poolOf(bucket, now)?.left ?? Infinity,
      burst,
    );
    return {
      ...(name === undefined ? undefined : { name }),
      // Rounding may leave a whole number of calls just below itself.
      remaining: Math.max(0, Math.floor(calls + 1e-9)),
      resetAfter: Math.max(0, kind.resetsAt(rule, state) - now),
    };
  });
}
