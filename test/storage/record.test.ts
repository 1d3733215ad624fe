import { keyValueStore, type Limit, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { type Bucket, newBucket, note, restsAt } from '../../src/core/bucket/bucket.ts';
import type { Past } from '../../src/core/bucket/change.ts';
import { asMoved } from '../../src/core/bucket/moves.ts';
import { take } from '../../src/core/bucket/operations.ts';
import { longAgo } from '../../src/core/limits/limit.ts';
import type { Marks } from '../../src/core/limits/marks.ts';
import { pacing } from '../../src/core/limits/pace.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import {
  type BucketRecord,
  bucketOf,
  marksToCome,
  moved,
  planOfRecord,
  recordIn,
  recordOf,
} from '../../src/storage/record.ts';
import { onMap, type Values } from './storages.ts';

const limits: Limit[] = [
  { rate: 5, interval: 1000, burst: 3, name: 'calls' },
  slidingWindow({ limit: 9, interval: 60_000, margin: 20, name: 'window' }),
];
const plan = planOf(limits, 50);
const stamp = { birth: 1, seq: 7, writer: 2 };

function full(): Bucket {
  const bucket = newBucket(plan);
  take(bucket, { plan, costs: [1, 0.5], ahead: 0 }, 1000);
  take(bucket, { plan, costs: [3], ahead: Infinity }, 1000.5);
  note(bucket, {
    gate: 1200,
    refunds: [1.5, 0],
    own: planOf({ rate: 1, interval: 5, margin: 'auto' }, 50),
    past: [remembered(), undefined],
    pace: { most: 0.0047, span: 12_000, since: 1150, calls: 2.5, from: 1050, tat: 1350.125 },
    pools: [
      { left: 2, until: 1300 },
      { left: 4.5, until: 9000 },
    ],
    fixed: 1100.5,
    moved: 2.25,
    follow: asMoved,
    pacing,
  });
  return bucket;
}

/** What is remembered of the limits before. */
function remembered(): Past {
  return {
    marks: [longAgo, 990, 2, 1000.5, 0.5],
    limits: [
      { burst: 5, even: 200.5, interval: 1000, span: 1000 },
      { burst: 10, even: 0, interval: 60_000, span: 60_020 },
    ],
    until: 1700.25,
    most: { calls: 3, until: 1650.75 },
  };
}

/** The same list without its second item. */
function holed(list: readonly unknown[]): unknown[] {
  const copy = [...list];
  delete copy[1];
  return copy;
}

let unique = 0;
/** A rate that no run of a test has used: limits that were read before are known. */
const newRate = (): number => ++unique;

const whole = recordOf(full(), stamp, 1001, 70_000);
const isRecord = (value: unknown) => recordIn(value) !== undefined;

