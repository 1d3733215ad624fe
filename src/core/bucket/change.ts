import { type Cost, costIn } from '../limits/cost.ts';
import type { Allowance, LimitState, Rule } from '../limits/kind.ts';
import { addMark, areTooMany, callsAfter, latestOf, type Marks, marksAllowAt, younger } from '../limits/marks.ts';
import type { Plan } from '../limits/plan.ts';
import { tick } from '../time/clock.ts';
import { type Bucket, copyOfState, note, tatsOf } from './bucket.ts';

/**
 * What one limit remembers while earlier limits still matter, or while a server reports its count: the calls that went,
 * and the limits that were in force. No window of any of those limits holds more calls than the largest of them allows.
 * It is never changed.
 */
export interface Past {
  /** The calls before and since the change, compacted: each mark is as late as the latest of its calls. */
  readonly marks: Marks;
  /** The limits that were in force, the present one last; empty if it only counts calls. */
  readonly limits: readonly Allowance[];
  /** From this instant on neither the earlier limits nor the count matter. */
  readonly until: number;
  /** The most of our own calls in an interval, until when: what a server leaves beside others. */
  readonly most?: Most | undefined;
}

/** The most calls until an instant. */
export interface Most {
  readonly calls: number;
  readonly until: number;
}

/** The most earlier limits that are remembered for one limit. If there are more, the shortest is forgotten. */
const mostLimits = 8;

/**
 * Moves a bucket to other limits at `now`. Used calls stay used, counted in calls. Limits are matched by name, or else
 * by place; an added limit counts what the last one counted. Earlier receipts become void: their calls can be settled
 * up, but neither settled down nor given back.
 */
export function change(bucket: Bucket, next: Plan, now: number): void {
  const places = placesBefore(bucket.plan.rules, next.rules);
  const shares = next.rules.map((rule, index) => shareOf(bucket, rule, places[index], now));
  const past = shares.map(([, one]) => one);
  note(bucket, {
    refunds: voidedRefunds(bucket, now, next.rules.length),
    past: past.some((one) => one !== undefined) ? past : undefined,
    // Limits that a server has told need not be searched for any more.
    pace: next.begins === undefined && bucket.extras.pace?.span === 0 ? undefined : bucket.extras.pace,
  });
  bucket.states = shares.map(([state]) => state);
}

/**
 * Refunds that void all receipts so far, for a bucket of `count` limits: what they could take back is no longer there.
 */
export function voidedRefunds(bucket: Bucket, now: number, count: number): number[] {
  const { refunds } = bucket.extras;
  const worth = tatsOf(bucket).map((tat, index) => (refunds?.[index] ?? 0) + Math.max(0, tat - now));
  return new Array<number>(count).fill(Math.max(...worth) + tick);
}

/**
 * The old place of each limit: by its name, or else in the order of the old limits without a name, the last one for all
 * further limits.
 */
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

/** The state of a limit under another rule. `place` is its old place, if it had one. */
function shareOf(
  { plan, states, extras }: Bucket,
  rule: Rule,
  place: number | undefined,
  now: number,
): readonly [state: LimitState, past?: Past | undefined] {
  const rest = [copyOfState(rule.kind.atRest)] as const;
  if (place === undefined) return rest;
  const old = plan.rules[place] as Rule;
  // A copy, as more than one limit may come from this one.
  const state = copyOfState(states[place] as LimitState);
  const { latest, past } = extras;
  const known = past?.[place];
  if (isSame(old, rule)) return [state, known];
  const marks =
    known === undefined
      ? old.kind.marksOf(old, state, latest, now)
      : younger(known.marks, now - longestOf([...known.limits, old]));
  if (marks.length === 1) return rest;
  const limits = withLimit(withLimit(known?.limits ?? [], old), rule);
  // Reserved calls still go under the earlier limits.
  const until = Math.max(now, latestOf(marks)) + longestOf(limits);
  return [rule.kind.carryOver(rule, marks, { rule: old, state, latest }, now), { marks, limits, until }];
}

/** How long a call matters to any of the limits, in ms. */
const longestOf = (limits: readonly Allowance[]): number => Math.max(...limits.map(({ span }) => span));

