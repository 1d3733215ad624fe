import { describe, expect, test } from 'vitest';
import { Looks } from '../../../src/core/sharing/looks.ts';

/** When a lane looks into its store that looked at 10,000. */
function lookedAt10000(): Looks {
  const looks = new Looks();
  looks.note(10_000);
  return looks;
}

describe('a lane that waits for a slot', () => {
  test('looks again after a second, if its store tells of others or answers at once', () => {
    const looks = lookedAt10000();
    expect(looks.nextBefore(60_000, true, 5)).toBe(11_000);
    expect(looks.nextBefore(10_100, true, 5)).toBe(11_000);
    expect(looks.nextBefore(10_100, false, 0)).toBe(11_000);
  });

  test('looks just before the slot otherwise, the earlier the longer an answer takes, and only once', () => {
    const looks = lookedAt10000();
    expect(looks.nextBefore(10_100, false, 5)).toBe(10_078);
    expect(looks.nextBefore(10_100, false, 0.5)).toBe(10_096);
    looks.note(10_078);
    expect(looks.nextBefore(10_100, false, 5)).toBe(11_078);
  });

  test('looks at once when others have moved the bucket', () => {
    const looks = lookedAt10000();
    looks.forget();
    expect(looks.nextBefore(10_100, true, 5)).toBe(-Infinity);
    expect(looks.areStale(10_000)).toBe(true);
  });

  test('has an outdated view after two seconds', () => {
    const looks = lookedAt10000();
    expect([looks.areStale(12_000), looks.areStale(12_001)]).toEqual([false, true]);
  });
});
