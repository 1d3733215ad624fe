import { type Bucket, newBucket } from '../core/bucket.ts';
import type { Guard } from '../core/change.ts';
import { type Limit, longAgo, type Plan, planOf } from '../core/limit.ts';
import type { Pool } from '../core/pool.ts';
import { mostMarks } from '../core/window.ts';

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
  readonly guards?: readonly StoredGuard[];
  /** What the server says is left. */
  readonly pool?: Pool;
  readonly latest: number;
  readonly refunds?: readonly number[];
  /** Limits of the key's own. */
  readonly own?: readonly Limit[];
}

interface StoredWindow {
  readonly times: readonly number[];
  readonly costs: readonly number[];
  readonly free: number;
}

interface StoredGuard {
  readonly index: number;
  readonly name?: string;
  readonly burst: number;
  readonly emissionInterval: number;
  readonly tat: number;
}

/** A bucket as it is stored: plain data, all numbers finite. */
export interface BucketRecord extends Stamp, Content {
  readonly v: 1;
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
export function recordOf(bucket: Bucket, stamp: Stamp, seen: number, rests: number): BucketRecord {
  const content = contentOf(bucket);
  const { gate, tats, pool } = content;
  const bounded = (instant: number) => Math.min(instant, seen + furthest);
  return {
    v: 1,
    ...stamp,
    seen,
    rests: bounded(rests),
    ...content,
    gate: bounded(gate),
    tats: tats.map(bounded),
    ...(pool === undefined ? undefined : { pool: { left: bounded(pool.left), until: bounded(pool.until) } }),
  };
}

/** All that is stored of a bucket as text: two buckets with the same are the same. */
export const textOf = (bucket: Bucket): string => JSON.stringify(contentOf(bucket));

/** The same of the bucket that a record is of. */
export function textOfRecord({
  gate,
  limits,
  tats,
  windows,
  guards,
  pool,
  latest,
  refunds,
  own,
}: BucketRecord): string {
  return JSON.stringify({ gate, limits, tats, windows, guards, pool, latest, refunds, own });
}

function contentOf({ gate, plan, tats, windows, guards, pool, latest, refunds, own }: Bucket): Content {
  return {
    gate,
    limits: plan.rules.map(({ limit }) => limit),
    tats: [...tats],
    ...(windows === undefined ? undefined : { windows: windows.map((window) => window ?? null) }),
    ...(guards === undefined ? undefined : { guards: guards.map(storedGuard) }),
    ...(pool === undefined ? undefined : { pool: { ...pool } }),
    latest,
    ...(refunds === undefined ? undefined : { refunds: [...refunds] }),
    ...(own === undefined ? undefined : { own: own.rules.map(({ limit }) => limit) }),
  };
}

function storedGuard({ index, name, burst, emissionInterval, tat }: Guard): StoredGuard {
  return { index, burst, emissionInterval, tat, ...(name === undefined ? undefined : { name }) };
}

/** Plans of limits that were read before, by their text and margin: a storage gives new objects each time. */
const plans = new Map<string, Plan>();
const mostPlans = 100;
/** The limits that were read last: one step asks for their plan several times. */
let latestRead: { readonly limits?: readonly Limit[]; readonly text?: string } = {};

/** The same as `planOf`. */
function planOfStored(limits: readonly Limit[], margin: number): Plan {
  if (latestRead.limits !== limits) latestRead = { limits, text: JSON.stringify(limits) };
  const text = `${margin} ${latestRead.text}`;
  let plan = plans.get(text);
  if (plan === undefined) {
    plan = planOf(limits, margin);
    if (plans.size >= mostPlans) plans.clear();
    plans.set(text, plan);
  }
  return plan;
}

/** Makes the bucket that a record is of. `margin` is what limits without one of their own keep in hand, in ms. */
export function bucketOf(record: BucketRecord, margin: number): Bucket {
  const { limits, own, gate, tats, windows, guards, pool, latest, refunds } = record;
  return {
    ...newBucket(planOfStored(limits, margin)),
    own: own === undefined ? undefined : planOfStored(own, margin),
    gate,
    tats: [...tats],
    windows: windows?.map((window) =>
      window === null ? undefined : { times: [...window.times], costs: [...window.costs], free: window.free },
    ),
    guards: guards?.map(({ name, ...rest }) => ({ name, ...rest })),
    pool,
    latest,
    refunds: refunds && [...refunds],
  };
}

/** The limits that a record says its key keeps. */
export function planOfRecord({ limits, own }: BucketRecord, margin: number): Plan {
  return planOfStored(own ?? limits, margin);
}

/** The same record on a clock that is `ms` ahead. */
export function moved(record: BucketRecord, ms: number): BucketRecord {
  if (ms === 0) return record;
  const later = (instant: number) => (instant === longAgo ? longAgo : instant + ms);
  const { windows, guards, pool } = record;
  return {
    ...record,
    seen: later(record.seen),
    rests: later(record.rests),
    gate: later(record.gate),
    latest: later(record.latest),
    tats: record.tats.map(later),
    ...(windows === undefined
      ? undefined
      : {
          windows: windows.map(
            (window) => window && { ...window, times: window.times.map(later), free: later(window.free) },
          ),
        }),
    ...(guards === undefined ? undefined : { guards: guards.map((guard) => ({ ...guard, tat: later(guard.tat) })) }),
    ...(pool === undefined ? undefined : { pool: { ...pool, until: later(pool.until) } }),
  };
}

/** Whether a stored value is a record of this version, in every part. */
export function isRecord(stored: unknown): stored is BucketRecord {
  if (typeof stored !== 'object' || stored === null) return false;
  const fields = stored as Record<string, unknown>;
  const { v, birth, seq, writer, seen, rests, gate, latest: reserved } = fields;
  const { limits, tats, windows, guards, pool, refunds, own } = fields;
  if (v !== 1 || !areNumbers([birth, writer]) || !Number.isSafeInteger(seq) || !areInstants([seen], latest))
    return false;
  const end = (seen as number) + 2 * furthest;
  if (!areInstants([rests, gate, reserved], end)) return false;
  if (!areLimits(limits) || (own !== undefined && !areLimits(own))) return false;
  if (!areInstants(tats, end) || tats.length !== limits.length) return false;
  if (refunds !== undefined && !(areNumbers(refunds) && refunds.length === limits.length)) return false;
  if (guards !== undefined && !(Array.isArray(guards) && guards.every((guard) => isGuard(guard, end)))) return false;
  if (pool !== undefined && !isPool(pool, end)) return false;
  const windowed = limits.map(({ kind }) => kind === 'sliding-window');
  if (windows === undefined) return !windowed.includes(true);
  return (
    Array.isArray(windows) &&
    windows.length === limits.length &&
    windowed.every((has, index) => (has ? isWindow(windows[index], end) : windows[index] === null))
  );
}

function areNumbers(values: unknown): values is number[] {
  return Array.isArray(values) && values.every((value) => Number.isFinite(value));
}

/** Whether all values are instants that a bucket can reckon with, none after `end`. */
function areInstants(values: unknown, end: number): values is number[] {
  return areNumbers(values) && values.every((value) => value >= -latest && value <= end);
}

function areLimits(values: unknown): values is Limit[] {
  try {
    return Array.isArray(values) && planOfStored(values, 0).rules.length > 0;
  } catch {
    return false;
  }
}

function isWindow(value: unknown, end: number): boolean {
  const { times, costs, free } = (value ?? {}) as Record<string, unknown>;
  return (
    areInstants(times, end) &&
    areNumbers(costs) &&
    areInstants([free], end) &&
    times.length === costs.length &&
    times.length <= mostMarks &&
    costs.every((cost) => cost > 0) &&
    times.every((time, index) => index === 0 || time > (times[index - 1] as number))
  );
}

function isPool(value: unknown, end: number): boolean {
  const { left, until } = (value ?? {}) as Record<string, unknown>;
  return areNumbers([left]) && (left as number) >= 0 && areInstants([until], end);
}

function isGuard(value: unknown, end: number): boolean {
  const { index, burst, emissionInterval, tat, name } = (value ?? {}) as Record<string, unknown>;
  const named = Number.isInteger(index) && (name === undefined || typeof name === 'string');
  return named && areInstants([tat], end) && areNumbers([burst, emissionInterval]) && (emissionInterval as number) > 0;
}

/** How many more marks the windows of a record may get. */
export function marksToCome(record: unknown): number {
  const { windows = [] } = record as Partial<BucketRecord>;
  return windows.reduce((sum, window) => sum + (window === null ? 0 : mostMarks - window.times.length), 0);
}
