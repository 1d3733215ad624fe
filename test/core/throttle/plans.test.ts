import type { Limit } from 'sluice';
import { describe, expect, test, vi } from 'vitest';
import type { Plan } from '../../../src/core/limits/plan.ts';
import { type Limits, Plans } from '../../../src/core/throttle/plans.ts';

const slow: Limit = { rate: 1, interval: 100 };
const fast: Limit = { rate: 1, interval: 10 };

const intervals = (plan: Plan) => plan.rules.map((rule) => rule.emissionInterval);

describe('plans', () => {
  test('of fixed limits are the same for every key and every time', () => {
    const plans = new Plans([slow, { ...fast, name: 'fast' }], 0);
    expect(intervals(plans.of('a'))).toEqual([100, 10]);
    expect(plans.of('b')).toBe(plans.of('a'));
    expect(plans.areFixed).toBe(true);
  });

  test('of a function are asked for with each key and made once for each object it returns', () => {
    const limits = vi.fn((key: string) => (key === 'george' ? fast : slow));
    const plans = new Plans(limits, 0);
    expect(plans.areFixed).toBe(false);
    expect(limits).not.toHaveBeenCalled();
    expect(intervals(plans.of('amy'))).toEqual([100]);
    expect(intervals(plans.of('george'))).toEqual([10]);
    expect(plans.of('anna')).toBe(plans.of('amy'));
    expect(limits.mock.calls).toEqual([['amy'], ['george'], ['anna'], ['amy']]);
  });

  test('of a function distinguish lists and new objects', () => {
    const lists: Limit[][] = [[slow], [slow, fast]];
    const plans = new Plans((key) => (key === 'new' ? { ...slow } : (lists[Number(key)] as Limit[])), 0);
    expect([plans.of('0'), plans.of('1')].map((plan) => plan.rules.length)).toEqual([1, 2]);
    expect(plans.of('0')).toBe(plans.of('0'));
    expect(plans.of('new')).not.toBe(plans.of('new'));
  });

  test('pass through what the function throws, and ask it again', () => {
    const wrong = new Error('no such user');
    let isBroken = true;
    const plans = new Plans(() => {
      if (isBroken) throw wrong;
      return slow;
    }, 0);
    expect(() => plans.of('a')).toThrow(wrong);
    isBroken = false;
    expect(intervals(plans.of('a'))).toEqual([100]);
  });

  test.each([undefined, null, 5, 'fast', () => slow])('refuse %s from a function, with the key', (limits) => {
    const plans = new Plans(() => limits as unknown as Limit, 0);
    expect(() => plans.of('a "key"')).toThrow(TypeError);
    expect(() => plans.of('a "key"')).toThrow('Expected `limits("a \\"key\\"")` to be a limit or a list of limits');
  });

  test('copy fixed limits: later changes of the objects have no effect', () => {
    const list: Limit[] = [{ ...slow }];
    const plans = new Plans(list, 'auto');
    (list[0] as { rate: number }).rate = 0;
    list.pop();
    plans.follow(20);
    expect(intervals(plans.of('a'))).toEqual([120]);
  });
});

describe('plans of a server', () => {
  test('allow one call a second until it names limits, for each key', () => {
    const plans = new Plans('server', 0);
    expect([plans.areLearned, plans.areFixed]).toEqual([true, false]);
    expect(intervals(plans.of('amy'))).toEqual([1_000]);
    plans.learnFrom((key) => (key === 'amy' ? [slow, fast] : undefined));
    expect(intervals(plans.of('amy'))).toEqual([100, 10]);
    expect(intervals(plans.of('george'))).toEqual([1_000]);
  });

  test('are known as those before, once the user sets others', () => {
    const plans = new Plans('server', 0);
    plans.learnFrom(() => slow);
    const before = plans.replace(fast, 500);
    expect([intervals(before('amy')), intervals(plans.of('amy'))]).toEqual([[100], [10]]);
    expect([plans.areLearned, plans.of('amy').since]).toEqual([false, 500]);
  });
});

describe('the margin of plans', () => {
  test('goes into limits that have none of their own', () => {
    const plans = new Plans([slow, { ...slow, margin: 5 }, { ...slow, margin: 'auto' }, { ...slow, margin: 0 }], 30);
    expect(plans.margin).toBe(30);
    expect(intervals(plans.of('a'))).toEqual([130, 105, 130, 100]);
  });

  test('may change, and with it every plan, of a function too', () => {
    for (const limits of [slow, () => slow]) {
      const plans = new Plans(limits, 'auto');
      const before = plans.of('a');
      plans.follow(50);
      expect([plans.margin, plans.of('a').margin, ...intervals(plans.of('a'))]).toEqual([50, 50, 150]);
      plans.follow(0);
      expect(intervals(plans.of('a'))).toEqual(intervals(before));
    }
  });

  test('that stays the same leaves the plans as they are', () => {
    for (const limits of [slow, () => slow]) {
      const plans = new Plans(limits, 'auto');
      plans.follow(30);
      const before = plans.of('a');
      plans.follow(30);
      expect(plans.of('a')).toBe(before);
    }
  });

  test('that the user gave stays', () => {
    const plans = new Plans(slow, 30);
    plans.follow(50);
    plans.keepForCalls();
    expect([plans.margin, ...intervals(plans.of('a'))]).toEqual([30, 130]);
  });

  test('for calls gives way to that of the network, and does not come back', () => {
    const plans = new Plans(slow, 'auto');
    plans.keepForCalls();
    expect(plans.margin).toBe('calls');
    plans.follow(50);
    plans.keepForCalls();
    expect(plans.margin).toBe(50);
  });
});

describe('replacing plans', () => {
  test.each<[string, Limits, Limits]>([
    ['a limit by a limit', slow, fast],
    ['a limit by a function', slow, () => fast],
    ['a function by a limit', () => slow, fast],
    ['a function by a function', () => slow, () => fast],
    ['a limit by a list', slow, [fast]],
  ])('puts %s', (_, before, after) => {
    const plans = new Plans(before, 0);
    expect(intervals(plans.of('a'))).toEqual([100]);
    plans.replace(after, 0);
    expect(intervals(plans.of('a'))).toEqual([10]);
    expect(plans.areFixed).toBe(typeof after !== 'function');
  });

  test('keeps the margin', () => {
    const plans = new Plans(slow, 'auto');
    plans.follow(7);
    plans.replace(fast, 0);
    expect([plans.margin, ...intervals(plans.of('a'))]).toEqual([7, 17]);
  });

  test.each([undefined, null, 5, 'fast', [], [slow, null], { ...slow, rate: -1 }])(
    'by %j fails and leaves plans, margin and all as they were',
    (wrong) => {
      for (const limits of [slow, () => slow]) {
        const plans = new Plans(limits, 'auto');
        plans.follow(3);
        const before = plans.of('a');
        expect(() => plans.replace(wrong as unknown as Limits, 0)).toThrow(/^Expected `limits/);
        expect(plans.of('a')).toBe(before);
        plans.follow(4);
        expect(intervals(plans.of('a'))).toEqual([104]);
      }
    },
  );
});
