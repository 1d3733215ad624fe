import { type Limit, slidingWindow } from 'sluice';
import { describe, expect, it } from 'vitest';
import { type Bucket, type Extras, newBucket, note } from '../../src/core/bucket/bucket.ts';
import type { Past } from '../../src/core/bucket/change.ts';
import type { LimitState } from '../../src/core/limits/kind.ts';
import { longAgo } from '../../src/core/limits/limit.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { fill, reconcile } from '../../src/storage/reconcile.ts';
import { type BucketRecord, recordOf } from '../../src/storage/record.ts';

const limits: Limit[] = [
  { rate: 1, interval: 1000, name: 'calls' },
  slidingWindow({ limit: 9, interval: 5000, name: 'data' }),
];
const plan = planOf(limits, 0);
const own = [{ rate: 1, interval: 5 }];

/** A record that is at rest at 1000 and is told apart by its gate. */
function record(birth: number, seq: number, writer: number, more: Partial<BucketRecord> = {}): BucketRecord {
  return {
    ...recordOf(newBucket(plan), { birth, seq, writer }, 0, 1000),
    gate: birth * 100 + seq * 10 + writer,
    ...more,
  };
}

describe('reconcile', () => {
  const known = record(1, 5, 1, { own });

  it.each<[string, BucketRecord | undefined, BucketRecord | undefined, number, unknown]>([
    ['nothing', undefined, undefined, 500, undefined],
    ['what was found, if nothing is known', record(2, 1, 2), undefined, 500, { record: { gate: 212 }, differs: false }],
    ['what is known, if nothing was found', undefined, known, 500, { record: { gate: 151 }, differs: true }],
    ['nothing, if what is known is at rest', undefined, known, 1000, undefined],
    [
      'what was found, if what is known is at rest',
      record(2, 1, 2),
      known,
      1000,
      { record: { gate: 212 }, differs: false },
    ],
    ['what was written later', record(1, 6, 2), known, 500, { record: { gate: 162 }, differs: false }],
    [
      'what is known of the same write',
      record(1, 5, 1, { gate: 9 }),
      known,
      500,
      { record: { gate: 151 }, differs: false },
    ],
    [
      'what is known of the same write, at rest or not',
      record(1, 5, 1, { gate: 9 }),
      known,
      1000,
      { record: { gate: 151 }, differs: false },
    ],
    [
      'what is known of the same write, if that was read wrongly after the clock was set back',
      record(1, 5, 1, { seen: 7 }),
      known,
      500,
      { record: { gate: 151 }, differs: true },
    ],
    [
      'what is known and what was written at the same time',
      record(1, 5, 2),
      known,
      500,
      { record: { gate: 151, own }, besides: { gate: 152, own }, differs: true },
    ],
    [
      'what is known and what it was rolled back to',
      record(1, 4, 2, { own: [] }),
      known,
      500,
      { record: { gate: 151, own }, besides: { gate: 142, own }, differs: true },
    ],
    [
      'what is known and what this process wrote before',
      record(1, 4, 1),
      known,
      500,
      { record: { gate: 151, own }, besides: { gate: 141, own }, differs: true },
    ],
    [
      'what is known and what this process began anew, as often written',
      record(2, 5, 1),
      known,
      500,
      { record: { gate: 151, birth: 2, seq: 5, own }, besides: { gate: 251, own }, differs: true },
    ],
    [
      'what is known and what was begun anew, to be continued from there',
      record(2, 7, 2),
      known,
      500,
      { record: { gate: 151, birth: 2, seq: 7, own }, besides: { gate: 272, own }, differs: true },
    ],
    [
      'the limits of its own that were put on what was begun anew',
      record(2, 7, 2, { own: limits }),
      known,
      500,
      { record: { gate: 151, own: limits }, besides: { gate: 272, own: limits }, differs: true },
    ],
  ])('finds %s', (_, found, remembered, now, outcome) => {
    const held = reconcile(found, remembered, now);
    if (outcome === undefined) expect(held).toBe(undefined);
    else expect(held).toMatchObject(outcome as object);
    expect(held?.besides === undefined).toBe(!(outcome as { besides?: unknown } | undefined)?.besides);
  });

  it('removes the limits of a key from a record that was rolled back to a time with them', () => {
    const held = reconcile(record(1, 4, 1, { own }), record(1, 5, 1), 500);
    expect([held?.record, held?.besides].map((one) => one?.own)).toEqual([undefined, undefined]);
  });
});

