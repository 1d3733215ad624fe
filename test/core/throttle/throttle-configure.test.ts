import {
  type BucketStore,
  type ConfigureOptions,
  createThrottle,
  keyValueStore,
  type Limit,
  type Limits,
  memoryStore,
  slidingWindow,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { dice, onMap, withDelays } from '../../storage/storages.ts';
import { instants, outcomeOf } from '../line/outcome.ts';

const T = 100;
const slow: Limit = { rate: 1, interval: T, burst: 4 };

const stores = {
  'the memory store': () => memoryStore(),
  'a store that answers by promises': () => keyValueStore(withDelays(dice(1))(new Map())),
};

function setup(store: BucketStore = memoryStore(), options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits: slow, clock, store, ...options });
  const wait = (key = 'default', cost = 1) => outcomeOf(throttle.wait(key, { cost }), clock);
  const line = (count: number, key?: string) => Array.from({ length: count }, () => wait(key));
  const remaining = async (key?: string) => (await throttle.status(key)).limits.map((limit) => limit.remaining);
  return { clock, throttle, wait, line, remaining };
}

describe.each(Object.entries(stores))('configure on %s', (_, makeStore) => {
  test('replaces the limits of every key, those that were never seen too', async () => {
    const { throttle, remaining } = setup(makeStore());
    await throttle.wait('seen');
    await throttle.configure({ limits: { ...slow, burst: 8 } });
    expect([await remaining('seen'), await remaining('new')]).toEqual([[7], [8]]);
  });

  test('moves every waiting line at once, to faster limits', async () => {
    const { clock, throttle, line } = setup(makeStore());
    const keys = ['a', 'b', 'c'];
    const calls = keys.map((key) => line(7, key));
    await clock.advance(T / 2);
    await throttle.configure({ limits: { ...slow, interval: T / 10 } });
    await clock.advance(0);
    expect(clock.timers).toBe(3);
    await clock.advance(20 * T);
    for (const one of calls) {
      expect(instants(one).slice(4)).toEqual([0.5, 1.5, 2.5].map((n) => T / 2 + (n * T) / 10));
    }
    expect(clock.timers).toBe(0);
  });

  test('moves every waiting line at once, to slower limits', async () => {
    const { clock, throttle, line } = setup(makeStore());
    const calls = ['a', 'b'].map((key) => line(6, key));
    await clock.advance(T / 2);
    await throttle.configure({ limits: { ...slow, interval: 10 * T } });
    await clock.advance(0);
    expect(clock.timers).toBe(2);
    await clock.advance(100 * T);
    for (const one of calls) expect(instants(one).slice(4)).toEqual([5.5 * T, 15.5 * T]);
  });

  test('does not change the own limits of a key', async () => {
    const { throttle, remaining } = setup(makeStore());
    await throttle.setLimits('own', { ...slow, burst: 2 });
    await throttle.configure({ limits: { ...slow, burst: 8 } });
    expect(await remaining('own')).toEqual([2]);
    await throttle.setLimits('own', undefined);
    expect(await remaining('own')).toEqual([8]);
  });

  test('lets a cost above the old burst pass, while others wait too', async () => {
    const { clock, throttle, wait, line } = setup(makeStore());
    const calls = line(6);
    await clock.advance(0);
    await throttle.configure({ limits: { ...slow, burst: 10 } });
    const large = wait('default', 10);
    await clock.advance(100 * T);
    expect([large.state, large.error]).toEqual(['fulfilled', undefined]);
    expect(calls.every((call) => call.state === 'fulfilled')).toBe(true);
  });

  test('goes from limits to a function of the key and back', async () => {
    const { clock, throttle, line, remaining } = setup(makeStore());
    const calls = ['amy', 'george'].map((key) => line(5, key));
    await clock.advance(0);
    await throttle.configure({ limits: (key) => ({ ...slow, interval: key === 'amy' ? T / 2 : 2 * T }) });
    await clock.advance(10 * T);
    expect(calls.map((one) => one[4]?.at)).toEqual([T / 2, 2 * T]);
    await throttle.configure({ limits: slidingWindow({ limit: 9, interval: T }) });
    expect(await remaining('amy')).toEqual([9]);
  });

  test('checks costs against the new names', async () => {
    const { throttle, remaining } = setup(makeStore(), { limits: { ...slow, name: 'before' } });
    await throttle.configure({ limits: { ...slow, name: 'after' } });
    await expect(throttle.wait('default', { cost: { before: 1 } })).rejects.toThrow(RangeError);
    await throttle.wait('default', { cost: { after: 3 } });
    expect(await remaining()).toEqual([1]);
  });

  test.each<[unknown, typeof TypeError, string]>([
    [null, TypeError, "Expected `limits` to be a limit, a list of limits, a function or 'server', got `null`."],
    [5, TypeError, "Expected `limits` to be a limit, a list of limits, a function or 'server', got `5`."],
    ['fast', RangeError, 'Expected `limits` to be a limit, a list of limits, a function or \'server\', got `"fast"`.'],
    [[], RangeError, 'Expected `limits` to be at least one limit, got `array of 0`.'],
    [[slow, 5], TypeError, 'Expected `limits[1]` to be a limit, got `5`.'],
    [{ ...slow, rate: Number.NaN }, RangeError, 'Expected `limits.rate` to be a number above 0, got `NaN`.'],
    [[slow, { ...slow, interval: 0 }], RangeError, 'Expected `limits[1].interval` to be a number above 0'],
  ])('refuses limits of %j and leaves everything as it was', async (limits, type, message) => {
    const { clock, throttle, line, remaining } = setup(makeStore());
    const calls = line(6);
    await clock.advance(0);
    const configuring = throttle.configure({ limits: limits as Limits });
    await expect(configuring).rejects.toThrow(type);
    await expect(configuring).rejects.toThrow(message);
    await clock.advance(10 * T);
    expect([instants(calls), await remaining()]).toEqual([[0, 0, 0, 0, T, 2 * T], [4]]);
  });

  test('with a function that throws rejects waiting calls, and the throttle goes on after the next change', async () => {
    const { clock, throttle, line, remaining } = setup(makeStore());
    const calls = line(6);
    await clock.advance(0);
    const wrong = new Error('no such user');
    await throttle.configure({
      limits: () => {
        throw wrong;
      },
    });
    await clock.advance(0);
    expect(calls.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined, wrong, wrong]);
    await throttle.configure({ limits: slow });
    expect(await remaining()).toEqual([0]);
    expect(clock.timers).toBe(0);
  });
});

