import { expect, test } from 'vitest';
import { newBucket } from '../../../src/core/bucket/bucket.ts';
import { hear, isOurs } from '../../../src/core/bucket/explained.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';

const minute = planOf(slidingWindow({ limit: 10, interval: 60_000 }), 0);
const told = { limit: 10, window: 60_000, roundTrip: 0, keptBack: 0 };

test.each([
  [1_999.5, 5],
  [2_000, 9],
])('an answer that was overtaken leaves no more than what holds yet: after %d ms %i', (now, calls) => {
  const key = newBucket(minute);
  hear(key, { remaining: 4, ms: 0, isNewest: true, told: { ...told, remaining: 4 } }, 0);
  expect(key.extras.past?.[0]?.most).toEqual({ calls: 5, until: 2_000 });
  hear(key, { remaining: 8, ms: 0, isNewest: false, told: { ...told, remaining: 8 } }, now);
  expect(key.extras.past?.[0]?.most?.calls).toBe(calls);
});

test('a statement with the window of a limit is about that limit, whatever its number and its end', () => {
  const about = (limit: number | undefined, ms: number) =>
    isOurs(minute, { remaining: 5, ms, isNewest: true, told: { ...told, limit, remaining: 5 } });
  expect([about(20, 1_000), about(5, 1_000), about(undefined, 3_600_000)]).toEqual([true, true, true]);
});

test.each([
  [0, 0],
  [1, -2_000],
  [2, -2_000],
])('a statement that our own calls explain keeps %i calls back for others: it holds for %i ms', (keptBack, ms) => {
  const key = newBucket(minute);
  const said = { remaining: 10, ms: 0, isNewest: true, told: { ...told, remaining: 10, keptBack } };
  expect(hear(key, said, 0)).toBe(ms);
});
