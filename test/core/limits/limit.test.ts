import fc from 'fast-check';
import { type Limit, perDay, perHour, perMinute, perSecond, quota, slidingWindow } from 'sluice';
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../../src/core/limits/kind.ts';
import { checkMargin } from '../../../src/core/limits/limit.ts';
import { planOf, samePlan } from '../../../src/core/limits/plan.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { runs } from '../bucket/bucket-history.ts';

const ruleOf = (limit: Limit, margin = 0): Rule => planOf(limit, margin).rules[0] as Rule;

/** Numbers with three decimal places, small ones more often. */
const thousandths = (most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: most })).map((number) => number / 1000);

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

const typeError = (name: string, rule: string, value: string) =>
  new TypeError(`Expected \`${name}\` to be ${rule}, got \`${value}\`.`);
const rangeError = (name: string, rule: string, value: string) =>
  new RangeError(`Expected \`${name}\` to be ${rule}, got \`${value}\`.`);

describe('quota', () => {
  // limit, burst asked for, burst, rate
  test.each([
    [1, undefined, 1, 1],
    [9, undefined, 1, 9],
    [39, undefined, 1, 39],
    [40, undefined, 2, 39],
    [100, undefined, 5, 96],
    [5000, undefined, 250, 4751],
    [100, 1, 1, 100],
    [100, 50, 50, 51],
    [100, 100, 100, 1],
  ])('row %#: of %i with burst %s goes in bursts of %i and at a rate of %i', (limit, asked, burst, rate) => {
    const options = asked === undefined ? { limit, interval: 1000 } : { limit, interval: 1000, burst: asked };
    expect(quota(options)).toEqual({ kind: 'quota', rate, interval: 1000, burst });
  });

  test('grants at most its limit: burst - 1 + interval / emission interval', () => {
    const asked = fc
      .record({
        limit: fc.integer({ min: 1, max: 100_000 }),
        interval: thousandths(1e9),
      })
      .chain(({ limit, interval }) => fc.tuple(fc.constant({ limit, interval }), fc.integer({ min: 1, max: limit })));
    fc.assert(
      fc.property(asked, thousandths(1e7), ([{ limit, interval }, burst], margin) => {
        const { emissionInterval, tolerance } = ruleOf(quota({ limit, interval, burst, margin }));
        const most = burst - 1 + Math.ceil((interval + margin) / emissionInterval - 1e-9);
        expect(most).toBeLessThanOrEqual(limit);
        expect(1 + Math.floor(tolerance / emissionInterval + 1e-9)).toBeLessThanOrEqual(burst);
      }),
      { numRuns: runs(1000) },
    );
  });

  test('carries its margin and its name', () => {
    expect(quota({ limit: 3, interval: 7, margin: 20, name: 'three' })).toEqual({
      kind: 'quota',
      rate: 3,
      interval: 7,
      burst: 1,
      margin: 20,
      name: 'three',
    });
    expect(quota({ limit: 3, interval: 7, margin: 'auto' }).margin).toBe('auto');
  });

  const whole = 'a whole number of at least 1';
  test.each<[string, object, Error]>([
    ['no limit', { interval: 1 }, typeError('limit', whole, 'undefined')],
    ['limit 0', { limit: 0, interval: 1 }, rangeError('limit', whole, '0')],
    ['a negative limit', { limit: -5, interval: 1 }, rangeError('limit', whole, '-5')],
    ['half a call', { limit: 1.5, interval: 1 }, rangeError('limit', whole, '1.5')],
    ['limit NaN', { limit: Number.NaN, interval: 1 }, rangeError('limit', whole, 'NaN')],
    ['limit Infinity', { limit: Infinity, interval: 1 }, rangeError('limit', whole, 'Infinity')],
    ['a limit of text', { limit: '5', interval: 1 }, typeError('limit', whole, '"5"')],
    ['burst 0', { limit: 5, interval: 1, burst: 0 }, rangeError('burst', `${whole} and of at most 5`, '0')],
    ['burst above limit', { limit: 5, interval: 1, burst: 6 }, rangeError('burst', `${whole} and of at most 5`, '6')],
    ['burst null', { limit: 5, interval: 1, burst: null }, typeError('burst', `${whole} and of at most 5`, 'null')],
    ['no interval', { limit: 5 }, typeError('interval', 'a number above 0 and of at most 1099511627776', 'undefined')],
    [
      'interval 0',
      { limit: 5, interval: 0 },
      rangeError('interval', 'a number above 0 and of at most 1099511627776', '0'),
    ],
    [
      'an interval of centuries',
      { limit: 5, interval: 2 ** 41 },
      rangeError('interval', 'a number above 0 and of at most 1099511627776', '2199023255552'),
    ],
    [
      'a burst of centuries',
      { limit: 5, interval: 2 ** 40, burst: 5 },
      rangeError('interval', 'at most 2^40 ms (34 years) * rate / burst', '1099511627776'),
    ],
    [
      'a negative margin',
      { limit: 5, interval: 1, margin: -1 },
      rangeError('margin', 'a number of at least 0 and of at most 1099511627776', '-1'),
    ],
    [
      'a margin of text',
      { limit: 5, interval: 1, margin: 'much' },
      rangeError('margin', "a number of ms or 'auto'", '"much"'),
    ],
    ['a name that is a number', { limit: 5, interval: 1, name: 5 }, typeError('name', 'a string', '5')],
  ])('refuses %s', (_, options, error) => {
    expect(thrown(() => quota(options as never))).toEqual(error);
  });

  test.each([[undefined], [null], [5], ['5'], [[]], [() => {}]])('refuses %s in place of options', (options) => {
    expect(thrown(() => quota(options as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => slidingWindow(options as never))).toBeInstanceOf(TypeError);
    for (const make of [quota, slidingWindow]) expect(() => make(options as never)).toThrow('`options`');
  });
});

describe('perSecond, perMinute, perHour and perDay', () => {
  test('are quotas of that length', () => {
    expect(perSecond(30)).toEqual(quota({ limit: 30, interval: 1000 }));
    expect(perMinute(30)).toEqual(quota({ limit: 30, interval: 60 * 1000 }));
    expect(perHour(30)).toEqual(quota({ limit: 30, interval: 60 * 60 * 1000 }));
    expect(perDay(30)).toEqual(quota({ limit: 30, interval: 24 * 60 * 60 * 1000 }));
  });

  test('take burst, margin and name, and nothing that would change the number', () => {
    const options = { burst: 2, margin: 9, name: 'calls', limit: 1, interval: 1 };
    expect(perMinute(30, options)).toEqual(quota({ ...options, limit: 30, interval: 60_000 }));
  });

  test('name what is wrong', () => {
    expect(thrown(() => perSecond(0))).toEqual(rangeError('limit', 'a whole number of at least 1', '0'));
    expect(thrown(() => perDay('5' as never))).toEqual(typeError('limit', 'a whole number of at least 1', '"5"'));
    expect(thrown(() => perHour(5, null as never))).toEqual(typeError('options', 'an object', 'null'));
  });
});

describe('slidingWindow', () => {
  test('lets all its calls go at once', () => {
    expect(JSON.parse(JSON.stringify(slidingWindow({ limit: 5, interval: 100, margin: 3, name: 'five' })))).toEqual({
      kind: 'sliding-window',
      rate: 5,
      interval: 100,
      burst: 5,
      margin: 3,
      name: 'five',
    });
  });

  test('written by hand has no arithmetic, unless the limit was copied from one that has', () => {
    const { kind, rate, interval } = slidingWindow({ limit: 5, interval: 100 });
    expect(thrown(() => planOf({ kind, rate, interval } as Limit, 0))).toEqual(
      rangeError('limits.kind', "'leaky-bucket' or 'quota', or made by slidingWindow()", '"sliding-window"'),
    );
    const copy = { ...slidingWindow({ limit: 5, interval: 100 }), name: 'copy' };
    expect(ruleOf(copy)).toMatchObject({ burst: 5, span: 100, name: 'copy' });
    expect(ruleOf({ ...copy, kind: 'quota' })).toMatchObject({ emissionInterval: 20, kind: { name: 'quota' } });
  });

  test('needs no burst, and takes no other', () => {
    const { burst: _, ...limit } = slidingWindow({ limit: 5, interval: 100 });
    expect(ruleOf(limit).burst).toBe(5);
    expect(samePlan(planOf(limit, 0), planOf(slidingWindow({ limit: 5, interval: 100 }), 0))).toBe(true);
    expect(thrown(() => planOf({ ...limit, burst: 1 }, 0))).toEqual(
      rangeError('limits.burst', 'the same as `rate`: a sliding window lets all go at once', '1'),
    );
    expect(thrown(() => planOf({ ...limit, rate: 0.5 }, 0))).toEqual(
      rangeError('limits.rate', 'a number of at least 1', '0.5'),
    );
  });

  test('has no margin and no name that was not given', () => {
    const { limit, interval } = { limit: 5, interval: 100 };
    for (const made of [quota({ limit, interval }), slidingWindow({ limit, interval })])
      expect([Object.hasOwn(made, 'margin'), Object.hasOwn(made, 'name')]).toEqual([false, false]);
  });

  test('names what is wrong', () => {
    expect(thrown(() => slidingWindow({ limit: 2.5, interval: 1 }))).toEqual(
      rangeError('limit', 'a whole number of at least 1', '2.5'),
    );
  });
});

describe('limits written by hand', () => {
  test.each<[string, unknown, Error]>([
    ['a number', 5, typeError('limits', 'a limit', '5')],
    ['null', null, typeError('limits', 'a limit', 'null')],
    ['none', [], rangeError('limits', 'at least one limit', 'array of 0')],
    ['a list with undefined', [perSecond(1), undefined], typeError('limits[1]', 'a limit', 'undefined')],
    ['a list with a hole', Object.assign(new Array(2), [perSecond(1)]), typeError('limits[1]', 'a limit', 'undefined')],
    ['no rate', { interval: 1 }, typeError('limits.rate', 'a number above 0', 'undefined')],
    ['a negative rate', { rate: -1, interval: 1 }, rangeError('limits.rate', 'a number above 0', '-1')],
    ['a rate of minus nothing', { rate: -0, interval: 1 }, rangeError('limits.rate', 'a number above 0', '-0')],
    [
      'a rate that is wrong in the second',
      [perSecond(1), { rate: 0, interval: 1 }],
      rangeError('limits[1].rate', 'a number above 0', '0'),
    ],
    [
      'a rate of less than one call in 34 years',
      { rate: 1e-12, interval: 1000 },
      rangeError('limits.interval', 'at most 2^40 ms (34 years) * rate / burst', '1000'),
    ],
    ['half a burst', { rate: 1, interval: 1, burst: 0.5 }, rangeError('limits.burst', 'a number of at least 1', '0.5')],
    [
      'another kind',
      { kind: 'token-bucket', rate: 1, interval: 1 },
      rangeError('limits.kind', "'leaky-bucket' or 'quota', or made by slidingWindow()", '"token-bucket"'),
    ],
    [
      'one name twice',
      [perSecond(1, { name: 'calls' }), perMinute(9, { name: 'calls' })],
      rangeError('limits', 'limits with different names', '"calls"'),
    ],
  ])('are refused: %s', (_, limits, error) => {
    expect(thrown(() => planOf(limits as never, 0))).toEqual(error);
  });

  test('may take 34 years for their burst', () => {
    expect(ruleOf({ rate: 1, interval: 2 ** 40 }).emissionInterval).toBe(2 ** 40);
    expect(ruleOf({ rate: 2, interval: 2 ** 40, burst: 2 }).tolerance).toBe(2 ** 39);
  });

  test('may be fractions of a call per interval, and of a call in a burst', () => {
    expect(ruleOf({ rate: 0.25, interval: 100, burst: 1.5 })).toMatchObject({ emissionInterval: 400, tolerance: 200 });
  });
});

describe('checkMargin', () => {
  test('takes a number of ms or auto', () => {
    expect([checkMargin('margin', 0), checkMargin('margin', 1.5), checkMargin('margin', 'auto')]).toEqual([
      0,
      1.5,
      'auto',
    ]);
    expect(thrown(() => checkMargin('margin', Number.NaN))).toBeInstanceOf(RangeError);
    expect(thrown(() => checkMargin('margin', null as never))).toBeInstanceOf(TypeError);
  });
});

describe('a margin', () => {
  const bucket: Limit = { rate: 10, interval: 1000, burst: 5 };
  const ten: Limit = quota({ limit: 10, interval: 1000, burst: 2 });
  const window: Limit = slidingWindow({ limit: 10, interval: 1000 });

  // limit, margin, emission interval, tolerance, for how long a call counts
  test.each<[Limit, number, number, number, number]>([
    [bucket, 0, 100, 400, 1000],
    [bucket, 50, 100, 350, 1050],
    [bucket, 400, 100, 0, 1400],
    [bucket, 450, 150, 0, 1450],
    [{ rate: 10, interval: 1000 }, 50, 150, 0, 1050],
    [{ rate: 10, interval: 1000 }, 1000, 1100, 0, 2000],
    [quota({ limit: 8, interval: 1000, burst: 1 }), 0, 125, 0, 1000],
    [quota({ limit: 8, interval: 1000, burst: 1 }), 24, 128, 0, 1024],
    [quota({ limit: 9, interval: 1000, burst: 2 }), 0, 125, 125, 1000],
    [quota({ limit: 9, interval: 1000, burst: 2 }), 24, 128, 125, 1024],
    [quota({ limit: 10, interval: 1000, burst: 10 }), 50, 1050, 9000, 1050],
    [window, 0, 100, 0, 1000],
    [window, 50, 105, 0, 1050],
  ])('row %#: changes the numbers of its kind of limit', (limit, margin, emissionInterval, tolerance, span) => {
    const numbers = { emissionInterval, tolerance, span };
    expect(ruleOf({ ...limit, margin })).toMatchObject(numbers);
    expect(ruleOf(limit, margin)).toMatchObject(numbers);
    expect(ruleOf({ ...limit, margin: 'auto' }, margin)).toMatchObject(numbers);
  });

  test('of calls without an adapter is 20 ms, and no more than a tenth beyond what a bucket has in hand', () => {
    const kept = (limit: Limit) => planOf(limit, 'calls').rules[0]?.margin;
    expect(kept({ rate: 1, interval: 100 })).toBe(10);
    expect(kept({ rate: 1, interval: 100, burst: 1.05 })).toBe(15);
    expect([{ rate: 1, interval: 1_000 }, ten, window].map(kept)).toEqual([20, 20, 20]);
    expect(kept({ ...window, margin: 7 })).toBe(7);
  });

  test('lets a call leave late by half of the least of its limits', () => {
    expect(
      planOf(
        [
          { ...window, margin: 50 },
          { ...ten, margin: 20 },
        ],
        0,
      ).lateness,
    ).toBe(10);
    expect(planOf([window, ten], 30).lateness).toBe(15);
  });

  test('of the limit itself counts, not that of the throttle', () => {
    expect(ruleOf({ ...bucket, margin: 50 }, 400).tolerance).toBe(350);
    expect(ruleOf({ ...window, margin: 0 }, 400).span).toBe(1000);
  });

  test('never makes a limit charge less, or bear with more, than it would without one', () => {
    const limits = fc.constantFrom(bucket, ten, perSecond(7), perMinute(30, { burst: 30 }), {
      rate: 3,
      interval: 1000,
    });
    fc.assert(
      fc.property(limits, thousandths(1e8), (limit, margin) => {
        const plain = ruleOf(limit);
        const kept = ruleOf(limit, margin);
        expect(kept.emissionInterval).toBeGreaterThanOrEqual(plain.emissionInterval);
        expect(kept.tolerance).toBeLessThanOrEqual(plain.tolerance);
        const given = plain.tolerance - kept.tolerance + kept.emissionInterval - plain.emissionInterval;
        if (limit.kind === undefined) expect(given).toBeCloseTo(Math.ceil(margin * 2048) / 2048, 6);
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('rounding', () => {
  const limits = fc.record({
    rate: thousandths(1e12),
    interval: thousandths(1e12),
    burst: fc.integer({ min: 1, max: 1000 }),
    kind: fc.constantFrom('leaky-bucket', 'quota') as fc.Arbitrary<'leaky-bucket' | 'quota'>,
  });

  test('never makes an emission interval shorter, and loses no more than a thousandth of the rate', () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const exact = limit.interval / limit.rate;
        fc.pre(exact * limit.burst < 2 ** 40);
        const { emissionInterval, tolerance } = ruleOf(limit);
        expect(emissionInterval).toBeGreaterThanOrEqual(exact);
        expect(emissionInterval).toBeLessThanOrEqual(exact * 1.001);
        // Whole ticks, or a fraction of a tick by which sums stay exact.
        expect(exact < 1024 * tick || emissionInterval % tick === 0).toBe(true);
        expect(tolerance).toBe((limit.burst - 1) * emissionInterval);
      }),
      { numRuns: runs(2000) },
    );
  });

  test('never makes a window or a margin shorter', () => {
    const { span } = ruleOf(slidingWindow({ limit: 3, interval: 0.3, margin: 0.3 }));
    expect(span).toBe(2 * 615 * tick);
    expect(span).toBeGreaterThanOrEqual(0.6);
  });

  test('keeps a third of a second, and a call per nanosecond', () => {
    expect(ruleOf(quota({ limit: 3, interval: 1000, burst: 1 })).emissionInterval).toBe(333.33349609375);
    expect(ruleOf({ rate: 1e9, interval: 1000 }).emissionInterval / 1e-6).toBeCloseTo(1, 3);
  });
});

describe('planOf', () => {
  test('knows the most calls that can go at one instant, and the case of one leaky bucket', () => {
    const one = planOf({ rate: 1, interval: 10, burst: 7.5 }, 0);
    expect([one.mostAtOnce, one.leaky, one.only]).toEqual([7, true, one.rules[0]]);
    const two = planOf([perSecond(50), slidingWindow({ limit: 3, interval: 10 })], 0);
    expect([two.mostAtOnce, two.leaky, two.only]).toEqual([2, false, undefined]);
    const fast = planOf({ rate: 1e6, interval: 100 }, 0);
    expect([fast.leaky, fast.only]).toEqual([true, fast.rules[0]]);
  });
});

describe('samePlan', () => {
  const limit: Limit = { rate: 5, interval: 1000 };
  test.each<[string, Limit[], boolean]>([
    ['the same limit', [limit], true],
    ['a copy of it', [{ ...limit }], true],
    ['what its options are by default', [{ ...limit, kind: 'leaky-bucket', burst: 1 }], true],
    ['the same with a margin', [{ ...limit, margin: 50 }], true],
    ['another kind', [{ ...limit, kind: 'quota' }], false],
    ['another rate', [{ ...limit, rate: 6 }], false],
    ['another interval', [{ ...limit, interval: 999 }], false],
    ['another burst', [{ ...limit, burst: 2 }], false],
    ['a name', [{ ...limit, name: 'five' }], false],
    ['one more', [limit, perMinute(9)], false],
  ])('tells limits from others: %s', (_, limits, same) => {
    expect(samePlan(planOf(limit, 0), planOf(limits, 0))).toBe(same);
    expect(samePlan(planOf(limits, 50), planOf(limit, 0))).toBe(same);
  });
});
