import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atRest, type Bucket, conformsAt, newBucket } from '../../../src/core/bucket/bucket.ts';
import { slowDown } from '../../../src/core/bucket/explained.ts';
import { giveBack, pause, peek, take } from '../../../src/core/bucket/operations.ts';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { type Pace, paceAfter, paceOf, rateAt, slower } from '../../../src/core/limits/pace.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';

const T = 100;
/** Ten calls a second. */
const plan = planOf({ rate: 1, interval: T, burst: 5 }, 0);
const rate = 1 / T;
/** How long the rate takes to come back after a refusal: 15 seconds, as the interval is shorter than one. */
const span = 15_000;

/** The pace after one refusal of a key that was never refused before. */
const refusedOnce = slower(undefined, plan, 0, 0, 0);

/** Pauses a bucket for a call that left so long ago and was refused. */
function refuse(bucket: Bucket, sentAgo: number, ms: number, now: number): void {
  slowDown(bucket, sentAgo, ms, now);
  pause(bucket, ms, now);
}

/** A bucket that was refused this many ms ago. */
function refusedBucket(limits: Limit | readonly Limit[], ms = 0): Bucket {
  const bucket = newBucket(planOf(limits, 0));
  refuse(bucket, 0, ms, 0);
  return bucket;
}

/** When the next calls of cost 1 go, each as soon as it may. */
function goTimes(bucket: Bucket, calls: number, from = 0): number[] {
  const times: number[] = [];
  let now = from;
  while (times.length < calls) {
    now = conformsAt(bucket, 1, now);
    expect(take(bucket, { plan: bucket.plan, costs: [1], ahead: 0 }, now).granted).toHaveLength(1);
    times.push(now);
  }
  return times;
}

describe('the rate after a refusal', () => {
  test.each([
    ['is 85 percent of the rate that was refused, at once', 0, 0.85],
    ['is close to it soon: seven eighths of the way at half the time', span / 2, 1 - 0.15 / 8],
    ['is back at it when the time is over', span, 1],
    ['tries more from then on, slowly at first', 1.5 * span, 1 + 4 / 8],
    ['is five times as much after as long again', 2 * span, 5],
  ])('%s', (_, at, share) => {
    expect(rateAt(refusedOnce, at) / rate).toBeCloseTo(share, 12);
  });

  test('begins to come back when the pause is over', () => {
    const pace = slower(undefined, plan, 0, 7_000, 500);
    expect(pace).toMatchObject({ since: 7_500, tat: 7_500, from: 500, calls: 0 });
    expect(rateAt(pace, 1_000)).toBe(rateAt(pace, 7_500));
    expect(rateAt(pace, 7_500 + span) / rate).toBeCloseTo(1, 12);
  });

  test.each<[string, Limit | readonly Limit[], number]>([
    ['a second at least', { rate: 1, interval: 10 }, 15_000],
    ['its own', { rate: 1, interval: 4_000 }, 60_000],
    ['a minute at most', slidingWindow({ limit: 5, interval: 3_600_000 }), 900_000],
    [
      'the shortest of several',
      [
        { rate: 1, interval: 4_000 },
        { rate: 1, interval: 2_000, name: 'other' },
      ],
      30_000,
    ],
  ])('takes fifteen intervals of the limits to come back: %s', (_, limits, ms) => {
    expect(slower(undefined, planOf(limits, 0), 0, 0, 0).span).toBe(ms);
  });

  test('is that of the slowest limit', () => {
    const several = planOf(
      [{ rate: 1, interval: T }, slidingWindow({ limit: 10, interval: 20 * T, name: 'window' })],
      0,
    );
    expect(rateAt(slower(undefined, several, 0, 0, 0), 0)).toBeCloseTo(0.85 / (2 * T), 12);
  });
});

test('a call leaves the rate that was refused as it is', () => {
  expect(paceAfter(refusedOnce, plan, 2, 5)).toMatchObject({ most: refusedOnce.most, calls: 2 });
});

