import { type Bucket, type SlotMove, tatsOf } from '../core/bucket/bucket.ts';
import { asMoved } from '../core/bucket/moves.ts';
import { mostPools, type Pool } from '../core/bucket/pool.ts';
import type { Allowance } from '../core/limits/kind.ts';
import { type Limit, longAgo } from '../core/limits/limit.ts';
import { mostMarks } from '../core/limits/marks.ts';
import { isMadeOf, type Margin, type Plan } from '../core/limits/plan.ts';
import {
  dataOf,
  marksOfStored,
  planOfData,
  type StoredWindow,
  statesOf,
  storedWindow,
  storedWindows,
} from './stored-limits.ts';

/** Which write a record comes from. */
export interface Stamp {
  /** Drawn when a key gets its first record, so that one that was begun anew after a loss shows. */
  readonly birth: number;
  /** Counts the writes since then, so that a record that was rolled back shows. */
  readonly seq: number;
  /** Drawn by each process, so that two that wrote at once show. */
  readonly writer: number;
}

/** What of a bucket is stored. `limits` says what `tats` and `windows` belong to, so that it can be read under other limits. */
interface Content {
  readonly gate: number;
  readonly limits: readonly Limit[];
  readonly tats: readonly number[];
  /** Per limit its window; null for a leaky bucket. Absent if no limit has a window. */
  readonly windows?: readonly (StoredWindow | null)[];
  /** Per limit what is remembered of the limits before it; null for nothing. Absent if none changed of late. */
  readonly past?: readonly (StoredPast | null)[];
  /** What the server says is left. */
  readonly pools?: readonly Pool[];
  readonly latest: number;
  /** Absent if no caller goes at a slot of his own. */
  readonly fixed?: number;
  /** Absent for 0. */
  readonly moved?: number;
  readonly moves?: readonly SlotMove[];
  readonly refunds?: readonly number[];
  /** Limits of the key's own. */
  readonly own?: readonly Limit[];
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };
/** What may be anything, but has the fields of something. */
type Unchecked<T> = { readonly [Field in keyof T]?: unknown };

interface StoredPast {
  readonly marks: StoredWindow;
  readonly limits: readonly Allowance[];
  readonly until: number;
}

/** A bucket as it is stored: plain data, all numbers finite. */
export interface BucketRecord extends Stamp, Content {
  readonly v: 2;
  /** When it was written, in ms on the wall clock, so that a clock that was set back shows. */
  readonly seen: number;
  /** When it and all records before it are at rest. It is kept for longer, so that nobody who knows an earlier one takes it for lost. */
  readonly rests: number;
}

/** The furthest that the instants of a bucket lie ahead, in ms: some 70 years. Further ones are drawn in when they are written. */
const furthest = 2 ** 41;

/** The latest and, negated, the earliest instant that a clock may show: in the year 2248. */
const latest = 2 ** 43;

/** Makes a record of a bucket. */
export function recordOf(bucket: Bucket, { birth, seq, writer }: Stamp, seen: number, rests: number): BucketRecord {
  const end = seen + furthest;
  return { v: 2, birth, seq, writer, seen, rests: Math.min(rests, end), ...contentOf(bucket, end) };
}

/** All that is stored of a bucket as text: two buckets with the same are the same. */
export const textOf = (bucket: Bucket): string => textOfRecord(contentOf(bucket, Infinity));

/** The same of the bucket that a record is of. */
export function textOfRecord(content: Content): string {
  const { gate, limits, tats, windows, past, pools, latest, fixed, moved, moves, refunds, own } = content;
  return JSON.stringify({ gate, limits, tats, windows, past, pools, latest, fixed, moved, moves, refunds, own });
}

