import { type Cost, costInCalls } from './cost.ts';
import type { Plan } from './plan.ts';
import { wholeTicksUp } from './rounding.ts';

// A rate that is learned from refusals: a refusal lowers it, time raises it again, as TCP's CUBIC does with its window.

/** The rate that a key keeps besides its limits, learned from refusals. The object is never changed. */
export interface Pace {
  /** About the rate at which the server refused, in calls per ms. */
  readonly most: number;
  /** How long the rate takes to return to it, in ms; 0 while it grows with each call, until the first refusal. */
  readonly span: number;
  /** When it starts to return: at the end of the pause after the refusal. */
  readonly since: number;
  /** Calls that went since the refusal, and when that was. */
  readonly calls: number;
  readonly from: number;
  /** When the next call may go. */
  readonly tat: number;
}

/** The part of the rate that a refusal takes, and how fast the rate grows beyond its old value. */
const cut = 0.15;
const growth = 4;

/** The server allows a little less than the refused rate, and much less if two refusals came soon after each other. */
const justBelow = 0.97;
const wellBelow = 0.9;

/**
 * How many intervals of the shortest limit the rate takes to return. An interval counts as a second at least and a
 * minute at most.
 */
const intervals = 15;

/** One call an hour, in calls per ms: the lowest rate. */
const lowest = 1 / 3_600_000;

/** While the rate grows, each call adds one call a second: it doubles every second. */
const addedPerCall = 1 / 1_000;

/** The operations on a pace. They come with the pace, so that only bundles with a pace carry them. */
export interface Pacing {
  begin(plan: Plan, now: number): Pace;
  after(pace: Pace, plan: Plan, cost: Cost, at: number): Pace | undefined;
  rateAt(pace: Pace, at: number): number;
}

/** The pace of a key: the learned one, or the first one of limits that the server defines. */
export function paceOf(plan: Plan, learned: Pace | undefined, now: number): Pace | undefined {
  return learned ?? (plan.begins === undefined ? undefined : begin(plan, now));
}

const begin = ({ begins = lowest }: Plan, now: number): Pace => ({
  most: begins,
  span: 0,
  since: now,
  calls: 0,
  from: now,
  tat: now,
});

/** The rate at an instant, in calls per ms. */
export function rateAt({ most, span, since }: Pace, at: number): number {
  if (span === 0) return most;
  const x = Math.max(0, at - since) / span - 1;
  return most * (1 + (x < 0 ? cut : growth) * x * x * x);
}

/** The pace after a call; undefined once it is not below the limits. */
export function paceAfter(pace: Pace, plan: Plan, cost: Cost, at: number): Pace | undefined {
  const calls = costInCalls(cost);
  const rate = rateAt(pace, at);
  if (plan.begins === undefined && rate >= rateOf(plan)) return undefined;
  const most = pace.span === 0 ? pace.most + calls * addedPerCall : pace.most;
  return { ...pace, most, calls: pace.calls + calls, tat: wholeTicksUp(Math.max(pace.tat, at) + calls / rate) };
}

/**
 * The pace after a refusal that pauses the key for `ms`. Calls that were in flight together count once. If the first call
 * after a pause is refused, the pause was too short, and the rate stays.
 * @param left when the refused call left
 */
export function slower(pace: Pace | undefined, plan: Plan, left: number, ms: number, now: number): Pace {
  const until = now + ms;
  const rate = pace === undefined ? rateOf(plan) : rateAt(pace, now);
  // No second call has left since the pause. Several sharers each send a first one.
  if (pace !== undefined && pace.span > 0 && (pace.calls <= 1 || left < pace.since + 1 / rate)) {
    const since = Math.max(pace.since, until);
    return { ...pace, since, calls: 0, from: now, tat: since };
  }
  const interval = Math.min(...plan.rules.map((rule) => rule.interval));
  // The calls of the last interval were too many; this is about how many went when it began.
  let most = pace === undefined ? rate : Math.min(rate * justBelow, rateAt(pace, now - interval));
  // Refused soon: the right rate is between the rate that went, pauses included, and the rate tried.
  const isSoon = pace !== undefined && (pace.span === 0 || now - pace.since < pace.span / 4);
  if (isSoon) most = Math.min(rate * wellBelow, Math.sqrt(rate * (pace.calls / Math.max(1, until - pace.from))));
  return {
    most: Math.max(most, lowest),
    span: (isSoon ? intervals / 2 : intervals) * Math.min(Math.max(interval, 1_000), 60_000),
    since: until,
    calls: 0,
    from: now,
    tat: until,
  };
}

/** The rate of the limits in the long run, in calls per ms. */
const rateOf = ({ rules }: Plan): number => 1 / Math.max(...rules.map(({ emissionInterval }) => emissionInterval));

export const pacing: Pacing = { begin, after: paceAfter, rateAt };
