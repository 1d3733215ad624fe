import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atRest, conformsAt, newBucket } from '../../../src/core/bucket/bucket.ts';
import { giveBack, peek, take } from '../../../src/core/bucket/operations.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import {
  anyCost,
  begins,
  buckets,
  copyOf,
  everything,
  History,
  margins,
  patience,
  runs,
  type Step,
  stepsOf,
  taking,
  wholeCost,
} from './bucket-history.ts';
import { SlowBucket, SlowWindow } from './reference.ts';

const windows = (most: number) =>
  fc
    .record({ limit: fc.integer({ min: 1, max: most }), interval: fc.constantFrom(10, 333, 1000, 60_000) })
    .map(slidingWindow);

/** A history as told: one to three limits of all kinds, and what happens to a key that has to keep them all. */
interface Told {
  readonly limits: readonly Limit[];
  readonly begin: number;
  readonly margin: number;
  readonly steps: readonly Step[];
}

const told = (limit: fc.Arbitrary<Limit>, fewest: number, most: number): fc.Arbitrary<Told> =>
  fc.record({
    limits: fc.array(limit, { minLength: fewest, maxLength: most }),
    begin: begins,
    margin: margins(100),
    steps: stepsOf(40),
  });

const any = told(fc.oneof(buckets(), windows(8), windows(60)), 1, 3);

/** Limits that waste nothing: each of their few calls has its own mark. */
const exact = told(fc.oneof(buckets(), windows(8)), 1, 3);

const newHistory = ({ limits, begin, margin }: Told): History =>
  new History(
    limits.map((limit, index) => ({ ...limit, name: `limit ${index}` })),
    begin,
    margin,
  );

/** A cost that each limit counts in its own way, never above the burst of any. */
function costFor({ plan }: History, mixed = true): (number: number) => Record<string, number> {
  const cost = mixed ? anyCost : wholeCost;
  return (number) =>
    Object.fromEntries(plan.rules.map(({ name, burst }, index) => [name, cost((number + 5 * index) % 16, burst)]));
}

/** Lets a history happen, and gives a cost to ask about. */
function happened(told: Told) {
  const history = newHistory(told);
  history.play(told.steps, everything, costFor(history));
  const [, time, number] = told.steps.at(-1) as Step;
  const cost: Cost = costFor(history)(number + 3);
  history.pass(time, cost);
  const { bucket, plan, now } = history;
  return { history, bucket, plan, now, cost };
}

