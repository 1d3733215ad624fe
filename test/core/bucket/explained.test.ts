import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adapt, type Bucket, conformsAt, copyOf, grantAt, newBucket } from '../../../src/core/bucket/bucket.ts';
import { hear, isOurs, isTooHigh } from '../../../src/core/bucket/explained.ts';
import { peek, take } from '../../../src/core/bucket/operations.ts';
import type { Ceiling, Told } from '../../../src/core/bucket/pool.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { T } from './step-table.ts';

/** What a server says. `ms` and `window` are in units of T; nothing else is needed where a row is about something else. */
interface Saying extends Partial<Omit<Told, 'remaining'>> {
  readonly ms?: number;
  readonly isNewest?: boolean;
  /** What is left with those in flight taken off, if that is less. */
  readonly less?: number;
}

/** Until when the resets here are, in units of T. */
const reset = 10;

function said(remaining: number, { ms = reset, isNewest = true, less = remaining, ...more }: Saying = {}): Ceiling {
  const { window, roundTrip = 0, keptBack = 0 } = more;
  const told = { ...more, remaining, roundTrip: roundTrip * T, keptBack, ...(window && { window: window * T }) };
  return { remaining: less, ms: ms * T, isNewest, told };
}

/**
 * One step, at an instant in units of T.
 * - `take`: asks for a call and expects a wait of this many T, 0 if it goes
 * - `said`: the server says how many are left, which is expected to hold calls back for this many T: 0 if our own calls explain it
 * - `left`: expects this many calls to remain, per limit
 */
type Step =
  | readonly ['take', at: number, cost: Cost, wait: number]
  | readonly ['said', at: number, remaining: number, held: number, more?: Saying]
  | readonly ['left', at: number, ...calls: number[]];

const take1 = (bucket: Bucket, cost: Cost, now: number) =>
  take(bucket, { plan: bucket.plan, costs: [cost], ahead: 0 }, now);

/** Goes through a step table. The row's number is in the message when one fails. */
function walk(limits: Limit | readonly Limit[], steps: readonly Step[], begin = 0): Bucket {
  const bucket = newBucket(planOf(limits, 0));
  for (const [row, step] of steps.entries()) {
    const now = begin + step[1] * T;
    const where = `row ${row + 1}: ${JSON.stringify(step)}`;
    if (step[0] === 'take') expect(take1(bucket, step[2], now).wait / T, where).toBeCloseTo(step[3], 6);
    else if (step[0] === 'said') expect(hear(bucket, said(step[2], step[4]), now) / T, where).toBeCloseTo(step[3], 6);
    else
      expect(
        peek(bucket, now).limits.map(({ remaining }) => remaining),
        where,
      ).toEqual(step.slice(2));
  }
  return bucket;
}

function table(name: string, limits: Limit | readonly Limit[], steps: readonly Step[]): void {
  test.each([0, 1e9 + 0.5])(`${name}, from %d`, (begin) => void walk(limits, steps, begin));
}

/** Ten calls in ten T. */
const window = slidingWindow({ limit: 10, interval: 10 * T });
const ofWindow: Saying = { limit: 10, window: 10 };

