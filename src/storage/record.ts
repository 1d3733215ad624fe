import { type Bucket, copyOfState, type Extras, type SlotMove } from '../core/bucket/bucket.ts';
import type { Most, Past } from '../core/bucket/change.ts';
import { asMoved } from '../core/bucket/moves.ts';
import type { Pool } from '../core/bucket/pool.ts';
import type { Allowance, LimitState } from '../core/limits/kind.ts';
import { type Limit, longAgo } from '../core/limits/limit.ts';
import { areTooMany, latestOf, type Marks, mostMarks } from '../core/limits/marks.ts';
import { type Pace, pacing } from '../core/limits/pace.ts';
import { isMadeOf, type Margin, type Plan } from '../core/limits/plan.ts';
import { planOfData } from './stored-limits.ts';

// A bucket as it is stored. One table defines the fields and how each is read. Checks, copies, bounds, moves and
// comparisons of records all read them by this table. Invariant: the result of reading shares nothing with its source
// except limits, which never change.

/** Which write a record comes from. */
export interface Stamp {
  /** Random, chosen when a key gets its first record. It shows a record that was created again after a loss. */
  readonly birth: number;
  /** Counts the writes since then. It shows a record that was rolled back. */
  readonly seq: number;
  /** Random, chosen by each process. It shows two processes that wrote at once. */
  readonly writer: number;
}

/** The stored part of a bucket. `limits` are those of `states`, so that it can be read under other limits. */
export interface Content extends Omit<Extras, 'own' | 'follow' | 'pacing'> {
  readonly limits: readonly Limit[];
  readonly states: readonly LimitState[];
  /** Limits of the key's own. */
  readonly own?: readonly Limit[] | undefined;
}

/** A bucket as it is stored: plain data, all numbers finite. */
export interface BucketRecord extends Stamp, Content {
  readonly v: number;
  /** When it was written, in ms on the wall clock. It shows a clock that was set back. */
  readonly seen: number;
  /**
   * When it and all earlier records are at rest. It is kept for longer, so that a process with an earlier record does
   * not take it for lost.
   */
  readonly rests: number;
}

const version = 3;

/** How far ahead the instants of a bucket may be, in ms: about 70 years. Later ones are cut when they are written. */
const furthest = 2 ** 41;

/** The latest and, negated, the earliest instant that a clock may show: in the year 2248. */
const latestInstant = 2 ** 43;

/** Converts each instant that is read. */
type Instants = (instant: number) => number;

/**
 * Reads one part of a record: a copy, with its instants converted by `at`.
 * @param place its position in its list
 * @throws TypeError if it is not such a part
 */
type Read<T> = (value: unknown, at: Instants, place?: number) => T;

function wrong(): never {
  throw new TypeError('This is no record.');
}

const atLeast =
  (least: number): Read<number> =>
  (value) =>
    typeof value === 'number' && value >= least ? Math.min(value, Number.MAX_VALUE) : wrong();
const count = atLeast(0);
const positive = atLeast(Number.MIN_VALUE);

const instant: Read<number> = (value, at) => (typeof value === 'number' ? at(value) : wrong());

/** A part that may be missing. JSON turns missing members of a list into null. */
const optional =
  <T>(read: Read<T>): Read<T | undefined> =>
  (value, at) =>
    value === undefined || value === null ? undefined : read(value, at);

/** A list of at least one. A structured clone keeps holes, which `map` would skip. */
const list =
  <T>(read: Read<T>): Read<T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length === 0) wrong();
    const copy: T[] = [];
    for (let place = 0; place < value.length; place++) copy.push(read(value[place], at, place));
    return copy;
  };

type Fields<T> = { readonly [Name in keyof T]-?: Read<T[Name]> };

/**
 * An object with these fields, in this order and no others. Missing fields are left out, because a structured clone
 * would keep undefined.
 */
const object =
  <T extends object>(fields: Fields<T>): Read<T> =>
  (value, at) => {
    const copy: Partial<T> = {};
    for (const name in fields) {
      const part = fields[name]((value as T)[name], at);
      if (part !== undefined) copy[name] = part;
    }
    return copy as T;
  };

/** The parts of marks, each by its place. */
const parts = list<number>((part, at, place = 0) => (place > 0 && place % 2 === 0 ? positive : instant)(part, at));

/** An instant, then an instant and a cost by turns: see `Marks`. */
const marks: Read<Marks> = (value, at) => {
  const copy = parts(value, at);
  // The first of them has none before it.
  const falls = copy.some((mark, place) => place % 2 === 1 && mark < (copy[place - 2] as number));
  return falls || copy.length % 2 === 0 || areTooMany(copy) ? wrong() : copy;
};

/** A field that is checked with the others. */
const given = (value: unknown): never => value as never;

const limit = object<Limit>({ kind: given, rate: given, interval: given, burst: given, margin: given, name: given });

const limits: Read<readonly Limit[]> = (value) => knownLimits(value as readonly Limit[], 0).data;

const allowances = list(object<Allowance>({ burst: positive, even: count, interval: positive, span: positive }));

