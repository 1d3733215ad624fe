import { createThrottle, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';

const limits = { rate: 1, interval: 100, burst: 10 };

/** Calls something with a value that its type does not allow. */
// biome-ignore lint/suspicious/noExplicitAny: wrong types are what is tested
type Wrong = any;

const make = (options: Record<string, unknown>) =>
  createThrottle({ margin: 0, limits, ...options } as unknown as ThrottleOptions);

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  return { clock, throttle: createThrottle({ margin: 0, limits, clock, ...options }) };
}

const notNumbers: [unknown, string][] = [
  ['1', '"1"'],
  [null, 'null'],
  [true, 'true'],
  [1n, '1'],
  [{}, '[object Object]'],
  [[1], 'array of 1'],
  [Symbol('one'), 'Symbol(one)'],
  [Object.create(null), '[object Object]'],
  [function five() {}, 'function five'],
];

describe('an option of createThrottle', () => {
  const numeric = [
    { name: 'concurrency', rule: 'a whole number of at least 1 (Infinity is allowed)', wrong: [0, -1, 1.5, -0] },
    { name: 'maxInFlight', rule: 'a whole number of at least 1 (Infinity is allowed)', wrong: [0, -1, 1.5, -0] },
    { name: 'maxQueue', rule: 'a whole number of at least 0 (Infinity is allowed)', wrong: [-1, 0.5] },
    { name: 'maxWait', rule: 'a number of at least 0 (Infinity is allowed)', wrong: [-1, -1e-9] },
    { name: 'maxPause', rule: 'a number of at least 0 (Infinity is allowed)', wrong: [-1] },
  ];
  const cases = numeric.flatMap(({ name, rule, wrong }) => [
    ...[Number.NaN, -Infinity, ...wrong].map((value) => ({ name, rule, value, type: RangeError, shown: undefined })),
    ...notNumbers.map(([value, shown]) => ({ name, rule, value, type: TypeError, shown })),
  ]);

  test.each(cases)('$name: refuses $value', ({ name, rule, value, type, shown }) => {
    const act = () => make({ [name]: value });
    expect(act).toThrow(type);
    const got = shown ?? (Object.is(value, -0) ? '-0' : String(value));
    expect(act).toThrow(`Expected \`${name}\` to be ${rule}, got \`${got}\`.`);
  });

  test.each([
    ['concurrency', [1, 2 ** 53, 1e308, Infinity, undefined]],
    ['maxInFlight', [1, 2 ** 53, Infinity, undefined]],
    ['whenFull', ['reject', 'drop-oldest', 'drop-lowest', undefined]],
    ['maxQueue', [0, 1, 1e308, Infinity, undefined]],
    ['maxWait', [0, 0.001, 1e308, Infinity, undefined]],
    ['maxPause', [0, 0.5, 1e308, Infinity, undefined]],
    ['margin', [0, 10, 'auto', undefined]],
    ['onStoreError', ['memory', 'reject', undefined]],
    ['store', [undefined]],
    ['clock', [undefined, new ManualClock()]],
  ])('%s: takes %s', async (name, values) => {
    for (const value of values) {
      const throttle = make({ [name]: value });
      expect((await throttle.allow()).allowed).toBe(true);
    }
  });

  test.each([
    ['margin', Number.NaN, RangeError, 'a number of at least 0 and of at most 1099511627776'],
    ['margin', -1, RangeError, 'a number of at least 0 and of at most 1099511627776'],
    ['margin', Infinity, RangeError, 'a number of at least 0 and of at most 1099511627776'],
    ['margin', 1e308, RangeError, 'a number of at least 0 and of at most 1099511627776'],
    ['margin', 'Auto', RangeError, "a number of ms or 'auto'"],
    ['margin', null, TypeError, 'a number of at least 0 and of at most 1099511627776'],
    ['whenFull', 'drop', RangeError, 'one of reject, drop-oldest, drop-lowest'],
    ['whenFull', null, RangeError, 'one of reject, drop-oldest, drop-lowest'],
    ['onStoreError', 'Memory', RangeError, "'memory' or 'reject'"],
    ['onStoreError', null, RangeError, "'memory' or 'reject'"],
    ['onStoreError', 5, RangeError, "'memory' or 'reject'"],
    ['clock', null, TypeError, 'an object with now, monotonic, setTimeout, clearTimeout'],
    ['clock', 5, TypeError, 'an object with now, monotonic, setTimeout, clearTimeout'],
    ['store', null, TypeError, 'an object with take, giveBack'],
    ['store', 'redis', TypeError, 'an object with take, giveBack'],
    ['limits', undefined, TypeError, "a limit, a list of limits, a function or 'server'"],
    ['limits', null, TypeError, "a limit, a list of limits, a function or 'server'"],
    ['limits', 5, TypeError, "a limit, a list of limits, a function or 'server'"],
    ['limits', '5 per second', RangeError, "a limit, a list of limits, a function or 'server'"],
    ['limits', [], RangeError, 'at least one limit'],
  ])('%s: refuses %s', (name, value, type, rule) => {
    const act = () => make({ [name]: value });
    expect(act).toThrow(type);
    expect(act).toThrow(`Expected \`${name}\` to be ${rule}`);
  });

  test.each<[string, Record<string, unknown>]>([
    ['clearTimeout', { now: () => 0, monotonic: () => 0, setTimeout: () => 0 }],
    ['now', { now: 5, monotonic: () => 0, setTimeout: () => 0, clearTimeout: () => 0 }],
    ['now', {}],
  ])('clock: names the method %s that is missing', (method, clock) => {
    expect(() => make({ clock })).toThrow(
      `Expected \`clock.${method}\` to be a function, got \`${String(clock[method])}\`.`,
    );
  });

  test('store: names the method that is missing', () => {
    expect(() => make({ store: { take: () => {} } })).toThrow('Expected `store.giveBack` to be a function');
  });

  test.each([undefined, null, 5, 'text', [limits]])('options: refuses %s', (options) => {
    expect(() => createThrottle(options as Wrong)).toThrow(TypeError);
    expect(() => createThrottle(options as Wrong)).toThrow('Expected `options` to be an object');
  });
});