/** @param end no instant of it is later */
function contentOf(bucket: Bucket, end: number): Content {
  const { plan, states } = bucket;
  const { gate, past, pools, latest, fixed, moved, moves, refunds, own } = bucket.extras;
  const bounded = (instant: number) => Math.min(instant, end);
  const windows = storedWindows(plan, states);
  const content: Writable<Content> = {
    gate: bounded(gate),
    limits: dataOf(plan),
    tats: tatsOf(bucket).map(bounded),
    latest,
  };
  // What is not there is left out: JSON would do so, a structured clone would not.
  if (windows !== undefined) content.windows = windows;
  if (past !== undefined) content.past = past.map((one) => (one ? { ...one, marks: storedWindow(one.marks) } : null));
  if (pools !== undefined)
    content.pools = pools.map(({ left, until }) => ({ left: bounded(left), until: bounded(until) }));
  if (fixed !== longAgo) content.fixed = bounded(fixed);
  if (moved !== 0) content.moved = moved;
  if (moves !== undefined) content.moves = moves;
  if (refunds !== undefined) content.refunds = refunds;
  if (own !== undefined) content.own = dataOf(own);
  return content;
}

/** Plans of limits that were read before: a storage gives new objects each time. */
const plans: Plan[] = [];
const mostPlans = 100;

/** The same as `planOfData`. */
function planOfStored(limits: readonly Limit[], margin: Margin): Plan {
  for (const plan of plans) if (plan.margin === margin && isMadeOf(plan, limits)) return plan;
  const plan = planOfData(limits, margin);
  if (plans.length >= mostPlans) plans.length = 0;
  plans.push(plan);
  return plan;
}

/** Makes the bucket that a record is of. `margin` is what limits without one of their own keep in hand. */
export function bucketOf(record: BucketRecord, margin: Margin): Bucket {
  const { limits, own, gate, tats, windows, past, pools, latest, refunds } = record;
  const { fixed = longAgo, moved = 0, moves } = record;
  const plan = planOfStored(limits, margin);
  return {
    plan,
    states: statesOf(plan, tats, windows),
    extras: {
      own: own && planOfStored(own, margin),
      gate,
      past: past?.map((one) => (one ? { ...one, marks: marksOfStored(one.marks) } : undefined)),
      pools,
      latest,
      fixed,
      refunds,
      moved,
      moves,
      follow: moved === 0 ? undefined : asMoved,
    },
  };
}

/** The limits that a record says its key keeps. */
export function planOfRecord({ limits, own }: BucketRecord, margin: Margin): Plan {
  return planOfStored(own ?? limits, margin);
}

/** The same record on a clock that is `ms` ahead. */
export function moved(record: BucketRecord, ms: number): BucketRecord {
  if (ms === 0) return record;
  const later = (instant: number) => (instant === longAgo ? longAgo : instant + ms);
  const { windows, past, pools, fixed, moves } = record;
  const movedWindow = (window: StoredWindow) => ({
    ...window,
    times: window.times.map(later),
    free: later(window.free),
  });
  return {
    ...record,
    seen: later(record.seen),
    rests: later(record.rests),
    gate: later(record.gate),
    latest: later(record.latest),
    tats: record.tats.map(later),
    ...(windows === undefined ? undefined : { windows: windows.map((window) => window && movedWindow(window)) }),
    ...(past === undefined
      ? undefined
      : { past: past.map((one) => one && { ...one, marks: movedWindow(one.marks), until: later(one.until) }) }),
    ...(fixed === undefined ? undefined : { fixed: later(fixed) }),
    ...(moves === undefined ? undefined : { moves: moves.map((move) => ({ ...move, after: later(move.after) })) }),
    ...(pools === undefined ? undefined : { pools: pools.map((pool) => ({ ...pool, until: later(pool.until) })) }),
  };
}