describe('a further refusal', () => {
  test('of a call that left before the first pause was over keeps the rate, and may prolong the pause', () => {
    const pace = { ...slower(undefined, plan, 0, 1_000, 100), calls: 9 };
    const { most, span } = pace;
    expect(slower(pace, plan, 1_099, 500, 1_100)).toEqual({
      most,
      span,
      since: 1_600,
      calls: 0,
      from: 1_100,
      tat: 1_600,
    });
    expect(slower(pace, plan, 99, 500, 200)).toMatchObject({ most, since: 1_100, tat: 1_100 });
  });

  test('of the first call after a pause keeps the rate, as the pause was too short', () => {
    const pace = slower(undefined, plan, 0, 1_000, 100);
    const spacing = 1 / rateAt(pace, 1_100);
    const kept = { most: pace.most, span: pace.span, since: 3_300, calls: 0 };
    // Several sharers each send a first call.
    const sharers = { ...pace, calls: 3 };
    expect(slower(sharers, plan, 1_100, 2_000, 1_300)).toMatchObject(kept);
    expect(slower(sharers, plan, 1_099 + spacing, 2_000, 1_300)).toMatchObject(kept);
    expect(slower(sharers, plan, 1_101 + spacing, 2_000, 1_300).most).toBeLessThan(pace.most);
    const second = sharers.since + 1 / rateAt(sharers, 1_300);
    expect(slower(sharers, plan, second, 2_000, 1_300).most).toBeLessThan(pace.most);
    // The first call may come late.
    expect(slower({ ...pace, calls: 1 }, plan, 1_101 + spacing, 2_000, 1_300)).toMatchObject(kept);
    expect(slower({ ...pace, calls: 2 }, plan, 1_101 + spacing, 2_000, 1_300).most).toBeLessThan(pace.most);
  });

  test('late lowers the rate that had come back, a little less than was tried', () => {
    const used = { ...refusedOnce, calls: 100 };
    const later = slower(used, plan, span, 0, span);
    expect(later).toMatchObject({ span, since: span, calls: 0 });
    expect(later.most / rate).toBeCloseTo(0.97, 12);
    // Where the rate grows fast the call was refused for what had gone in the interval before, which began slower.
    const perSecond = planOf({ rate: 10, interval: 1_000 }, 0);
    const grown = slower(used, perSecond, 2 * span, 0, 2 * span);
    expect(grown.most).toBeCloseTo(rateAt(refusedOnce, 2 * span - 1_000), 12);
    expect(grown.most).toBeLessThan(0.9 * rateAt(refusedOnce, 2 * span));
  });

  test('soon finds the rate between what went, pauses included, and what was tried, and tries again sooner', () => {
    const gone: Pace = { ...refusedOnce, calls: 10 };
    const soon = slower(gone, plan, 2_000, 3_000, 2_000);
    // 10 calls in 5 seconds.
    expect(soon.most).toBeCloseTo(Math.sqrt(rateAt(gone, 2_000) * (10 / 5_000)), 12);
    expect(soon.span).toBe(span / 2);
    // As many as were tried went: then it is nine tenths.
    const all: Pace = { ...refusedOnce, calls: 1_000 };
    expect(slower(all, plan, 2_000, 0, 2_000).most).toBeCloseTo(0.9 * rateAt(all, 2_000), 12);
    // Without a ms between them they count as a ms apart.
    const part: Pace = { ...refusedOnce, span: 0, calls: 0.005 };
    expect(slower(part, plan, 0, 0, 0).most).toBeCloseTo(Math.sqrt(rateAt(part, 0) * 0.005), 12);
    // A quarter of the time is not soon.
    expect(slower(gone, plan, span / 4, 0, span / 4).span).toBe(span);
  });

  test('soon is counted from the end of the pause, and what went from the refusal on', () => {
    const pause = 3_000;
    const before = slower(undefined, plan, 500, pause, 1_000);
    const gone: Pace = { ...before, calls: 10 };
    const quarter = before.since + span / 4;
    const soon = slower(gone, plan, quarter - 1, 0, quarter - 1);
    expect(soon.span).toBe(span / 2);
    expect(soon.most).toBeCloseTo(Math.sqrt(rateAt(gone, quarter - 1) * (10 / (quarter - 1 - 1_000))), 12);
    expect(slower(gone, plan, quarter, 0, quarter).span).toBe(span);
  });

  test('never leads below a call an hour, so that it always comes back', () => {
    // It grows until its first refusal; none of its calls went.
    const growing: Pace = { ...refusedOnce, span: 0, calls: 0 };
    expect(slower(growing, plan, 1, 60_000, 1).most).toBe(1 / 3_600_000);
    let pace = refusedOnce;
    for (let refusal = 1; refusal < 100; refusal++) {
      const now = pace.since + 1.01 / rateAt(pace, pace.since);
      pace = slower({ ...pace, calls: 2 }, plan, now, 3_600_000, now);
    }
    expect(rateAt(pace, pace.since + pace.span)).toBeGreaterThan(1 / 60_000);
  });
});