/** The methods that take a key and options. */
const methods = ['allow', 'reserve', 'wait', 'run'] as const;

function call(method: (typeof methods)[number], key: Wrong, options?: Wrong): Promise<unknown> {
  const { throttle } = setup();
  if (method === 'run') return throttle.run(() => 'ran', key === undefined ? options : { ...options, key });
  return throttle[method](key, options);
}

describe.each(methods)('%s', (method) => {
  test.each([null, 5, {}, ['a'], Symbol('key'), true, () => 'a'])('refuses the key %s', async (key) => {
    await expect(call(method, key, {})).rejects.toThrow(TypeError);
    await expect(call(method, key, {})).rejects.toThrow('Expected `key` to be a string, got ');
    await expect(call(method, key)).rejects.toThrow('Expected `key` to be a string, got ');
  });

  test.each(['', '__proto__', 'constructor', 'hasOwnProperty', 'toString', '\0', '💧', 'k'.repeat(1_000_000)])(
    'takes the key %s',
    async (key) => {
      const { throttle } = setup({ limits: { rate: 1, interval: 100 } });
      await (method === 'run' ? throttle.run(() => {}, { key }) : throttle[method](key));
      expect(await throttle.allow(key)).toMatchObject({ allowed: false, wait: expect.closeTo(100, 0) });
      expect((await throttle.allow(`${key}!`)).allowed).toBe(true);
      expect((await throttle.status(key)).limits[0]?.remaining).toBe(0);
      await throttle.reset(key);
      expect((await throttle.allow(key)).allowed).toBe(true);
    },
  );

  test.each([null, 5, 'text', [1], true])('refuses %s for options', async (options) => {
    await expect(call(method, undefined, options)).rejects.toThrow(TypeError);
    await expect(call(method, undefined, options)).rejects.toThrow('Expected `options` to be an object, got ');
  });

  test.each([
    ...[Number.NaN, Infinity, -Infinity, -1, -1e-9].map((value) => [value, RangeError, String(value)] as const),
    ...notNumbers
      .filter(([value]) => typeof value !== 'object' || value === null)
      .map(([value, shown]) => [value, TypeError, shown] as const),
  ])('refuses a cost of %s', async (cost, type, shown) => {
    const rule = type === RangeError ? 'a number of at least 0' : 'a number, or one number per named limit';
    await expect(call(method, undefined, { cost })).rejects.toThrow(type);
    await expect(call(method, undefined, { cost })).rejects.toThrow(
      `Expected \`cost\` to be ${rule}, got \`${shown}\`.`,
    );
  });

  test.each([
    [{ other: 1 }, RangeError, 'Expected `cost` to be one number per named limit (tokens), got `"other"`.'],
    [[1], RangeError, 'Expected `cost` to be one number per named limit (tokens), got `"0"`.'],
    [JSON.parse('{"__proto__": 1}'), RangeError, 'Expected `cost` to be one number per named limit'],
    [{ tokens: -1 }, RangeError, 'Expected `cost.tokens` to be a number of at least 0, got `-1`.'],
    [{ tokens: Number.NaN }, RangeError, 'Expected `cost.tokens` to be a number of at least 0, got `NaN`.'],
    [{ tokens: '1' }, TypeError, 'Expected `cost.tokens` to be a number of at least 0, got `"1"`.'],
    [{ tokens: undefined }, TypeError, 'Expected `cost.tokens` to be a number of at least 0, got `undefined`.'],
  ])('refuses a cost of %s per limit', async (cost, type, message) => {
    const { throttle } = setup({ limits: { ...limits, name: 'tokens' } });
    const attempt = () =>
      method === 'run' ? throttle.run(() => {}, { cost }) : throttle[method]('default', { cost: cost as Wrong });
    await expect(attempt()).rejects.toThrow(type);
    await expect(attempt()).rejects.toThrow(message);
    await throttle.wait('default', { cost: { tokens: 0.5 } });
    await throttle.wait('default', { cost: {} });
  });

  test.each([1e308, Number.MAX_VALUE, 2 ** 53, 10.000001])('can never grant a cost of %s', async (cost) => {
    await expect(call(method, undefined, { cost })).rejects.toMatchObject({ name: 'CostExceedsBurstError', cost });
  });

  test.each([0, 0.001, Number.MIN_VALUE, 9.99, 10])('grants a cost of %s', async (cost) => {
    await call(method, undefined, { cost });
  });
});

