import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** The module as it is after it has just been loaded. */
let time: typeof import('../../../src/core/time/clock.ts');

beforeEach(async () => {
  vi.resetModules();
  time = await import('../../../src/core/time/clock.ts');
});
afterEach(() => void vi.resetModules());

describe('an instant of a bucket', () => {
  it('is rounded down to a whole tick, of which a millisecond has 2048', () => {
    expect(time.tick).toBe(1 / 2048);
    for (const [ms, rounded] of [
      [0, 0],
      [7 / 2048, 7 / 2048],
      [7.9 / 2048, 7 / 2048],
      [-0.1 / 2048, -1 / 2048],
      [1_767_225_600_000.0007, 1_767_225_600_000 + 1 / 2048],
    ] as const)
      expect([ms, time.wholeTicks(ms)]).toEqual([ms, rounded]);
  });
});

describe('what a clock shows', () => {
  it.each([0, -5, 1.5, 8e15])('is taken as it is: %d', (instant) => {
    expect(time.checkInstant('now', instant)).toBe(instant);
  });

  it.each([Number.NaN, Infinity, -Infinity, '5', undefined])(
    'is refused if nothing could ever expire: %o',
    (instant) => {
      const message = /^Expected `clock\.monotonic\(\)` to be a finite number, got `/;
      expect(() => time.checkInstant('monotonic', instant as number)).toThrow(
        expect.objectContaining({ name: 'RangeError', message: expect.stringMatching(message) }),
      );
    },
  );
});

describe('a date', () => {
  it('is written in full, the latest one for all that come after it', () => {
    expect(time.isoInstant(1_767_225_600_000.9)).toBe('2026-01-01T00:00:00.000Z');
    expect(time.isoInstant(8.64e15)).toBe('+275760-09-13T00:00:00.000Z');
    expect(time.isoInstant(Infinity)).toBe('+275760-09-13T00:00:00.000Z');
  });

  it('is read in ms since the epoch, if it is one', () => {
    expect(time.parsedDate('2026-01-01T00:00:00Z')).toBe(1_767_225_600_000);
    expect(time.parsedDate('1970-01-01T00:00:00Z')).toBe(0);
    expect(time.parsedDate('soon')).toBeUndefined();
  });
});
