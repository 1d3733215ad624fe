import { type Bucket, charge, conformsAt, grantAt, newBucket, sum } from './bucket.ts';
import { returnToGuards, settleInGuards, voidReceipts } from './change.ts';
import { wholeTicks } from './clock.ts';
import { type Cost, costIn } from './cost.ts';
import { longAgo, type Rule, samePlan } from './limit.ts';
import { type Ceiling, poolAfter, returnToPool } from './pool.ts';
import type { LimitStatus, Receipt, Standing, TakeAnswer, TakeRequest } from './store.ts';
import { callsIn, insertMark, settleMark, windowAllowAt } from './window.ts';

// The operations of the store contract, as functions of a bucket and the instant. No clock, no await, no throw.

/** See `BucketStore.take`. */
export function take(bucket: Bucket, request: TakeRequest, now: number): TakeAnswer {
  const { costs, ahead, instead } = request;
  if (instead !== undefined) giveBack(bucket, instead);
  const granted: Receipt[] = [];
  let reserved: Receipt | undefined;
  let wait = 0;
  let refused: Cost = 0;
  for (let index = 0; index < costs.length; index++) {
    const cost = costs[index] as Cost;
    const at = conformsAt(bucket, cost, now);
    if (at <= now) {
      grantAt(bucket, cost, now, now);
      granted.push(receiptOf(bucket, cost, now));
      continue;
    }
    wait = at - now;
    refused = cost;
    if (wait <= ahead && wait !== Infinity) reserved = reserveAt(bucket, cost, at, now);
    break;
  }
  return {
    now,
    granted,
    reserved,
    wait,
    ...(wait === Infinity ? { exceeded: exceededBy(bucket, refused) } : undefined),
    ...(request.report ? { limits: limitsOf(bucket, now) } : undefined),
  };
}

/** Per limit the tat after a call. One that the call passed by is none of its own: it may go down again without telling. */
function tatsAfter({ plan, tats }: Bucket, cost: Cost): number[] {
  if (typeof cost === 'number' && cost !== 0) return tats.slice();
  return tats.map((tat, index) => (costIn(plan.rules[index] as Rule, cost) === 0 ? longAgo : tat));
}

function reserveAt(bucket: Bucket, cost: Cost, at: number, now: number): Receipt {
  const before = bucket.tats.slice();
  const { latest, pool } = bucket;
  grantAt(bucket, cost, at, now);
  const pooled = pool !== undefined && at < pool.until ? { pool: pool.until } : undefined;
  return { ...receiptOf(bucket, cost, at), before, latest, ...pooled };
}

export function receiptOf(bucket: Bucket, cost: Cost, slot: number): Receipt {
  const { plan, refunds } = bucket;
  return { slot, cost, plan, after: tatsAfter(bucket, cost), refunds: refunds?.slice() };
}

export function exceededBy(bucket: Bucket, cost: Cost): NonNullable<TakeAnswer['exceeded']> {
  const rule = bucket.plan.rules.find((candidate) => costIn(candidate, cost) > candidate.burst) as Rule;
  const { burst, name } = rule;
  return { cost: costIn(rule, cost), burst, ...(name === undefined ? undefined : { limitName: name }) };
}

/** See `BucketStore.giveBack`. */
export function giveBack(bucket: Bucket, receipt: Receipt): void {
  const { slot, before, after, cost, pool } = receipt;
  if (!samePlan(bucket.plan, receipt.plan)) return;
  let wasLatest = true;
  bucket.plan.rules.forEach((rule, index) => {
    const calls = costIn(rule, cost);
    const earlier = before?.[index];
    const window = bucket.windows?.[index];
    if (calls === 0 || earlier === undefined) {
      wasLatest = false;
    } else if (window !== undefined) {
      if (refundsSince(bucket, receipt, index) === 0) correctWindow(bucket, rule, index, slot, -calls);
      wasLatest &&= (bucket.tats[index] as number) < slot;
    } else if ((bucket.tats[index] as number) + refundsSince(bucket, receipt, index) === after[index]) {
      bucket.tats[index] = earlier - refundsSince(bucket, receipt, index);
    } else {
      wasLatest = false;
    }
  });
  if (!wasLatest || bucket.latest !== slot) return;
  bucket.latest = receipt.latest ?? slot;
  if (bucket.guards !== undefined) returnToGuards(bucket.guards, cost);
  if (pool !== undefined && bucket.pool !== undefined) bucket.pool = returnToPool(bucket.pool, cost, pool);
}

/** How much the tat of a limit went down after a receipt, in ms. Of a window it only tells whether the receipt is void. */
function refundsSince(bucket: Bucket, receipt: Receipt, index: number): number {
  return Math.max(0, (bucket.refunds?.[index] ?? 0) - (receipt.refunds?.[index] ?? 0));
}

function correctWindow(bucket: Bucket, rule: Rule, index: number, slot: number, more: number): void {
  const window = bucket.windows?.[index];
  if (window === undefined) return;
  if (more < 0) settleMark(window, rule.limit.interval, slot, more);
  // A mark that was dropped counts no more. Another than the call's own may be much later: it cost nothing before, say.
  else if (slot > window.free - rule.limit.interval) insertMark(window, rule.window, rule.burst, more, slot);
  bucket.tats[index] = window.times.at(-1) ?? longAgo;
}

