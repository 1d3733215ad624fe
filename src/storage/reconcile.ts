import { type Bucket, type Extras, note } from '../core/bucket/bucket.ts';
import type { Past } from '../core/bucket/change.ts';
import { joinedPools } from '../core/bucket/pool.ts';
import type { LimitState, Rule } from '../core/limits/kind.ts';
import type { Marks } from '../core/limits/marks.ts';
import type { BucketRecord } from './record.ts';

/** The result of comparing the record in the storage with the one that this process saw last. */
export interface Reconciled {
  /** The record that holds. */
  readonly record: BucketRecord;
  /** A record with calls that the other does not have. */
  readonly besides?: BucketRecord;
  /** Whether the storage holds another record. */
  readonly differs: boolean;
}

/**
 * Decides what holds: the record that was found, unless it was lost, rolled back, or written by two processes at once.
 * @param found what the storage holds
 * @param known what this process saw last; once it is at rest, the record that was found always holds
 */
export function reconcile(
  found: BucketRecord | undefined,
  known: BucketRecord | undefined,
  now: number,
): Reconciled | undefined {
  // The same write: ours was moved when the wall clock was set.
  if (found !== undefined && known !== undefined && isSameWrite(found, known))
    return { record: known, differs: found.seen !== known.seen };
  if (known === undefined || known.rests <= now) return found && { record: found, differs: false };
  if (found === undefined) return { record: known, differs: true };
  const { birth, seq } = found;
  if (birth === known.birth) {
    if (seq > known.seq) return { record: found, differs: false };
    return { record: known, besides: { ...found, own: known.own }, differs: true };
  }
  const { own = known.own } = found;
  return { record: { ...known, birth, seq, own }, besides: { ...found, own }, differs: true };
}

/** Whether two records come from one write, on any clock. */
export function isSameWrite(a: BucketRecord, b: BucketRecord): boolean {
  return a.birth === b.birth && a.seq === b.seq && a.writer === b.writer;
}

/** Makes a bucket as full as another one under the same limits, if that one is fuller. */
export function fill(bucket: Bucket, other: Bucket, now: number): void {
  const [ours, theirs] = [bucket.extras, other.extras];
  bucket.states = bucket.states.map((state, index) => {
    const more = other.states[index] as LimitState;
    if (typeof state === 'number') return Math.max(state, more as number);
    return joined(state, more as Marks, bucket.plan.rules[index] as Rule, now);
  });
  const { moved, moves } = theirs.moved > ours.moved ? theirs : ours;
  note(bucket, {
    gate: Math.max(ours.gate, theirs.gate),
    past: joinedPast(ours.past, theirs.past),
    pace: (theirs.pace?.since ?? -Infinity) > (ours.pace?.since ?? -Infinity) ? theirs.pace : ours.pace,
    pools: joinedPools([...(ours.pools ?? []), ...(theirs.pools ?? [])].filter(({ until }) => until > now)),
    latest: Math.max(ours.latest, theirs.latest),
    fixed: Math.max(ours.fixed, theirs.fixed),
    refunds: theirs.refunds?.map((ms, index) => Math.max(ms, ours.refunds?.[index] ?? 0)) ?? ours.refunds,
    moved,
    moves,
  });
}

/** Per limit the past that holds for longer, because more is known of it. */
function joinedPast(a: Extras['past'], b: Extras['past']): Extras['past'] {
  const untilOf = (one: Past | undefined) => one?.until ?? -Infinity;
  return a === undefined ? b : a.map((one, index) => (untilOf(b?.[index]) > untilOf(one) ? b?.[index] : one));
}

/** The marks of both; calls of one instant count as the same. */
function joined(a: Marks, b: Marks, rule: Rule, now: number): LimitState {
  const calls = new Map<number, number>();
  for (const marks of [a, b])
    for (let place = 1; place < marks.length; place += 2) {
      const at = marks[place] as number;
      calls.set(at, Math.max(calls.get(at) ?? 0, marks[place + 1] as number));
    }
  let state: LimitState = [Math.max(a[0] as number, b[0] as number)];
  for (const [at, cost] of [...calls].sort((first, second) => first[0] - second[0]))
    state = rule.kind.grant(rule, state, cost, at, now);
  return state;
}
