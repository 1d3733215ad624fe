import { sameInstant } from '../base/server-signal.ts';
import type { LimitState, Rule } from '../limits/kind.ts';
import { callsAfter } from '../limits/marks.ts';
import { paceOf, pacing, slower } from '../limits/pace.ts';
import type { Plan } from '../limits/plan.ts';
import { type Bucket, note } from './bucket.ts';
import { mostIn, type Past } from './change.ts';
import { sync } from './operations.ts';
import type { Ceiling, Told } from './pool.ts';

// What our own calls explain changes nothing: a server that reports how much of a quota is used mostly reports what its
// users know. Calls slow down only if less is left than the calls of all sharers explain. The count of a window is in
// `extras.past` of the bucket, so that all sharers count together. It begins with the first statement of a server and
// ends one interval after the latest one. Keys of servers without statements keep no count.

/** A number by which a server may describe a limit. */
interface Meaning {
  readonly index: number;
  readonly rule: Rule;
  /** The most that the server would allow. */
  readonly most: number;
  /** Whether it is the content of a bucket, not the calls in an interval. */
  readonly isLevel: boolean;
}

/** Numbers and windows of two sides that differ by no more than this part mean the same. */
const rounding = 0.1;

/** A statement without a window and with more than this many times a limit's number is about another limit. */
const farOff = 1.5;

/**
 * Takes in a statement of what is left, from a sharer or a server.
 * @returns for how long it holds calls back, in ms; 0 if it changes nothing, negative if our own calls explain it and
 *   calls are only kept back for others
 */
export function hear(bucket: Bucket, said: Ceiling, now: number): number {
  const { told, ms } = said;
  if (told !== undefined && bucket.plan.begins !== undefined) {
    keepCount(bucket, told, now);
    return 0;
  }
  if (told === undefined) return sync(bucket, said, now);
  const meant = meaningOf(bucket.plan.rules, told, said.meantFor ?? ms);
  if (meant === undefined && told.unit === undefined) return sync(bucket, said, now);
  // There is no count in this unit: the reader of the answer pauses the key.
  if (meant === undefined) return told.remaining === 0 ? ms : 0;
  keepCount(bucket, told, now);
  const held = meant.isLevel ? lower(bucket, meant, said, told, now) : cap(bucket, meant, said, told, now);
  return told.unit === undefined ? held : 0;
}

/**
 * Lets a limit count its calls, until an interval from now, and longer if answers are slow. Of earlier calls it counts as
 * many as could have gone.
 */
function keepCount(bucket: Bucket, { roundTrip }: Told, now: number): void {
  const { plan, states, extras } = bucket;
  const past = plan.rules.map((rule, index): Past => {
    const known = extras.past?.[index];
    const until = Math.max(known?.until ?? now, now + rule.span + 2 * roundTrip);
    if (known !== undefined && known.until > now) return { ...known, until };
    return { marks: rule.kind.marksOf(rule, states[index] as LimitState, extras.latest, now), limits: [], until };
  });
  note(bucket, { past });
}

/** Whether a statement is about one of our limits. */
export const isOurs = ({ rules }: Plan, { told, ms, meantFor = ms }: Ceiling): boolean =>
  told !== undefined && meaningOf(rules, told, meantFor) !== undefined;

/**
 * The limit that a statement is about: by its unit and window, else the nearest number, else the nearest window.
 * Undefined if it is not one of ours.
 */
