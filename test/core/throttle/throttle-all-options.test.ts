import { createThrottle, memoryStore, type ThrottleOptions, throttleAll, whenIdle } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { Line } from '../../../src/core/line/line.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const wide = { rate: 1, interval: 1, burst: 10_000 };
const slowly = { rate: 1, interval: 1e6, burst: 10 };

/** Calls something with a value that its type does not allow. */
// biome-ignore lint/suspicious/noExplicitAny: wrong types are what is tested
type Wrong = any;

function setup(options: Partial<ThrottleOptions> = {}, otherOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const make = (own: Partial<ThrottleOptions>) => createThrottle({ limits: wide, margin: 0, clock, ...own });
  const [customers, api] = [make(options), make(otherOptions)];
  const both = throttleAll([customers, api]);
  const hang = (key: string) => void both.run(() => new Promise(() => {}), { key });
  return { clock, customers, api, both, hang };
}

describe('a combination', () => {
  const { both, customers } = setup();

  test.each([
    ['no list', () => throttleAll(customers as Wrong), 'Expected `throttles` to be a list of throttles, got '],
    ['an empty list', () => throttleAll([]), 'Expected `throttles` to be a list of throttles, got `array of 0`.'],
    ['nothing', () => throttleAll(undefined as Wrong), 'Expected `throttles` to be a list of throttles, got '],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['the key of wait', () => both.wait(5 as Wrong), 'Expected `key` to be a string, got `5`.'],
    [
      'the key of wait where no throttle reads it',
      () => throttleAll([{ throttle: customers, key: 'all' }]).wait(5 as Wrong),
      'Expected `key` to be a string, got `5`.',
    ],
    ['the options of wait', () => both.wait('a', null as Wrong), 'Expected `options` to be an object, got `null`.'],
    ['the task of run', () => both.run(5 as Wrong), 'Expected `task` to be a function, got `5`.'],
    ['the options of run', () => both.run(() => {}, null as Wrong), 'Expected `options` to be an object, got `null`.'],
    ['settle of run', () => both.run(() => {}, { settle: 5 as Wrong }), 'Expected `settle` to be a function, got `5`.'],
    [
      'the options of settle',
      () => both.settle({} as Wrong, 5 as Wrong),
      'Expected `options` to be an object, got `5`.',
    ],
  ])('checks %s', async (_, act, message) => {
    await expect(act()).rejects.toThrow(TypeError);
    await expect(act()).rejects.toThrow(message);
    expect(customers.keys()).toEqual([]);
  });

  test('of one throttle is as good as that', async () => {
    const { clock, customers } = setup({ limits: { rate: 1, interval: 100, name: 'calls' } });
    const only = throttleAll([customers]);
    const calls = [only.wait(), only.wait('default', { cost: { calls: 1 } })].map((call) => outcomeOf(call, clock));
    await clock.advance(500);
    expect(calls.map(({ at }) => at)).toEqual([0, 100]);
  });

  test('keeps the shortest maxWait of its throttles', async () => {
    for (const [one, other] of [
      [50, 500],
      [500, 50],
    ]) {
      const { clock, both } = setup(
        { limits: { rate: 1, interval: 100 }, maxWait: one as number },
        { maxWait: other as number },
      );
      await both.wait();
      const call = outcomeOf(both.wait(), clock);
      await clock.advance(0);
      expect(call.error).toMatchObject({ name: 'WaitTooLongError', maxWait: 50 });
    }
  });

  test('keeps a margin in each throttle from its first call on', async () => {
    const { customers, api, both } = setup({ margin: 'auto' }, { margin: 'auto' });
    expect((await customers.status()).margin).toBe(0);
    await both.wait();
    expect([(await customers.status()).margin, (await api.status()).margin]).toEqual([20, 20]);
  });
});

