import { longAgo } from './limit.ts';

/** Where the sliding window of one limit stands: the calls that went, compacted to marks. */
export interface Window {
  /** Instants of the marks, rising; each as late as the latest of its calls. */
  times: number[];
  /** Calls that each mark stands for. */
  costs: number[];
  /** Until when the latest of the marks that were dropped counted: nothing may go before. */
  free: number;
}

/** The most marks that a window keeps, whatever its limit. */
export const mostMarks = 32;

/** A window in which nothing went yet. */
export const emptyWindow = (): Window => ({ times: [], costs: [], free: longAgo });

/**
 * Says when a call of `cost` conforms: the first instant, not before the latest mark, at which the calls of the last `length`
 * ms and this one are at most `limit`.
 */
export function windowAllowAt(window: Window, length: number, limit: number, cost: number): number {
  const { times, costs } = window;
  let room = limit - cost;
  for (let index = times.length - 1; index >= 0; index--) {
    room -= costs[index] as number;
    if (room < 0) return Math.max((times[index] as number) + length, times.at(-1) as number, window.free);
  }
  return Math.max(times.at(-1) ?? -Infinity, window.free);
}

/**
 * Notes a call of `cost` at `at`, which is no earlier than the latest mark. `now` says which marks are over. A call in the future
 * gets a mark of its own as long as there is room, so that it can be given back.
 */
export function addMark(window: Window, length: number, limit: number, cost: number, at: number, now: number): void {
  const { times, costs } = window;
  let over = 0;
  while (over < times.length && (times[over] as number) <= now - length) over++;
  drop(window, over, length);
  const last = times.length - 1;
  const merges =
    last >= 0 &&
    (times[last] === at ||
      (limit > mostMarks && at <= now && cell(times[last] as number, length) === cell(at, length)));
  if (merges) {
    times[last] = at;
    costs[last] = (costs[last] as number) + cost;
    return;
  }
  times.push(at);
  costs.push(cost);
  if (times.length > mostMarks) compact(window, length);
}

/** Marks whose instants fall into one cell of this grid become one mark; a window touches at most 32 cells. */
const cell = (at: number, length: number): number => Math.floor((at * (mostMarks - 1)) / length);

function compact(window: Window, length: number): void {
  const { times, costs } = window;
  const latest = times.at(-1) as number;
  // What is older than a window before the latest mark cannot hold back a later call, unless the latest is given back.
  let over = 0;
  while ((times[over] as number) <= latest - length) over++;
  drop(window, over, length);
  if (times.length <= mostMarks) return;
  const merged: Window = { ...window, times: [], costs: [] };
  for (const [index, at] of times.entries()) {
    const end = merged.times.length - 1;
    if (end >= 0 && cell(merged.times[end] as number, length) === cell(at, length)) {
      merged.times[end] = at;
      merged.costs[end] = (merged.costs[end] as number) + (costs[index] as number);
    } else {
      merged.times.push(at);
      merged.costs.push(costs[index] as number);
    }
  }
  Object.assign(window, merged);
}

function drop(window: Window, count: number, length: number): void {
  if (count === 0) return;
  window.free = Math.max(window.free, (window.times[count - 1] as number) + length);
  window.times.splice(0, count);
  window.costs.splice(0, count);
}

/**
 * Takes calls off the mark that the call of `at` is in, unless that was dropped. `more` is below 0.
 * @param interval the length of the window without its margin: no mark was dropped before that age, whatever the margin was
 * @param isExact whether only a mark of that very instant is the call's: others were reckoned, not noted
 */
export function settleMark(window: Window, interval: number, at: number, more: number, isExact: boolean = false): void {
  const { times, costs } = window;
  if (at <= window.free - interval) return;
  const index = times.findIndex((time) => time >= at);
  if (index === -1 || (isExact && times[index] !== at)) return;
  const cost = (costs[index] as number) + more;
  if (cost > 0) {
    costs[index] = cost;
    return;
  }
  times.splice(index, 1);
  costs.splice(index, 1);
}

/** How many calls the window of `length` ms before `now` holds, those reserved for later included. */
export function callsIn({ times, costs }: Window, length: number, now: number): number {
  return costs.reduce((sum, cost, index) => ((times[index] as number) > now - length ? sum + cost : sum), 0);
}

/** Notes a call that went at `to`, among those that are noted already. */
export function insertMark(window: Window, length: number, limit: number, cost: number, to: number): void {
  const { times, costs } = window;
  const merges = (time: number | undefined) =>
    time !== undefined && (time === to || (limit > mostMarks && cell(time, length) === cell(to, length)));
  const later = times.findIndex((time) => time >= to);
  const index = later === -1 ? times.length : later;
  if (merges(times[index])) {
    costs[index] = (costs[index] as number) + cost;
  } else if (merges(times[index - 1])) {
    times[index - 1] = to;
    costs[index - 1] = (costs[index - 1] as number) + cost;
  } else {
    times.splice(index, 0, to);
    costs.splice(index, 0, cost);
    if (times.length > mostMarks) compact(window, length);
  }
}
