import type { LimitStatus, Receipt, Standing, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Cost, costIn, sameCost } from '../limits/cost.ts';
import { longAgo, type Rule, samePlan } from '../limits/limit.ts';
import { callsIn, insertMark, settleMark, type Window, windowAllowAt } from '../limits/window.ts';
import { wholeTicks } from '../time/clock.ts';
import { type Bucket, charge, conformsAt, grantAt, newBucket, type SlotMove, sum } from './bucket.ts';
import { notePast, pastLeaves, voidReceipts } from './change.ts';
import { type Ceiling, poolsAfter, returnToPools } from './pool.ts';

// The operations of the store contract, as functions of a bucket and the instant. No clock, no await, no throw.

/** See `StoreOperations.take`. */
export function take(bucket: Bucket, request: TakeRequest, now: number): TakeAnswer {
  const { costs, ahead, instead, late = 0 } = request;
  const from = late > 0 ? wholeTicks(now - late) : now;
  const granted: Receipt[] = [];
  let reserved: Receipt | undefined;
  let wait = 0;
  let refused: Cost = 0;
  if (instead !== undefined) {
    const slot = costs.length > 0 ? slotOf(bucket, instead, costs[0] as Cost, now) : undefined;
    if (slot === undefined || (slot.slot < from && (now - slot.slot >= spacingOf(slot) || bucket.fixed > now)))
      giveBack(bucket, instead);
    else if (slot.slot <= now) granted.push(slot.slot >= from ? slot : missed(bucket, slot, now));
    else reserved = slot;
  }
  for (let index = granted.length; index < costs.length && reserved === undefined; index++) {
    const cost = costs[index] as Cost;
    const at = conformsAt(bucket, cost, from, now);
    if (at <= now) {
      // Who had to wait until `at` goes on that slot; who came after it, or missed it, goes now.
      const slot = at > from ? at : now;
      grantAt(bucket, cost, slot, now);
      granted.push(receiptOf(bucket, cost, slot));
      continue;
    }
    wait = at - now;
    refused = cost;
    if (wait <= ahead && wait !== Infinity) reserved = reserveAt(bucket, cost, at, now);
    if (reserved !== undefined && request.fixed) bucket.fixed = Math.max(bucket.fixed, at);
    break;
  }
  if (reserved !== undefined) wait = reserved.slot - now;
  const hasChanged = granted.length > 0 || reserved !== undefined || instead !== undefined;
  if (hasChanged && bucket.moves !== undefined && (bucket.moves.at(-1) as SlotMove).after <= now - movesMatter)
    bucket.moves = undefined;
  return {
    now,
    granted,
    reserved,
    wait,
    ...(bucket.gate > now ? { pausedFor: bucket.gate - now } : undefined),
    ...(wait === Infinity ? { exceeded: exceededBy(bucket, refused) } : undefined),
    ...(request.report ? { limits: limitsOf(bucket, now) } : undefined),
  };
}

/** The reservation as it stands by now, if a call of `cost` may still go on it; undefined if it has to ask anew. */
function slotOf(bucket: Bucket, receipt: Receipt, cost: Cost, now: number): Receipt | undefined {
  const { pools = [] } = receipt;
  if (bucket.gate > now || receipt.before === undefined || !sameCost(receipt.cost, cost)) return undefined;
  if (bucket.pools?.some(({ until }) => until > now && !pools.includes(until))) return undefined;
  const slot = samePlan(bucket.plan, receipt.plan) ? asMoved(receipt, bucket) : undefined;
  // A bucket that was reset knows of no slot. One whose limits were changed, and changed back, knows them all.
  return slot !== undefined && slot.slot <= bucket.latest ? slot : undefined;
}

/** A reservation with its slot as late as it has become; undefined if nobody knows any more. */
export function asMoved(
  receipt: Receipt,
  { moved = 0, moves = [] }: Pick<Standing, 'moved' | 'moves'>,
): Receipt | undefined {
  let unseen = moved - (receipt.moved ?? 0);
  let first = moves.length;
  while (unseen > 0 && first > 0) unseen -= (moves[--first] as SlotMove).ms;
  if (unseen !== 0) return unseen < 0 ? receipt : undefined;
  let by = 0;
  for (const { after, ms } of moves.slice(first)) if (receipt.slot + by > after) by += ms;
  return by === 0 ? receipt : movedBy(receipt, by, moved);
}