function meaningOf(rules: readonly Rule[], { limit, window, unit }: Told, ms: number): Meaning | undefined {
  let nearest: Meaning | undefined;
  let least = Infinity;
  for (const [index, rule] of rules.entries()) {
    if (unit !== undefined && rule.name !== unit) continue;
    const { burst, kind, interval } = rule;
    for (const most of numbersOf(rule)) {
      const isLevel = kind.level !== undefined && most === burst;
      // Servers report the content of a bucket with the time it takes to refill, or with any other time.
      const isMeant = window === undefined || areClose(interval, window) || (isLevel && areClose(most, limit ?? most));
      // A larger number without a window belongs to another quota. The same goes for a missing number with a reset
      // later than ours could be.
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

/** The numbers by which a server may describe a limit; for a bucket its content or its leak rate. */
const numbersOf = (rule: Rule): number[] =>
  rule.kind.level === undefined ? [mostIn([rule], rule.interval)] : [rule.limit.rate, rule.burst];

/** Whether a server with this limit allows less than our limits do. */
export const isTooHigh = ({ rules }: Plan, limit: number): boolean =>
  rules.every((rule) => Math.min(...numbersOf(rule)) * (1 - rounding) > limit);

/**
 * The ratio of the larger to the smaller of two numbers. A logarithm would differ in the last bit between languages.
 */
const apart = (one: number, other: number): number => Math.max(one / other, other / one);

const areClose = (one: number, other: number): boolean => Math.abs(one / other - 1) <= rounding;

/** A call that left before a round trip may have arrived, and been counted, a round trip later. */
const countedFrom = ({ roundTrip }: Told, now: number): number => now - 2 * roundTrip;

/**
 * The least time in ms for which a statement holds while others use the quota, whatever its reset: the end of a sliding
 * window moves with each call.
 */
const leastHold = 2_000;

/**
 * Leaves at most that many calls of a limit that refills by itself: its level counts, not the time at which the server
 * reports it full.
 */
function lower(bucket: Bucket, { index, rule, most }: Meaning, said: Ceiling, told: Told, now: number): number {
  const state = bucket.states[index] as LimitState;
  const { kind } = rule;
  const own = kind.level?.at(rule, state, countedFrom(told, now)) ?? 0;
  const isExplained = (told.limit ?? most) - told.remaining <= own + 1;
  if (told.keptBack === 0 && isExplained) return 0;
  const lowered = kind.level?.leaving(rule, state, said.remaining - told.keptBack, now) ?? state;
  bucket.states[index] = lowered;
  if (lowered === state) return 0;
  return isExplained ? -rule.emissionInterval : rule.emissionInterval;
}

/** Leaves to the calls of all sharers the part of an interval that others do not use. */
function cap(bucket: Bucket, { index, rule, most }: Meaning, said: Ceiling, told: Told, now: number): number {
  const past = [...(bucket.extras.past as readonly Past[])];
  const counted = past[index] as Past;
  const own = callsAfter(counted.marks, countedFrom(told, now) - rule.span);
  const { limit = most, keptBack } = told;
  // Far more calls went than are allowed, and some are left: the server's window differs from ours.
  const isOther = told.window === undefined && limit < most * (1 - rounding) && own > limit * farOff;
  if (isOther && told.remaining > 0) {
    sync(bucket, said, now);
    return 0;
  }
  const others = Math.max(0, limit - told.remaining - own - (keptBack > 0 ? 0 : 1));
  // An answer that was overtaken leaves no more than the answer before it.
  const { most: known } = counted;
  const before = said.isNewest || known === undefined || known.until <= now ? Infinity : known.calls;
  const calls = Math.max(1, Math.min(limit - others - keptBack, before));
  const ms = Math.max(said.ms, Math.min(rule.span, leastHold));
  past[index] = { ...counted, most: calls < most ? { calls, until: now + ms } : undefined };
  note(bucket, { past });
  // Limits that are too high say nothing about other users of the quota.
  if (others > 0) return ms;
  return keptBack > 0 ? -ms : 0;
}

/**
 * Slows calls down from the end of a pause of `ms` on, because a call was refused; `sentAgo` is how long ago it left.
 */
export function slowDown(bucket: Bucket, sentAgo: number, ms: number, now: number): void {
  const { plan, extras } = bucket;
  note(bucket, { pace: slower(paceOf(plan, extras.pace, now), plan, now - sentAgo, ms, now), pacing });
}
