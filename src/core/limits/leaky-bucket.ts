import { wholeTicks } from '../time/clock.ts';
import type { Kind, Level, Rule } from './kind.ts';
import { type Limit, longAgo } from './limit.ts';
import { addMark, latestOf, type Marks, mostMarks } from './marks.ts';
import { stepOf, sum, wholeSteps, wholeTicksUp } from './rounding.ts';

// The generic cell rate algorithm in its virtual scheduling form. The state is the tat, and no number is ever rounded down.

/** A hand-written bucket is stretched by no more than this part of its emission interval for calls without an adapter. */
const mostStretched = 0.1;

const burstOf = ({ burst = 1 }: Limit): number => burst;

/** The emission interval without a margin, in ms. */
const evenOf = ({ rate, interval }: Limit): number => wholeSteps(interval / rate);

/** The burst tolerance without a margin, in ms. */
function toleranceOf(limit: Limit): number {
  const even = evenOf(limit);
  return Math.floor(((burstOf(limit) - 1) * even) / stepOf(even)) * stepOf(even);
}

/** How far calls move the tat on, in ms: rounded up where a fraction of a call would not be exact. */
export function charge(emissionInterval: number, calls: number): number {
  const exact = calls * emissionInterval;
  return Number.isInteger(calls) ? exact : Math.min(wholeTicksUp(exact), Math.ceil(calls) * emissionInterval);
}

const tatCharged = (tat: number, slot: number, more: number, emissionInterval: number): number =>
  sum(Math.max(tat, slot), charge(emissionInterval, more));

const level: Level<number> = {
  at: ({ even }, tat, instant) => (tat - instant) / even,
  // left = (now + tolerance - tat) / T + 1
  leaving: ({ emissionInterval, tolerance }, tat, left, now) =>
    Math.max(tat, wholeTicksUp(now + tolerance + (1 - left) * emissionInterval)),
};

/** The arithmetic of leaky buckets. */
export const leakyBucket: Kind<number> = {
  name: 'leaky-bucket',
  atRest: longAgo,
  burstOf,
  mostKept: (limit) => toleranceOf(limit) + wholeSteps(evenOf(limit) * mostStretched),
  // With any number of margin changes, calls cost at least as much, and the tolerance is at most as large, as without a
  // margin.
  numbersOf(limit, kept) {
    const even = evenOf(limit);
    const full = toleranceOf(limit);
    const emissionInterval = even + Math.max(0, kept - full);
    const span = Math.max(wholeTicksUp(limit.interval) + kept, emissionInterval);
    return { even, span, emissionInterval, tolerance: Math.max(0, full - kept) };
  },

  // allowAt = tat + (c - 1) * T - tolerance
  allowAt: ({ emissionInterval, tolerance }, tat, calls) =>
    sum(tat, charge(emissionInterval, calls) - emissionInterval - tolerance),
  grant: ({ emissionInterval }, tat, calls, at) => sum(tat > at ? tat : at, charge(emissionInterval, calls)),
  tatOf: (tat) => tat,
  // A cost near the burst needs a bucket that has also rested for its margin.
  restsAt: ({ burst, emissionInterval, tolerance }, tat) => sum(tat, (burst - 1) * emissionInterval - tolerance),
  resetsAt: (_, tat) => tat,
  remaining: ({ emissionInterval, tolerance }, tat, now) =>
    (now + tolerance - Math.max(now, tat)) / emissionInterval + 1,
  mostWithin: ({ burst, emissionInterval }, ms) => burst + ms / emissionInterval,
  lineEndsAt: ({ emissionInterval, tolerance }, tat, first, calls) =>
    Math.max(tat, first) + (calls - 1) * emissionInterval - tolerance,

  giveBack: (_, tat, { before, after, refunded }) =>
    tat + refunded === after ? (before as number) - refunded : undefined,
  charge: (_, tat, { slot }, more, emissionInterval) => tatCharged(tat, slot, more, emissionInterval),
  tatCharged,
  // At most what has not leaked of the call's level can come back, less earlier refunds: other calls may have used the
  // rest. What leaks before a reserved call does not come back either.
  refund: (_, _tat, { after, refunded }, fewer, emissionInterval, latest, now) =>
    Math.min(wholeTicks(fewer * emissionInterval), after - refunded - Math.max(now, latest)),

  marksOf({ even, span }, tat, latest, now) {
    const marks: Marks = [longAgo];
    const end = Math.max(now, latest);
    // The j-th call from the last went at `tat - j * T` at the latest, whatever the margin was, and none later than `latest`.
    const all = Math.ceil((tat - now + span) / even) - 1;
    const atEnd = Math.max(0, Math.floor((tat - end) / even));
    const size = Math.ceil((all - atEnd) / (mostMarks - 1));
    for (let before = atEnd; before < all; before += size)
      addMark(marks, wholeTicksUp(tat - (before + 1) * even), Math.min(size, all - before));
    if (atEnd > 0) addMark(marks, end, atEnd);
    return marks;
  },
  carryOver: (rule, marks, { rule: old, state, latest }, now) =>
    typeof state === 'number' ? levelled(rule, old, state, latest, now) : replayed(rule, marks, now),
  level,
};

/** A leaky bucket filled by as many calls as the earlier one. What does not fit is dropped, except for a debt. */
function levelled({ burst, emissionInterval }: Rule, old: Rule, tat: number, latest: number, now: number): number {
  // What is reserved has not leaked before the latest of the slots.
  const from = Math.max(now, Math.min(latest, tat));
  const level = (tat - from) / old.emissionInterval;
  if (level <= 0) return from > now ? from : longAgo;
  const debt = Math.max(0, level - old.burst);
  return from + wholeTicksUp((Math.min(level - debt, burst) + debt) * emissionInterval);
}

/** A leaky bucket through which calls have gone at their instants: full at most. */
function replayed({ burst, emissionInterval }: Rule, marks: Marks, now: number): number {
  let tat = longAgo;
  for (let place = 1; place < marks.length; place += 2)
    tat = Math.max(tat, marks[place] as number) + wholeTicksUp((marks[place + 1] as number) * emissionInterval);
  return Math.min(tat, Math.max(now, latestOf(marks)) + wholeTicksUp(burst * emissionInterval));
}