describe('fill', () => {
  type Part = Partial<Extras> & { states?: LimitState[] };
  const bucketWith = ({ states, ...extras }: Part): Bucket => {
    const bucket = newBucket(plan);
    note(bucket, extras);
    return { ...bucket, states: states ?? bucket.states };
  };
  const filled = (a: Part, b: Part, now = 0): Extras & { states: LimitState[] } => {
    const bucket = bucketWith(a);
    fill(bucket, bucketWith(b), now);
    return { ...bucket.extras, states: bucket.states };
  };
  const window = (marks: number[], free = longAgo) => ({ states: [0, [free, ...marks]] });
  const past = (until: number, calls: number): Past => ({
    marks: [longAgo, 1, calls],
    limits: [{ burst: 1, even: 1, interval: 1, span: 1 }],
    until,
  });

  it('keeps the latest of all instants', () => {
    const states = (tat: number, mark: number): LimitState[] => [tat, [longAgo, mark, 1]];
    const later = { gate: 6, latest: 9 };
    const earlier = { gate: 5, latest: 3 };
    for (const [one, other] of [
      [later, earlier],
      [earlier, later],
    ] as const) {
      const joined = filled({ ...one, states: states(1, 8) }, { ...other, states: states(2, 7) });
      expect(joined).toMatchObject({ ...later, states: [2, [longAgo, 7, 1, 8, 1]] });
    }
  });

  it('keeps the marks of both windows, those of one instant once', () => {
    const { states } = filled(window([1, 2, 5, 3], 40), window([3, 1, 5, 4, 9, 1], 70));
    expect(states[1]).toEqual([70, 1, 2, 3, 1, 5, 4, 9, 1]);
    expect(filled(window([], 80), window([], 70)).states[1]).toEqual([80]);
  });

  it('removes marks that have left the window', () => {
    expect(filled(window([1, 2, 5, 3]), window([3, 1]), 5003).states[1]).toEqual([5003, 5, 3]);
  });

  it('keeps parts of calls, and the order of the marks', () => {
    expect(filled(window([10, 0.25, 30, 1]), window([5, 0.5, 20, 40, 40, 0.125])).states[1]).toEqual([
      longAgo,
      ...[5, 0.5, 10, 0.25, 20, 40, 30, 1, 40, 0.125],
    ]);
  });

  it('joins more marks than are kept, whichever comes first', () => {
    const marksFrom = (start: number, cost: number) =>
      Array.from({ length: 25 }, (_, index) => [start + 20 * index, cost + ((index * 7) % 11)]).flat();
    for (const cost of [1, 1000]) {
      const [one, two] = [window(marksFrom(100, cost)), window(marksFrom(110, cost))];
      const { states } = filled(one, two);
      expect(filled(two, one).states).toEqual(states);
      const marks = (states[1] as number[]).slice(1);
      const instants = marks.filter((_, place) => place % 2 === 0);
      expect(instants).toEqual([...instants].sort((a, b) => a - b));
      expect(instants.length).toBeLessThanOrEqual(32);
    }
  });

  it('keeps the pace of the later refusal', () => {
    const pace = (since: number, most: number) => ({ most, span: 1, since, calls: 1, from: 0, tat: 0 });
    const [one, two] = [{ pace: pace(5, 1) }, { pace: pace(8, 2) }];
    expect(filled(one, two).pace).toBe(two.pace);
    expect(filled(two, one).pace).toBe(two.pace);
    expect(filled(one, {}).pace).toBe(one.pace);
    expect(filled({}, one).pace).toBe(one.pace);
    expect(filled({}, {}).pace).toBe(undefined);
    expect(filled(one, { pace: pace(5, 3) }).pace).toBe(one.pace);
  });

  it('keeps its own moves and past where both are as late', () => {
    const [mine, theirs] = [[{ after: 1, ms: 2 }], [{ after: 3, ms: 4 }]];
    expect(filled({ moved: 3, moves: mine }, { moved: 3, moves: theirs }).moves).toBe(mine);
    expect(filled({ moved: 3, moves: mine }, { moved: 4, moves: theirs }).moves).toBe(theirs);
    const ours = [past(9, 1), undefined];
    expect(filled({ past: ours }, { past: [past(9, 2), undefined] }).past).toEqual(ours);
  });

  it('keeps the past of both, that which matters for longer where both have one', () => {
    const calls = (a: Part, b: Part) => filled(a, b).past?.map((one) => one?.marks[2]);
    const one = { past: [past(5, 1), past(8, 2)] };
    const two = { past: [past(9, 3), past(7, 4)] };
    expect(calls(one, two)).toEqual([3, 2]);
    expect(calls(two, one)).toEqual([3, 2]);
    expect(calls({ past: [undefined, past(8, 2)] }, { past: [past(9, 3), undefined] })).toEqual([3, 2]);
    expect(calls({}, one)).toEqual([1, 2]);
    expect(calls(one, {})).toEqual([1, 2]);
    expect(calls({}, {})).toBe(undefined);
  });

  it('keeps the later of the slots at which callers go, and how far slots moved in either record', () => {
    expect(filled({ fixed: 5, moved: 3 }, { fixed: 7, moved: 2 })).toMatchObject({ fixed: 7, moved: 3 });
    expect(filled({ fixed: 7, moved: 2 }, { fixed: 5, moved: 3 })).toMatchObject({ fixed: 7, moved: 3 });
  });

  it('treats receipts as being as old as in the record with more refunds', () => {
    expect(filled({ refunds: [5, 1] }, { refunds: [3, 2] }).refunds).toEqual([5, 2]);
    expect(filled({}, { refunds: [3, 2] }).refunds).toEqual([3, 2]);
    expect(filled({ refunds: [3, 2] }, {}).refunds).toEqual([3, 2]);
    expect(filled({}, { refunds: [0.5, 0] }).refunds).toEqual([0.5, 0]);
  });
});