describe('a cost by name in a combination', () => {
  const tokens = { ...slowly, name: 'tokens' };

  test('is settled in the throttle that has such a limit', async () => {
    const { customers, api, both } = setup({ limits: tokens }, { limits: slowly });
    const grant = await both.wait('default', { cost: { tokens: 5 } });
    await both.settle(grant, { cost: { tokens: 3 } });
    expect((await customers.status()).limits[0]?.remaining).toBe(7);
    expect((await api.status()).limits[0]?.remaining).toBe(9);
    await expect(both.settle(grant, { cost: { points: 1 } })).rejects.toThrow(
      'Expected `cost` to be one number per named limit (tokens, –), got `"points"`.',
    );
  });

  test.each<[string, (setting: { abort(): void; close(): void }) => void, object]>([
    ['is aborted', ({ abort }) => abort(), { message: 'enough' }],
    ['finds a throttle closed', ({ close }) => close(), { name: 'ClosedError' }],
  ])('is not taken if the call %s while the names are checked', async (_, act, error) => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 10);
    const make = (own: Partial<ThrottleOptions>) => createThrottle({ limits: tokens, margin: 0, clock, ...own });
    const [customers, api] = [make({}), make({ store })];
    const controller = new AbortController();
    const { signal } = controller;
    const call = outcomeOf(throttleAll([customers, api]).wait('default', { cost: { tokens: 5 }, signal }), clock);
    await clock.advance(5);
    act({ abort: () => controller.abort(new Error('enough')), close: () => void api.close() });
    await clock.advance(50);
    expect(call.error).toMatchObject(error);
    expect((await customers.status()).limits[0]?.remaining).toBe(10);
  });
});

describe('whenIdle of a combination', () => {
  test('waits for one key alone', async () => {
    const { clock, both, hang } = setup();
    hang('amy');
    await clock.advance(0);
    const idle = ['george', 'amy'].map((key) => outcomeOf(whenIdle(both, key), clock));
    await clock.advance(0);
    expect(idle.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
  });

  test('waits for a key that is busy while others stay busy', async () => {
    const { clock, both, hang } = setup();
    hang('amy');
    void both.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 50)), { key: 'george' });
    await clock.advance(0);
    const idle = outcomeOf(whenIdle(both, 'george'), clock);
    await clock.advance(100);
    expect(idle.at).toBe(50);
  });

  test('waits for all keys, whatever the throttles make of them', async () => {
    const { clock, customers, api } = setup();
    const both = throttleAll([{ throttle: api, key: (key) => key.split(':')[0] as string }, customers]);
    void both.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 50)), { key: 'eu:7' });
    await clock.advance(0);
    const idle = outcomeOf(whenIdle(both), clock);
    await clock.advance(100);
    expect(idle.at).toBe(50);
  });
});

describe('a call of a combination costs no more', () => {
  /** How often a line is asked for its first call, while `act` goes on. */
  async function looksDuring(act: () => unknown) {
    const looks = vi.spyOn(Line.prototype, 'first', 'get');
    await act();
    const count = looks.mock.calls.length;
    looks.mockRestore();
    return count;
  }

  test('where many wait with the same key', async () => {
    const { clock, both, customers } = setup();
    await customers.pause('default', clock.now() + 1_000);
    const call = () => void both.wait().catch(() => {});
    call();
    const first = await looksDuring(call);
    for (let index = 0; index < 200; index++) call();
    expect(await looksDuring(call)).toBeLessThanOrEqual(first);
  });

  test('after many other keys have been at rest again', async () => {
    const { clock, both } = setup();
    const call = (key: string) => both.wait(key);
    await call('first');
    const before = await looksDuring(() => call('amy'));
    for (let index = 0; index < 200; index++) await call(`${index}`);
    await clock.advance(1_000);
    expect(await looksDuring(() => call('george'))).toBeLessThanOrEqual(before);
  });

  test('in timers, however many wait', async () => {
    const { clock, customers, api, hang } = setup({ concurrency: 1 });
    const both = throttleAll([{ throttle: customers, key: 'all' }, api]);
    hang('all');
    await clock.advance(0);
    const timers = vi.spyOn(clock, 'setTimeout');
    for (let index = 0; index < 50; index++) void both.wait(`${index}`).catch(() => {});
    expect(timers.mock.calls.length).toBeLessThanOrEqual(2);
  });
});