const record = object<BucketRecord>({
  v: (value) => (value === version ? version : wrong()),
  birth: count,
  seq: (value) => (Number.isSafeInteger(value) ? (value as number) : wrong()),
  writer: count,
  seen: instant,
  rests: instant,
  limits,
  states: list<LimitState>((value, at) => (typeof value === 'number' ? at(value) : marks(value, at))),
  gate: instant,
  latest: instant,
  fixed: instant,
  moved: count,
  moves: optional(list(object<SlotMove>({ after: instant, ms: positive }))),
  refunds: optional(list(count)),
  pace: optional(
    object<Pace>({ most: positive, span: count, since: instant, calls: count, from: instant, tat: instant }),
  ),
  pools: optional(list(object<Pool>({ left: count, until: instant }))),
  past: optional(
    list(
      optional(
        object<Past>({
          marks,
          limits: (value, at) => (Array.isArray(value) && value.length === 0 ? [] : allowances(value, at)),
          until: instant,
          most: optional(object<Most>({ calls: count, until: instant })),
        }),
      ),
    ),
  ),
  own: optional(limits),
});

/** The record in a stored value, checked in every part; undefined if it is not one of this version. */
export function recordIn(stored: unknown): BucketRecord | undefined {
  try {
    const { seen } = stored as BucketRecord;
    const end = seen <= latestInstant ? seen + 2 * furthest : Number.NaN;
    const read = record(stored, (at) => (at >= -latestInstant && at <= end ? at : wrong()));
    const { states, refunds = states, past = states } = read;
    const { atRest } = planOfStored(read.limits, 0);
    const isWhole = [states, refunds, past].every(({ length }) => length === atRest.length);
    return isWhole && atRest.every((rest, index) => typeof rest === typeof states[index]) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a record of a bucket. */
export function recordOf({ plan, states, extras }: Bucket, stamp: Stamp, seen: number, rests: number): BucketRecord {
  const { birth, seq, writer } = stamp;
  const end = seen + furthest;
  const own = extras.own?.limits;
  const all = { v: version, birth, seq, writer, seen, rests, ...extras, limits: plan.limits, states, own };
  return record(all, (at) => Math.min(at, end));
}

/** Whether two records of one birth have the same bucket, apart from their writer and time. */
export function sameBucket(one: BucketRecord, other: BucketRecord): boolean {
  const { seq, writer, seen, rests, states } = one;
  // A call that went shows here, so most comparisons end here.
  const isSame = states.every((state, index) => lastOf(state) === lastOf(other.states[index]));
  return isSame && JSON.stringify(one) === JSON.stringify({ ...other, seq, writer, seen, rests });
}

/** The fields that each call changes. */
const lastOf = (state: LimitState | undefined): number | undefined =>
  typeof state === 'object' ? latestOf(state) + (state.at(-1) as number) : state;

/** The same record on a clock that is `ms` ahead. */
export function moved(earlier: BucketRecord, ms: number): BucketRecord {
  return ms === 0 ? earlier : record(earlier, (at) => (at === longAgo ? longAgo : at + ms));
}

/** Makes the bucket of a record. `margin` is that of limits without their own. */
export function bucketOf(stored: BucketRecord, margin: Margin): Bucket {
  const { limits, states, gate, latest, fixed, moved, moves, refunds, pace, pools, past, own } = stored;
  return {
    plan: planOfStored(limits, margin),
    states: states.map(copyOfState),
    // They never change, so they can be shared.
    extras: {
      gate,
      latest,
      fixed,
      moved,
      moves,
      refunds,
      pace,
      pacing: pace && pacing,
      pools,
      past,
      own: own && planOfStored(own, margin),
      follow: asMoved,
    },
  };
}

/** The limits of the key in a record. */
export function planOfRecord({ limits, own }: BucketRecord, margin: Margin): Plan {
  return planOfStored(own ?? limits, margin);
}

/** Stored limits, as a plan and as plain data without the kinds that those of a plan carry. */
interface KnownLimits {
  readonly plan: Plan;
  readonly data: readonly Limit[];
}

/** Limits that were read before, because a storage returns new objects each time. */
const known: KnownLimits[] = [];
const mostKnown = 100;

function knownLimits(limits: readonly Limit[], margin: Margin): KnownLimits {
  for (const one of known)
    if (one.plan.margin === margin && (one.data === limits || isMadeOf(one.plan, limits))) return one;
  const one = { plan: planOfData(limits, margin), data: list(limit)(limits, Number) };
  if (known.length >= mostKnown) known.length = 0;
  known.push(one);
  return one;
}

const planOfStored = (limits: readonly Limit[], margin: Margin): Plan => knownLimits(limits, margin).plan;

/** How many more marks the windows of a record may get. */
export function marksToCome(stored: unknown): number {
  const { states } = stored as BucketRecord;
  return states.reduce<number>(
    (sum, state) => sum + (typeof state === 'number' ? 0 : mostMarks - (state.length >> 1)),
    0,
  );
}
