import { sameInstant } from '../base/server-signal.ts';
import type { LimitState, Rule } from '../limits/kind.ts';
import { callsAfter } from '../limits/marks.ts';
import { paceOf, pacing, slower } from '../limits/pace.ts';
import type { Plan } from '../limits/plan.ts';
import { type Bucket, note } from './bucket.ts';
import { mostIn, type Past } from './change.ts';
import { sync } from './operations.ts';
import type { Ceiling, Told } from './pool.ts';

// What our own calls explain is no news: a server that says how much of a quota is used mostly says what its users know. Only what is
// less than the calls of all sharers explain slows anybody down.
//
// The count of a window lives in `extras.past` of the bucket, so that all sharers count together. It begins with the first statement of a
// server and ends an interval after the latest one: keys whose servers say nothing keep none.

/** A number that a limit may be told by. */
interface Meaning {
  readonly index: number;
  readonly rule: Rule;
  /** The most that the server would allow. */
  readonly most: number;
  /** Whether it is what a bucket holds, not what goes in an interval. */
  readonly isLevel: boolean;
}

/** Numbers and windows of two sides that differ by no more than this part mean the same. */
const rounding = 0.1;

/** Who says nothing of windows, and tells more than so many times the number of a limit, tells of another one. */
const farOff = 1.5;

/**
 * Takes in what a sharer or a server says is left.
 * @returns for how long that holds calls back, in ms; 0 if it is no news
 */
export function hear(bucket: Bucket, said: Ceiling, now: number): number {
  const { told, ms } = said;
  if (told !== undefined && bucket.plan.begins !== undefined) {
    keepCount(bucket, now);
    return 0;
  }
  if (told === undefined) return sync(bucket, said, now);
  const meant = meaningOf(bucket.plan.rules, told, said.meantFor ?? ms);
  if (meant === undefined && told.unit === undefined) return sync(bucket, said, now);
  // Whoever heard it stops the key: there is no count in this unit.
  if (meant === undefined) return told.remaining === 0 ? ms : 0;
  keepCount(bucket, now);
  const held = meant.isLevel ? lower(bucket, meant, said, told, now) : cap(bucket, meant, said, told, now);
  return told.unit === undefined ? held : 0;
}

/** Lets a limit count what goes, until an interval from now. Of calls from before it counts as many as could have gone. */
function keepCount(bucket: Bucket, now: number): void {
  const { plan, states, extras } = bucket;
  const past = plan.rules.map((rule, index): Past => {
    const known = extras.past?.[index];
    const until = Math.max(known?.until ?? now, now + rule.span);
    if (known !== undefined && known.until > now) return { ...known, until };
    return { marks: rule.kind.marksOf(rule, states[index] as LimitState, extras.latest, now), limits: [], until };
  });
  note(bucket, { past });
}

/** Whether a server tells of one of our limits. */
export const isOurs = ({ rules }: Plan, { told, ms, meantFor = ms }: Ceiling): boolean =>
  told !== undefined && meaningOf(rules, told, meantFor) !== undefined;

/** What limit a server tells of: by its unit and window, else the one nearest in number, else in window. Undefined if it is none of ours. */
function meaningOf(rules: readonly Rule[], { limit, window, unit }: Told, ms: number): Meaning | undefined {
  let nearest: Meaning | undefined;
  let least = Infinity;
  for (const [index, rule] of rules.entries()) {
    if (unit !== undefined && rule.name !== unit) continue;
    const { burst, kind, interval } = rule;
    for (const most of numbersOf(rule)) {
      const isLevel = kind.level !== undefined && most === burst;
      // What a bucket holds is told with the time that it takes to refill, or with any other.
      const isMeant = window === undefined || areClose(interval, window) || (isLevel && areClose(most, limit ?? most));
      // A larger number without a window is that of another quota, and so is no number with a reset that comes later than ours could.
      const latest = farOff * Math.max(interval, burst * rule.emissionInterval) + 2 * sameInstant;
      const isOther = window === undefined && (limit === undefined ? ms > latest : limit > most * farOff);
      if (!isMeant || isOther) continue;
      const distance = limit === undefined ? apart(interval, Math.max(0, ms)) : apart(most, limit);
      if (distance < least) {
        least = distance;
        nearest = { index, rule, most, isLevel };
      }
    }
  }
  return nearest;
}

