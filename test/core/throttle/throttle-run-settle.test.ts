import { createThrottle, type Limit, memoryStore, slidingWindow, type ThrottleOptions } from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { instants, outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const bucket: Limit = { rate: 1, interval: 100, burst: 5 };

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: bucket, clock, ...options });
  const remaining = async () => (await throttle.status()).limits.map((limit) => limit.remaining);
  return { clock, throttle, remaining };
}

describe('the settle option of run', () => {
  test('settles with what it makes of the result, which comes back as it is', async () => {
    const { clock, throttle, remaining } = setup();
    const answer = { usage: 2 };
    expect(await throttle.run(() => answer, { cost: 4, settle: ({ usage }) => usage })).toBe(answer);
    await clock.advance(0);
    expect(await remaining()).toEqual([3]);
  });

  test('brings waiting calls forward, one after the other', async () => {
    const { clock, throttle } = setup({ limits: slidingWindow({ limit: 100, interval: 60_000 }) });
    const task = () => new Promise<number>((resolve) => clock.setTimeout(() => resolve(10), 50));
    const calls = Array.from({ length: 9 }, () =>
      outcomeOf(throttle.run(task, { cost: 60, settle: (tokens) => tokens }), clock),
    );
    await clock.advance(0);
    await clock.advance(1000);
    expect(instants(calls)).toEqual([50, 100, 150, 200, 250, undefined, undefined, undefined, undefined]);
  });

  test('leaves the cost as it was when it gives undefined', async () => {
    const { clock, throttle, remaining } = setup();
    await throttle.run(() => 5, { cost: 4, settle: () => undefined });
    await clock.advance(0);
    expect(await remaining()).toEqual([1]);
  });

  test('is not asked when the task fails: the cost stays', async () => {
    const { clock, throttle, remaining } = setup();
    const settle = vi.fn(() => 0);
    await expect(throttle.run(() => Promise.reject(new Error('mine')), { cost: 4, settle })).rejects.toThrow('mine');
    await clock.advance(0);
    expect([settle.mock.calls, await remaining()]).toEqual([[], [1]]);
  });

  test.each([
    [-1, RangeError, 'Expected `cost` to be a number of at least 0, got `-1`.'],
    ['5', TypeError, 'Expected `cost` to be a number, or one number per named limit, got `"5"`.'],
    [{ tokens: 1 }, RangeError, 'Expected `cost` to be one number per named limit (–), got `"tokens"`.'],
  ])('rejects the run when it gives %s, and the lane goes on', async (cost, type, message) => {
    const { throttle, remaining } = setup({ concurrency: 1 });
    const run = throttle.run(() => 1, { settle: () => cost as number });
    await expect(run).rejects.toThrow(type);
    await expect(run).rejects.toThrow(message);
    expect(await throttle.run(() => 'next')).toBe('next');
    expect(await remaining()).toEqual([3]);
  });

  test('rejects the run with what it throws, and the lane goes on', async () => {
    const { throttle } = setup({ concurrency: 1 });
    const wrong = new Error('no usage');
    const settle = () => {
      throw wrong;
    };
    await expect(throttle.run(() => 1, { settle })).rejects.toBe(wrong);
    expect(await throttle.run(() => 'next')).toBe('next');
  });

  test.each([null, 5, 'usage', {}])('is refused when it is %s, before the task starts', async (settle) => {
    const { throttle } = setup();
    const task = vi.fn();
    const run = throttle.run(task, { settle } as unknown as { settle: () => number });
    await expect(run).rejects.toThrow('Expected `settle` to be a function, got ');
    expect(task).not.toHaveBeenCalled();
  });

  test('does not wait for the store, and reports its failure by store-error only', async () => {
    const clock = new ManualClock();
    let fails = false;
    const inner = faultyStore(memoryStore({ clock }), (operation) =>
      fails && operation === 'settle' ? { error: new Error('gone') } : undefined,
    );
    const { store } = slowStore(inner, clock, (operation) => (operation === 'settle' ? 500 : 0));
    const throttle = createThrottle({ margin: 0, limits: bucket, clock, store, onStoreError: 'reject' });
    const errors: unknown[] = [];
    throttle.on('store-error', ({ error }) => errors.push(error));
    fails = true;
    const run = outcomeOf(
      throttle.run(() => 'result', { settle: () => 3 }),
      clock,
    );
    await clock.advance(1);
    expect([run.value, errors]).toEqual(['result', []]);
    await clock.advance(1000);
    expect(errors).toEqual([new Error('gone')]);
  });

  test('does nothing when the throttle was closed meanwhile', async () => {
    const { clock, throttle } = setup();
    const task = () => new Promise<string>((resolve) => clock.setTimeout(() => resolve('result'), 50));
    const run = outcomeOf(throttle.run(task, { settle: () => 3 }), clock);
    await clock.advance(1);
    await throttle.close();
    await clock.advance(100);
    expect(run.value).toBe('result');
  });
});
