import { describe, expect, it } from 'vitest';
import { allowedCalls, bucketWindowBound, mostInAnyWindow, timeline, timeTaken } from '../../demo/analysis.ts';
import { LeakyBucket } from '../../demo/servers/leaky-bucket.ts';
import type { Arrival } from '../../demo/servers/quota-server.ts';

const accepted = (...times: number[]): Arrival[] =>
  times.map((at) => ({ at, accepted: true, port: 1, client: undefined }));
const refused = (...times: number[]): Arrival[] =>
  times.map((at) => ({ at, accepted: false, port: 1, client: undefined }));

describe('mostInAnyWindow', () => {
  it('is 0 for an empty log', () => {
    expect(mostInAnyWindow([], 1000)).toBe(0);
  });

  it('excludes a call at the end of the window', () => {
    expect(mostInAnyWindow(accepted(0, 1000, 2000), 1000)).toBe(1);
    expect(mostInAnyWindow(accepted(0, 999.999, 2000), 1000)).toBe(2);
  });

  it('does not count refused calls', () => {
    const log = [...accepted(0), ...refused(1, 2, 3), ...accepted(4)];
    expect(mostInAnyWindow(log, 1000)).toBe(2);
  });

  it('adds up what the calls count as', () => {
    const log = accepted(0, 400, 1000, 1399).map((arrival, index) => ({
      ...arrival,
      tokens: [50, 10, 20, 30][index] ?? 0,
    }));
    expect(mostInAnyWindow(log, 1000, (call) => call.tokens)).toBe(60);
    expect(mostInAnyWindow([...log, ...accepted(1400).map((each) => ({ ...each, tokens: 7 }))], 1000)).toBe(3);
  });

  it('finds the densest span at any start', () => {
    expect(mostInAnyWindow(accepted(0, 900, 950, 1000, 1100, 1899, 1900, 4000), 1000)).toBe(5);
  });
});

describe('timeTaken', () => {
  it('runs from the first arrival to the last, refused ones included', () => {
    expect(timeTaken([...accepted(100), ...refused(350)])).toBe(250);
    expect(timeTaken(accepted(100))).toBe(0);
    expect(timeTaken([])).toBe(0);
  });
});

describe('allowedCalls', () => {
  it('is the rate times the time, plus the burst', () => {
    expect(allowedCalls({ limit: 20, interval: 1000, burst: 5 }, 14_800)).toBeCloseTo(301);
  });
});

describe('bucketWindowBound', () => {
  it.each([
    [{ limit: 20, interval: 1000, burst: 5 }, 1000],
    [{ limit: 20, interval: 1000, burst: 1 }, 1000],
    [{ limit: 3, interval: 1000, burst: 2 }, 500],
  ])('is the most that a bucket of %o shows in %i ms, and is reached', (bucket, window) => {
    const server = new LeakyBucket(bucket);
    const log = Array.from({ length: 5000 }, (_, ms) => ms).flatMap((at) =>
      [at, at, at, at, at].filter(() => server.accept(at).accepted),
    );
    // Whole milliseconds cannot name every instant of a third of a second, and need not here: 0 starts the window.
    expect(mostInAnyWindow(accepted(...log), window)).toBe(bucketWindowBound(bucket, window));
  });
});

describe('timeline', () => {
  it('counts answered and refused calls apart, from the first arrival on', () => {
    const log = [...accepted(1000, 1000), ...refused(1001), ...accepted(1250, 1500), ...refused(1999)];
    expect(timeline(log, 1000, 4)).toEqual({ slice: 250, answered: [2, 1, 1, 0], refused: [1, 0, 0, 1] });
  });

  it('puts what lies at or beyond the end into the last slice', () => {
    expect(timeline(accepted(0, 1000, 1200), 1000, 2).answered).toEqual([1, 2]);
  });

  it('survives a log without a span', () => {
    expect(timeline(accepted(7, 7), 0, 3).answered).toEqual([2, 0, 0]);
    expect(timeline([], 1000, 2).answered).toEqual([0, 0]);
  });
});