/** A reservation whose slot has become so many ms later. */
export function movedBy(receipt: Receipt, by: number, moved: number): Receipt {
  const { slot, before = [], after, latest = longAgo } = receipt;
  const later = (instant: number) => (instant === longAgo ? longAgo : instant + by);
  return {
    ...receipt,
    slot: slot + by,
    before: before.map(later),
    after: after.map(later),
    latest: later(latest),
    moved,
  };
}

/**
 * How long after the slot of a reservation the next one comes at the earliest, in ms, if a leaky bucket spaces them. Of windows, how
 * long its call counts: until then it may go later without more calls in any window.
 */
export function spacingOf({ slot, cost, plan, after }: Receipt): number {
  let spacing = 0;
  let length = Infinity;
  plan.rules.forEach((rule, index) => {
    if (costIn(rule, cost) === 0) return;
    if (rule.window === 0) spacing = Math.max(spacing, (after[index] as number) - rule.tolerance - slot);
    else length = Math.min(length, rule.window);
  });
  return spacing > 0 ? spacing : length;
}

/** Lets the call of a slot that was missed go now, and moves all later slots as far as they were built on it. */
function missed(bucket: Bucket, receipt: Receipt, now: number): Receipt {
  const { slot } = receipt;
  const late = bucket.plan.rules.map((rule, index) => latenessIn(rule, index, receipt, now - slot, bucket.latest));
  if (bucket.latest > slot) moveSlots(bucket, slot, slot, now, Math.max(...late));
  else bucket.tats = bucket.tats.map((tat, index) => (tat > slot ? tat + (late[index] as number) : tat));
  moveCall(bucket, receipt, now, now);
  return goneLater({ ...receipt, moved: bucket.moved }, now - slot);
}

/**
 * How much later slots up to `latest` have to be in one limit if a call goes `ms` after its own. A leaky bucket that was not at
 * rest then counts both the same; in a window a slot was built on the call only if it comes when that leaves.
 */
function latenessIn(rule: Rule, index: number, receipt: Receipt, ms: number, latest: number): number {
  const { slot, cost, after } = receipt;
  const calls = costIn(rule, cost);
  if (calls === 0) return 0;
  if (rule.window !== 0) return latest >= slot + rule.window ? ms : 0;
  return Math.max(0, ms - Math.max(0, (after[index] as number) - charge(rule, calls) - slot));
}

/** The receipt of a call that went so many ms after its slot. */
export function goneLater(receipt: Receipt, ms: number): Receipt {
  const { rules } = receipt.plan;
  const after = receipt.after.map((tat, index) => tat + latenessIn(rules[index] as Rule, index, receipt, ms, Infinity));
  return { ...receipt, slot: receipt.slot + ms, after };
}

/** Moves the marks of a call to a later instant, in windows and among what the limits from before count. */
function moveCall(bucket: Bucket, receipt: Receipt, to: number, now: number): void {
  const { slot, cost } = receipt;
  bucket.plan.rules.forEach((rule, index) => {
    const calls = costIn(rule, cost);
    if (calls === 0) return;
    correctPast(bucket, index, slot, -calls, now);
    correctPast(bucket, index, to, calls, now);
    const window = bucket.windows?.[index];
    if (window === undefined || to <= now - rule.window) return;
    settleMark(window, rule.limit.interval, slot, -calls, refundsSince(bucket, receipt, index) > 0);
    insertMark(window, rule.window, rule.burst, calls, to);
  });
  // Of a window, the tat is its latest mark.
  bucket.windows?.forEach((window, index) => {
    if (window !== undefined) bucket.tats[index] = window.times.at(-1) ?? longAgo;
  });
}

/**
 * Makes all slots after an instant so many ms later.
 * @param builtOn the slot of the call that they were built on: a leaky bucket knows no others
 */