describe.each(['reserve', 'wait', 'run'] as const)('%s', (method) => {
  test.each([
    ...[Number.NaN, -1, -Infinity].map((value) => [value, RangeError] as const),
    ...notNumbers.map(([value]) => [value, TypeError] as const),
  ])('refuses a maxWait of %s', async (maxWait, type) => {
    await expect(call(method, undefined, { maxWait })).rejects.toThrow(type);
    await expect(call(method, undefined, { maxWait })).rejects.toThrow(
      'Expected `maxWait` to be a number of at least 0 (Infinity is allowed), got ',
    );
  });

  test.each([0, 1e-300, 1e308, Infinity, undefined])('takes a maxWait of %s', async (maxWait) => {
    await call(method, undefined, { maxWait });
  });
});

describe.each(['wait', 'run'] as const)('%s', (method) => {
  test.each([
    ...[Number.NaN, Infinity, -Infinity].map((value) => [value, RangeError] as const),
    ...notNumbers.map(([value]) => [value, TypeError] as const),
  ])('refuses a priority of %s', async (priority, type) => {
    await expect(call(method, undefined, { priority })).rejects.toThrow(type);
    await expect(call(method, undefined, { priority })).rejects.toThrow(
      'Expected `priority` to be a finite number, got ',
    );
  });

  test.each([null, 5, 'abort', {}, new EventTarget().addEventListener])('refuses %s for a signal', async (signal) => {
    await expect(call(method, undefined, { signal })).rejects.toThrow(TypeError);
    await expect(call(method, undefined, { signal })).rejects.toThrow(/^Expected `signal/);
  });

  test('takes nothing for a call that it refuses', async () => {
    const { throttle } = setup({ limits: { rate: 1, interval: 100 } });
    for (const options of [{ cost: -1 }, { maxWait: -1 }, { priority: Number.NaN }, { signal: null as Wrong }]) {
      const attempt = method === 'run' ? throttle.run(() => {}, options) : throttle.wait('default', options);
      await expect(attempt).rejects.toThrow(/^Expected/);
    }
    expect((await throttle.allow()).allowed).toBe(true);
  });
});

describe('run', () => {
  test.each([undefined, null, 5, 'task', {}])('refuses the task %s', async (task) => {
    const { throttle } = setup();
    await expect(throttle.run(task as Wrong)).rejects.toThrow(TypeError);
    await expect(throttle.run(task as Wrong)).rejects.toThrow(/^Expected `task` to be a function, got /);
  });
});

describe('pause, reset and status', () => {
  test.each([
    ...[Number.NaN, Infinity, -Infinity].map((value) => [value, RangeError] as const),
    ...notNumbers.map(([value]) => [value, TypeError] as const),
    [undefined, TypeError] as const,
  ])('pause refuses the instant %s', async (until, type) => {
    const { throttle } = setup();
    await expect(throttle.pause('default', until as Wrong)).rejects.toThrow(type);
    await expect(throttle.pause('default', until as Wrong)).rejects.toThrow(
      'Expected `until` to be a finite number, got ',
    );
    expect((await throttle.allow()).allowed).toBe(true);
  });

  test.each([null, 5, {}, Symbol('key')])('refuse the key %s', async (key) => {
    const { throttle, clock } = setup();
    const attempts = [
      throttle.pause(key as Wrong, clock.now() + 5),
      throttle.reset(key as Wrong),
      throttle.status(key as Wrong),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toThrow('Expected `key` to be a string, got ');
  });

  test('pause and reset need a key', async () => {
    const { throttle, clock } = setup();
    const key = undefined;
    await expect(throttle.pause(key as Wrong, clock.now() + 5)).rejects.toThrow('Expected `key` to be a string');
    await expect(throttle.reset(key as Wrong)).rejects.toThrow('Expected `key` to be a string');
    expect((await throttle.status(key)).nextAt).toBe(clock.now());
  });
});

describe('a throttle of extremes', () => {
  test.each([
    { rate: 1e-9, interval: 1 },
    { rate: 1e9, interval: 1 },
    { rate: 1e308, interval: 1 },
    { rate: 1, interval: 2 ** 40 },
    { rate: Number.MIN_VALUE, interval: Number.MIN_VALUE },
    { rate: 1e6, interval: 1, burst: 1e6 },
  ])('%o: grants one call and lets the next wait', async (limit) => {
    const { throttle, clock } = setup({ limits: limit });
    await throttle.wait();
    const next = outcomeOf(throttle.wait('default', { cost: limit.burst ?? 1 }), clock);
    await clock.advance(0);
    const { wait } = await throttle.allow();
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(2 * 2 ** 40);
    await clock.advance(2 ** 41);
    expect(next.state).toBe('fulfilled');
    expect(clock.timers).toBe(0);
  });
});
