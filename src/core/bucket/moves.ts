import type { Receipt, Standing, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Cost, costIn, sameCost } from '../limits/cost.ts';
import type { LimitState, Rule, SlotMoves, TakenCall } from '../limits/kind.ts';
import { charge } from '../limits/leaky-bucket.ts';
import { longAgo } from '../limits/limit.ts';
import { laterMarks } from '../limits/marks.ts';
import { type Plan, samePlan } from '../limits/plan.ts';
import { wholeTicks } from '../time/clock.ts';
import { type Bucket, grantAt, note, type SlotMove } from './bucket.ts';
import { callIn, correctPast, giveBack, take } from './operations.ts';

// Slots that move to a later time, which sharers and adapters need besides the operations. Everything that was built on
// a slot moves with it. The `moved` of a receipt shows which moves it has seen.

/** How slots move in leaky buckets. */
const leakyMoves: SlotMoves<number> = {
  // A bucket that was not at rest counts the call the same, whenever it goes.
  lateness: ({ emissionInterval }, { slot, calls, after }, ms) =>
    Math.max(0, ms - Math.max(0, after - charge(emissionInterval, calls) - slot)),
  spacing: ({ tolerance }, slot, after) => after - tolerance - slot,
  slack: () => Infinity,
  moveSlots: (tat, _, builtOn, ms) => (tat > builtOn ? tat + ms : tat),
  moveCall: (_, tat) => tat,
  isVoid: () => false,
  raise: Math.max,
  noteFrom: () => longAgo,
};

const movesOf = ({ kind }: Rule): SlotMoves => kind.moves ?? leakyMoves;

/** How many moves of slots are remembered, and for how many ms. An older slot is lost. */
const mostMoves = 32;
const movesMatter = 5_000;

/** The same as `take`, for a request that may carry a reservation that is due. */
export function takeOnSlot(bucket: Bucket, request: TakeRequest, now: number): TakeAnswer {
  const { costs, instead, late = 0 } = request;
  const kept = instead && keptSlot(bucket, instead, costs[0], now, late > 0 ? wholeTicks(now - late) : now);
  const isGranted = kept !== undefined && kept.slot <= now;
  const rest = isGranted ? costs.slice(1) : kept === undefined ? costs : [];
  const answer = take(bucket, { ...request, costs: rest }, now);
  const hasChanged = instead !== undefined || answer.granted.length > 0 || answer.reserved !== undefined;
  const { moves } = bucket.extras;
  if (hasChanged && moves !== undefined && (moves.at(-1) as SlotMove).after <= now - movesMatter)
    note(bucket, { moves: undefined });
  if (kept === undefined) return answer;
  return isGranted
    ? { ...answer, granted: [kept, ...answer.granted] }
    : { ...answer, reserved: kept, wait: kept.slot - now };
}

/**
 * The reservation on which the first call goes, now or later; undefined if the slot was given back and the call has to
 * ask again.
 */
function keptSlot(
  bucket: Bucket,
  instead: Receipt,
  cost: Cost | undefined,
  now: number,
  from: number,
): Receipt | undefined {
  const kept = slotOf(bucket, instead, cost, now);
  if (kept === undefined || (kept.slot < from && (now - kept.slot >= spacingOf(kept) || bucket.extras.fixed > now))) {
    giveBack(bucket, instead);
    return undefined;
  }
  return kept.slot < from ? missed(bucket, kept, now) : kept;
}

/** The reservation in its present state, if a call of `cost` may still go on it. */
function slotOf(bucket: Bucket, receipt: Receipt, cost: Cost | undefined, now: number): Receipt | undefined {
  const { gate, pools, pace, latest } = bucket.extras;
  const { pools: taken = [] } = receipt;
  if (cost === undefined || gate > now || receipt.before === undefined || !sameCost(receipt.cost, cost))
    return undefined;
  // All slots from before a refusal would be due at once when the pause ends.
  if (pace !== undefined && receipt.slot < pace.since) return undefined;
  if (pools?.some(({ until }) => until > now && !taken.includes(until))) return undefined;
  const slot = samePlan(bucket.plan, receipt.plan) ? asMoved(receipt, bucket.extras) : undefined;
  // A bucket that was reset knows no slot. A bucket whose limits were changed and changed back knows them all.
  return slot !== undefined && slot.slot <= latest ? slot : undefined;
}

/** A reservation with its slot moved to its present time; undefined if that is no longer known. */
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

/** A reservation with its slot `by` ms later. */
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
 * The shortest time from the slot of a reservation to the next slot, in ms, if a leaky bucket spaces them. For windows,
 * how long its call counts: until then it may go later without more calls in any window.
 */
export function spacingOf({ slot, cost, plan, after }: Receipt): number {
  let spacing = 0;
  let slack = Infinity;
  for (const [index, rule] of plan.rules.entries()) {
    if (costIn(rule, cost) === 0) continue;
    spacing = Math.max(spacing, movesOf(rule).spacing(rule, slot, after[index] as number));
    slack = Math.min(slack, movesOf(rule).slack(rule));
  }
  return spacing > 0 ? spacing : slack;
}