function withLimit(limits: readonly Allowance[], { burst, even, interval, span }: Allowance): Allowance[] {
  const added = { burst, even, interval, span };
  const others = limits.filter((one) => !isSame(one, added));
  const shortest = Math.min(...others.map((one) => one.interval));
  if (others.length > mostLimits)
    others.splice(
      others.findIndex((one) => one.interval === shortest),
      1,
    );
  return [...others, added];
}

/** Whether two limits let the same calls through, apart from their margins. */
const isSame = (one: Allowance, other: Allowance): boolean =>
  one.burst === other.burst && one.even === other.even && one.interval === other.interval;

/** The most calls that the largest of the limits lets through in any `length` ms. */
export const mostIn = (limits: readonly Allowance[], length: number): number =>
  Math.max(
    ...limits.map(({ burst, even, interval }) =>
      even === 0 ? burst * Math.ceil(length / interval) : burst - 1 + Math.ceil(length / even),
    ),
  );

/** How many calls of cost 1 are left of a limit at `now`, by the calls that went before. */
export function pastLeaves({ marks, limits, most }: Past, { span }: Rule, now: number): number {
  return Math.min(
    most !== undefined && most.until > now ? most.calls - callsAfter(marks, now - span) : Infinity,
    ...limits.map(({ interval, span }) => {
      const most = mostIn(limits, interval);
      return marksAllowAt(marks, span, most, 1) > now ? 0 : most - callsAfter(marks, now - span);
    }),
  );
}

/** When a call that conforms to its limits at `at` also conforms to the earlier ones. */
export function pastAllowsAt(
  past: readonly (Past | undefined)[],
  rules: readonly Rule[],
  cost: Cost,
  at: number,
): number {
  let allowAt = at;
  for (const [index, one] of past.entries()) {
    const rule = rules[index] as Rule;
    const calls = costIn(rule, cost);
    if (one === undefined || calls === 0) continue;
    const { most } = one;
    if (most !== undefined) {
      const leftAt = calls > most.calls ? Infinity : marksAllowAt(one.marks, rule.span, most.calls, calls);
      allowAt = Math.max(allowAt, Math.min(leftAt, most.until));
    }
    for (const { interval, span } of one.limits)
      allowAt = Math.max(allowAt, marksAllowAt(one.marks, span, mostIn(one.limits, interval), calls));
  }
  return allowAt;
}

/** The past of the limits after a call; undefined once it no longer matters. */
export function grantInPast(
  past: readonly (Past | undefined)[],
  rules: readonly Rule[],
  cost: Cost,
  at: number,
  now: number,
): (Past | undefined)[] | undefined {
  const left = past.map((one, index) =>
    one === undefined || one.until <= now
      ? undefined
      : notedIn(one, rules[index] as Rule, costIn(rules[index] as Rule, cost), at, now),
  );
  return left.some((one) => one !== undefined) ? left : undefined;
}

/** The past of a limit with the calls of one more instant. */
export function notedIn(past: Past, rule: Rule, calls: number, at: number, now: number): Past {
  if (calls === 0) return past;
  const { limits, until } = past;
  // A slow answer is compared with older calls.
  const counted = limits.length > 0 ? longestOf(limits) : Math.max(2 * rule.span, until - now + rule.span);
  const marks = younger(past.marks, now - counted);
  addMark(marks, at, calls);
  if (areTooMany(marks)) mergeClosest(marks, Math.min(rule.span, ...limits.map(({ span }) => span)), now);
  return { ...past, marks };
}

/**
 * Merges two marks: those that are closest to each other in relation to their age.
 * @param shortest a window in which marks of all ages count the same
 */
function mergeClosest(marks: Marks, shortest: number, now: number): void {
  let closest = 1;
  let least = Infinity;
  for (let place = 1; place < marks.length - 2; place += 2) {
    const next = marks[place + 2] as number;
    const distance = (next - (marks[place] as number)) / Math.max(shortest, now - next);
    if (distance < least) {
      least = distance;
      closest = place;
    }
  }
  marks[closest + 3] = (marks[closest + 3] as number) + (marks[closest + 1] as number);
  marks.splice(closest, 2);
}