describe('configure', () => {
  test.each([undefined, null, 5, 'text', [slow]])('refuses %s for options', async (options) => {
    const { throttle, remaining } = setup();
    await expect(throttle.configure(options as unknown as ConfigureOptions)).rejects.toThrow(
      'Expected `options` to be an object, got ',
    );
    expect(await remaining()).toEqual([4]);
  });

  test('back and forth hands out no more than the larger limit would', async () => {
    const { throttle } = setup();
    let went = 0;
    for (let change = 0; change < 20; change++) {
      await throttle.configure({ limits: { ...slow, burst: change % 2 === 0 ? 40 : 1 } });
      while ((await throttle.allow()).allowed) went++;
    }
    expect(went).toBeLessThanOrEqual(40);
  });

  test('twice at once ends with the later limits', async () => {
    const { clock, throttle, line, remaining } = setup();
    const calls = line(6);
    await clock.advance(0);
    await Promise.all([8, 2].map((burst) => throttle.configure({ limits: { ...slow, burst } })));
    await clock.advance(10 * T);
    expect(await remaining()).toEqual([2]);
    expect(calls.every((call) => call.state === 'fulfilled')).toBe(true);
  });

  test('does not depend on the given objects afterwards', async () => {
    const { throttle, remaining } = setup();
    const limit = { ...slow, burst: 8 };
    await throttle.configure({ limits: limit });
    limit.burst = 100;
    limit.rate = Number.NaN;
    // A fetch that is attached makes all limits ready again, with a margin.
    throttleFetch(throttle, { fetch: async () => new Response() });
    await throttle.allow();
    expect(await remaining()).toEqual([7]);
  });

  test('keeps the margin', async () => {
    const { throttle } = setup(memoryStore(), { margin: 'auto' });
    throttleFetch(throttle, { fetch: async () => new Response() });
    const { margin } = await throttle.status();
    await throttle.configure({ limits: { ...slow, burst: 8 } });
    expect(margin).toBeGreaterThan(0);
    expect(await throttle.status()).toMatchObject({ margin, limits: [{ remaining: 7 }] });
  });

  test('is for one throttle: another on the same store keeps what it was made with', async () => {
    const clock = new ManualClock();
    const values = new Map<string, unknown>();
    const [here, there] = [1, 2].map(() => setup(keyValueStore(onMap(values)), {}, clock)) as [
      ReturnType<typeof setup>,
      ReturnType<typeof setup>,
    ];
    await here.throttle.configure({ limits: { ...slow, burst: 8 } });
    expect([await here.remaining(), await there.remaining()]).toEqual([[8], [4]]);
  });

  test('waits for no call in flight', async () => {
    const { clock, throttle, remaining } = setup(memoryStore(), { concurrency: 1 });
    const task = () => new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
    const runs = [1, 2].map(() => outcomeOf(throttle.run(task), clock));
    await clock.advance(0);
    await clock.advance(10);
    await throttle.configure({ limits: { ...slow, burst: 8 } });
    expect(await remaining()).toEqual([7]);
    await clock.advance(200);
    expect(instants(runs)).toEqual([50, 100]);
  });

  test('is refused once the throttle is closed', async () => {
    const { throttle } = setup();
    await throttle.close();
    await expect(throttle.configure({ limits: slow })).rejects.toThrow('The throttle is closed.');
  });
});