function moveSlots(bucket: Bucket, after: number, builtOn: number, now: number, ms: number): void {
  if (ms > 0) {
    const later = (at: number) => (at > after ? at + ms : at);
    const moveMarks = (window: Window | undefined) => {
      if (window !== undefined) window.times = window.times.map(later);
    };
    bucket.tats = bucket.tats.map((tat) => (tat > builtOn ? tat + ms : tat));
    bucket.windows?.forEach(moveMarks);
    for (const past of bucket.past ?? []) moveMarks(past?.marks);
    bucket.latest = later(bucket.latest);
    bucket.moved += ms;
    const moves = [...(bucket.moves ?? []).filter((move) => move.after > now - movesMatter), { after, ms }];
    bucket.moves = moves.slice(-mostMoves);
  }
}

/** Moves of slots that are remembered: the latest few, and those of the last so many ms. A slot that is older is lost. */
const mostMoves = 32;
const movesMatter = 5_000;

/** The same as `take` for a call that does not wait, but that it refuses what would delay a call of `head` that waits for its limits. */
export function takeBeside(bucket: Bucket, request: TakeRequest, head: Cost, now: number): TakeAnswer {
  const headGoesAt = conformsAt(bucket, head, now);
  const after = copyOf(bucket);
  const { granted, wait } = take(after, request, now);
  const isDelaying = conformsAt(after, head, now) > headGoesAt;
  if (headGoesAt <= now || (granted.length > 0 ? !isDelaying : now + wait < headGoesAt))
    return take(bucket, request, now);
  const behind = copyOf(bucket);
  grantAt(behind, head, headGoesAt, now);
  return { ...take(behind, request, now), limits: limitsOf(bucket, now) };
}

/** A bucket that can be worked on without changing the other. */
export function copyOf(bucket: Bucket): Bucket {
  const copyOfWindow = (window: Window) => ({ ...window, times: window.times.slice(), costs: window.costs.slice() });
  return {
    ...bucket,
    tats: bucket.tats.slice(),
    windows: bucket.windows?.map((window) => window && copyOfWindow(window)),
    past: bucket.past?.map((past) => past && { ...past, marks: copyOfWindow(past.marks) }),
  };
}

/** Per limit the tat after a call. One that the call passed by is none of its own: it may go down again without telling. */
function tatsAfter({ plan, tats }: Bucket, cost: Cost): number[] {
  if (typeof cost === 'number' && cost !== 0) return tats.slice();
  return tats.map((tat, index) => (costIn(plan.rules[index] as Rule, cost) === 0 ? longAgo : tat));
}

function reserveAt(bucket: Bucket, cost: Cost, at: number, now: number): Receipt {
  const before = bucket.tats.slice();
  const { latest, pools } = bucket;
  grantAt(bucket, cost, at, now);
  const pooled = pools?.map(({ until }) => until).filter((until) => at < until) ?? [];
  const taken = pooled.length > 0 ? { pools: pooled } : undefined;
  return { ...receiptOf(bucket, cost, at), before, latest, ...taken };
}

export function receiptOf(bucket: Bucket, cost: Cost, slot: number): Receipt {
  const { plan, refunds, moved } = bucket;
  const receipt = { slot, cost, plan, after: tatsAfter(bucket, cost), refunds: refunds?.slice() };
  return moved === 0 ? receipt : { ...receipt, moved };
}

export function exceededBy(bucket: Bucket, cost: Cost): NonNullable<TakeAnswer['exceeded']> {
  const rule = bucket.plan.rules.find((candidate) => costIn(candidate, cost) > candidate.burst) as Rule;
  const { burst, name } = rule;
  return { cost: costIn(rule, cost), burst, ...(name === undefined ? undefined : { limitName: name }) };
}

/** See `StoreOperations.giveBack`. */
export function giveBack(bucket: Bucket, reservation: Receipt): void {
  const receipt = samePlan(bucket.plan, reservation.plan) ? asMoved(reservation, bucket) : undefined;
  // A bucket that was forgotten at rest, or reset, knows of no slot.
  if (receipt === undefined || receipt.slot > bucket.latest) return;
  const { slot, before, after, cost, pools } = receipt;
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
  bucket.plan.rules.forEach((rule, index) => {
    correctPast(bucket, index, slot, -costIn(rule, cost), slot);
  });
  if (pools !== undefined && bucket.pools !== undefined) bucket.pools = returnToPools(bucket.pools, cost, pools);
}

