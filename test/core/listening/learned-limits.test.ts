import { quota } from 'sluice';
import { describe, expect, test } from 'vitest';
import type { ServerSignal, SignalBucket } from '../../../src/core/base/server-signal.ts';
import { LearnedLimits } from '../../../src/core/listening/learned-limits.ts';

const T = 1_000;
const key = 'key';

const told = (...buckets: SignalBucket[]): ServerSignal => ({ throttled: false, buckets, ignored: [] });
const left = (remaining: number, resetAt: number, unit?: string): ServerSignal => ({
  ...told(),
  remaining,
  resetAt,
  ...(unit === undefined ? undefined : { unit }),
});

describe('limits that were learned', () => {
  test('are the quotas of requests whose number and window are told', () => {
    const learned = new LearnedLimits();
    const signal = told(
      { limit: 10.7, window: T },
      { limit: 500, window: 60 * T, unit: 'tokens' },
      { limit: 20 },
      { window: T },
      { limit: 0, window: T },
    );
    expect(learned.learn(key, signal, 0)).toBe(true);
    expect(learned.of(key)).toEqual([quota({ limit: 10, interval: T })]);
  });

  test('stay the same object for windows that differ by a tenth at most', () => {
    const learned = new LearnedLimits();
    learned.learn(key, told({ limit: 10, window: 10 * T }), 0);
    const before = learned.of(key);
    expect(learned.learn(key, told({ limit: 10, window: 10.9 * T }), 0)).toBe(false);
    expect(learned.learn(key, told({ limit: 10, window: 9.1 * T }), 0)).toBe(false);
    expect(learned.of(key)).toBe(before);
    expect(learned.learn(key, told({ limit: 10, window: 11.2 * T }), 0)).toBe(true);
    expect(learned.learn(key, told({ limit: 11, window: 11.2 * T }), 0)).toBe(true);
    expect(learned.learn(key, told({ limit: 11, window: 11.2 * T }, { limit: 90, window: 60 * T }), 0)).toBe(true);
    expect(learned.of(key)).toHaveLength(2);
  });

  test('are what is left, spread until there is more, a tenth of it at once', () => {
    const learned = new LearnedLimits();
    expect(learned.learn(key, left(50, 10 * T), 0)).toBe(true);
    expect(learned.of(key)).toEqual([{ rate: 50, interval: 10 * T, burst: 5 }]);
    // The same window, told in whole seconds.
    expect(learned.learn(key, left(40, 11 * T), 2 * T)).toBe(false);
    expect(learned.learn(key, left(60, 20 * T), 10 * T)).toBe(true);
    expect(learned.of(key)).toEqual([{ rate: 60, interval: 10 * T, burst: 6 }]);
  });

  test.each([
    ['nothing is left', left(0, 10 * T)],
    ['it is over', left(5, 0)],
    ['it is not requests', left(5, 10 * T, 'tokens')],
    ['nothing is told', told()],
  ])('are not known where %s', (_, signal) => {
    const learned = new LearnedLimits();
    expect(learned.learn(key, signal, 0)).toBe(false);
    expect(learned.of(key)).toBeUndefined();
  });

  test('are never spread where a window was told', () => {
    const learned = new LearnedLimits();
    learned.learn(key, told({ limit: 10, window: T }), 0);
    expect(learned.learn(key, left(5, 100 * T), 0)).toBe(false);
  });

  test('are those that were told once they are told, even if they look like what was spread', () => {
    const learned = new LearnedLimits();
    learned.learn(key, left(10, T), 0);
    expect(learned.learn(key, told({ limit: 10, window: T }), 0)).toBe(true);
    expect(learned.learn(key, left(5, 100 * T), 0)).toBe(false);
  });
});
