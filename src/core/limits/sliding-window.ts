import { checkNumber, checkOptions, outOfRange } from '../base/check.ts';
import { carrying, type Kind } from './kind.ts';
import { checkLimit, type Limit, longAgo, withCommon } from './limit.ts';
import {
  areTooMany,
  callsAfter,
  laterMarks,
  latestOf,
  type Marks,
  marksAllowAt,
  mostMarks,
  placeAfter,
  placeBefore,
  takeOff,
  younger,
} from './marks.ts';
import type { QuotaOptions } from './quota.ts';
import { wholeTicksUp } from './rounding.ts';

// At most N calls in any window. The state is a list of marks; merging marks makes calls later, never earlier. Only
// `slidingWindow` and the reader of stored limits import this.

/** Options of `slidingWindow`. */
export type SlidingWindowOptions = Omit<QuotaOptions, 'burst'>;

/**
 * Makes a limit of at most `limit` calls in any window of `interval` ms. All of them may go at once; further calls go
 * as earlier ones become older than the window.
 * @throws TypeError, RangeError if an option is missing or out of range.
 * @example
 * slidingWindow({ limit: 100, interval: 60_000 }).burst //=> 100
 */
export function slidingWindow(options: SlidingWindowOptions): Limit {
  checkOptions('options', options);
  const limit = checkNumber('limit', options.limit, { from: 1, whole: true });
  const { interval } = options;
  const made = withCommon({ kind: 'sliding-window', rate: limit, interval, burst: limit }, options);
  return carrying(checkLimit(made, slidingWindowKind), slidingWindowKind);
}

/** The arithmetic of sliding windows. */
export const slidingWindowKind: Kind<Marks> = {
  name: 'sliding-window',
  atRest: [longAgo],
  check({ rate, burst = rate }, path) {
    checkNumber(`${path}rate`, rate, { from: 1 });
    if (burst !== rate) outOfRange(`${path}burst`, 'the same as `rate`: a sliding window lets all go at once', burst);
  },
  burstOf: ({ rate, burst = rate }) => burst,
  mostKept: () => Infinity,
  numbersOf({ rate, interval }, kept) {
    const span = wholeTicksUp(interval) + kept;
    return { even: 0, span, emissionInterval: span / rate, tolerance: 0 };
  },

  allowAt: ({ span, burst }, marks, calls) => marksAllowAt(marks, span, burst, calls),
  grant({ span, burst }, marks, calls, at, now) {
    drop(marks, placeAfter(marks, now - span), span);
    // Of exact length, because most keys have one mark.
    if (marks.length === 1) return [marks[0] as number, at, calls];
    // A call in the future gets a mark of its own while there is room, so that it can be given back.
    insert(marks, at > now ? 0 : burst, span, calls, at);
    return marks;
  },
  tatOf: latestOf,
  restsAt: ({ span }, marks) => Math.max(latestOf(marks) + span, marks[0] as number),
  resetsAt: ({ span }, marks) => latestOf(marks) + span,
  remaining: ({ burst, span }, marks, now) =>
    marksAllowAt(marks, span, burst, 1) > now ? 0 : burst - callsAfter(marks, now - span),
  mostWithin: ({ burst, span }, ms) => burst * (1 + Math.ceil(ms / span)),
  lineEndsAt: ({ burst, span }, _, first, calls) => first + (Math.ceil(calls / burst) - 1) * span,

  giveBack({ interval }, marks, { slot, calls, refunded }) {
    if (refunded === 0) takeBack(marks, interval, slot, calls, false);
    return latestOf(marks) < slot ? marks : undefined;
  },
  charge({ interval, burst, span }, marks, { slot }, more, _, now) {
    // A call that has left the window no longer counts, with any cost and margin. The same goes for a call whose mark
    // was dropped: the mark found may be another, much later one, for instance if the call cost nothing before.
    if (slot > now - interval && slot > (marks[0] as number) - interval) insert(marks, burst, span, more, slot);
    return marks;
  },
  tatCharged: (tat) => tat,
  refund({ interval }, marks, { slot, refunded }, fewer, _emissionInterval, _latest, now) {
    if (refunded === 0 && slot > now - interval) takeBack(marks, interval, slot, fewer, false);
    return 0;
  },

  marksOf: ({ span }, marks, _, now) => younger(marks, now - span),
  carryOver: ({ span }, marks, _, now) => younger(marks, now - span),

  moves: {
    // A slot was built on the call only if it comes when the call leaves the window.
    lateness: ({ span }, { slot }, ms, latest) => (latest >= slot + span ? ms : 0),
    spacing: () => 0,
    slack: ({ span }) => span,
    moveSlots: (marks, after, _, ms) => laterMarks(marks, after, ms),
    moveCall({ interval, burst, span }, marks, { slot, calls, refunded }, to, now) {
      if (to <= now - span) return marks;
      takeBack(marks, interval, slot, calls, refunded > 0);
      insert(marks, burst, span, calls, to);
      return marks;
    },
    isVoid: ({ refunded }) => refunded > 0,
    raise: (marks) => marks,
    noteFrom: latestOf,
  },
};

