import type { Bucket } from '../core/bucket/bucket.ts';
import type { Past } from '../core/bucket/change.ts';
import { joinedPools } from '../core/bucket/pool.ts';
import type { Rule } from '../core/limits/limit.ts';
import { addMark, emptyWindow, type Window } from '../core/limits/window.ts';
import type { BucketRecord } from './record.ts';

/** What the record in the storage and the one that this process saw last amount to. */
export interface Reconciled {
  /** The record that holds. */
  readonly record: BucketRecord;
  /** One that knows of calls which the other does not. */
  readonly besides?: BucketRecord;
  /** Whether the storage holds something else. */
  readonly differs: boolean;
}

/**
 * Finds out what holds: the record that was found, unless it was lost, rolled back, or written by two at once.
 * @param found what the storage holds
 * @param known what this process saw last; once it is at rest, whatever was found holds
 */
export function reconcile(
  found: BucketRecord | undefined,
  known: BucketRecord | undefined,
  now: number,
): Reconciled | undefined {
  // The same write: ours went along when the wall clock was set.
  if (found !== undefined && known !== undefined && isSameWrite(found, known))
    return { record: known, differs: found.seen !== known.seen };
  if (known === undefined || known.rests <= now) return found && { record: found, differs: false };
  if (found === undefined) return { record: known, differs: true };
  const { birth, seq } = found;
  if (birth === known.birth) {
    if (seq > known.seq) return { record: found, differs: false };
    return { record: known, besides: withOwn(found, known.own), differs: true };
  }
  const { own = known.own } = found;
  return { record: withOwn({ ...known, birth, seq }, own), besides: withOwn(found, own), differs: true };
}

/** Whether two records come from one write, whatever clock they are on. */
export function isSameWrite(a: BucketRecord, b: BucketRecord): boolean {
  return a.birth === b.birth && a.seq === b.seq && a.writer === b.writer;
}

function withOwn({ own: _, ...record }: BucketRecord, own: BucketRecord['own']): BucketRecord {
  return own === undefined ? record : { ...record, own };
}

/** Makes a bucket as full as another under the same limits, where that one is fuller. */
export function fill(bucket: Bucket, other: Bucket, now: number): void {
  bucket.gate = Math.max(bucket.gate, other.gate);
  bucket.tats = bucket.tats.map((tat, index) => Math.max(tat, other.tats[index] ?? tat));
  bucket.windows = bucket.windows?.map((window, index) => {
    const more = other.windows?.[index];
    return window && more && joined(window, more, bucket.plan.rules[index] as Rule, now);
  });
  bucket.past = joinedPast(bucket.past, other.past);
  bucket.pools = joinedPools([...(bucket.pools ?? []), ...(other.pools ?? [])].filter(({ until }) => until > now));
  bucket.fixed = Math.max(bucket.fixed, other.fixed);
  if (other.moved > bucket.moved) {
    bucket.moved = other.moved;
    bucket.moves = other.moves;
  }
  bucket.latest = Math.max(bucket.latest, other.latest);
  if (other.refunds !== undefined)
    bucket.refunds = other.refunds.map((ms, index) => Math.max(ms, bucket.refunds?.[index] ?? 0));
}

/** Per limit the past of which more is known: that which holds for longer. */
function joinedPast(a: Bucket['past'], b: Bucket['past']): Bucket['past'] {
  if (a === undefined || b === undefined) return a ?? b;
  const longer = (one: Past | undefined, other: Past | undefined) =>
    one !== undefined && other !== undefined && other.until > one.until ? other : (one ?? other);
  return a.map((one, index) => longer(one, b[index]));
}

/** A window that holds the calls of both; those of one instant count as the same. */
function joined(a: Window, b: Window, rule: Rule, now: number): Window {
  const marks = new Map<number, number>();
  for (const { times, costs } of [a, b]) {
    for (const [index, at] of times.entries()) marks.set(at, Math.max(marks.get(at) ?? 0, costs[index] as number));
  }
  const window = { ...emptyWindow(), free: Math.max(a.free, b.free) };
  for (const [at, cost] of [...marks].sort((first, second) => first[0] - second[0]))
    addMark(window, rule.window, rule.burst, cost, at, now);
  return window;
}
