import { describe, expect, test } from 'vitest';
import type { ServerSignal, SignalBucket } from '../../../src/core/base/server-signal.ts';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { Remaining, type Statement } from '../../../src/core/listening/remaining.ts';
import { tick } from '../../../src/core/time/clock.ts';

/** A hundred calls in a second: one each 10 ms. */
const window = slidingWindow({ limit: 100, interval: 1_000 });
const wall = 1_800_000_000_000;

interface Told extends SignalBucket {
  /** When the call left, and when its answer came. */
  readonly left?: number;
  readonly now?: number;
  readonly inFlight?: number;
  readonly retryAt?: number;
}

/** What a server says is left of a key, told to the store or not. */
function follow(limits: Limit | readonly Limit[] = window, maxPause = Infinity) {
  const plan = planOf(limits, 0);
  const remaining = new Remaining();
  let refusedAt = -Infinity;
  /** Reads an answer that came at `now`. Its reset is a second later if it says nothing else. */
  const hear = ({ left, now = 0, inFlight = 0, retryAt, ...bucket }: Told, ...others: SignalBucket[]): Statement[] => {
    const said = { resetAt: wall + now + 1_000, ...bucket };
    const signal: ServerSignal = {
      throttled: false,
      ignored: [],
      ...said,
      ...(retryAt && { retryAt }),
      buckets: [said, ...others],
    };
    return remaining.statements({ signal, left: left ?? now, now, wall: wall + now, inFlight, plan, maxPause });
  };
  return {
    remaining,
    hear,
    /** Reads an answer, and notes that it is news for `ms`; 0 if our own calls explain it. */
    judged: (told: Told, ms = 1_000) => {
      const { now = 0 } = told;
      for (const said of hear(told))
        if (ms !== 0) remaining.noteNews(said, ms, now, plan);
        else if (said.isNewest) remaining.forget();
    },
    /** Notes a refusal. Calls that left before the latest one came were in flight with it. */
    refuse: (left: number, now: number) => {
      remaining.noteRefusal(left >= refusedAt, now, plan);
      refusedAt = now;
    },
    most: (now: number) => remaining.mostInFlight(now),
  };
}

describe('the statements of an answer', () => {
  test('are those of all its quotas that say what is left, with their own words', () => {
    const { hear } = follow();
    const said = hear(
      { remaining: 7, limit: 100, window: 1_000, left: 100, now: 130, inFlight: 3 },
      { remaining: 2, resetAt: wall + 60_130, unit: 'tokens' },
      { limit: 5_000, window: 60_000 },
      { remaining: 1, limit: 10 },
    );
    const told = { roundTrip: 30, keptBack: 0 };
    expect(said).toEqual([
      {
        remaining: 4,
        ms: 1_000,
        isNewest: true,
        told: { ...told, limit: 100, remaining: 7, window: 1_000, unit: undefined },
      },
      {
        remaining: 0,
        ms: 60_000,
        isNewest: true,
        told: { ...told, limit: undefined, remaining: 2, window: undefined, unit: 'tokens' },
      },
      {
        remaining: 0,
        ms: 0,
        isNewest: true,
        told: { ...told, limit: 10, remaining: 1, window: undefined, unit: undefined },
      },
    ]);
  });

  test('end when a call may be tried again, where nothing is left, and say for when they were meant', () => {
    const { hear } = follow();
    expect(hear({ remaining: 0, retryAt: wall + 400 })).toMatchObject([{ ms: 400, meantFor: 1_000 }]);
    expect(hear({ remaining: 0, retryAt: wall + 4_000 })[0]).not.toHaveProperty('meantFor');
    expect(hear({ remaining: 1, retryAt: wall + 400 })).toMatchObject([{ ms: 1_000 }]);
  });

  test('end after the longest pause at the latest, and not before now', () => {
    const { hear } = follow(window, 300);
    expect(hear({ remaining: 0 })).toMatchObject([{ ms: 300 }]);
    expect(hear({ remaining: 0, resetAt: wall - 5 })).toMatchObject([{ ms: 0 }]);
  });

  test('are left out where the limits let less go until then, unless there was news', () => {
    const { hear, judged } = follow();
    // In a second that slides two windows may meet.
    expect(hear({ remaining: 200 })).toEqual([]);
    expect(hear({ remaining: 199 })).toHaveLength(1);
    expect(hear({ remaining: 200, resetAt: wall + 1 })).toEqual([]);
    // Of another unit, and of those without a time, the limits say nothing.
    expect(hear({ remaining: 200, unit: 'tokens' })).toHaveLength(1);
    expect(hear({ remaining: 200, resetAt: wall - 5 })).toHaveLength(1);
    judged({ remaining: 5 });
    expect(hear({ remaining: 200 })).toHaveLength(1);
  });

  test('are left out where the limits together let less go, though one alone lets more', () => {
    const { hear } = follow([window, slidingWindow({ limit: 500, interval: 1_000, name: 'more' })]);
    expect([hear({ remaining: 200 }), hear({ remaining: 199 })]).toMatchObject([[], [{ remaining: 199 }]]);
  });

  test('are the newest if their call left after the latest answer had come', () => {
    const { hear } = follow();
    const newest = (told: Told) => hear(told).map(({ isNewest }) => isNewest);
    expect(newest({ remaining: 9, left: 0, now: 20 })).toEqual([true]);
    expect(newest({ remaining: 8, left: 10, now: 30 })).toEqual([false]);
    expect(newest({ remaining: 7, left: 29, now: 40 })).toEqual([false]);
    expect(newest({ remaining: 6, left: 40, now: 50 })).toEqual([true]);
  });

  test('that are not there leave the order of answers alone', () => {
    const { hear, remaining } = follow();
    const silent = { signal: { throttled: false, ignored: [], buckets: [] }, left: 0, now: 30 };
    expect(remaining.statements({ ...silent, wall, inFlight: 0, plan: planOf(window, 0), maxPause: Infinity })).toEqual(
      [],
    );
    expect(hear({ remaining: 9, left: 10, now: 40 })).toMatchObject([{ isNewest: true }]);
  });
});