/** How far, per limit, slots up to `latest` have to move if a call goes `ms` after its own slot. */
function latenessOf({ rules }: Plan, { slot, cost, after }: Receipt, ms: number, latest: number): number[] {
  return rules.map((rule, index) => {
    const call = { slot, calls: costIn(rule, cost), after: after[index] as number };
    return call.calls === 0 ? 0 : movesOf(rule).lateness(rule, call, ms, latest);
  });
}

/**
 * The receipt with later refunds included: a bucket that is at rest now counts a call from the instant when it goes.
 */
function refundedBy(bucket: Bucket, receipt: Receipt): Receipt {
  return { ...receipt, after: receipt.after.map((tat, index) => tat - callIn(bucket, index, receipt).refunded) };
}

/** Lets the call of a missed slot go now, and moves all later slots that were built on it. */
function missed(bucket: Bucket, receipt: Receipt, now: number): Receipt {
  const { slot } = receipt;
  const { latest } = bucket.extras;
  const late = latenessOf(bucket.plan, refundedBy(bucket, receipt), now - slot, latest);
  if (latest > slot) moveSlots(bucket, slot, slot, now, Math.max(...late));
  else moveStates(bucket, Infinity, slot, late);
  moveCall(bucket, receipt, now, now);
  return goneLater({ ...receipt, moved: bucket.extras.moved }, now - slot);
}

/** The receipt of a call that went `ms` after its slot. */
export function goneLater(receipt: Receipt, ms: number): Receipt {
  const late = latenessOf(receipt.plan, receipt, ms, Infinity);
  return {
    ...receipt,
    slot: receipt.slot + ms,
    after: receipt.after.map((tat, index) => tat + (late[index] as number)),
  };
}

/** Moves the marks of a call to a later instant, in windows and in the counts of earlier limits. */
function moveCall(bucket: Bucket, receipt: Receipt, to: number, now: number): void {
  const { plan, states } = bucket;
  for (const [index, rule] of plan.rules.entries()) {
    const call = callIn(bucket, index, receipt);
    if (call.calls === 0) continue;
    correctPast(bucket, index, call.slot, -call.calls, now);
    correctPast(bucket, index, to, call.calls, now);
    states[index] = movesOf(rule).moveCall(rule, states[index] as LimitState, call, to, now);
  }
}

/**
 * Moves all slots after an instant by `ms`.
 * @param builtOn the slot of the call that they were built on; the only one that a leaky bucket knows
 */
function moveSlots(bucket: Bucket, after: number, builtOn: number, now: number, ms: number): void {
  if (ms <= 0) return;
  moveStates(
    bucket,
    after,
    builtOn,
    bucket.states.map(() => ms),
  );
  const { latest, moved, moves = [], past } = bucket.extras;
  const matter = moves.filter((move) => move.after > now - movesMatter);
  note(bucket, {
    latest: latest > after ? latest + ms : latest,
    moved: moved + ms,
    moves: [...matter, { after, ms }].slice(-mostMoves),
    past: past?.map((one) => one && { ...one, marks: laterMarks(one.marks, after, ms) }),
    follow: asMoved,
  });
}

function moveStates({ plan, states }: Bucket, after: number, builtOn: number, ms: readonly number[]): void {
  for (const [index, rule] of plan.rules.entries())
    states[index] = movesOf(rule).moveSlots(states[index] as LimitState, after, builtOn, ms[index] as number);
}

/** See `StoreOperations.postpone`. */
export function postpone(bucket: Bucket, receipt: Receipt, ms: number, now: number): void {
  const later = wholeTicks(ms);
  if (later <= 0 || !samePlan(bucket.plan, receipt.plan)) return;
  const { plan, states } = bucket;
  const { latest, moved, fixed } = bucket.extras;
  // Later calls were built on this slot, and move by as much; calls that were late together count once.
  const refunded = refundedBy(bucket, receipt);
  const late = Math.max(...latenessOf(plan, refunded, later, latest)) - (moved - (receipt.moved ?? 0));
  // A caller that goes at its slot in any case cannot make room for calls before it.
  if (fixed <= now) moveSlots(bucket, now, receipt.slot, now, late);
  const calls = plan.rules.map((_, index) => callIn(bucket, index, receipt));
  const isVoid = plan.rules.some((rule, index) => movesOf(rule).isVoid(calls[index] as TakenCall));
  if (!isVoid) moveCall(bucket, receipt, receipt.slot + later, now);
  const { after } = goneLater(refunded, later);
  for (const [index, rule] of plan.rules.entries()) {
    const call = calls[index] as TakenCall;
    if (call.calls > 0) states[index] = movesOf(rule).raise(states[index] as LimitState, after[index] as number);
  }
}

/**
 * Counts a call that was granted elsewhere in the bucket that stands in for that one.
 * @param after per limit the tat afterwards, there
 */
export function noteGranted(bucket: Bucket, cost: Cost, slot: number, after: readonly number[], now: number): void {
  const { plan, states } = bucket;
  // This bucket still remembers slots that were given back there.
  const from = plan.rules.map((rule, index) => movesOf(rule).noteFrom(states[index] as LimitState));
  grantAt(bucket, cost, Math.max(slot, ...from), now);
  for (const [index, rule] of plan.rules.entries())
    states[index] = movesOf(rule).raise(states[index] as LimitState, after[index] ?? longAgo);
}