/** See `BucketStore.settle`. */
export function settle(bucket: Bucket, receipt: Receipt, cost: Cost, now: number): void {
  // After the limits have changed nobody can tell what is left of the call.
  const comesBack = samePlan(bucket.plan, receipt.plan);
  bucket.plan.rules.forEach((rule, index) => {
    const more = costIn(rule, cost) - costIn(rule, receipt.cost);
    if (more === 0 || (more < 0 && !comesBack)) return;
    if (more > 0) settleInGuards(bucket.guards, index, more, receipt.slot);
    if (rule.window !== 0) {
      // A call that has left the window counts no more, whatever it cost and whatever the margin is meanwhile.
      const inside = receipt.slot > now - rule.limit.interval;
      const counts = inside && (more > 0 || refundsSince(bucket, receipt, index) === 0);
      if (counts) correctWindow(bucket, rule, index, receipt.slot, more);
    } else if (more > 0) {
      const { slower } = bySpeed(rule, comesBack ? receipt.plan.rules[index] : rule);
      bucket.tats[index] = sum(Math.max(bucket.tats[index] as number, receipt.slot), charge(slower, more));
    } else {
      refund(bucket, receipt, rule, index, -more, now);
    }
  });
}

/**
 * Takes off the tat what a call cost less. No more of it can come back than is left of the level that it found, earlier refunds
 * taken off: the rest has leaked, and others may have gone in its place. Nor can what will leak before a call that is reserved.
 */
function refund(bucket: Bucket, receipt: Receipt, rule: Rule, index: number, fewer: number, now: number): void {
  const left = (receipt.after[index] ?? longAgo) - refundsSince(bucket, receipt, index) - Math.max(now, bucket.latest);
  const { faster } = bySpeed(rule, receipt.plan.rules[index]);
  const ms = Math.min(Math.floor(fewer * faster.emissionInterval * 2048) / 2048, left);
  if (ms <= 0) return;
  bucket.refunds ??= bucket.tats.map(() => 0);
  bucket.refunds[index] = (bucket.refunds[index] as number) + ms;
  bucket.tats[index] = (bucket.tats[index] as number) - ms;
}

/** Tells apart a limit as it is and as it was when a call was charged: with the margin the emission interval changes too. */
function bySpeed(now: Rule, then: Rule = now): { readonly slower: Rule; readonly faster: Rule } {
  return now.emissionInterval < then.emissionInterval ? { slower: then, faster: now } : { slower: now, faster: then };
}

/** See `BucketStore.reset`. */
export function reset(bucket: Bucket, now: number): void {
  const { own, plan } = bucket;
  voidReceipts(bucket, now, plan.rules.length);
  const { refunds } = bucket;
  Object.assign(bucket, newBucket(plan), { own, refunds });
}

/** See `BucketStore.postpone`. */
export function postpone(bucket: Bucket, receipt: Receipt, ms: number, now: number): void {
  const { slot, cost, after } = receipt;
  if (!samePlan(bucket.plan, receipt.plan)) return;
  const later = wholeTicks(Math.min(ms, now - slot));
  if (later <= 0) return;
  bucket.plan.rules.forEach((rule, index) => {
    const calls = costIn(rule, cost);
    const window = bucket.windows?.[index];
    if (calls === 0) return;
    if (window === undefined) {
      const tat = (after[index] as number) + later - refundsSince(bucket, receipt, index);
      bucket.tats[index] = Math.max(bucket.tats[index] as number, tat);
    } else if (slot + later > now - rule.window && refundsSince(bucket, receipt, index) === 0) {
      settleMark(window, rule.limit.interval, slot, -calls);
      insertMark(window, rule.window, rule.burst, calls, slot + later);
      bucket.tats[index] = window.times.at(-1) as number;
    }
  });
}

/** The bucket that a call left behind, for one that was forgotten at rest since then: a debt counts from there on. */
export function bucketLeftBy({ plan, after }: Receipt): Bucket {
  return { ...newBucket(plan), tats: [...after] };
}

/** See `BucketStore.pause`. */
export function pause(bucket: Bucket, ms: number, now: number): void {
  bucket.gate = Math.max(bucket.gate, Math.ceil((now + ms) * 2048) / 2048);
}

/** See `BucketStore.sync`. */
export function sync(bucket: Bucket, said: Ceiling, now: number): void {
  bucket.pool = poolAfter(bucket.pool, said, now);
}

/** See `BucketStore.peek`. */
export function peek(bucket: Bucket, now: number): Standing {
  return {
    limits: limitsOf(bucket, now),
    wait: conformsAt(bucket, 1, now) - now,
    pausedFor: Math.max(0, bucket.gate - now),
    plan: bucket.plan,
    ...poolOf(bucket, now),
  };
}

function poolOf({ pool }: Bucket, now: number): Pick<Standing, 'pool'> | undefined {
  if (pool === undefined || pool.until <= now) return undefined;
  return { pool: { remaining: Math.floor(pool.left), resetAfter: pool.until - now } };
}

function limitsOf(bucket: Bucket, now: number): LimitStatus[] {
  return bucket.plan.rules.map((rule, index) => ({
    ...(rule.name === undefined ? undefined : { name: rule.name }),
    remaining: Math.min(remaining(bucket, rule, index, now), poolOf(bucket, now)?.pool?.remaining ?? Infinity),
    resetAfter: Math.max(0, (bucket.tats[index] as number) + rule.window - now),
  }));
}

function remaining(bucket: Bucket, rule: Rule, index: number, now: number): number {
  const window = bucket.windows?.[index];
  if (window !== undefined && windowAllowAt(window, rule.window, rule.burst, 1) > now) return 0;
  const calls =
    window === undefined
      ? (now + rule.tolerance - Math.max(now, bucket.tats[index] as number)) / rule.emissionInterval + 1
      : rule.burst - callsIn(window, rule.window, now);
  // A whole number of calls that division left a hair below itself is that number.
  return Math.min(Math.floor(rule.burst), Math.max(0, Math.floor(calls + 1e-9)));
}
