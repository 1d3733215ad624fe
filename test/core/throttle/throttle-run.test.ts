import { createThrottle, type Grant, type ThrottleOptions, WaitTooLongError } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { instants, outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T, burst: 1000 };

/** A throttle and tasks that take a while on its clock. */
function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const log: [string, number][] = [];
  let inFlight = 0;
  let most = 0;
  const task = (name: string, ms: number) => () => {
    log.push([name, clock.monotonic()]);
    most = Math.max(most, ++inFlight);
    return new Promise<string>((resolve) =>
      clock.setTimeout(() => {
        inFlight--;
        resolve(name);
      }, ms),
    );
  };
  /** Lets what can happen now happen, then time go by. */
  const advance = async (ms: number) => {
    await clock.advance(0);
    await clock.advance(ms);
  };
  return {
    clock,
    advance,
    throttle,
    log,
    task,
    get most() {
      return most;
    },
  };
}

describe('run', () => {
  test.each([
    ['a value', () => 5, 5],
    ['undefined', () => undefined, undefined],
    ['a promise of a value', () => Promise.resolve('later'), 'later'],
    ['an async result', async () => null, null],
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
    ['a thenable', () => ({ then: (resolve: (value: string) => void) => resolve('then') }), 'then'],
  ])('passes %s through', async (_, task, result) => {
    const { throttle } = setup();
    expect(await throttle.run<unknown>(task)).toBe(result);
  });

  test('returns the same object that the task returned', async () => {
    const { throttle } = setup();
    const result = { big: true };
    expect(await throttle.run(() => result)).toBe(result);
  });

  test.each([new Error('mine'), undefined, null, 0, 'text', { not: 'an error' }])(
    'passes %s through, thrown or rejected, and the lane goes on',
    async (reason) => {
      const { throttle } = setup({ concurrency: 1 });
      const thrown = throttle.run(() => {
        throw reason;
      });
      const rejected = throttle.run(() => Promise.reject(reason));
      const next = throttle.run(() => 'next');
      const seen = await Promise.allSettled([thrown, rejected, next]);
      expect(seen).toEqual([
        { status: 'rejected', reason },
        { status: 'rejected', reason },
        { status: 'fulfilled', value: 'next' },
      ]);
      expect((seen[0] as PromiseRejectedResult).reason).toBe(reason);
      expect((await throttle.status()).inFlight).toBe(0);
    },
  );

  test('hands the grant to the task', async () => {
    const { clock, advance, throttle } = setup({ limits: { rate: 1, interval: T } });
    const grants: Grant[] = [];
    const start = clock.now();
    const tasks = [1, 2].map(() => throttle.run((grant) => grants.push(grant), { key: 'mine' }));
    await advance(T);
    await Promise.all(tasks);
    expect(grants.map(({ key, at }) => [key, at - start])).toEqual([
      ['mine', 0],
      ['mine', T],
    ]);
  });

  test('hands the signal of its caller to the task, the very one', async () => {
    const { throttle } = setup();
    const controller = new AbortController();
    const { signal } = controller;
    const task = throttle.run(
      (_, context) =>
        new Promise((_, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason));
        }),
      { signal },
    );
    const seen = await throttle.run((_, { signal }) => signal, { signal });
    controller.abort('mine');
    await expect(task).rejects.toBe('mine');
    expect(seen).toBe(signal);
  });

  test('gives the task a signal of its own that never aborts where its caller has none, if the task asks', async () => {
    const made = vi.spyOn(globalThis, 'AbortController');
    const { throttle } = setup();
    await throttle.run(() => {});
    await throttle.run((_, context) => context, { signal: undefined });
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
    const signals = await Promise.all([1, 2].map(() => throttle.run((_, context) => [context.signal, context.signal])));
    const [[first, again], [other]] = signals as [[AbortSignal, AbortSignal], [AbortSignal]];
    expect([first.aborted, first === again, first === other]).toEqual([false, true, false]);
  });

  test('starts no task whose wait fails', async () => {
    const { clock, advance, throttle } = setup({ limits: { rate: 1, interval: T } });
    await throttle.wait();
    const task = vi.fn();
    const signal = new FakeSignal();
    const calls = [
      throttle.run(task, { maxWait: 10 }),
      throttle.run(task, { cost: 2 }),
      throttle.run(task, { signal: signal.signal }),
    ].map((call) => outcomeOf(call, clock));
    signal.abort('mine');
    await advance(10 * T);
    expect(calls.map((call) => call.state)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(task).not.toHaveBeenCalled();
    expect((await throttle.status()).inFlight).toBe(0);
  });

  test('ignores a signal that aborts after the start', async () => {
    const { clock, advance, throttle, task } = setup();
    const signal = new FakeSignal();
    const call = outcomeOf(throttle.run(task('a', 50), { signal: signal.signal }), clock);
    await advance(10);
    signal.abort('mine');
    await advance(100);
    expect(call).toMatchObject({ state: 'fulfilled', value: 'a', at: 50 });
  });

  test('keeps its place when the options object changes meanwhile', async () => {
    const { clock, advance, throttle, task } = setup({ concurrency: 1 });
    const options = { key: 'a' };
    outcomeOf(throttle.run(task('first', 50), options), clock);
    await advance(10);
    options.key = 'b';
    await advance(100);
    expect((await throttle.status('a')).inFlight).toBe(0);
  });
});