describe.each(Object.entries(stores))('configure of calls in flight on %s', (_, makeStore) => {
  const wide = { rate: 1, interval: 1, burst: 1_000 };

  function inFlight(options: Partial<ThrottleOptions>) {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: wide, clock, store: makeStore(), ...options });
    const run = (key: string) =>
      outcomeOf(
        throttle.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, T)), { key }),
        clock,
      );
    return { clock, throttle, run };
  }

  test('lets more go at once, or fewer from then on', async () => {
    const { clock, throttle, run } = inFlight({ concurrency: 1 });
    const calls = Array.from({ length: 9 }, () => run('a'));
    await clock.advance(T / 2);
    await throttle.configure({ concurrency: 3 });
    await clock.advance(0);
    expect((await throttle.status('a')).inFlight).toBe(3);
    await throttle.configure({ concurrency: 2 });
    await clock.advance(10 * T);
    expect(calls.map(({ at = 0 }) => at / T)).toEqual([1, 1.5, 1.5, 2.5, 2.5, 3.5, 3.5, 4.5, 4.5]);
  });

  test('of all keys too, and keeps what is left out', async () => {
    const { clock, throttle, run } = inFlight({ maxInFlight: 1, concurrency: 2 });
    const keys = ['a', 'a', 'a', 'b', 'b', 'b'];
    for (const key of keys) run(key);
    await clock.advance(T / 2);
    await throttle.configure({ maxInFlight: 3 });
    await clock.advance(0);
    const count = async () => [(await throttle.status('a')).inFlight, (await throttle.status('b')).inFlight];
    expect((await count()).reduce((sum, one) => sum + one)).toBe(3);
    await throttle.configure({ maxInFlight: Infinity, limits: wide });
    await clock.advance(0);
    expect(await count()).toEqual([2, 2]);
  });

  test('changes nothing if one of the options is wrong', async () => {
    const { clock, throttle, run } = inFlight({ concurrency: 1 });
    run('a');
    run('a');
    await clock.advance(0);
    await expect(throttle.configure({ concurrency: 0, limits: wide })).rejects.toThrow(RangeError);
    await expect(throttle.configure({ maxInFlight: 1.5 })).rejects.toThrow(RangeError);
    await expect(throttle.configure({ concurrency: 2, limits: 5 as never })).rejects.toThrow(TypeError);
    await clock.advance(0);
    expect((await throttle.status('a')).inFlight).toBe(1);
  });
});