/**
 * Subtracts calls from the mark that holds the call of `slot`, unless that mark was dropped.
 * @param interval the length of the window without its margin: no mark was dropped before that age, whatever the margin
 * was
 * @param isExact whether only a mark of that exact instant belongs to the call; other marks were computed, not counted
 */
function takeBack(marks: Marks, interval: number, slot: number, calls: number, isExact: boolean): void {
  if (slot > (marks[0] as number) - interval) takeOff(marks, slot, calls, isExact);
}

/**
 * Adds a call that went at `to` to the marks.
 * @param limit the most calls in a window: with few of them, no two instants share a mark
 */
function insert(marks: Marks, limit: number, length: number, calls: number, to: number): void {
  const place = placeBefore(marks, to);
  const merges = (at: number) => marks[at] === to || areMerged(marks[at] as number, to, limit, length);
  if (merges(place)) marks[place + 1] = (marks[place + 1] as number) + calls;
  else if (place > 1 && merges(place - 2)) {
    marks[place - 2] = to;
    marks[place - 1] = (marks[place - 1] as number) + calls;
  } else {
    marks.splice(place, 0, to, calls);
    compact(marks, length);
  }
}

/** Calls whose instants fall into one cell of this grid share a mark; a window touches at most 32 cells. */
const cell = (at: number, length: number): number => Math.floor((at * (mostMarks - 1)) / length);

/** Whether calls of two instants share a mark. They do not if each call can have its own. */
const areMerged = (one: number, other: number, limit: number, length: number): boolean =>
  limit > mostMarks && cell(one, length) === cell(other, length);

/** Merges marks until there are no more than are kept. */
function compact(marks: Marks, length: number): void {
  if (!areTooMany(marks)) return;
  // A mark more than a window before the latest one cannot hold back a later call, unless the latest is given back.
  drop(marks, placeAfter(marks, latestOf(marks) - length), length);
  if (!areTooMany(marks)) return;
  let kept = 1;
  for (let place = 3; place < marks.length; place += 2) {
    const at = marks[place] as number;
    const calls = marks[place + 1] as number;
    if (cell(marks[kept] as number, length) === cell(at, length)) marks[kept + 1] = (marks[kept + 1] as number) + calls;
    else {
      kept += 2;
      marks[kept + 1] = calls;
    }
    marks[kept] = at;
  }
  marks.length = kept + 2;
}

/** Drops the marks before a position, and keeps the instant until which the latest of them counted. */
function drop(marks: Marks, place: number, length: number): void {
  if (place === 1) return;
  marks[0] = Math.max(marks[0] as number, (marks[place - 2] as number) + length);
  marks.splice(1, place - 1);
}