describe('a call', { timeout: patience }, () => {
  test('is refused before the instant at which it conforms and granted at it', () => {
    fc.assert(
      fc.property(any, fc.nat(1000), (told, part) => {
        const { bucket, plan, now, cost } = happened(told);
        const { wait, granted } = take(copyOf(bucket), { plan, costs: [cost], ahead: 0 }, now);
        expect(granted.length).toBe(wait === 0 ? 1 : 0);
        const before = now + Math.floor((wait * part) / 1001 / tick) * tick;
        if (wait > 0) expect(take(copyOf(bucket), { plan, costs: [cost], ahead: 0 }, before).granted).toEqual([]);
        if (wait > tick)
          expect(take(copyOf(bucket), { plan, costs: [cost], ahead: 0 }, now + wait - tick).granted).toEqual([]);
        expect(take(copyOf(bucket), { plan, costs: [cost], ahead: 0 }, now + wait).granted).toHaveLength(1);
      }),
      { numRuns: runs(1500) },
    );
  });

  test('that is refused changes nothing', () => {
    fc.assert(
      fc.property(any, (told) => {
        const { bucket, plan, now, cost } = happened(told);
        const before = copyOf(bucket);
        const { granted, wait } = take(bucket, { plan, costs: [cost, cost], ahead: 0 }, now);
        if (granted.length === 0) expect(bucket).toEqual(before);
        const full = copyOf(bucket);
        const { reserved } = take(bucket, { plan, costs: [cost], ahead: wait / 2 }, now);
        if (reserved === undefined && conformsAt(full, cost, now) > now) expect(bucket).toEqual(full);
        peek(bucket, now);
        if (reserved === undefined && conformsAt(full, cost, now) > now) expect(bucket).toEqual(full);
      }),
      { numRuns: runs(1000) },
    );
  });

  test('that is reserved and given back leaves later answers as they were', () => {
    fc.assert(
      fc.property(exact, stepsOf(20), (told, later) => {
        const { bucket, plan, now, cost, history } = happened(told);
        const twin = copyOf(bucket);
        const { reserved } = take(bucket, { plan, costs: [cost], ahead: Infinity }, now);
        fc.pre(reserved !== undefined);
        giveBack(bucket, reserved as NonNullable<typeof reserved>);
        for (const [, time, number] of later) {
          const cost = costFor(history)(number);
          history.pass(time, cost);
          const ahead = time % 2 === 0 ? 0 : Infinity;
          const ours = take(bucket, { plan, costs: [cost], ahead }, history.now);
          const theirs = take(twin, { plan, costs: [cost], ahead }, history.now);
          expect([ours.wait, ours.reserved?.slot]).toEqual([theirs.wait, theirs.reserved?.slot]);
        }
      }),
      { numRuns: runs(1500) },
    );
  });

  test('in a batch is decided as it would be alone', () => {
    fc.assert(
      fc.property(any, fc.array(fc.nat(15), { maxLength: 8 }), (told, numbers) => {
        const { bucket, plan, now, history } = happened(told);
        const costs = numbers.map(costFor(history));
        const alone = copyOf(bucket);
        let granted = 0;
        for (const cost of costs) {
          if (take(alone, { plan, costs: [cost], ahead: 0 }, now).granted.length === 0) break;
          granted++;
        }
        expect(take(bucket, { plan, costs, ahead: 0 }, now).granted.length).toBe(granted);
        expect(bucket).toEqual(alone);
      }),
      { numRuns: runs(500) },
    );
  });

  test('is never granted earlier on a clock that went back than on one that did not', () => {
    fc.assert(
      fc.property(any, fc.nat(1000), fc.constantFrom(tick, 1, 1000, 3_600_000), (told, part, unit) => {
        const { bucket, now, cost } = happened(told);
        const back = now - Math.floor((unit * part) / tick) * tick;
        const early = conformsAt(bucket, cost, back);
        const late = conformsAt(bucket, cost, now);
        expect(late).toBe(Math.max(early, now));
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('several limits', { timeout: patience }, () => {
  test('grant when each of them alone would', () => {
    const even = told(fc.oneof(buckets(true), windows(12)), 2, 3);
    fc.assert(
      fc.property(even, ({ limits, begin, steps }) => {
        const history = newHistory({ limits, begin, steps, margin: 0 });
        const alone = limits.map(({ kind, rate, interval, burst = 1 }) =>
          kind === 'sliding-window' ? new SlowWindow(rate, interval) : new SlowBucket(burst, interval / rate),
        );
        for (const [act, time, number] of steps) {
          const cost = costFor(history, false)(number);
          const costs = Object.values(cost);
          history.pass(time, cost);
          const at = Math.max(...alone.map((slow, index) => slow.allowAt(costs[index] as number, history.now)));
          expect(conformsAt(history.bucket, cost, history.now)).toBe(at);
          const call = history.take(cost, taking[act % 3] === 'reserve' ? Infinity : 0);
          if (call !== undefined) for (const [index, slow] of alone.entries()) slow.pour(costs[index] as number, at);
        }
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('a report', { timeout: patience }, () => {
  test('returns how many calls would go now, and when the bucket is at rest', () => {
    // Emission intervals of a fraction of a ms do not fit into instants since the epoch: they are rounded up.
    const one = told(
      fc.oneof(
        buckets().filter(({ rate, interval }) => interval >= rate),
        windows(60),
      ),
      1,
      1,
    );
    fc.assert(
      fc.property(one, (told) => {
        const { bucket, plan, now } = happened(told);
        fc.pre(bucket.extras.gate <= now);
        const [{ remaining, resetAfter }] = peek(bucket, now).limits as [{ remaining: number; resetAfter: number }];
        const costs = new Array<number>(100).fill(1);
        expect(remaining).toBe(take(copyOf(bucket), { plan, costs, ahead: 0 }, now).granted.length);
        expect(resetAfter).toBeGreaterThanOrEqual(0);
        const later = now + Math.ceil(resetAfter / tick) * tick;
        const fresh = newBucket(plan);
        expect(peek(bucket, later).limits[0]?.remaining).toBe(peek(fresh, later).limits[0]?.remaining);
        expect(peek(bucket, later).limits[0]?.resetAfter).toBe(0);
      }),
      { numRuns: runs(1000) },
    );
  });

  test('of rest is correct: a bucket at rest answers like a new one', () => {
    fc.assert(
      fc.property(any, stepsOf(12), (told, later) => {
        const { bucket, plan, now, history } = happened(told);
        fc.pre(atRest(bucket, now));
        const fresh = newBucket(plan);
        for (const [, , number] of later) {
          const cost = costFor(history)(number);
          const ours = take(bucket, { plan, costs: [cost], ahead: Infinity, report: true }, now);
          const theirs = take(fresh, { plan, costs: [cost], ahead: Infinity, report: true }, now);
          expect([ours.wait, ours.reserved?.slot, ours.limits]).toEqual([
            theirs.wait,
            theirs.reserved?.slot,
            theirs.limits,
          ]);
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});
