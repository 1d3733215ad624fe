import { longAgo } from './limit.ts';

/**
 * Calls that went, compacted to marks. The first number is the instant until which the latest dropped mark counted: no
 * call may go before it. Then each mark has an instant and a number of calls. The instants rise, and each is as late as
 * the latest of its calls.
 */
export type Marks = number[];

/** The most marks that are kept, for any limit. */
export const mostMarks = 32;

/** Whether there are more marks than are kept. */
export const areTooMany = (marks: Marks): boolean => marks.length > 2 * mostMarks + 1;

/** The instant of the latest mark; long ago if there is none. */
export const latestOf = (marks: Marks): number => (marks.length > 1 ? (marks[marks.length - 2] as number) : longAgo);

/** The position of the first mark that is later than an instant. */
export function placeAfter(marks: Marks, instant: number): number {
  let place = 1;
  while ((marks[place] as number) <= instant) place += 2;
  return place;
}

/**
 * Returns when a call of `cost` conforms: the first instant, not before the latest mark, at which the calls of the last
 * `length` ms and this one are at most `limit`.
 */
export function marksAllowAt(marks: Marks, length: number, limit: number, cost: number): number {
  const at = Math.max(latestOf(marks), marks[0] as number);
  let room = limit - cost;
  for (let place = marks.length - 2; place > 0; place -= 2) {
    room -= marks[place + 1] as number;
    if (room < 0) return Math.max(at, (marks[place] as number) + length);
  }
  return at;
}

/** How many calls went after an instant, those reserved for later included. */
export function callsAfter(marks: Marks, instant: number): number {
  let calls = 0;
  for (let place = placeAfter(marks, instant); place < marks.length; place += 2) calls += marks[place + 1] as number;
  return calls;
}

/** A copy without the marks up to an instant. */
export const younger = (marks: Marks, end: number): Marks => [
  marks[0] as number,
  ...marks.slice(placeAfter(marks, end)),
];

/** Adds calls of one instant at their position, to the mark of that exact instant if there is one. */
export function addMark(marks: Marks, at: number, calls: number): void {
  const place = placeBefore(marks, at);
  if (marks[place] === at) marks[place + 1] = (marks[place + 1] as number) + calls;
  else marks.splice(place, 0, at, calls);
}

/**
 * Subtracts calls from the first mark that is not before an instant; with `isExact` only from the mark of that exact
 * instant.
 */
export function takeOff(marks: Marks, at: number, calls: number, isExact: boolean): void {
  const place = placeBefore(marks, at);
  if (place >= marks.length || (isExact && marks[place] !== at)) return;
  const left = (marks[place + 1] as number) - calls;
  if (left > 0) marks[place + 1] = left;
  else marks.splice(place, 2);
}

/** The position of the first mark that is not before an instant, or where it would be. */
export function placeBefore(marks: Marks, at: number): number {
  let place = marks.length;
  while (place > 1 && (marks[place - 2] as number) >= at) place -= 2;
  return place;
}

/** The marks, with those after an instant moved by `ms`. */
export const laterMarks = (marks: Marks, after: number, ms: number): Marks =>
  marks.map((value, place) => (place % 2 === 1 && value > after ? value + ms : value));
