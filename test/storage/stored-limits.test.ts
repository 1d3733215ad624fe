import { type Limit, slidingWindow } from 'sluice';
import { describe, expect, it } from 'vitest';
import { longAgo } from '../../src/core/limits/limit.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { marksOfStored, planOfData, statesOf, storedWindow, storedWindows } from '../../src/storage/stored-limits.ts';

const leaky: Limit = { rate: 1, interval: 1000, burst: 3, name: 'calls' };
const window = slidingWindow({ limit: 9, interval: 60_000, name: 'window' });
const mixed = planOf([leaky, window], 0);

describe('limits that were stored', () => {
  it('make the plan that they were stored from, of whatever kinds', () => {
    for (const limits of [[leaky], [window], [leaky, window]])
      expect(planOfData(JSON.parse(JSON.stringify(limits)), 5)).toEqual(planOf(limits, 5));
  });

  it.each([[null], [5], [{ rate: -1, interval: 5 }]])('are checked like those of a user: %j', (limit) => {
    const messageOf = (make: () => unknown) => {
      try {
        return make();
      } catch (error) {
        return String(error);
      }
    };
    const message = messageOf(() => planOf([limit] as never, 0));
    expect(message).toMatch(/Error: Expected/);
    expect(messageOf(() => planOfData([limit] as never, 0))).toBe(message);
  });
});

describe('a window that was stored', () => {
  const marks = [5, 10, 2, 20.5, 0.5, 30, 3];
  const stored = { times: [10, 20.5, 30], costs: [2, 0.5, 3], free: 5 };

  it('has its marks', () => {
    expect(storedWindow(marks)).toEqual(stored);
    expect(marksOfStored(stored)).toEqual(marks);
    expect(storedWindow([longAgo])).toEqual({ times: [], costs: [], free: longAgo });
    expect(storedWindow([])).toEqual({ times: [], costs: [], free: longAgo });
  });

  it('stands in the place of its limit, if any limit has one', () => {
    expect(storedWindows(mixed, [7, marks])).toEqual([null, stored]);
    expect(storedWindows(planOf([leaky], 0), [7])).toBe(undefined);
  });
});

describe('the states of limits', () => {
  it('are their tats and windows', () => {
    const window = { times: [10], costs: [2], free: 5 };
    expect(statesOf(mixed, [7, 99], [null, window])).toEqual([7, [5, 10, 2]]);
  });

  it('have only the latest mark of a window that was not stored', () => {
    for (const windows of [undefined, [null, null], [null, undefined]])
      expect(statesOf(mixed, [7, 99], windows)).toEqual([7, [longAgo, 99, 0]]);
    const unused = statesOf(mixed, [longAgo, longAgo]);
    expect(unused).toEqual(mixed.atRest);
    expect(unused[1]).not.toBe(mixed.atRest[1]);
  });
});
