import { type Cost, costIn } from '../limits/cost.ts';
import { type Allowance, longAgo, type Plan, type Rule } from '../limits/limit.ts';
import { callsIn, emptyWindow, mostMarks, type Window, windowAllowAt } from '../limits/window.ts';
import { tick } from '../time/clock.ts';
import type { Bucket } from './bucket.ts';

/**
 * What one limit remembers while limits from before it still matter: the calls that went, and the limits that were in force.
 * No window of any of those limits sees more calls than the largest of them allows.
 */
export interface Past {
  /** The calls before the change and since, compacted: each mark is as late as the latest of its calls. */
  readonly marks: Window;
  /** The limits that were in force, the present one last. */
  readonly limits: readonly Allowance[];
  /** From this instant on the limits from before matter no more. */
  readonly until: number;
}

/** The most limits that are remembered for one limit, besides the present one; of more the shortest is forgotten. */
const mostLimits = 8;

/** Where one limit of a bucket stands. */
interface Share {
  readonly tat: number;
  readonly window: Window | undefined;
  readonly past: Past | undefined;
}

/**
 * Moves a bucket over to other limits at `now`. What was used stays used, counted in calls. Limits belong together by name, else by
 * place; one that is added counts what the last one counted. Receipts from before are worth nothing any more: their calls can be
 * settled up, but neither down nor given back.
 */
export function change(bucket: Bucket, next: Plan, now: number): void {
  const places = placesBefore(bucket.plan.rules, next.rules);
  const shares = next.rules.map((rule, index) => shareOf(bucket, rule, places[index], now));
  voidReceipts(bucket, now, next.rules.length);
  bucket.tats = shares.map(({ tat }) => tat);
  bucket.windows = next.leaky ? undefined : shares.map(({ window }) => window);
  bucket.past = shares.some(({ past }) => past !== undefined) ? shares.map(({ past }) => past) : undefined;
}

/** Makes all receipts so far worth nothing, for a bucket of `count` limits: what they could take back is no longer there. */
export function voidReceipts(bucket: Bucket, now: number, count: number): void {
  const { tats, refunds } = bucket;
  const worth = tats.map((tat, index) => (refunds?.[index] ?? 0) + Math.max(0, tat - now));
  bucket.refunds = new Array<number>(count).fill(Math.max(...worth) + tick);
}

/** Where each limit stood before: by its name, else in the order of those without one in the other list, the last for all more. */
function placesBefore(rules: readonly Rule[], next: readonly Rule[]): (number | undefined)[] {
  const placeIn = (others: readonly Rule[], { name }: Rule) =>
    name === undefined ? -1 : others.findIndex((other) => other.name === name);
  const left = [...rules.keys()].filter((place) => placeIn(next, rules[place] as Rule) < 0);
  let used = 0;
  return next.map((rule) => {
    const same = placeIn(rules, rule);
    return same < 0 ? left[Math.min(used++, left.length - 1)] : same;
  });
}

/** What a limit of a bucket becomes under another rule. `place` is where the limit stood before, if anywhere. */
function shareOf(bucket: Bucket, rule: Rule, place: number | undefined, now: number): Share {
  const atRest = { tat: longAgo, window: rule.window === 0 ? undefined : emptyWindow(), past: undefined };
  if (place === undefined) return atRest;
  const old = bucket.plan.rules[place] as Rule;
  const tat = bucket.tats[place] as number;
  const window = bucket.windows?.[place];
  const known = bucket.past?.[place];
  // Copies, as more than one limit may come from this one.
  if (isSame(old, rule))
    return { tat, window: window && younger(window), past: known && { ...known, marks: younger(known.marks) } };
  const marks = marksOf(bucket, old, place, now);
  if (marks.times.length === 0) return atRest;
  const limits = withLimit(withLimit(known?.limits ?? [], old), rule);
  const last = marks.times.at(-1) as number;
  // What is reserved goes under the limits from before yet.
  const past = { marks, limits, until: Math.max(now, last) + longestOf(limits) };
  if (rule.window !== 0) return { tat: last, window: younger(marks, now - rule.window), past };
  const filled = old.window === 0 ? levelled(tat, bucket.latest, old, rule, now) : replayed(marks, rule, now);
  return { tat: filled, window: undefined, past };
}

/** The calls that still count, as late as they can have gone. A leaky bucket does not know its instants: it counts what could have gone. */
function marksOf(bucket: Bucket, old: Rule, place: number, now: number): Window {
  const past = bucket.past?.[place];
  const known = past?.marks ?? bucket.windows?.[place];
  if (known !== undefined) return younger(known, now - longestOf([...(past?.limits ?? []), old]));
  const marks = emptyWindow();
  const tat = bucket.tats[place] as number;
  const latest = Math.max(now, bucket.latest);
  // The j-th call from the last went at `tat - j * T` at the latest, whatever the margin was, and none later than `latest`.
  const all = Math.ceil((tat - now + old.span) / old.even) - 1;
  const atLatest = Math.max(0, Math.floor((tat - latest) / old.even));
  const size = Math.ceil((all - atLatest) / (mostMarks - 1));
  for (let before = atLatest; before < all; before += size)
    insertMark(marks, Math.min(size, all - before), wholeUp(tat - (before + 1) * old.even));
  if (atLatest > 0) insertMark(marks, atLatest, latest);
  return marks;
}