/** The numbers that a server may tell a limit by: of a bucket, what it holds or what it leaks. */
const numbersOf = (rule: Rule): number[] =>
  rule.kind.level === undefined ? [mostIn([rule], rule.interval)] : [rule.limit.rate, rule.burst];

/** Whether a server that tells of this limit allows less than our limits do. */
export const isTooHigh = ({ rules }: Plan, limit: number): boolean =>
  rules.every((rule) => Math.min(...numbersOf(rule)) * (1 - rounding) > limit);

/** How many times as large the larger of two is: no logarithm, as those of other languages differ in the last bit. */
const apart = (one: number, other: number): number => Math.max(one / other, other / one);

const areClose = (one: number, other: number): boolean => Math.abs(one / other - 1) <= rounding;

/** What left before a round trip may have arrived, and been counted, a round trip later. */
const countedFrom = ({ roundTrip }: Told, now: number): number => now - 2 * roundTrip;

/** For how long what is left beside others holds at least, in ms, whatever the reset: windows that slide end anew with each call. */
const leastHold = 2_000;

/** Leaves so many calls at most of a limit that refills by itself: its level is what counts, not when the server says it is full. */
function lower(bucket: Bucket, { index, rule, most }: Meaning, said: Ceiling, told: Told, now: number): number {
  const state = bucket.states[index] as LimitState;
  const { kind } = rule;
  const own = kind.level?.at(rule, state, countedFrom(told, now)) ?? 0;
  if (told.keptBack === 0 && (told.limit ?? most) - told.remaining <= own + 1) return 0;
  const lowered = kind.level?.leaving(rule, state, said.remaining - told.keptBack, now) ?? state;
  bucket.states[index] = lowered;
  return lowered === state ? 0 : rule.emissionInterval;
}

/** Leaves to the calls of all sharers what others do not use of an interval. */
function cap(bucket: Bucket, { index, rule, most }: Meaning, said: Ceiling, told: Told, now: number): number {
  const past = [...(bucket.extras.past ?? [])];
  const counted = past[index] as Past;
  const own = callsAfter(counted.marks, countedFrom(told, now) - rule.span);
  const { limit = most, keptBack } = told;
  // Far more went than are allowed, and some are left: the window is another than ours.
  const isOther = told.window === undefined && limit < most * (1 - rounding) && own > limit * farOff;
  if (isOther && told.remaining > 0) {
    sync(bucket, said, now);
    return 0;
  }
  const others = Math.max(0, limit - told.remaining - own - (keptBack > 0 ? 0 : 1));
  // An answer that was overtaken leaves no more than the one that came before it.
  const { most: known } = counted;
  const before = said.isNewest || known === undefined || known.until <= now ? Infinity : known.calls;
  const calls = Math.max(1, Math.min(limit - others - keptBack, before));
  const ms = Math.max(said.ms, Math.min(rule.span, leastHold));
  past[index] = { ...counted, most: calls < most ? { calls, until: now + ms } : undefined };
  note(bucket, { past });
  // That the limits are too high is no news about others.
  return others + keptBack > 0 ? ms : 0;
}

/** Lets calls go slower from the end of a pause of `ms` on, for a call that left so long ago and was refused. */
export function slowDown(bucket: Bucket, sentAgo: number, ms: number, now: number): void {
  const { plan, extras } = bucket;
  note(bucket, { pace: slower(paceOf(plan, extras.pace, now), plan, now - sentAgo, ms, now), pacing });
}
