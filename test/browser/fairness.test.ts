import { describe, expect, it } from 'vitest';
import { jainIndex, jainPerSpan, longestBetween, longestGap } from './fairness.ts';

const calls = (tab: string, ...instants: number[]) => instants.map((at) => ({ tab, at, slot: at }));

describe('jainIndex', () => {
  it('is 1 when all have the same', () => expect(jainIndex([5, 5, 5, 5])).toBe(1));
  it('is 1/n when one has all', () => expect(jainIndex([20, 0, 0, 0])).toBe(0.25));
  it('is in between otherwise', () => expect(jainIndex([3, 1])).toBeCloseTo(16 / 20));
});

describe('jainPerSpan', () => {
  it('uses only whole spans in which all tabs have calls to send', () => {
    const log = [...calls('a', 0, 100, 200, 1_100, 1_900, 2_500), ...calls('b', 50, 1_200, 1_300, 1_400, 2_400, 9_000)];
    expect(jainPerSpan(log, 1_000)).toEqual([jainIndex([3, 1]), jainIndex([2, 3])]);
  });

  it('includes a tab without a call in a span', () => {
    expect(jainPerSpan([...calls('a', 0, 500, 1_000), ...calls('b', 10, 1_100)], 1_000)).toEqual([jainIndex([2, 1])]);
    expect(jainPerSpan([...calls('a', 0, 500, 2_100), ...calls('b', 1_100, 2_050)], 1_000)[0]).toBe(0.5);
  });
});

describe('longestGap', () => {
  it('is between two calls of one tab', () => {
    expect(longestGap([...calls('a', 0, 300, 400), ...calls('b', 100, 250)])).toBe(300);
  });
});

describe('longestBetween', () => {
  it('is between neighbours', () => expect(longestBetween([0, 10, 100, 120])).toBe(90));
  it('is 0 where there are none', () => expect(longestBetween([7])).toBe(0));
});