describe('a bucket that was refused', () => {
  test('lets calls go one by one at the rate, whatever its burst, from the end of the pause on', () => {
    const [first, second, third] = goTimes(refusedBucket({ rate: 1, interval: T, burst: 5 }, 700), 3) as [
      number,
      number,
      number,
    ];
    expect(first).toBe(700);
    expect(second - first).toBeCloseTo(T / 0.85, 1);
    expect(third - second).toBeLessThan(second - first);
    expect(third - second).toBeGreaterThan(T);
  });

  test('counts calls by their costs', () => {
    const bucket = refusedBucket({ rate: 1, interval: T, burst: 5 });
    take(bucket, { plan: bucket.plan, costs: [4], ahead: 0 }, 0);
    expect(bucket.extras.pace).toMatchObject({ calls: 4 });
    expect(conformsAt(bucket, 1, 0)).toBeCloseTo((4 * T) / 0.85, 1);
  });

  test('is left to its limits once the rate is back at theirs, with the first call after that', () => {
    const bucket = refusedBucket({ rate: 1, interval: T, burst: 5 });
    take(bucket, { plan: bucket.plan, costs: [1], ahead: 0 }, span - 1);
    expect(bucket.extras.pace).toBeDefined();
    take(bucket, { plan: bucket.plan, costs: [1], ahead: 0 }, span + T);
    expect(bucket.extras.pace).toBeUndefined();
    expect(goTimes(bucket, 3, span + T)).toEqual([span + T, span + T, span + T]);
    expect(paceAfter(refusedOnce, plan, 1, span - 1)).toBeDefined();
    expect(paceAfter(refusedOnce, plan, 1, span)).toBeUndefined();
  });

  test('tells the rate, and is at rest no sooner than it is back', () => {
    const bucket = refusedBucket({ rate: 1, interval: T });
    expect(peek(bucket, 0).learned).toBeCloseTo(0.85 * rate, 12);
    expect([atRest(bucket, span - 1), atRest(bucket, span)]).toEqual([false, true]);
    expect(peek(newBucket(plan), 0)).not.toHaveProperty('learned');
  });

  test('without the instant at which the call left is only paused', () => {
    const bucket = newBucket(plan);
    pause(bucket, 1_000, 0);
    expect(bucket.extras.pace).toBeUndefined();
  });

  test('hands out slots at whole ticks', () => {
    const bucket = refusedBucket({ rate: 1, interval: T }, 0.3);
    for (let call = 0; call < 20; call++) {
      const { granted, reserved } = take(bucket, { plan: bucket.plan, costs: [1], ahead: Infinity }, 1);
      expect(((granted[0] ?? reserved)?.slot as number) % tick).toBe(0);
    }
  });

  // So far the next call goes an interval later for one that was aborted in line.
  test('gets back the slot of a reservation', () => {
    const bucket = refusedBucket({ rate: 1, interval: T });
    take(bucket, { plan: bucket.plan, costs: [1], ahead: 0 }, 0);
    const request = { plan: bucket.plan, costs: [1], ahead: Infinity };
    const { reserved } = take(bucket, request, 0);
    giveBack(bucket, reserved as NonNullable<typeof reserved>);
    expect(take(bucket, request, 0).reserved?.slot).toBe(reserved?.slot);
  });
});