describe('what is left of a window', () => {
  table('is no news where our own calls took the rest, all of them or some', window, [
    ['take', 0, 4, 0],
    ['said', 0, 6, 0, ofWindow],
    ['said', 0, 9, 0, ofWindow],
    ['take', 1, 6, 0],
    ['said', 1, 0, 0, ofWindow],
    ['take', 1, 1, 9],
    ['take', 10, 4, 0],
  ]);

  table('may be a call less: servers round, and count the call that they answer', window, [
    ['take', 0, 4, 0],
    ['said', 0, 5, 0, ofWindow],
    ['left', 0, 6],
    ['said', 0, 4, reset, ofWindow],
    ['left', 0, 5],
  ]);

  table('leaves us what others do not use, as our own calls grow old', window, [
    ['take', 0, 2, 0],
    // Others made five; one of them may be the rounding.
    ['said', 0, 3, reset, ofWindow],
    ['take', 0, 5, 10],
    ['take', 0, 4, 0],
    ['take', 4, 1, 6],
    ['said', 4, 0, 10, ofWindow],
    // They may have made one less.
    ['take', 10, 7, 0],
    ['take', 10, 1, 4],
  ]);

  table('is over when its time is, whichever answer comes then', window, [
    ['said', 0, 3, reset, ofWindow],
    ['left', 9.9, 4],
    ['left', 10, 10],
    ['said', 10, 8, reset, { ...ofWindow, isNewest: false }],
    ['left', 10, 9],
  ]);

  table('holds nobody back any more when its time is over', window, [
    ['said', 0, 3, reset, ofWindow],
    ['take', 5, 4, 0],
    ['take', 5, 1, 5],
    ['take', 10, 6, 0],
  ]);

  table('holds nobody back any more once our own calls explain it again', window, [
    ['said', 0, 3, reset, ofWindow],
    ['left', 0, 4],
    ['said', 5, 10, 0, ofWindow],
    ['left', 5, 10],
  ]);

  table('leaves one call at least', window, [
    ['said', 0, 0, reset, { ...ofWindow, keptBack: 3 }],
    ['left', 0, 1],
    ['take', 0, 1, 0],
    ['take', 0, 1, 10],
  ]);

  // So far one that costs more than is left goes as soon as none of ours counts any more.
  test('delays a call that costs more than what is left', () => {
    walk(window, [
      ['said', 0, 3, reset, ofWindow],
      ['take', 0, 5, 10],
    ]);
  });

  table('counts each call by its cost', slidingWindow({ limit: 10, interval: 10 * T }), [
    ['take', 0, 2, 0],
    ['take', 1, 2, 0],
    ['take', 2, 2, 0],
    ['said', 2, 4, 0, ofWindow],
    ['said', 2, 2, reset, ofWindow],
    ['left', 2, 3],
  ]);

  table('is explained by calls that left two round trips before the window began', window, [
    ['said', 0, 10, 0, ofWindow],
    ['take', 0, 4, 0],
    ['said', 5, 6, 0, ofWindow],
    ['said', 10.9, 6, 0, { ...ofWindow, roundTrip: 0.5 }],
    ['said', 11.1, 6, reset, { ...ofWindow, roundTrip: 0.5 }],
  ]);

  table('holds for two seconds at least, or a window if that is shorter, whatever the reset', window, [
    ['said', 0, 0, 10, { ...ofWindow, ms: 1 }],
    ['said', 0, 0, 12, { ...ofWindow, ms: 12 }],
  ]);
  table('of a minute holds for two seconds at least', slidingWindow({ limit: 10, interval: 600 * T }), [
    ['said', 0, 0, 20, { limit: 10, window: 600, ms: 0 }],
  ]);

  table('keeps some calls back for others where the server is taken at its word', window, [
    ['take', 0, 4, 0],
    // Negative, as our own calls explain the statement.
    ['said', 0, 6, -reset, { ...ofWindow, keptBack: 2 }],
    ['left', 0, 4],
    // Then nothing is rounding.
    ['said', 0, 5, reset, { ...ofWindow, keptBack: 2 }],
    ['left', 0, 3],
    ['said', 0, 5, reset, { ...ofWindow, keptBack: 1 }],
    ['left', 0, 4],
  ]);
});

