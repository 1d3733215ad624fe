import type { Bucket } from './bucket.ts';
import { tick } from './clock.ts';
import { type Cost, costIn } from './cost.ts';
import { longAgo, type Plan, type Rule } from './limit.ts';
import { addMark, callsIn, emptyWindow, scaled, type Window } from './window.ts';

/**
 * A leaky bucket as large and as fast as a limit was before and after it changed. It counts all calls until it is at rest, so
 * that limits which change again and again let no more go than the largest and fastest of them would.
 */
export interface Guard {
  /** The place of its limit in the plan. */
  readonly index: number;
  readonly name: string | undefined;
  readonly burst: number;
  readonly emissionInterval: number;
  tat: number;
}

/** Where one limit of a bucket stands. */
interface Share {
  readonly tat: number;
  readonly window: Window | undefined;
}

/** What was used of a limit: calls, and the instant from which on they leak. */
interface Use {
  readonly calls: number;
  readonly from: number;
}

/**
 * Moves a bucket over to other limits. What was used is kept in proportion: half used up stays half used up. Limits belong
 * together by name, or by place if they have none; one that is new begins at rest. Receipts from before are worth nothing any
 * more: their calls can be settled up, but neither down nor given back.
 */
export function change(bucket: Bucket, next: Plan, now: number): void {
  const guards: Guard[] = [];
  const shares = next.rules.map((rule, index): Share => {
    const from = placeBefore(bucket.plan, rule, index);
    const old = bucket.plan.rules[from];
    const window = bucket.windows?.[from];
    const tat = bucket.tats[from];
    if (old === undefined || tat === undefined) return atRest(rule);
    const use = useOf(bucket, old, from, now);
    const guard = guardOf(bucket, from, rule, index, use);
    if (guard.tat > now) guards.push(guard);
    if (window !== undefined && rule.window !== 0)
      return { tat, window: scaled(window, rule.burst / old.burst, use.from - old.window) };
    return filled(rule, use.calls / old.burst, use.from, now);
  });
  voidReceipts(bucket, now, next.rules.length);
  bucket.tats = shares.map(({ tat }) => tat);
  bucket.windows = next.leaky ? undefined : shares.map(({ window }) => window);
  bucket.guards = guards.length === 0 ? undefined : guards;
}

/** Makes all receipts so far worth nothing, for a bucket of `count` limits: what they could take back is no longer there. */
export function voidReceipts(bucket: Bucket, now: number, count: number): void {
  const { tats, refunds } = bucket;
  const worth = tats.map((tat, index) => (refunds?.[index] ?? 0) + Math.max(0, tat - now));
  bucket.refunds = new Array<number>(count).fill(Math.max(...worth) + tick);
}

/** What was used of a limit. What is reserved has not leaked before the latest of the slots. */
function useOf({ windows, tats, latest }: Bucket, old: Rule, place: number, now: number): Use {
  const window = windows?.[place];
  const tat = tats[place] as number;
  const from = Math.max(now, Math.min(latest, tat));
  const calls = window === undefined ? (tat - from) / old.emissionInterval : callsIn(window, old.window, from);
  return { calls: Math.max(0, calls), from };
}

function placeBefore({ rules }: Plan, { name }: Rule, index: number): number {
  if (name !== undefined) return rules.findIndex((old) => old.name === name);
  return rules[index]?.name === undefined ? index : -1;
}

const atRest = (rule: Rule): Share => ({ tat: longAgo, window: rule.window === 0 ? undefined : emptyWindow() });

/** A limit of which the given part of its burst is used up at `from`. */
function filled(rule: Rule, part: number, from: number, now: number): Share {
  const share = atRest(rule);
  if (part === 0 && from <= now) return share;
  const calls = part * rule.burst;
  if (share.window === undefined) return { tat: from + wholeUp(calls * rule.emissionInterval), window: undefined };
  if (part > 0) addMark(share.window, rule.window, rule.burst, calls, from, now);
  return { tat: from, window: share.window };
}

function guardOf({ plan, guards }: Bucket, place: number, rule: Rule, index: number, { calls, from }: Use): Guard {
  const old = plan.rules[place] as Rule;
  // What was used of a limit that changed is a proportion; only its guard has counted the calls.
  const before = guards?.find((guard) => guard.index === place && guard.tat > from);
  const level = before === undefined ? calls : (before.tat - from) / before.emissionInterval;
  const emissionInterval = Math.min(before?.emissionInterval ?? Infinity, old.emissionInterval, rule.emissionInterval);
  const burst = Math.max(before?.burst ?? 0, old.burst, rule.burst);
  return { index, name: rule.name, burst, emissionInterval, tat: from + wholeUp(level * emissionInterval) };
}

const wholeUp = (ms: number): number => Math.ceil(ms / tick) * tick;

/** When a call conforms to the guards, besides its limits. */
export function guardsAllowAt(guards: readonly Guard[], cost: Cost): number {
  const allowAt = (guard: Guard): number => {
    const calls = costIn(guard, cost);
    return calls === 0 ? longAgo : guard.tat + wholeUp((calls - guard.burst) * guard.emissionInterval);
  };
  return Math.max(...guards.map(allowAt));
}

/** Counts a call in the guards. Those that are at rest go. */
export function grantInGuards(guards: readonly Guard[], cost: Cost, at: number, now: number): Guard[] | undefined {
  const left = guards.filter(({ tat }) => tat > now);
  for (const guard of left) charge(guard, costIn(guard, cost), at);
  return left.length === 0 ? undefined : left;
}

/** Takes the latest call that the guards counted off again. */
export function returnToGuards(guards: readonly Guard[], cost: Cost): void {
  for (const guard of guards) guard.tat -= wholeUp(costIn(guard, cost) * guard.emissionInterval);
}

/** Counts in the guard of one limit what a call of `at` cost more. */
export function settleInGuards(guards: readonly Guard[] | undefined, index: number, more: number, at: number): void {
  const guard = guards?.find((one) => one.index === index);
  if (guard !== undefined) charge(guard, more, at);
}

function charge(guard: Guard, calls: number, at: number): void {
  if (calls > 0) guard.tat = Math.max(guard.tat, at) + wholeUp(calls * guard.emissionInterval);
}