describe('news', () => {
  test('limits calls until it ends, a tick early', () => {
    const { judged, remaining, most } = follow();
    expect([most(0), remaining.until]).toEqual([Infinity, Infinity]);
    judged({ remaining: 17, left: 0, now: 20 });
    expect([remaining.until, most(20), most(50)]).toEqual([1_020 - tick, 12, 9]);
    remaining.forget();
    expect([most(20), remaining.until]).toEqual([Infinity, Infinity]);
  });

  test('of calls kept back for others ends as late, and prolongs no time for which the server is believed', () => {
    const set = follow();
    set.judged({ remaining: 17, now: 20 }, -1_000);
    expect([set.remaining.until, set.most(20)]).toEqual([1_020 - tick, 16]);
    expect(set.hear({ remaining: 9, now: 20 })[0]?.told.keptBack).toBe(0);
    // Any time of our own limits does.
    set.judged({ remaining: 9, now: 20 }, 1);
    expect(set.hear({ remaining: 9, now: 20 })[0]?.told.keptBack).toBe(2);
  });

  test('of answers that overlap is the lowest, whatever their order', () => {
    for (const order of [
      [17, 30],
      [30, 17],
    ]) {
      const { judged, most } = follow();
      for (const [index, remaining] of order.entries()) judged({ remaining, left: 0, now: 20 + index });
      // The time since is that since the latest of them: two round trips of 21 ms.
      expect(most(21)).toBe(17 - 1 - 5);
    }
  });

  test('ends with a newer answer that our own calls explain, not with one that was overtaken', () => {
    const { judged, most } = follow();
    judged({ remaining: 17, left: 0, now: 20 });
    judged({ remaining: 50, left: 10, now: 30 }, 0);
    expect(most(30)).toBeLessThan(17);
    judged({ remaining: 50, left: 30, now: 50 }, 0);
    expect(most(50)).toBe(Infinity);
  });

  test('of an answer that was overtaken is what it says where nothing was known', () => {
    const { hear, judged, remaining, most } = follow();
    hear({ remaining: 30, now: 20 });
    remaining.forget();
    judged({ remaining: 17, left: 10, now: 30 });
    expect(most(30)).toBe(17 - 1 - 4);
  });

  test('of a newer answer replaces what was known, also with more left', () => {
    const { judged, most } = follow();
    judged({ remaining: 17, now: 20 });
    judged({ remaining: 30, now: 40 });
    expect(most(40)).toBe(30 - 1);
  });

  test('is the number that the server stated, without the calls in flight', () => {
    const { judged, most } = follow();
    judged({ remaining: 17, now: 20, inFlight: 5 });
    expect(most(20)).toBe(17 - 1);
  });

  test('of another quota matters until a tick before its end, and no longer', () => {
    const { judged, remaining } = follow();
    judged({ limit: 5_000, window: 600_000, remaining: 17, now: 20 });
    expect([1_020 - 2 * tick, 1_020 - tick].map((now) => remaining.isOver(now))).toEqual([false, true]);
  });

  test('of another quota is followed by the next statement at once, though the server is not believed', () => {
    const { hear, judged, most } = follow();
    const other = { limit: 5_000, window: 600_000 };
    judged({ ...other, remaining: 17, now: 20 });
    const [said] = hear({ ...other, remaining: 9, now: 40 });
    expect([most(40), said?.told.keptBack]).toEqual([9 - 1, 0]);
  });

  test('grows no younger by an answer that was overtaken and says the same', () => {
    const { hear, judged, most } = follow();
    judged({ remaining: 17, left: 0, now: 20 });
    hear({ remaining: 17, left: 10, now: 50 });
    expect(most(50)).toBe(17 - 1 - 7);
  });

  test('is no statement in another unit, nor an answer that does not say what is left', () => {
    const { hear, judged, most } = follow();
    judged({ remaining: 17, now: 20 });
    hear({ remaining: 3, unit: 'tokens', now: 20 });
    hear({ limit: 100, now: 20 }, { remaining: 4 });
    expect(most(20)).toBe(17 - 1);
  });

  test('is any statement of a server that is believed, before the store has judged it, for a second at most', () => {
    const { hear, refuse, remaining, most } = follow();
    hear({ remaining: 17, now: 10 });
    expect(most(10)).toBe(Infinity);
    refuse(10, 20);
    // Of answers that overlap it is the first, then the lowest.
    hear({ remaining: 18, left: 5, now: 30 });
    hear({ remaining: 17, left: 5, now: 30 });
    hear({ remaining: 30, left: 5, now: 30 });
    expect(most(30)).toBe(17 - 1 - 5);
    hear({ remaining: 30, left: 30, now: 40 });
    expect(most(40)).toBe(30 - 1 - 2);
    expect(remaining.until).toBeCloseTo(1_030, 1);
  });
});

