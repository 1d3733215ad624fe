import { createThrottle, type Limit, perSecond, slidingWindow, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { instants, outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  return { clock, throttle };
}

describe('limits by key', () => {
  const plans: Record<string, Limit> = { amy: { rate: 5, interval: 1000 }, george: { rate: 10, interval: 1000 } };

  test('keep each user to a rate of their own: Amy 5 per second, George 10', async () => {
    const { clock, throttle } = setup({ limits: (key) => plans[key] ?? limits });
    const calls = { amy: [] as (number | undefined)[], george: [] as (number | undefined)[] };
    for (const user of ['amy', 'george'] as const) {
      for (let call = 0; call < 100; call++) throttle.wait(user).then(() => calls[user].push(clock.monotonic()));
    }
    await clock.advance(4999);
    expect([calls.amy.length, calls.george.length]).toEqual([25, 50]);
    expect(calls.amy.slice(0, 3)).toEqual([0, 200, 400]);
    expect(calls.george.slice(0, 3)).toEqual([0, 100, 200]);
  });

  test('are asked for with the key', async () => {
    const asked = vi.fn(() => limits);
    const { throttle } = setup({ limits: asked });
    expect(asked).not.toHaveBeenCalled();
    await throttle.wait('mine');
    await throttle.allow();
    expect(asked.mock.calls.map(([key]: unknown[]) => key)).toEqual(expect.arrayContaining(['mine', 'default']));
  });

  test('may be new objects each time, however long the line', async () => {
    const { clock, throttle } = setup({ limits: () => ({ rate: 1, interval: 1 }) });
    const calls = Array.from({ length: 5000 }, () => outcomeOf(throttle.wait('default', { maxWait: 1e6 }), clock));
    const started = performance.now();
    await clock.advance(0);
    await clock.advance(10_000);
    expect(instants(calls)).toEqual(calls.map((_, index) => index));
    // Far above what it takes, far below what going through the whole line for each call takes.
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('may change while calls wait', async () => {
    let now: Limit = limits;
    const { clock, throttle } = setup({ limits: () => now });
    const calls = [1, 2, 3, 4].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    now = { rate: 1, interval: T / 2 };
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, T, 1.5 * T, 2 * T]);
  });

  test.each([undefined, null, 5, 'fast', () => limits])('that are %s are refused with the key', async (wrong) => {
    const { throttle } = setup({ limits: () => wrong as unknown as Limit });
    for (const call of [throttle.wait('mine'), throttle.allow('mine'), throttle.run(() => {}, { key: 'mine' })]) {
      await expect(call).rejects.toThrow(TypeError);
      await expect(call).rejects.toThrow('Expected `limits("mine")` to be a limit or a list of limits, got ');
    }
  });

  test('that break a rule are refused with its name', async () => {
    const { throttle } = setup({ limits: () => [limits, { rate: 0, interval: 1 }] });
    await expect(throttle.wait()).rejects.toThrow('Expected `limits[1].rate` to be a number above 0, got `0`.');
    await expect(setup({ limits: () => [] }).throttle.wait()).rejects.toThrow(RangeError);
  });
});

describe('a limits function that throws', () => {
  /** A throttle whose limits can be made to throw. */
  function fragile(options: Partial<ThrottleOptions> = {}) {
    const state = { isBroken: false, error: new Error('no such user') };
    const limitsOf = () => {
      if (state.isBroken) throw state.error;
      return limits;
    };
    return { state, ...setup({ limits: limitsOf, ...options }) };
  }

  test('rejects each method with what it threw', async () => {
    const { state, throttle, clock } = fragile();
    state.isBroken = true;
    const attempts = [
      throttle.wait(),
      throttle.wait('default', {}),
      throttle.run(() => {}),
      throttle.allow(),
      throttle.reserve(),
      throttle.status(),
      throttle.pause('default', clock.now() + 1),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toBe(state.error);
    state.isBroken = false;
    await throttle.wait('another');
  });

  test('rejects waiting calls when their turn comes, and loses none', async () => {
    const { state, throttle, clock } = fragile();
    const calls = Array.from({ length: 6 }, () => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    state.isBroken = true;
    await clock.advance(T);
    expect(calls.map((call) => call.state)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
    ]);
    expect(calls.slice(1).every((call) => call.error === state.error)).toBe(true);
    state.isBroken = false;
    const next = outcomeOf(throttle.wait(), clock);
    await clock.advance(5 * T);
    expect([next.at, clock.timers]).toEqual([T, 0]);
  });

  test('lets calls abort, time out and be closed upon', async () => {
    const { state, throttle, clock } = fragile();
    const signal = new FakeSignal();
    const first = throttle.wait();
    const calls = [{ signal: signal.signal }, { maxWait: 3 * T, priority: -1 }, {}].map((options) =>
      outcomeOf(throttle.wait('default', options), clock),
    );
    await first;
    await throttle.pause('default', clock.now() + 50 * T);
    state.isBroken = true;
    signal.abort('mine');
    await clock.advance(0);
    await clock.advance(4 * T);
    await throttle.close();
    await clock.advance(0);
    expect(calls.map((call) => [call.state, call.at])).toEqual([
      ['rejected', 0],
      ['rejected', 3 * T],
      ['rejected', 4 * T],
    ]);
    expect([clock.timers, signal.listeners]).toEqual([0, 0]);
  });

  test('leaves no lane behind', async () => {
    const { Lanes } = await import('../../../src/core/throttle/lanes.ts');
    const { state, throttle } = fragile();
    const retire = vi.spyOn(Lanes.prototype, 'retire');
    state.isBroken = true;
    await throttle.wait('a', { cost: 2 }).catch(() => {});
    expect(retire).toHaveBeenCalledOnce();
    retire.mockRestore();
  });
});

describe('several limits', () => {
  test('are kept all together', async () => {
    const several = [perSecond(10, { burst: 5, name: 'second' }), slidingWindow({ limit: 8, interval: 5000 })];
    const { clock, throttle } = setup({ limits: several });
    const calls = Array.from({ length: 10 }, () => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    await clock.advance(20_000);
    const T6 = 1000 / 6;
    const at = instants(calls) as number[];
    expect(at.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    at.slice(5, 8).forEach((instant, index) => {
      expect(instant).toBeCloseTo((index + 1) * T6, 1);
    });
    expect(at.slice(8)).toEqual([5000, 5000]);
  });

  test('take a cost per named limit, 1 where it names none', async () => {
    const several = [
      { rate: 1, interval: 10, burst: 10, name: 'requests' },
      { rate: 1, interval: 1, burst: 1000, name: 'tokens' },
      { rate: 1, interval: T, burst: 100 },
    ];
    const { throttle } = setup({ limits: several });
    const { limits: standing } = await throttle.allow('default', { cost: { tokens: 400 } });
    expect(standing.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['requests', 9],
      ['tokens', 600],
      [undefined, 99],
    ]);
    const after = await throttle.allow('default', { cost: { requests: 0, tokens: 600 } });
    expect(after.limits.map(({ remaining }) => remaining)).toEqual([9, 0, 98]);
  });

  test('are all left as they were where one of them refuses', async () => {
    const several = [
      { rate: 1, interval: 10, burst: 10, name: 'requests' },
      { rate: 1, interval: 1, burst: 100, name: 'tokens' },
    ];
    const { throttle } = setup({ limits: several });
    await throttle.allow('default', { cost: { tokens: 100 } });
    const refused = await throttle.allow('default', { cost: { requests: 3, tokens: 5 } });
    expect(refused).toMatchObject({ allowed: false, wait: 5 });
    expect(refused.limits).toMatchObject([{ remaining: 9 }, { remaining: 0 }]);
  });

  test('name the one whose burst a cost is above', async () => {
    const several = [
      { ...limits, burst: 10, name: 'requests' },
      { ...limits, burst: 100, name: 'tokens' },
    ];
    const { throttle } = setup({ limits: several });
    const cost = { tokens: 101 };
    for (const call of [
      throttle.wait('default', { cost }),
      throttle.allow('default', { cost }),
      throttle.reserve('default', { cost }),
      throttle.run(() => {}, { cost }),
    ]) {
      await expect(call).rejects.toMatchObject({
        name: 'CostExceedsBurstError',
        key: 'default',
        cost: 101,
        burst: 100,
        limitName: 'tokens',
        message:
          'A call of cost 101 on key "default" can never pass: its limit `tokens` lets at most 100 go at one instant.',
      });
    }
  });

  test('let waiting calls of different costs go in order', async () => {
    const several = [
      { rate: 1, interval: 10, burst: 2, name: 'requests' },
      { rate: 1, interval: 1, burst: 100, name: 'tokens' },
    ];
    const { clock, throttle } = setup({ limits: several });
    const calls = [100, 50, 20, 100, 1].map((tokens) =>
      outcomeOf(throttle.wait('default', { cost: { tokens } }), clock),
    );
    await clock.advance(0);
    await clock.advance(1000);
    expect(instants(calls)).toEqual([0, 50, 70, 170, 171]);
  });
});