/** A leaky bucket that is filled by as many calls as the one before. What does not fit any more is not kept, but for a debt. */
function levelled(tat: number, latest: number, old: Rule, rule: Rule, now: number): number {
  // What is reserved has not leaked before the latest of the slots.
  const from = Math.max(now, Math.min(latest, tat));
  const level = (tat - from) / old.emissionInterval;
  if (level <= 0) return from > now ? from : longAgo;
  const debt = Math.max(0, level - old.burst);
  return from + wholeUp((Math.min(level - debt, rule.burst) + debt) * rule.emissionInterval);
}

/** A leaky bucket through which calls have gone at their instants: full at most. */
function replayed({ times, costs }: Window, { burst, emissionInterval }: Rule, now: number): number {
  let tat = longAgo;
  for (const [index, at] of times.entries())
    tat = Math.max(tat, at) + wholeUp((costs[index] as number) * emissionInterval);
  return Math.min(tat, Math.max(now, times.at(-1) as number) + wholeUp(burst * emissionInterval));
}

function younger({ times, costs, free }: Window, end: number = -Infinity): Window {
  const first = times.findIndex((time) => time > end);
  return first < 0 ? { ...emptyWindow(), free } : { times: times.slice(first), costs: costs.slice(first), free };
}

const wholeUp = (ms: number): number => Math.ceil(ms / tick) * tick;

/** How long a call matters to any of the limits, in ms. */
const longestOf = (limits: readonly Allowance[]): number => Math.max(...limits.map(({ span }) => span));

function withLimit(limits: readonly Allowance[], { burst, even, interval, span }: Allowance): Allowance[] {
  const others = limits.filter((one) => !isSame(one, { burst, even, interval, span }));
  const shortest = Math.min(...others.map((one) => one.interval));
  if (others.length > mostLimits) {
    const place = others.findIndex((one) => one.interval === shortest);
    others.splice(place, 1);
  }
  return [...others, { burst, even, interval, span }];
}

/** Whether two limits let the same through, their margins aside. */
const isSame = (one: Allowance, other: Allowance): boolean =>
  one.burst === other.burst && one.even === other.even && one.interval === other.interval;

/** The most calls that a limit lets through in any `length` ms. */
function mostIn({ burst, even, interval }: Allowance, length: number): number {
  return even === 0 ? burst * Math.ceil(length / interval) : burst - 1 + Math.ceil(length / even);
}

/** The most calls that the largest of some limits lets through in any `length` ms. */
const mostOf = (limits: readonly Allowance[], length: number): number =>
  Math.max(...limits.map((limit) => mostIn(limit, length)));

/** How many calls of cost 1 what went before leaves of a limit at `now`. */
export function pastLeaves({ marks, limits }: Past, now: number): number {
  const left = ({ interval, span }: Allowance) => {
    const most = mostOf(limits, interval);
    return windowAllowAt(marks, span, most, 1) > now ? 0 : most - callsIn(marks, span, now);
  };
  return Math.min(...limits.map(left));
}

/** When a call that conforms to its limits at `at` conforms to what was before them too. */
export function pastAllowsAt(
  past: readonly (Past | undefined)[],
  rules: readonly Rule[],
  cost: Cost,
  at: number,
): number {
  let allowAt = at;
  for (const [index, one] of past.entries()) {
    const calls = costIn(rules[index] as Rule, cost);
    if (one === undefined || calls === 0) continue;
    for (const { interval, span } of one.limits) {
      allowAt = Math.max(allowAt, windowAllowAt(one.marks, span, mostOf(one.limits, interval), calls));
    }
  }
  return allowAt;
}

/** Notes a call in the past of its limits; undefined once none matters any more. */
export function grantInPast(
  past: readonly (Past | undefined)[],
  rules: readonly Rule[],
  cost: Cost,
  at: number,
  now: number,
): (Past | undefined)[] | undefined {
  const left = past.map((one) => (one !== undefined && one.until > now ? one : undefined));
  if (left.every((one) => one === undefined)) return undefined;
  for (const [index, one] of left.entries()) {
    const calls = costIn(rules[index] as Rule, cost);
    if (one !== undefined && calls > 0) notePast(one, calls, at, now);
  }
  return left;
}

/** Notes calls of one instant among those of the past. */
export function notePast({ marks, limits }: Past, calls: number, at: number, now: number): void {
  const { times, costs } = marks;
  let over = 0;
  while (over < times.length && (times[over] as number) <= now - longestOf(limits)) over++;
  times.splice(0, over);
  costs.splice(0, over);
  insertMark(marks, calls, at);
  if (times.length > mostMarks) mergeClosest(times, costs, Math.min(...limits.map(({ span }) => span)), now);
}

function insertMark({ times, costs }: Window, calls: number, at: number): void {
  let index = times.length;
  while (index > 0 && (times[index - 1] as number) >= at) index--;
  if (times[index] === at) {
    costs[index] = (costs[index] as number) + calls;
    return;
  }
  times.splice(index, 0, at);
  costs.splice(index, 0, calls);
}

/**
 * Makes one mark of two: of those that are the closest to each other for their age.
 * @param shortest a window in which marks of all ages count the same
 */
function mergeClosest(times: number[], costs: number[], shortest: number, now: number): void {
  let closest = 0;
  let least = Infinity;
  for (let index = 0; index < times.length - 1; index++) {
    const next = times[index + 1] as number;
    const distance = (next - (times[index] as number)) / Math.max(shortest, now - next);
    if (distance < least) {
      least = distance;
      closest = index;
    }
  }
  costs[closest + 1] = (costs[closest + 1] as number) + (costs[closest] as number);
  times.splice(closest, 1);
  costs.splice(closest, 1);
}
