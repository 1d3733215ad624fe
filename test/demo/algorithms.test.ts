import { describe, expect, it } from 'vitest';
import type { Algorithm, Standing } from '../../demo/servers/algorithm.ts';
import { FixedWindow } from '../../demo/servers/fixed-window.ts';
import { LeakyBucket } from '../../demo/servers/leaky-bucket.ts';
import { SlidingWindow } from '../../demo/servers/sliding-window.ts';
import { TokenBucket } from '../../demo/servers/token-bucket.ts';

/** An instant and what is said to a call then: 'ok', or the ms after which the next one would pass. */
type Step = readonly [now: number, said: 'ok' | number];

function follow(algorithm: Algorithm, steps: readonly Step[]): void {
  for (const [row, [now, said]] of steps.entries()) {
    const verdict = algorithm.accept(now);
    const got = verdict.accepted ? 'ok' : verdict.retryAfter;
    if (typeof said === 'number' && typeof got === 'number') expect(got, `row ${row}`).toBeCloseTo(said, 6);
    else expect(got, `row ${row}`).toBe(said);
  }
}

/** The same numbers on every run: x(n+1) = x(n) × 48271 mod (2^31 - 1), the "minimal standard". */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Arrival times, mostly close together, sometimes far apart. */
function arrivals(count: number, interval: number, seed: number): number[] {
  const random = seededRandom(seed);
  let now = 12345.678;
  return Array.from({ length: count }, () => {
    now += random() < 0.02 ? random() * 3 * interval : random() * 0.2 * interval;
    return now;
  });
}

describe('FixedWindow', () => {
  it('starts its windows at multiples of the interval, not at the first call', () => {
    follow(new FixedWindow({ limit: 2, interval: 1000 }), [
      [900, 'ok'],
      [950, 'ok'],
      [999, 1],
      [1000, 'ok'],
      [1000, 'ok'],
      [1000, 1000],
      [1999.5, 0.5],
      [5500, 'ok'],
      [5500, 'ok'],
      [5600, 400],
    ]);
  });

  it('accepts two full windows around an edge', () => {
    const algorithm = new FixedWindow({ limit: 10, interval: 1000 });
    const verdicts = Array.from({ length: 40 }, (_, index) => algorithm.accept(index < 20 ? 999 : 1000));
    expect(verdicts.filter((verdict) => verdict.accepted)).toHaveLength(20);
  });
});

describe('SlidingWindow', () => {
  it('lets an arrival age out after exactly one interval', () => {
    follow(new SlidingWindow({ limit: 2, interval: 1000 }), [
      [0, 'ok'],
      [400, 'ok'],
      [500, 500],
      [999.75, 0.25],
      [1000, 'ok'],
      [1000, 400],
      [1400, 'ok'],
      [1400, 600],
    ]);
  });

  it('counts refused calls if told to, all of which have to age out', () => {
    follow(new SlidingWindow({ limit: 2, interval: 1000, countRejected: true }), [
      [0, 'ok'],
      [100, 'ok'],
      [200, 900],
      [300, 900],
      [1199, 101],
      [1300, 'ok'],
      [1300, 1000],
    ]);
  });

  it('agrees with counting the whole history', () => {
    const limit = 7;
    const interval = 1000;
    const algorithm = new SlidingWindow({ limit, interval });
    const accepted: number[] = [];
    let refused = 0;
    for (const now of arrivals(2000, interval, 1)) {
      const verdict = algorithm.accept(now);
      const before = accepted.filter((at) => now - at < interval);
      expect(verdict.accepted).toBe(before.length < limit);
      if (verdict.accepted) {
        accepted.push(now);
      } else {
        refused++;
        // Just before the advised instant the window is still full, and at it there is room.
        const inWindow = (then: number): number => accepted.filter((at) => then - at < interval).length;
        expect(inWindow(now + verdict.retryAfter - 0.001)).toBe(limit);
        expect(inWindow(now + verdict.retryAfter + 0.001)).toBeLessThan(limit);
      }
    }
    expect(accepted.length).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });
});

// Tokens that run out and a bucket that runs over are mirror images, so one table holds for both.
describe.each([
  ['TokenBucket', TokenBucket],
  ['LeakyBucket', LeakyBucket],
])('%s', (_, Bucket) => {
  // Emission interval: 100 ms.
  it('accepts the burst from rest, then one call per emission interval', () => {
    follow(new Bucket({ limit: 10, interval: 1000, burst: 3 }), [
      [0, 'ok'],
      [0, 'ok'],
      [0, 'ok'],
      [0, 100],
      [75, 25],
      [100, 'ok'],
      [100, 100],
      [250, 'ok'],
      [299.5, 0.5],
      [300, 'ok'],
      // At rest again after three intervals, and never fuller than that.
      [600, 'ok'],
      [600, 'ok'],
      [600, 'ok'],
      [600, 100],
      [60000, 'ok'],
      [60000, 'ok'],
      [60000, 'ok'],
      [60000, 100],
    ]);
  });

  it('spaces calls strictly with a burst of 1', () => {
    follow(new Bucket({ limit: 10, interval: 1000, burst: 1 }), [
      [0, 'ok'],
      [99, 1],
      [100, 'ok'],
      [199, 1],
      [201, 'ok'],
      [300, 1],
      [301, 'ok'],
    ]);
  });

  it('refuses a client that calls without a break, if refused calls count', () => {
    follow(new Bucket({ limit: 10, interval: 1000, burst: 1, countRejected: true }), [
      [0, 'ok'],
      [90, 100],
      [180, 100],
      [270, 100],
      [370, 'ok'],
    ]);
  });

  it('accepts a call at the instant that it named, thousands of times in a row', () => {
    // 7 per second has no finite binary fraction.
    const algorithm = new Bucket({ limit: 7, interval: 1000, burst: 4 });
    let now = 1.7e12;
    for (let call = 0; call < 5000; call++) {
      const verdict = algorithm.accept(now);
      if (verdict.accepted) continue;
      now += verdict.retryAfter;
      expect(algorithm.accept(now).accepted, `call ${call}`).toBe(true);
    }
  });
});