describe('the last call', () => {
  /** A server that says that so many are left, right after a window may have begun. */
  function afterBegin(before: number, after: number, left: number, limits: Limit | readonly Limit[] = window) {
    const set = follow(limits);
    set.judged({ remaining: before, limit: 100, now: 0 });
    set.judged({ remaining: after, limit: 100, now: 10 });
    set.judged({ remaining: left, limit: 100, now: 20 });
    return set;
  }

  test('is sent where quota comes back call by call', () => {
    expect(afterBegin(30, 20, 1).most(20)).toBe(1);
    // A quarter of the limit more is a few calls that have grown old.
    expect(afterBegin(30, 55, 1).most(20)).toBe(1);
  });

  test('waits where nothing comes back before the end of a window whose start was seen', () => {
    const { most, remaining } = afterBegin(30, 56, 1);
    expect(most(20)).toBe(0);
    expect(afterBegin(30, 56, 2).most(20)).toBe(1);
    // The window ends a second after its begin was seen, whatever the reset says.
    expect(remaining.until).toBe(1_010 - tick);
    // Of several limits it is the window that ends first.
    const several = [window, slidingWindow({ limit: 500, interval: 60_000, name: 'minute' })];
    expect(afterBegin(30, 56, 1, several).remaining.until).toBe(1_010 - tick);
  });
});

describe('the start of a window', () => {
  /** Two statements of which the second leaves more, then one that leaves little; what is known is until then. */
  const endAfter = (first: Told, second: Told) => {
    const set = follow();
    set.judged({ limit: 100, ...first });
    set.judged({ limit: 100, ...second });
    set.judged({ limit: 100, remaining: 5, now: 20, resetAt: wall + 60_000 }, 60_000);
    return set.remaining.until;
  };

  test('is seen by how much more is left, and its length is the one that the server states', () => {
    expect(endAfter({ remaining: 30 }, { remaining: 56, now: 10 })).toBe(1_010 - tick);
    expect(endAfter({ remaining: 30 }, { remaining: 56, now: 10, window: 5_000 })).toBe(5_010 - tick);
    expect(endAfter({ remaining: 30 }, { remaining: 55, now: 10 })).toBe(60_020 - tick);
  });

  test('is not seen by an answer that was overtaken', () => {
    const first = { remaining: 30, left: 5, now: 8 };
    expect(endAfter(first, { remaining: 56, left: 7, now: 10 })).toBe(60_020 - tick);
    expect(endAfter(first, { remaining: 56, left: 8, now: 10 })).toBe(1_010 - tick);
  });

  test('is not seen by other units, and does not count what those leave', () => {
    expect(endAfter({ remaining: 30 }, { remaining: 5_000, unit: 'tokens', now: 10 })).toBe(60_020 - tick);
    const tokens = { remaining: 30, unit: 'tokens' };
    expect(endAfter(tokens, { remaining: 56, now: 10 })).toBe(60_020 - tick);
  });

  test('ends what is known, and a statement at its end is not of it', () => {
    const set = follow();
    set.judged({ limit: 100, remaining: 30 });
    set.judged({ limit: 100, remaining: 56, now: 10 });
    set.judged({ limit: 100, remaining: 1, now: 1_010 });
    expect([set.remaining.until, set.most(1_010)]).toEqual([2_010 - tick, 1]);
  });

  test('keeps back the last call alone', () => {
    for (const [left, most] of [
      [1, 0],
      [2, 1],
      [5, 1],
    ] as const) {
      const set = follow();
      set.judged({ limit: 100, remaining: 30 });
      set.judged({ limit: 100, remaining: 56, now: 10 });
      set.judged({ limit: 100, remaining: left, now: 20 });
      expect([left, set.most(500)]).toEqual([left, most]);
    }
  });
});