describe('concurrency', () => {
  test.each([1, 2, 3, 7])('of %i never has more in flight, and always as many as it may', async (concurrency) => {
    const setting = setup({ concurrency });
    const { clock, advance, throttle, task } = setting;
    const calls = Array.from({ length: 20 }, (_, index) =>
      outcomeOf(throttle.run(task(`${index}`, 10), { key: 'a' }), clock),
    );
    await advance(1000);
    expect(setting.most).toBe(concurrency);
    expect(instants(calls)).toEqual(calls.map((_, index) => 10 * (Math.floor(index / concurrency) + 1)));
  });

  test('starts the next when a task ends, fails or throws', async () => {
    const { clock, advance, throttle, task, log } = setup({ concurrency: 1 });
    const fails = (name: string) => async () => {
      await task(name, 10)();
      throw new Error(name);
    };
    const throws = (name: string) => () => {
      log.push([name, clock.monotonic()]);
      throw new Error(name);
    };
    const calls = [fails('a'), throws('b'), throws('c'), task('d', 10), task('e', 10)].map((one) =>
      outcomeOf(throttle.run<unknown>(one), clock),
    );
    await advance(100);
    expect(log).toEqual([
      ['a', 0],
      ['b', 10],
      ['c', 10],
      ['d', 10],
      ['e', 20],
    ]);
    expect(calls.map((call) => call.state)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled', 'fulfilled']);
  });

  test('counts per key', async () => {
    const setting = setup({ concurrency: 1 });
    const { clock, advance, throttle, task } = setting;
    for (const key of ['a', 'b', 'a', 'b']) outcomeOf(throttle.run(task(key, 10), { key }), clock);
    await advance(100);
    expect(setting.log).toEqual([
      ['a', 0],
      ['b', 0],
      ['a', 10],
      ['b', 10],
    ]);
    expect(setting.most).toBe(2);
  });

  test('lets `wait` wait for a place without holding one', async () => {
    const { clock, advance, throttle, task } = setup({ concurrency: 2 });
    for (let one = 0; one < 2; one++) outcomeOf(throttle.run(task('long', 50)), clock);
    await advance(10);
    const waits = [{}, undefined, {}].map((options) => outcomeOf(throttle.wait('default', options), clock));
    const run = outcomeOf(throttle.run(task('short', 5)), clock);
    await advance(100);
    expect(instants([...waits, run])).toEqual([50, 50, 50, 55]);
    expect((await throttle.status()).inFlight).toBe(0);
  });

  test('takes no slot for a call that has no place yet', async () => {
    const { clock, advance, throttle, task, log } = setup({ limits: { rate: 1, interval: T }, concurrency: 1 });
    const calls = [task('a', 3.5 * T), task('b', 1), task('c', 1)].map((one) => outcomeOf(throttle.run(one), clock));
    await advance(3 * T);
    expect(await throttle.allow()).toMatchObject({ allowed: true });
    await advance(10 * T);
    expect(calls.every((call) => call.state === 'fulfilled')).toBe(true);
    expect(log.map(([, at]) => at / T)).toEqual([0, 4, 5]);
  });

  test('gives a place to the highest priority', async () => {
    const { clock, advance, throttle, task, log } = setup({ concurrency: 1 });
    const run = (name: string, priority: number) => outcomeOf(throttle.run(task(name, 10), { priority }), clock);
    run('first', 0);
    await advance(5);
    run('low', -1);
    run('normal', 0);
    run('high', 1);
    await advance(100);
    expect(log.map(([name]) => name)).toEqual(['first', 'high', 'normal', 'low']);
  });

  test('keeps rate and places together over many tasks', async () => {
    const setting = setup({ limits: { rate: 1, interval: 10, burst: 3 }, concurrency: 4 });
    const { clock, advance, throttle, task } = setting;
    for (let one = 0; one < 50; one++) outcomeOf(throttle.run(task('task', 5 + ((one * 7) % 90))), clock);
    await advance(5000);
    const starts = setting.log.map(([, at]) => at);
    expect(starts).toHaveLength(50);
    expect(setting.most).toBe(4);
    // At most three from rest and one every 10 ms.
    starts.forEach((at, index) => {
      for (let before = 0; before < index; before++)
        expect(index - before).toBeLessThanOrEqual(2 + Math.floor((at - (starts[before] as number)) / 10));
    });
  });

  test('grants no `wait` while all places are taken, even one without options', async () => {
    const { clock, advance, throttle, task } = setup({ concurrency: 1 });
    outcomeOf(throttle.run(task('a', 10)), clock);
    await advance(1);
    const wait = outcomeOf(throttle.wait(), clock);
    await advance(5);
    expect(wait.state).toBe('pending');
    await advance(10);
    expect(wait.at).toBe(10);
  });

  test.each(['run', 'wait'] as const)(
    'a %s inside a task of the same key waits for ever, or for its maxWait',
    async (verb) => {
      const { throttle, advance } = setup({ concurrency: 1 });
      const inner = async (maxWait: number): Promise<unknown> =>
        verb === 'run' ? throttle.run(async () => 'inner', { maxWait }) : throttle.wait('default', { maxWait });
      const hung = vi.fn();
      const bounded = throttle.run(() => inner(5_000)).catch((error) => error);
      await advance(5_000);
      await expect(bounded).resolves.toBeInstanceOf(WaitTooLongError);
      void throttle.run(() => inner(Infinity)).finally(hung);
      await advance(3_600_000);
      expect(hung).not.toHaveBeenCalled();
    },
  );

  test('a run around each request of a task, and none around the task, lets every request go', async () => {
    const { throttle, task, advance } = setup({ concurrency: 1 });
    const get = (name: string) => throttle.run(task(name, 10));
    const both = async () => [await get('list'), await get('item')];
    const answers = Promise.all([both(), both()]);
    await advance(40);
    expect(await answers).toEqual([
      ['list', 'item'],
      ['list', 'item'],
    ]);
  });

  test('lets allow pass, which never waits', async () => {
    const { clock, advance, throttle, task } = setup({ concurrency: 1 });
    outcomeOf(throttle.run(task('a', 10)), clock);
    await advance(1);
    expect((await throttle.allow()).allowed).toBe(true);
  });
});