/** An instant, what a call then takes of the quota, and what is left after it. */
type Taking = readonly [now: number, cost: number, left: Omit<Standing, 'limit'>];

function take(algorithm: Algorithm, limit: number, takings: readonly Taking[]): void {
  for (const [row, [now, cost, left]] of takings.entries()) {
    if (cost > 0) expect(algorithm.accept(now, cost), `row ${row}`).toEqual({ accepted: true });
    const standing = algorithm.standing(now);
    expect(standing, `row ${row}`).toEqual({
      limit,
      remaining: left.remaining,
      resetAfter: expect.closeTo(left.resetAfter, 6),
      moreAfter: expect.closeTo(left.moreAfter, 6),
    });
    expect(algorithm.standing(now), `row ${row}, again`).toEqual(standing);
  }
}

describe('the standing', () => {
  it('of a fixed window lasts until the window ends', () => {
    take(new FixedWindow({ limit: 5, interval: 1000 }), 5, [
      [1300, 0, { remaining: 5, resetAfter: 700, moreAfter: 0 }],
      [1400, 1, { remaining: 4, resetAfter: 600, moreAfter: 600 }],
      [1500, 4, { remaining: 0, resetAfter: 500, moreAfter: 500 }],
      [2000, 0, { remaining: 5, resetAfter: 1000, moreAfter: 0 }],
    ]);
  });

  it('of a sliding window lasts until the oldest call ages out', () => {
    take(new SlidingWindow({ limit: 5, interval: 1000 }), 5, [
      [0, 0, { remaining: 5, resetAfter: 0, moreAfter: 0 }],
      [100, 1, { remaining: 4, resetAfter: 1000, moreAfter: 1000 }],
      [600, 4, { remaining: 0, resetAfter: 500, moreAfter: 500 }],
      [1100, 0, { remaining: 1, resetAfter: 500, moreAfter: 500 }],
      [1600, 0, { remaining: 5, resetAfter: 0, moreAfter: 0 }],
    ]);
  });

  // Emission interval: 100 ms.
  it.each([
    ['TokenBucket', TokenBucket],
    ['LeakyBucket', LeakyBucket],
  ])('of a %s tells when it is at rest, and when there is one call more', (_, Bucket) => {
    take(new Bucket({ limit: 10, interval: 1000, burst: 4 }), 4, [
      [0, 0, { remaining: 4, resetAfter: 0, moreAfter: 0 }],
      [0, 1, { remaining: 3, resetAfter: 100, moreAfter: 100 }],
      [50, 0, { remaining: 3, resetAfter: 50, moreAfter: 50 }],
      [50, 3, { remaining: 0, resetAfter: 350, moreAfter: 50 }],
      [100, 1, { remaining: 0, resetAfter: 400, moreAfter: 100 }],
      [300, 0, { remaining: 2, resetAfter: 200, moreAfter: 100 }],
      [500, 0, { remaining: 4, resetAfter: 0, moreAfter: 0 }],
    ]);
  });
});

it.each<[string, Algorithm, retryAfter: number]>([
  ['FixedWindow', new FixedWindow({ limit: 4, interval: 1000 }), 700],
  // Two of three have to age out.
  ['SlidingWindow', new SlidingWindow({ limit: 4, interval: 1000 }), 800],
  ['TokenBucket', new TokenBucket({ limit: 4, interval: 1000, burst: 4 }), 200],
  ['LeakyBucket', new LeakyBucket({ limit: 4, interval: 1000, burst: 4 }), 200],
])(
  '%s refuses a call of more than is left, which then fits at the instant that was named',
  (_, algorithm, retryAfter) => {
    for (const now of [0, 100, 200]) expect(algorithm.accept(now)).toEqual({ accepted: true });
    expect(algorithm.accept(300, 3)).toEqual({ accepted: false, retryAfter: expect.closeTo(retryAfter, 6) });
    expect(algorithm.accept(300 + retryAfter - 1, 3).accepted).toBe(false);
    expect(algorithm.accept(300 + retryAfter + 1e-6, 3).accepted).toBe(true);
  },
);

it('TokenBucket and LeakyBucket, which share no line, agree on a random history', () => {
  for (const countRejected of [false, true]) {
    const options = { limit: 20, interval: 1000, burst: 5, countRejected };
    const tokens = new TokenBucket(options);
    const leaky = new LeakyBucket(options);
    let refused = 0;
    for (const now of arrivals(5000, 250, 2)) {
      const verdict = tokens.accept(now);
      expect(leaky.accept(now).accepted).toBe(verdict.accepted);
      if (!verdict.accepted) refused++;
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(4900);
  }
});