/** Corrects what a call of `slot` counts as among those that the limits from before count. */
function correctPast(bucket: Bucket, index: number, slot: number, more: number, now: number): void {
  const past = bucket.past?.[index];
  if (past === undefined || more === 0) return;
  if (more < 0) settleMark(past.marks, Infinity, slot, more, true);
  else notePast(past, more, slot, now);
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

/** See `StoreOperations.settle`. */
export function settle(bucket: Bucket, receipt: Receipt, cost: Cost, now: number): void {
  // After the limits have changed nobody can tell what is left of the call.
  const comesBack = samePlan(bucket.plan, receipt.plan);
  bucket.plan.rules.forEach((rule, index) => {
    const more = costIn(rule, cost) - costIn(rule, receipt.cost);
    if (more === 0 || (more < 0 && !comesBack)) return;
    correctPast(bucket, index, receipt.slot, more, now);
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

/** See `StoreOperations.reset`. */
export function reset(bucket: Bucket, now: number): void {
  const { own, plan } = bucket;
  voidReceipts(bucket, now, plan.rules.length);
  const { refunds } = bucket;
  Object.assign(bucket, newBucket(plan), { own, refunds });
}

/** See `StoreOperations.postpone`. */
export function postpone(bucket: Bucket, receipt: Receipt, ms: number, now: number): void {
  const later = wholeTicks(ms);
  if (later <= 0 || !samePlan(bucket.plan, receipt.plan)) return;
  const { rules } = bucket.plan;
  // What came after the call was built on its slot, and becomes as late; calls that were late together count once.
  const late = Math.max(...rules.map((rule, index) => latenessIn(rule, index, receipt, later, bucket.latest)));
  const more = late - (bucket.moved - (receipt.moved ?? 0));
  // Who goes at a slot whatever happens cannot make room for those before it.
  if (bucket.fixed <= now) moveSlots(bucket, now, receipt.slot, now, more);
  const isVoid = rules.some(
    (_, index) => refundsSince(bucket, receipt, index) > 0 && bucket.windows?.[index] !== undefined,
  );
  if (!isVoid) moveCall(bucket, receipt, receipt.slot + later, now);
  const { after, cost } = goneLater(receipt, later);
  rules.forEach((rule, index) => {
    const tat = (after[index] as number) - refundsSince(bucket, receipt, index);
    if (rule.window === 0 && costIn(rule, cost) > 0) bucket.tats[index] = Math.max(bucket.tats[index] as number, tat);
  });
}

/** The bucket that a call left behind, for one that was forgotten at rest since then: a debt counts from there on. */
export function bucketLeftBy({ plan, after }: Receipt): Bucket {
  return { ...newBucket(plan), tats: [...after] };
}

/** See `StoreOperations.pause`. */
export function pause(bucket: Bucket, ms: number, now: number): void {
  bucket.gate = Math.max(bucket.gate, Math.ceil((now + ms) * 2048) / 2048);
}

/** See `StoreOperations.sync`. */
export function sync(bucket: Bucket, said: Ceiling, now: number): void {
  bucket.pools = poolsAfter(bucket.pools, said, now);
}

/** See `StoreOperations.peek`. */
export function peek(bucket: Bucket, now: number): Standing {
  return {
    limits: limitsOf(bucket, now),
    wait: conformsAt(bucket, 1, now) - now,
    pausedFor: Math.max(0, bucket.gate - now),
    plan: bucket.plan,
    ...(bucket.moved === 0 ? undefined : { moved: bucket.moved, moves: bucket.moves ?? [] }),
    ...poolOf(bucket, now),
  };
}

/** Of what the server says is left, what leaves the least: it binds first. */
function poolOf({ pools }: Bucket, now: number): Pick<Standing, 'pool'> | undefined {
  const pool = pools?.find(({ until }) => until > now);
  if (pool === undefined) return undefined;
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
  const past = bucket.past?.[index];
  const left = past === undefined ? calls : Math.min(calls, pastLeaves(past, now));
  // A whole number of calls that division left a hair below itself is that number.
  return Math.min(Math.floor(rule.burst), Math.max(0, Math.floor(left + 1e-9)));
}