describe('what is left of a quota', () => {
  const limit = quota({ limit: 20, interval: 20 * T });
  const of: Saying = { limit: 20, window: 20 };

  table('is first compared with as many calls as may have gone before anybody counted', limit, [
    ['take', 0, 1, 0],
    ['said', 0, 0, 0, of],
  ]);

  table('is compared with what went in an interval from then on', limit, [
    ['said', 0, 20, 0, of],
    ['take', 1, 1, 0],
    ['take', 2, 1, 0],
    ['take', 3, 1, 0],
    ['said', 3, 17, 0, of],
    ['said', 3, 16, 0, of],
    ['said', 3, 12, 20, of],
    ['take', 4, 1, 0],
  ]);

  test('grants the rest of it as evenly as before', () => {
    const bucket = newBucket(planOf(limit, 0));
    hear(bucket, said(20, of), 0);
    hear(bucket, said(5, { ...of, ms: 20 }), 0);
    const times: number[] = [];
    for (let now = 0; now < 20; now++) if (take1(bucket, 1, now * T).wait === 0) times.push(now);
    expect(times).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('what is left of a leaky bucket', () => {
  const bucket: Limit = { rate: 1, interval: T, burst: 5 };
  const of: Saying = { limit: 5 };

  table('is no news where our own calls fill it, or it has refilled by itself meanwhile', bucket, [
    ['take', 0, 5, 0],
    ['said', 0, 0, 0, of],
    ['take', 1, 1, 0],
    ['said', 1.5, 0, 0, of],
    ['said', 1.5, 1, 0, of],
    ['take', 2, 1, 0],
  ]);

  table('is a lower level where it is not, which refills at the rate of the limit, whatever the reset', bucket, [
    ['take', 0, 1, 0],
    ['said', 0, 3, 0, of],
    ['said', 0, 2, 1, { ...of, ms: 3_600 }],
    ['left', 0, 2],
    ['take', 0, 2, 0],
    ['take', 0, 1, 1],
    ['take', 2, 2, 0],
  ]);

  table('never raises the level', bucket, [
    ['take', 0, 5, 0],
    ['said', 0, 5, 0, of],
    ['left', 0, 0],
    ['said', 0, 4, 0, { ...of, keptBack: 1 }],
    ['left', 0, 0],
  ]);

  table('is explained by the level two round trips before', bucket, [
    ['take', 0, 4, 0],
    ['said', 2, 1, 1, of],
    ['left', 2, 1],
  ]);
  table('is explained by the level that was, two round trips before', bucket, [
    ['take', 0, 4, 0],
    ['said', 2, 1, 0, { ...of, roundTrip: 1 }],
    ['left', 2, 3],
  ]);

  table('counts each call by its cost', bucket, [
    ['take', 0, 2, 0],
    ['take', 0, 2, 0],
    ['said', 0, 1, 0, of],
    ['take', 0, 1, 0],
  ]);

  table('takes off what is in flight and what is kept back for others', bucket, [
    ['said', 0, 4, 1, { ...of, less: 3, keptBack: 2 }],
    ['left', 0, 1],
    // Negative, as our own calls explain the statement.
    ['said', 0, 1, -1, { ...of, less: 0, keptBack: 2 }],
    ['take', 0, 1, 3],
  ]);
});

describe('what is left of a leaky bucket of which the server does not say how much it holds', () => {
  const bucket: Limit = { rate: 5, interval: 5 * T, burst: 5 };

  table('is compared with what ours holds', bucket, [
    ['take', 0, 4, 0],
    ['said', 0, 0, 0, { ms: 5 }],
    ['left', 0, 1],
  ]);

  table('is compared with what the server says its own holds, else', bucket, [
    ['take', 0, 3, 0],
    ['said', 0, 1, 1, { limit: 6 }],
    ['left', 0, 1],
  ]);
});

describe('what limit a server means', () => {
  const second = slidingWindow({ limit: 10, interval: 10 * T, name: 'second' });
  const minute = slidingWindow({ limit: 60, interval: 600 * T, name: 'minute' });
  const both = [second, minute];

  table('is the one of its window', both, [
    ['said', 0, 3, 20, { limit: 10, window: 600 }],
    ['left', 0, 10, 4],
  ]);
  table('is the one of its window, within a tenth', both, [
    ['said', 0, 3, reset, { limit: 10, window: 10.9 }],
    ['left', 0, 4, 60],
  ]);
  table('is the nearest in number, where it tells no window', both, [
    ['said', 0, 3, reset, { limit: 12 }],
    // Others made eight of twelve, or nine.
    ['left', 0, 4, 60],
    ['said', 0, 40, 20, { limit: 55 }],
    ['left', 0, 4, 41],
  ]);
  table(
    'is the nearest in number by the ratio',
    [second, slidingWindow({ limit: 19, interval: 600 * T, name: 'other' })],
    [
      ['said', 0, 3, 20, { limit: 14 }],
      ['left', 0, 10, 4],
    ],
  );
  table('is the nearest in time, where it tells no number', both, [
    ['said', 0, 3, reset, { ms: 9 }],
    ['left', 0, 4, 60],
    ['said', 0, 30, 500, { ms: 500 }],
    ['left', 0, 4, 31],
  ]);
  table(
    'is the first of two that are as near',
    [slidingWindow({ limit: 10, interval: 60 * T }), second],
    [
      ['said', 0, 3, 20, { limit: 10, ms: 20 }],
      ['left', 0, 4, 10],
    ],
  );
  table('is the one of its window, however large the number', window, [
    ['take', 0, 1, 0],
    ['said', 0, 27, reset, { limit: 30, window: 10 }],
    ['said', 0, 27, 200, { limit: 30, window: 10, ms: 200 }],
    ['said', 0, 6, 200, { window: 10, ms: 200 }],
  ]);
  test('is known beforehand', () => {
    const plan = planOf(both, 0);
    expect(isOurs(plan, said(3, { limit: 10 }))).toBe(true);
    expect(isOurs(plan, said(3, { limit: 91 }))).toBe(false);
    expect(isOurs(plan, { remaining: 3, ms: 1, isNewest: true })).toBe(false);
  });
  test('is judged by how long its word was meant for', () => {
    const bucket = newBucket(planOf(both, 0));
    hear(bucket, { ...said(3), meantFor: 600 * T }, 0);
    expect(peek(bucket, 0).limits.map(({ remaining }) => remaining)).toEqual([10, 4]);
  });

  /** Whether a number of calls left, with no more than a reset, is said of one of the limits. */
  const isOurReset = (limits: Limit, ms: number) => isOurs(planOf(limits, 0), said(3, { ms: ms / T }));

  test('is none where the reset comes much later than that of ours could', () => {
    // Half as long again, and whole seconds twice.
    expect([3_500, 3_500.1].map((ms) => isOurReset(window, ms))).toEqual([true, false]);
    const slow: Limit = { rate: 1, interval: 10 * T, burst: 5 };
    expect([9_500, 9_500.1].map((ms) => isOurReset(slow, ms))).toEqual([true, false]);
  });
  test('is none by a reset that has come', () => {
    expect([-10, 0, 1].map((ms) => isOurReset(window, ms))).toEqual([false, false, true]);
  });
  test('is one by a number that is half as large again', () => {
    expect([15, 15.1].map((limit) => isOurs(planOf(window, 0), said(3, { limit })))).toEqual([true, false]);
  });
  test('is a leaky bucket by a number alone, whatever the window', () => {
    const plan = planOf({ rate: 20, interval: 10 * T, burst: 5 }, 0);
    expect([5, 7, undefined].map((limit) => isOurs(plan, said(1, { window: 2.5, limit } as Saying)))).toEqual([
      true,
      false,
      true,
    ]);
  });

  table('is none where all windows are others: what is left is a ceiling', both, [
    ['said', 0, 3, reset, { limit: 10, window: 11.5 }],
    ['left', 0, 3, 3],
    ['take', 0, 3, 0],
    ['take', 0, 1, reset],
  ]);
  table('is none where the number is that of a larger quota: what is left is a ceiling', both, [
    ['said', 0, 3, reset, { limit: 91 }],
    ['left', 0, 3, 3],
    ['said', 0, 2, reset, { limit: 5_000 }],
    ['left', 0, 2, 2],
  ]);
  table('is one whose number is at most half as large again', both, [
    ['said', 0, 3, 20, { limit: 89 }],
    ['left', 0, 10, 4],
  ]);

  // The throttle that heard it waits for the later end, and sends no call alone when the ceiling is over.
  test('is none: then it holds for as long as the ceiling that it becomes', () => {
    const bucket = newBucket(planOf(both, 0));
    hear(bucket, said(3, { limit: 91, ms: 90 }), 0);
    const held = hear(bucket, said(2, { limit: 91, ms: 95 }), 0);
    expect(bucket.extras.pools).toEqual([{ left: 2, until: 90 * T }]);
    expect(held).toBe(90 * T);
  });

  test('of a leaky bucket is told by its burst or by its rate', () => {
    const limits: Limit = { rate: 20, interval: 10 * T, burst: 5 };
    const byBurst = newBucket(planOf(limits, 0));
    expect(hear(byBurst, said(1, { limit: 5 }), 0)).toBe(T / 2);
    expect([byBurst.extras.past?.[0]?.most, peek(byBurst, 0).limits[0]?.remaining]).toEqual([undefined, 1]);
    const byRate = newBucket(planOf(limits, 0));
    expect(hear(byRate, said(1, { limit: 20 }), 0)).toBe(reset * T);
    expect(byRate.extras.past?.[0]?.most).toEqual({ calls: 2, until: reset * T });
    // With the window that is that of the rate, too, or the time in which it refills.
    expect(hear(newBucket(planOf(limits, 0)), said(1, { limit: 20, window: 10 }), 0)).toBe(reset * T);
    expect(hear(newBucket(planOf(limits, 0)), said(1, { limit: 5, window: 2.5 }), 0)).toBe(T / 2);
  });

  test('is the limit with the name of the unit, and never another', () => {
    const tokens = slidingWindow({ limit: 1_000, interval: 10 * T, name: 'tokens' });
    const bucket = newBucket(planOf([second, tokens], 0));
    take1(bucket, { tokens: 400 }, 0);
    // The key need not stop: the limit knows.
    expect(hear(bucket, said(100, { limit: 1_000, window: 10, unit: 'tokens' }), 0)).toBe(0);
    expect(bucket.extras.pools).toBeUndefined();
    // 499 were others', so 501 are ours.
    expect([100, 101, 102].map((cost) => conformsAt(bucket, { tokens: cost }, 0))).toEqual([0, 0, 10 * T]);
  });

  test('is none where no limit counts in the unit: the throttle stops the key if nothing is left', () => {
    const bucket = newBucket(planOf(second, 0));
    expect(hear(bucket, said(0, { limit: 1_000, window: 10, unit: 'tokens' }), 0)).toBe(reset * T);
    expect(hear(bucket, said(1, { limit: 1_000, window: 10, unit: 'tokens' }), 0)).toBe(0);
    expect(bucket.extras.pools).toBeUndefined();
    expect(conformsAt(bucket, 10, 0)).toBe(0);
  });
});

describe('limits that allow more than the server', () => {
  const of: Saying = { limit: 5, window: 10 };

  table('are held to what it says, which is no news about others', window, [
    ['take', 0, 2, 0],
    ['said', 0, 3, 0, of],
    ['left', 0, 3],
    ['take', 0, 4, 10],
    ['take', 0, 3, 0],
  ]);

  test('show by a number below all of theirs, by more than a tenth', () => {
    const plan = planOf([window, { rate: 20, interval: T, burst: 5 }], 0);
    expect([isTooHigh(plan, 4.4), isTooHigh(plan, 4.6), isTooHigh(plan, 9)]).toEqual([true, false, false]);
    expect([isTooHigh(planOf(window, 0), 8.9), isTooHigh(planOf(window, 0), 9)]).toEqual([true, false]);
    // Of a quota what goes in its interval, not what goes at once.
    const even = planOf(quota({ limit: 20, interval: 20 * T, burst: 5 }), 0);
    expect([isTooHigh(even, 17), isTooHigh(even, 18)]).toEqual([true, false]);
  });

  test('count another window where we sent far more than it allows, and some are left', () => {
    const bucket = newBucket(planOf(window, 0));
    take1(bucket, 9, 0);
    expect(hear(bucket, said(2, { limit: 5 }), 0)).toBe(0);
    expect(bucket.extras.past?.[0]?.most).toBeUndefined();
    expect(bucket.extras.pools).toEqual([{ left: 2, until: reset * T }]);
    // Half as many again may be of calls that grow old, and with nothing left it may be ours all the same.
    const fewer = newBucket(planOf(window, 0));
    take1(fewer, 7, 0);
    hear(fewer, said(2, { limit: 5 }), 0);
    expect([fewer.extras.past?.[0]?.most?.calls, fewer.extras.pools]).toEqual([5, undefined]);
    hear(bucket, said(0, { limit: 5 }), 0);
    expect(bucket.extras.past?.[0]?.most).toMatchObject({ calls: 5 });
  });

  test.each([
    ['one is left', 9, 1, { limit: 5 }, true],
    ['the window is told', 9, 2, { limit: 5, window: 10 }, false],
    ['the number is about ours', 16, 2, { limit: 10 }, false],
    ['the number is ours within a tenth', 14, 2, { limit: 9 }, false],
    ['half as many again went', 6, 2, { limit: 4 }, false],
  ] as const)('are of another window or of ours, when %s', (_, went, left, of, isOther) => {
    const bucket = newBucket(planOf(window, 0));
    grantAt(bucket, went, 0, 0);
    hear(bucket, said(left, of), 0);
    expect(bucket.extras.pools !== undefined).toBe(isOther);
  });
});

describe('the count', () => {
  test('is not kept for a key whose server says nothing, or that gets a ceiling', () => {
    const bucket = newBucket(planOf(window, 0));
    take1(bucket, 4, 0);
    expect(hear(bucket, { remaining: 3, ms: 5 * T, isNewest: true }, 0)).toBe(5 * T);
    expect([bucket.extras.past, bucket.extras.pools]).toEqual([undefined, [{ left: 3, until: 5 * T }]]);
  });

  test('ends an interval after the latest statement, with the next call', () => {
    const bucket = newBucket(planOf(window, 0));
    hear(bucket, said(10, ofWindow), 0);
    hear(bucket, said(10, ofWindow), 4 * T);
    grantAt(bucket, 1, 13 * T, 13 * T);
    expect(bucket.extras.past).toMatchObject([{ limits: [], until: 14 * T }]);
    grantAt(bucket, 1, 14 * T, 14 * T);
    expect(bucket.extras.past).toBeUndefined();
  });

  test('holds no calls back while our own calls explain the statement', () => {
    const bucket = walk(window, [
      ['take', 0, 4, 0],
      ['said', 0, 6, 0, ofWindow],
    ]);
    expect(bucket.extras.past?.[0]?.most).toBeUndefined();
  });

  test('lasts as long as earlier limits still count', () => {
    const bucket = newBucket(planOf(slidingWindow({ limit: 60, interval: 600 * T }), 0));
    take1(bucket, 5, 0);
    adapt(bucket, planOf(window, 0), 0);
    hear(bucket, said(5, ofWindow), 0);
    expect(bucket.extras.past).toMatchObject([{ until: 600 * T, limits: [{ burst: 60 }, { burst: 10 }] }]);
    hear(bucket, said(10, ofWindow), 600 * T);
    expect(bucket.extras.past).toEqual([{ until: 610 * T, limits: [], marks: expect.anything() }]);
  });

  test('is that of all limits, so that each of them can be told of next', () => {
    const limits = [window, slidingWindow({ limit: 60, interval: 600 * T, name: 'minute' })];
    const bucket = newBucket(planOf(limits, 0));
    hear(bucket, said(10, ofWindow), 0);
    take1(bucket, 8, 0);
    expect(hear(bucket, said(52, { limit: 60, window: 600 }), T)).toBe(0);
  });

  test('is kept where limits are left to the server, and holds nobody back', () => {
    const bucket = newBucket(planOf(learnedLimit, 0));
    for (const more of [{}, ofWindow, { unit: 'tokens' }]) expect(hear(bucket, said(0, more), 0)).toBe(0);
    expect(bucket.extras.past).toMatchObject([{ limits: [] }]);
    expect([bucket.extras.pools, conformsAt(bucket, 1, 0)]).toEqual([undefined, 0]);
    expect(hear(bucket, { remaining: 0, ms: T, isNewest: true }, 0)).toBe(T);
    expect(conformsAt(bucket, 1, 0)).toBe(T);
  });
});

describe('an answer that was overtaken', () => {
  test('can leave less than the one that overtook it', () => {
    const bucket = newBucket(planOf(window, 0));
    hear(bucket, said(8, ofWindow), 0);
    hear(bucket, said(4, { ...ofWindow, isNewest: false }), 0);
    expect(peek(bucket, 0).limits[0]?.remaining).toBe(5);
  });

  // So far the cap is that of the answer that came last.
  test('never leaves more of a window than the one that overtook it', () => {
    const bucket = newBucket(planOf(window, 0));
    hear(bucket, said(4, ofWindow), 0);
    hear(bucket, said(8, { ...ofWindow, isNewest: false }), 0);
    expect(peek(bucket, 0).limits[0]?.remaining).toBe(5);
  });

  test('never leaves more of a leaky bucket than the one that overtook it', () => {
    const bucket = newBucket(planOf({ rate: 1, interval: T, burst: 5 }, 0));
    hear(bucket, said(1, { limit: 5 }), 0);
    hear(bucket, said(4, { limit: 5, isNewest: false }), 0);
    expect(peek(bucket, 0).limits[0]?.remaining).toBe(1);
  });
});

describe('for any statement of a server', () => {
  const anyLimit = fc.oneof(
    fc.integer({ min: 2, max: 20 }).map((limit) => slidingWindow({ limit, interval: 10 * T })),
    fc.integer({ min: 2, max: 20 }).map((limit) => quota({ limit, interval: 10 * T, burst: 2 })),
    fc.integer({ min: 2, max: 8 }).map((burst): Limit => ({ rate: 1, interval: T, burst })),
    fc.constant(learnedLimit),
  );
  const anyLimits = fc
    .array(anyLimit, { minLength: 1, maxLength: 3 })
    .map((limits) => limits.map((limit, index) => ({ ...limit, ...(index > 0 && { name: `limit ${index}` }) })));
  const saying = fc
    .record({
      remaining: fc.nat(25),
      ms: fc.nat(50),
      isNewest: fc.boolean(),
      limit: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      window: fc.option(fc.constantFrom(1, 5, 10, 600), { nil: undefined }),
      unit: fc.option(fc.constantFrom('limit 1', 'tokens'), { nil: undefined }),
      roundTrip: fc.nat(2),
      keptBack: fc.nat(3),
    })
    .map(({ remaining, ...more }) => said(remaining, more as Saying));
  const step = fc.record({
    wait: fc.nat(4 * T),
    cost: fc.constantFrom<Cost>(1, 1, 2),
    said: fc.option(saying, { nil: undefined }),
  });
  const costs: Cost[] = [1, 2, 5, { 'limit 1': 3 }];

  test('no call goes earlier than the limits alone allow, or earlier after the first statement than before it', () => {
    fc.assert(
      fc.property(anyLimits, fc.array(step, { maxLength: 40 }), (limits, steps) => {
        const bucket = newBucket(planOf(limits, 0));
        const alone = newBucket(planOf(limits, 0));
        let now = 0;
        let isFirst = true;
        for (const { wait, cost, said: word } of steps) {
          now += wait;
          if (word !== undefined) {
            const before = copyOf(bucket);
            const held = hear(bucket, word, now);
            expect(held).toBeGreaterThanOrEqual(word.told?.keptBack ? -Infinity : 0);
            if (isFirst)
              for (const one of costs)
                expect(conformsAt(bucket, one, now)).toBeGreaterThanOrEqual(conformsAt(before, one, now));
            isFirst = false;
          }
          for (const one of costs)
            expect(conformsAt(bucket, one, now)).toBeGreaterThanOrEqual(conformsAt(alone, one, now));
          const at = conformsAt(bucket, cost, now);
          if (at > now + 20 * T) continue;
          now = at;
          grantAt(bucket, cost, at, now);
          grantAt(alone, cost, at, now);
        }
      }),
    );
  });

  /** Goes through calls of which a server that nobody else uses tells after each what is left, and hears no difference. */
  function hearsNothingNew(
    limit: Limit,
    steps: readonly { wait: number; cost: Cost }[],
    of: Saying,
    server: Bucket,
    lessBy: readonly number[] = [0, 1],
  ) {
    const bucket = newBucket(planOf(limit, 0));
    const alone = newBucket(planOf(limit, 0));
    // From when on it is counted exactly.
    hear(bucket, said(of.limit as number, of), 0);
    let now = 0;
    for (const { wait, cost } of steps) {
      now = conformsAt(bucket, cost, now + wait);
      expect(now).toBe(conformsAt(alone, cost, now));
      for (const one of [bucket, alone, server]) grantAt(one, cost, now, now);
      const { remaining } = peek(server, now).limits[0] as { remaining: number };
      for (const less of lessBy) expect(hear(bucket, said(Math.max(0, remaining - less), of), now)).toBe(0);
      expect(conformsAt(bucket, 1, now)).toBe(conformsAt(alone, 1, now));
      expect(conformsAt(bucket, 2, now)).toBe(conformsAt(alone, 2, now));
    }
  }
  const calls = fc.array(fc.record({ wait: fc.nat(4 * T), cost: fc.constantFrom(1, 2) }), { maxLength: 60 });

  test('a repeated statement that our own calls explain changes nothing: a window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), calls, fc.boolean(), (limit, steps, tellsWindow) => {
        const one = slidingWindow({ limit, interval: 10 * T });
        const of = { limit, ...(tellsWindow && { window: 10 }) };
        hearsNothingNew(one, steps, of, newBucket(planOf(one, 0)));
      }),
    );
  });

  test('a repeated statement that our own calls explain changes nothing: a quota in a sliding window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), calls, (limit, steps) => {
        const one = quota({ limit, interval: 10 * T, burst: 2 });
        const server = newBucket(planOf(slidingWindow({ limit, interval: 10 * T }), 0));
        hearsNothingNew(one, steps, { limit, window: 10 }, server);
      }),
    );
  });

  test('a repeated statement that our own calls explain changes nothing: a leaky bucket', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), calls, (burst, steps) => {
        const one: Limit = { rate: 1, interval: T, burst };
        // What is left is rounded down already.
        hearsNothingNew(one, steps, { limit: burst }, newBucket(planOf(one, 0)), [0]);
      }),
    );
  });
});