describe('a server that has refused a call', () => {
  const keptBack = ({ hear }: ReturnType<typeof follow>, now: number) =>
    hear({ remaining: 5, now })[0]?.told?.keptBack as number;

  test('is taken at its word, with two calls kept back for others, and one more for three refusals', () => {
    const set = follow();
    expect(keptBack(set, 0)).toBe(0);
    const kept: number[] = [];
    for (let refusal = 1; refusal <= 7; refusal++) {
      set.refuse(refusal * 10 - 10, refusal * 10);
      kept.push(keptBack(set, refusal * 10));
    }
    expect(kept).toEqual([2, 2, 3, 3, 3, 4, 4]);
  });

  test('counts from the first of them where it was believed before', () => {
    const set = follow();
    set.judged({ remaining: 5 });
    const kept = [10, 20, 30].map((now) => {
      set.refuse(now, now);
      return keptBack(set, now);
    });
    expect(kept).toEqual([2, 2, 3]);
  });

  test('counts refusals of calls in flight together as one', () => {
    const set = follow();
    for (let call = 0; call < 9; call++) set.refuse(call, 100 + call);
    expect(keptBack(set, 200)).toBe(2);
  });

  test.each([
    [999, 2],
    [1_000, 0],
  ])('is so until 1,000 answers have come without another: after %d', (answers, kept) => {
    const set = follow(slidingWindow({ limit: 100, interval: 3_600_000 }));
    set.refuse(0, 0);
    for (let answer = 0; answer < answers; answer++) set.remaining.noteAnswer();
    expect(keptBack(set, 1)).toBe(kept);
    expect(set.remaining.isOver(1)).toBe(kept === 0);
  });

  test('is believed until ten windows of the longest limit have passed without another', () => {
    const limits = [window, slidingWindow({ limit: 500, interval: 60_000, name: 'minute' })];
    const set = follow(limits);
    for (const now of [1, 2, 3, 4, 5]) set.refuse(now, now);
    expect(keptBack(set, 600_004)).toBe(3);
    set.remaining.forget();
    expect([keptBack(set, 600_005), set.remaining.isOver(600_005)]).toEqual([0, true]);
    set.refuse(600_005, 600_005);
    // Those before count no more.
    expect(keptBack(set, 600_006)).toBe(2);
  });

  test('is believed also where less is left than our own calls explain', () => {
    const set = follow();
    set.judged({ remaining: 5 });
    expect(keptBack(set, 9_999)).toBe(2);
    set.remaining.forget();
    expect(set.remaining.isOver(9_999)).toBe(false);
    expect(keptBack(set, 10_000)).toBe(0);
  });

  test('is not believed where it says that the limits are too high: then it says how far they go', () => {
    for (const [limit, kept] of [
      [1, 0],
      [89, 0],
      [91, 2],
      [undefined, 2],
    ] as const) {
      const set = follow();
      set.hear({ remaining: 5, ...(limit && { limit }), now: 0 });
      set.refuse(0, 10);
      expect([limit, keptBack(set, 20)]).toEqual([limit, kept]);
    }
    const unknown = follow(learnedLimit);
    unknown.hear({ remaining: 5, now: 0 });
    unknown.refuse(0, 10);
    expect(keptBack(unknown, 20)).toBe(0);
  });
});

describe('a refusal', () => {
  const signal = (remaining: number | undefined, unit?: string) =>
    ({ throttled: true, remaining, ...(unit && { unit }), buckets: [], ignored: [] }) as unknown as ServerSignal;

  test('is explained by an answer that says that nothing is left of calls', () => {
    const { hear, remaining } = follow();
    hear({ remaining: 0 });
    expect([remaining.explains(signal(0)), remaining.explains(signal(1))]).toEqual([true, false]);
    expect([remaining.explains(signal(0, 'tokens')), remaining.explains(signal(undefined))]).toEqual([false, false]);
  });

  test('is not explained where limits are too high, or nobody knows them', () => {
    const tooHigh = follow();
    tooHigh.hear({ remaining: 5, limit: 50 });
    const unknown = follow(learnedLimit);
    unknown.hear({ remaining: 5, limit: 50 });
    expect([tooHigh.remaining.explains(signal(0)), unknown.remaining.explains(signal(0))]).toEqual([false, false]);
  });
});
