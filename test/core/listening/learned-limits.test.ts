import { quota } from 'sluice';
import { describe, expect, test } from 'vitest';
import type { ServerSignal, SignalBucket } from '../../../src/core/base/server-signal.ts';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import { LearnedLimits } from '../../../src/core/listening/learned-limits.ts';

const T = 1_000;
const key = 'key';

const told = (...buckets: SignalBucket[]): ServerSignal => ({ throttled: false, buckets, ignored: [] });

describe('limits that were learned', () => {
  test('are the request quotas with a number and a window', () => {
    const learned = new LearnedLimits();
    const signal = told(
      { limit: 10.7, window: T },
      { limit: 500, window: 60 * T, unit: 'tokens' },
      { limit: 20 },
      { window: T },
      { limit: 0, window: T },
    );
    expect(learned.learn(key, signal)).toBe(true);
    expect(learned.of(key)).toEqual([quota({ limit: 10, interval: T })]);
  });

  test('stay the same object for windows that differ by a tenth at most', () => {
    const learned = new LearnedLimits();
    learned.learn(key, told({ limit: 10, window: 10 * T }));
    const before = learned.of(key);
    expect(learned.learn(key, told({ limit: 10, window: 10.9 * T }))).toBe(false);
    expect(learned.learn(key, told({ limit: 10, window: 9.1 * T }))).toBe(false);
    expect(learned.of(key)).toBe(before);
    expect(learned.learn(key, told({ limit: 10, window: 11.2 * T }))).toBe(true);
    expect(learned.learn(key, told({ limit: 11, window: 11.2 * T }))).toBe(true);
    expect(learned.learn(key, told({ limit: 11, window: 11.2 * T }, { limit: 90, window: 60 * T }))).toBe(true);
    expect(learned.of(key)).toHaveLength(2);
  });

  test('are others if one of several has changed', () => {
    const learned = new LearnedLimits();
    const minute = { limit: 90, window: 60 * T };
    learned.learn(key, told({ limit: 10, window: 10 * T }, minute));
    expect(learned.learn(key, told({ limit: 11, window: 10 * T }, minute))).toBe(true);
    expect(learned.of(key)).toEqual([quota({ limit: 11, interval: 10 * T }), quota({ limit: 90, interval: 60 * T })]);
    expect(learned.learn(key, told({ limit: 11, window: 10 * T }, minute))).toBe(false);
  });

  test.each([
    ['no window is told', told({ limit: 10, remaining: 5, resetAt: 10 * T })],
    ['no number is told', told({ window: T, remaining: 5 })],
    ['it is not requests', told({ limit: 10, window: T, unit: 'tokens' })],
    ['it is a quota of nothing', told({ limit: 0, window: T })],
    ['nothing is told', told()],
  ])('are not known where %s: then the rate has to be found', (_, signal) => {
    const learned = new LearnedLimits();
    expect(learned.learn(key, signal)).toBe(false);
    expect(learned.of(key)).toEqual([learnedLimit]);
    // As long as limits are one object, nobody works them out again.
    expect(learned.of(key)).toBe(learned.of('other'));
  });

  test('stay when later answers name no window', () => {
    const learned = new LearnedLimits();
    learned.learn(key, told({ limit: 10, window: T }));
    expect(learned.learn(key, told({ limit: 10, remaining: 5, resetAt: 100 * T }))).toBe(false);
    expect(learned.of(key)).toEqual([quota({ limit: 10, interval: T })]);
  });

  test('are those of one key alone', () => {
    const learned = new LearnedLimits();
    learned.learn(key, told({ limit: 10, window: T }));
    expect(learned.of('other')).toEqual([learnedLimit]);
  });

  test('are forgotten, those of the key that was learned first, above 10,000 keys', () => {
    const learned = new LearnedLimits();
    for (let index = 0; index <= 10_000; index++) learned.learn(`${index}`, told({ limit: 10, window: T }));
    expect(learned.of('0')).toEqual([learnedLimit]);
    expect(learned.of('1')).toEqual([quota({ limit: 10, interval: T })]);
  });
});