describe('a record', () => {
  it('returns the bucket that it was made from, through JSON and structured clones too', () => {
    const bucket = full();
    const record = recordOf(bucket, stamp, 1001, 70_000);
    for (const copy of [record, JSON.parse(JSON.stringify(record)) as BucketRecord, structuredClone(record)]) {
      const read = recordIn(copy) as BucketRecord;
      expect(bucketOf(read, 50)).toEqual(bucket);
      expect(recordOf(bucketOf(read, 0), stamp, 1001, 70_000)).toEqual(record);
    }
  });

  it('returns the bucket of a new key', () => {
    const record = recordOf(newBucket(plan), stamp, 0, longAgo);
    expect(isRecord(record)).toBe(true);
    const bucket = newBucket(plan);
    note(bucket, { follow: asMoved });
    expect(bucketOf(record, 50)).toEqual(bucket);
    expect(['own', 'past', 'pools', 'moves', 'refunds'].filter((field) => field in record)).toEqual([]);
  });

  it('finds the plan of limits that were read before, until a hundred others were', () => {
    const read = (rate: number) => planOfRecord({ ...whole, own: [{ rate, interval: 1234 }] }, 0);
    const another = () => read(newRate());
    const rate = newRate();
    const first = read(rate);
    expect(read(rate)).toBe(first);
    for (let others = 0; read(rate) === first; others++) {
      expect(others).toBeLessThan(100);
      another();
    }
    // All were forgotten before the last of them.
    const again = read(rate);
    expect(again).toEqual(first);
    for (let others = 2; others < 100; others++) another();
    expect(read(rate)).toBe(again);
    another();
    expect(read(rate)).not.toBe(again);
  });

  it('has its limits as they were given, as plain data of its own', () => {
    const rate = newRate();
    const given = { rate, interval: 77, burst: 2, margin: 3, name: 'calls', more: 5 };
    const read = recordIn({ ...whole, limits: [given, slidingWindow({ limit: rate, interval: 88 })] });
    const { more, ...kept } = given;
    expect(read?.limits).toEqual([kept, { kind: 'sliding-window', rate, interval: 88, burst: rate }]);
    expect(read?.limits[0]).not.toBe(given);
    expect(Object.getOwnPropertySymbols(read?.limits[1])).toEqual([]);
  });

  it('shares no mutable state with its bucket', () => {
    const bucket = full();
    const record = recordOf(bucket, stamp, 1001, 70_000);
    const before = structuredClone([bucket.states, record]);
    const other = bucketOf(record, 50);
    (other.states[1] as Marks).push(4000, 5);
    take(other, { plan, costs: [1], ahead: Infinity }, 5000);
    expect([bucket.states, record]).toEqual(before);
  });

  it('returns its limits as a plain copy', () => {
    expect(structuredClone(whole.limits)).toEqual(JSON.parse(JSON.stringify(limits)));
    expect(whole.limits[0]).not.toBe(limits[0]);
    expect(whole.own).toEqual([{ rate: 1, interval: 5, margin: 'auto' }]);
  });

  it('moves with the clock, but for what was long ago', () => {
    const later = moved(whole, 500);
    expect(later).toMatchObject({ seen: 1501, rests: 70_500, gate: 1700, refunds: [1.5, 0], seq: 7 });
    expect(later.limits).toEqual(whole.limits);
    expect(later.latest).toBe(whole.latest + 500);
    expect(whole.latest).toBeGreaterThan(1000);
    const [tat, marks] = whole.states as [number, Marks];
    const isCall = (place: number) => place > 0 && place % 2 === 0;
    expect(marks[0]).toBe(longAgo);
    expect(later.states).toEqual([
      tat + 500,
      [longAgo, ...marks.slice(1).map((value, index) => (isCall(index + 1) ? value : value + 500))],
    ]);
    expect(later.past).toEqual([
      { ...remembered(), marks: [longAgo, 1490, 2, 1500.5, 0.5], until: 2200.25, most: { calls: 3, until: 2150.75 } },
      undefined,
    ]);
    expect(later.pools?.map(({ until }) => until)).toEqual([1800, 9500]);
    expect(later.pace).toEqual({ ...whole.pace, since: 1650, from: 1550, tat: 1850.125 });
    // How much later slots became is no instant.
    expect([later.fixed, later.moved]).toEqual([1600.5, 2.25]);
    expect(moved(later, -500)).toEqual(whole);
    expect(moved(whole, 0)).toBe(whole);
    const unused = recordOf(newBucket(plan), stamp, 0, longAgo);
    expect(moved(unused, 500)).toEqual({ ...unused, seen: 500 });
  });

  it('limits instants to 70 years ahead', () => {
    const values: Values = new Map();
    const clock = new ManualClock();
    const store = keyValueStore(onMap(values), { clock });
    store.pause('key', 1e300, plan);
    expect(isRecord(values.get('key'))).toBe(true);
    expect(store.peek('key', plan)).toMatchObject({ pausedFor: 2 ** 41 });
    store.take('key', { plan, costs: [1], ahead: Infinity });
    expect(isRecord(values.get('key'))).toBe(true);
    expect(store.take('key', { plan, costs: [1], ahead: 0 })).toMatchObject({ granted: [] });
  });

  it('is valid while its clock shows a year before 2248', () => {
    const at = (seen: number) => isRecord(recordOf(newBucket(plan), stamp, seen, longAgo));
    expect([0, -1, Date.now(), 2 ** 43].map(at)).toEqual([true, true, true, true]);
    expect([2 ** 43 + 1, Infinity, Number.NaN].map(at)).toEqual([false, false, false]);
  });
});

