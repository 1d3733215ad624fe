import { expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { lineEndsAt } from '../../../src/core/line/forecast.ts';

const T = 100;
const plan = planOf(
  [
    { rate: 1, interval: T, name: 'calls' },
    { rate: 1, interval: T, name: 'data' },
  ],
  0,
);

test('a line ends when its last call goes, whatever a limit says in which it counts nothing', () => {
  expect(lineEndsAt(plan, [T, 50 * T], T, [3, 0])).toBe(3 * T);
  expect(lineEndsAt(plan, [T, 50 * T], T, [0, 0])).toBe(T);
  expect(lineEndsAt(plan, [T, 50 * T], T, [0, 1])).toBe(50 * T);
});

test('a line ends when the slowest of its limits lets its last call go', () => {
  expect(lineEndsAt(plan, [T, T], T, [3, 5])).toBe(5 * T);
});