/** Whether a stored value is a record of this version, in every part. */
export function isRecord(stored: unknown): stored is BucketRecord {
  if (typeof stored !== 'object' || stored === null) return false;
  const record = stored as Unchecked<BucketRecord>;
  const { seen, tats, windows, past, pools, refunds, own } = record;
  const { fixed = longAgo, moved = 0, moves } = record;
  if (record.v !== 2 || !areNumbers([record.birth, record.writer]) || !Number.isSafeInteger(record.seq)) return false;
  if (!isInstant(seen, latest)) return false;
  const end = seen + 2 * furthest;
  if (!areInstants([record.rests, record.gate, record.latest, fixed], end)) return false;
  const plan = planIn(record.limits);
  if (plan === undefined || (own !== undefined && planIn(own) === undefined)) return false;
  const count = plan.limits.length;
  if (!areInstants(tats, end) || tats.length !== count) return false;
  if (refunds !== undefined && !(areNumbers(refunds) && refunds.length === count)) return false;
  if (!areNumbers([moved]) || (moved as number) < 0) return false;
  if (moves !== undefined && !isList(moves, (move) => isMove(move, end))) return false;
  if (past !== undefined && !isList(past, (one) => one === null || isPast(one, end), count, count)) return false;
  if (pools !== undefined && !isList(pools, (pool) => isPool(pool, end), 1, mostPools)) return false;
  if (windows === undefined) return plan.leaky;
  return (
    Array.isArray(windows) &&
    windows.length === count &&
    plan.atRest.every((rest, index) =>
      typeof rest === 'number' ? windows[index] === null : isWindow(windows[index], end),
    )
  );
}

/** Whether a value is an instant that a bucket can reckon with, not after `end`. */
function isInstant(value: unknown, end: number): value is number {
  return typeof value === 'number' && value >= -latest && value <= end;
}

function areInstants(values: unknown, end: number): values is number[] {
  return isList(values, (value) => isInstant(value, end));
}

function areNumbers(values: unknown): values is number[] {
  return isList(values, Number.isFinite);
}

/** Whether a value is a list of what `is` takes. A structured clone keeps holes, which `every` would pass over. */
function isList(value: unknown, is: (item: unknown) => boolean, least = 0, most = Infinity): boolean {
  return (
    Array.isArray(value) && value.length >= least && value.length <= most && value.findIndex((item) => !is(item)) < 0
  );
}

/** The plan of stored limits; undefined if they are none. */
function planIn(limits: unknown): Plan | undefined {
  try {
    return Array.isArray(limits) ? planOfStored(limits, 0) : undefined;
  } catch {
    return undefined;
  }
}

function isWindow(value: unknown, end: number): boolean {
  const { times, costs, free } = (value ?? {}) as Unchecked<StoredWindow>;
  return (
    areInstants(times, end) &&
    areNumbers(costs) &&
    isInstant(free, end) &&
    times.length === costs.length &&
    times.length <= mostMarks &&
    costs.every((cost) => cost > 0) &&
    times.every((time, index) => index === 0 || time > (times[index - 1] as number))
  );
}

function isPool(value: unknown, end: number): boolean {
  const { left, until } = (value ?? {}) as Unchecked<Pool>;
  return areNumbers([left]) && (left as number) >= 0 && isInstant(until, end);
}

function isPast(value: unknown, end: number): boolean {
  const { marks, limits, until } = (value ?? {}) as Unchecked<StoredPast>;
  return isWindow(marks, end) && isInstant(until, end) && isList(limits, isAllowance, 1);
}

function isAllowance(value: unknown): boolean {
  const { burst, even, interval, span } = (value ?? {}) as Unchecked<Allowance>;
  return areNumbers([burst, even, interval, span]) && [burst, interval, span].every((number) => (number as number) > 0);
}

function isMove(value: unknown, end: number): boolean {
  const { after, ms } = (value ?? {}) as Unchecked<SlotMove>;
  return isInstant(after, end) && areNumbers([ms]) && (ms as number) > 0;
}

/** How many more marks the windows of a record may get. */
export function marksToCome(record: unknown): number {
  const { windows = [] } = record as Partial<BucketRecord>;
  return windows.reduce((sum, window) => sum + (window === null ? 0 : mostMarks - window.times.length), 0);
}