it('the windows of a record may get as many marks as they have not, up to 32 each', () => {
  expect(marksToCome({ states: [5] })).toBe(0);
  expect(marksToCome({ states: [5, [0, 1, 1, 2, 1]] })).toBe(30);
  expect(marksToCome({ states: [[0, 1, 1], 7, [0]] })).toBe(31 + 32);
});

describe('recordIn', () => {
  const inWindow = (marks: unknown) => ({ states: [5, marks] });
  const inPast = (part: object) => ({ past: [{ ...remembered(), ...part }, null] });
  const manyMarks = [0, ...Array.from({ length: 33 }, (_, index) => [index, 1]).flat()];

  it.each<[string, object]>([
    ['no version', { v: undefined }],
    ['the version before', { v: 2 }],
    ['a version to come', { v: 4 }],
    ['no birth', { birth: undefined }],
    ['a birth that is text', { birth: '1' }],
    ['a sequence with a fraction', { seq: 1.5 }],
    ['a sequence that cannot be counted on', { seq: 2 ** 53 }],
    ['no writer', { writer: Number.NaN }],
    ['no instant of writing', { seen: undefined }],
    ['an instant of writing that is far off', { seen: 2 ** 44 }],
    ['no instant of rest', { rests: undefined }],
    ['an instant of rest that is far off', { rests: 2 ** 50 }],
    ['a gate that is far off', { gate: 2 ** 50 }],
    ['no latest slot', { latest: undefined }],
    ['a latest slot that is far off', { latest: 2 ** 50 }],
    ['refunds of too few limits', { refunds: [0] }],
    ['a refund that is NaN', { refunds: [0, Number.NaN] }],
    ['a gate that is far back', { gate: -(2 ** 50) }],
    ['limits that are no list', { limits: 5 }],
    ['no limits', { limits: [], states: [] }],
    ['a limit of null', { limits: [null, null] }],
    ['a wrong kind of limit', { limits: [{ ...limits[0], kind: 'fixed-window' }, limits[1]] }],
    ['two limits of one name', { limits: [limits[0], { ...limits[1], name: 'calls' }] }],
    ['states that are no list', { states: 5 }],
    ['a state that is missing', { states: [5] }],
    ['a tat that is no number', { states: ['5', [0]] }],
    ['a tat that is infinite', { states: [Infinity, [0]] }],
    ['a tat that is far off', { states: [1e300, [0]] }],
    ['a window for a leaky bucket', { states: [[0], [0]] }],
    ['no window for a sliding window', { states: [5, 5] }],
    ['a window of null', { states: [5, null] }],
    ['a window without its first instant', inWindow([])],
    ['a mark without a cost', inWindow([0, 5])],
    ['marks out of order', inWindow([0, 9, 1, 5, 1])],
    ['a mark far off', inWindow([0, 1e300, 1])],
    ['too many marks', inWindow(manyMarks)],
    ['a mark that costs less than nothing', inWindow([0, 5, -9])],
    ['a mark that costs nothing', inWindow([0, 5, 0])],
    ['a mark that costs NaN', inWindow([0, 5, Number.NaN])],
    ['a past that is no list', { past: {} }],
    ['a past of too few limits', { past: [null] }],
    ['a past of 5', { past: [5, null] }],
    ['a past without marks', inPast({ marks: undefined })],
    ['a past with marks out of order', inPast({ marks: [0, 9, 1, 5, 1] })],
    ['a past with limits that are no list', inPast({ limits: {} })],
    ['a past with an empty text for its limits', inPast({ limits: '' })],
    ['a past without its list of limits', inPast({ limits: undefined })],
    ['a past with a limit of 5', inPast({ limits: [5] })],
    ['a past with a limit of no length', inPast({ limits: [{ burst: 1, even: 1, interval: 0, span: 1 }] })],
    ['a past with a limit of NaN', inPast({ limits: [{ burst: 1, even: Number.NaN, interval: 1, span: 1 }] })],
    ['a past without end', inPast({ until: undefined })],
    ['a past that ends far off', inPast({ until: 1e300 })],
    ['a past that leaves no number', inPast({ most: { calls: Number.NaN, until: 5 } })],
    ['a past that leaves calls without end', inPast({ most: { calls: 5 } })],
    ['a pace of 5', { pace: 5 }],
    ['a pace of nothing', { pace: { ...whole.pace, most: 0 } }],
    ['a pace of NaN', { pace: { ...whole.pace, span: Number.NaN } }],
    ['a pace without its next call', { pace: { ...whole.pace, tat: undefined } }],
    ['a pace from far off', { pace: { ...whole.pace, since: 1e300 } }],
    ['a reserved slot that is far off', { fixed: 1e300 }],
    ['a reserved slot that is text', { fixed: '5' }],
    ['no reserved slot', { fixed: undefined }],
    ['slots that became later by NaN', { moved: Number.NaN }],
    ['slots that became earlier', { moved: -1 }],
    ['limits with a hole', { limits: holed(limits) }],
    ['states with a hole', { states: holed(whole.states) }],
    ['refunds with a hole', { refunds: holed([1, 1]) }],
    ['marks with a hole', inWindow(holed([0, 5, 1]))],
    ['no moves', { moves: [] }],
    ['moves by nothing', { moves: [{ after: 5, ms: 0 }] }],
    ['limits of a past with a hole', inPast({ limits: holed(remembered().limits) })],
    ['statements with a hole', { pools: holed(whole.pools as unknown[]) }],
    ['limits of its own that are none', { own: [] }],
    ['wrong limits of its own', { own: [{ rate: 0, interval: 1 }] }],
  ])('refuses %s', (_, part) => {
    expect(isRecord(whole)).toBe(true);
    expect(isRecord({ ...whole, ...part })).toBe(false);
  });

  it('accepts marks of one instant, as those far ahead are cut', () => {
    expect(isRecord({ ...whole, ...inWindow([0, 5, 1, 5, 2]) })).toBe(true);
  });

  it('accepts instants from the year 1691 to 140 years after its writing', () => {
    const { seen } = whole;
    const at = (gate: number) => isRecord({ ...whole, gate });
    expect([-(2 ** 43), seen + 2 ** 42].map(at)).toEqual([true, true]);
    expect([-(2 ** 43) - 1, seen + 2 ** 42 + 1].map(at)).toEqual([false, false]);
  });

  it('accepts a past that has only counts, without limits', () => {
    const record = { ...whole, past: [{ ...remembered(), limits: [] }, undefined] };
    expect(recordIn(record)).toEqual(record);
  });

  it('reads a hole in a past as nothing remembered', () => {
    expect(recordIn({ ...whole, past: holed(whole.past as unknown[]) })).toEqual(whole);
  });

  it('accepts fields in any order and drops foreign ones', () => {
    const reversed = Object.fromEntries(Object.entries({ ...whole, more: 1 }).reverse());
    expect(JSON.stringify(recordIn(reversed))).toBe(JSON.stringify(whole));
  });

  it.each([[undefined], [null], [5], ['{}'], [true], [[]], [() => whole]])('refuses %s', (value) => {
    expect(isRecord(value)).toBe(false);
  });
});

describe('restsAt', () => {
  it.each<[string, (bucket: Bucket) => void, number]>([
    ['a new bucket', () => {}, longAgo + 60_020],
    ['a pause', (bucket) => note(bucket, { gate: 5000 }), 5000],
    // The margin of 50 ms was taken off the tolerance: a cost near the burst has to wait for it.
    ['a leaky bucket', (bucket) => (bucket.states[0] = 9000), 9050],
    ['a sliding window with its margin', (bucket) => (bucket.states[1] = [longAgo, 9000, 1]), 69_020],
    ['limits from before', (bucket) => note(bucket, { past: [remembered(), undefined] }), 1700.25],
    ['what the server says', (bucket) => note(bucket, { pools: [{ left: 0, until: 99 }] }), 99],
  ])('is when %s is as good as new', (_, use, at) => {
    const bucket = newBucket(plan);
    use(bucket);
    expect(restsAt(bucket)).toBe(at);
  });
});