describe('an unknown rate', () => {
  const unknown = planOf(learnedLimit, 0);

  test('begins with one call a second, and each call adds one a second, so that it doubles every second', () => {
    const times = goTimes(newBucket(unknown), 64);
    const within = (begin: number, end: number) => times.filter((at) => at >= begin && at < end).length;
    expect(times.slice(0, 4).map(Math.round)).toEqual([0, 1_000, 1_500, 1_833]);
    // Harmonic numbers: about e times as many each second.
    expect([within(0, 999), within(999, 1_999), within(1_999, 2_999), within(2_999, 3_999)]).toEqual([1, 3, 7, 20]);
  });

  test('counts costs as calls', () => {
    const pace = paceAfter(paceOf(unknown, undefined, 0) as Pace, unknown, 3, 0) as Pace;
    expect(pace).toMatchObject({ calls: 3, tat: 3_000 });
    expect(rateAt(pace, 0)).toBeCloseTo(4 / 1_000, 12);
    expect(paceAfter(pace, unknown, { tokens: 90 }, 0)).toMatchObject({ calls: 4 });
  });

  test('is found between what went and what was tried when the first call is refused, however early that left', () => {
    const grown: Pace = { most: 0.02, span: 0, since: 5_000, calls: 19, from: 0, tat: 5_000 };
    const found = slower(grown, unknown, 0, 0, 5_000);
    expect(found.most).toBeCloseTo(Math.sqrt(0.02 * (19 / 5_000)), 12);
    expect(found.span).toBe(7_500);
    expect(rateAt(found, 5_000)).toBeCloseTo(0.85 * found.most, 12);
  });

  test('has no end: it is tried again and again, as long as no limits are told', () => {
    const bucket = newBucket(unknown);
    refuse(bucket, 0, 0, 0);
    goTimes(bucket, 200);
    expect(bucket.extras.pace).toBeDefined();
    expect(peek(bucket, 10_000).learned).toBeGreaterThan(0);
    const fast: Pace = { most: 5_000, span: 0, since: 0, calls: 0, from: 0, tat: 0 };
    expect(paceAfter(fast, unknown, 1, 0)).toBeDefined();
  });

  test('does not exist for known limits', () => {
    expect(paceOf(plan, undefined, 0)).toBeUndefined();
    expect(paceOf(plan, refusedOnce, 0)).toBe(refusedOnce);
  });
});

describe('whatever is refused', () => {
  const limits = fc.oneof(
    fc.record({
      rate: fc.integer({ min: 1, max: 50 }),
      interval: fc.constant(1_000),
      burst: fc.integer({ min: 1, max: 5 }),
    }),
    fc.integer({ min: 1, max: 50 }).map((limit) => slidingWindow({ limit, interval: 1_000 })),
    fc.integer({ min: 1, max: 50 }).map((limit) => quota({ limit, interval: 1_000 })),
  );
  const steps = fc.array(
    fc.record({ wait: fc.nat(20_000), refused: fc.boolean(), ms: fc.nat(3_000), early: fc.nat(200) }),
    { maxLength: 40 },
  );

  /** Goes through calls and refusals, each call as soon as it may after a wait. */
  function walk(of: Plan, history: readonly { wait: number; refused: boolean; ms: number; early: number }[]) {
    const bucket = newBucket(of);
    const alone = newBucket(of);
    const spacings: { at: number; next: number; before: Pace | undefined }[] = [];
    let now = 0;
    for (const { wait, refused, ms, early } of history) {
      const before = bucket.extras.pace;
      now = conformsAt(bucket, 1, now + wait);
      expect(conformsAt(alone, 1, now)).toBeLessThanOrEqual(now);
      take(bucket, { plan: of, costs: [1], ahead: 0 }, now);
      take(alone, { plan: of, costs: [1], ahead: 0 }, now);
      spacings.push({ at: now, next: conformsAt(bucket, 1, now), before });
      if (refused) refuse(bucket, early, ms, now);
    }
    return { bucket, now, spacings };
  }

  test('grants no more than the limits allow, and the next call comes no earlier than the rate allows', () => {
    fc.assert(
      fc.property(limits, steps, (limit, history) => {
        const of = planOf(limit, 0);
        for (const { at, next, before } of walk(of, history).spacings) {
          if (before === undefined) continue;
          const most = 1 / Math.max(...of.rules.map(({ emissionInterval }) => emissionInterval));
          const held = rateAt(before, at);
          if (held < most) expect(next - at).toBeGreaterThanOrEqual(1 / held - 1e-6);
        }
      }),
    );
  });

  test('a refusal never raises the rate, and leaves one that comes back', () => {
    fc.assert(
      fc.property(limits, steps, fc.nat(5_000), (limit, history, ms) => {
        const of = planOf(limit, 0);
        const { bucket, now } = walk(of, history);
        const { pace } = bucket.extras;
        const most = 1 / Math.max(...of.rules.map(({ emissionInterval }) => emissionInterval));
        const next = slower(pace, of, now, ms, now);
        const held = pace === undefined ? most : rateAt(pace, now);
        expect(rateAt(next, Math.max(now, next.since))).toBeLessThanOrEqual(Math.max(held, 1 / 3_600_000));
        expect(rateAt(next, next.since + 1_000 * next.span)).toBeGreaterThan(most);
      }),
    );
  });
});
