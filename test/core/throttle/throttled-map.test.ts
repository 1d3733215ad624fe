import {
  ClosedError,
  createThrottle,
  isThrottleError,
  type MapOutcome,
  type ThrottleOptions,
  throttledMap,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';

const T = 100;

/** A throttle on its own clock, and a source that counts what was taken of it. */
function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options });
  const source = { taken: 0, closed: 0 };
  function* items(count: number): Generator<number> {
    try {
      while (source.taken < count) yield source.taken++;
    } finally {
      source.closed++;
    }
  }
  async function* slowItems(count: number, ms: number): AsyncGenerator<number> {
    try {
      for (const item of items(count)) {
        await later(ms, undefined);
        yield item;
      }
    } finally {
      // Counted by `items`.
    }
  }
  const later = <Value>(ms: number, value: Value) =>
    new Promise<Value>((resolve) => clock.setTimeout(() => resolve(value), ms));
  return { clock, throttle, source, items, slowItems, later };
}

const many = { rate: 1_000_000_000, interval: 1_000, burst: 1_000_000_000 };

/** Reads everything in the background; tells what was read so far and how it ended. */
function reading<Value>(results: AsyncIterable<Value>) {
  const read = { values: [] as Value[], error: undefined as unknown, isOver: false };
  const over = (async () => {
    try {
      for await (const value of results) read.values.push(value);
    } catch (error) {
      read.error = error;
    }
    read.isOver = true;
  })();
  return Object.assign(read, { over });
}

describe('throttledMap', () => {
  test('runs a task for each item when its turn comes, and gives the results', async () => {
    const { clock, throttle, items } = setup();
    const began: number[] = [];
    const read = reading(
      throttledMap(throttle, items(4), (item, { key }) => {
        began.push(clock.monotonic());
        return `${key} ${item}`;
      }),
    );
    await clock.advance(10 * T);
    expect(read).toMatchObject({ isOver: true, values: ['default 0', 'default 1', 'default 2', 'default 3'] });
    expect(began.map((at) => at - (began[0] ?? 0))).toEqual([0, T, 2 * T, 3 * T]);
  });

  test.each(['an array', 'a set', 'a generator', 'an async generator', 'a ReadableStream'])(
    'reads %s',
    async (kind) => {
      const { throttle, clock, items, slowItems } = setup({ limits: many });
      const sources: Record<string, Iterable<number> | AsyncIterable<number>> = {
        'an array': [0, 1, 2],
        'a set': new Set([0, 1, 2]),
        'a generator': items(3),
        'an async generator': slowItems(3, 5),
        'a ReadableStream': new ReadableStream<number>({
          start(controller) {
            for (const item of [0, 1, 2]) controller.enqueue(item);
            controller.close();
          },
        }) as unknown as AsyncIterable<number>,
      };
      const read = reading(throttledMap(throttle, sources[kind] as Iterable<number>, (item) => 2 * item));
      await clock.advance(100);
      expect(read.values).toEqual([0, 2, 4]);
    },
  );

  test('gives results in the order of the source, whichever is done first', async () => {
    const { clock, throttle, items, later } = setup({ limits: many });
    const read = reading(throttledMap(throttle, items(5), (item) => later(50 - 10 * item, item)));
    await clock.advance(100);
    expect(read.values).toEqual([0, 1, 2, 3, 4]);
  });

  test('gives results as they are done, unordered', async () => {
    const { clock, throttle, items, later } = setup({ limits: many });
    const read = reading(throttledMap(throttle, items(5), (item) => later(50 - 10 * item, item), { ordered: false }));
    await clock.advance(100);
    expect(read.values).toEqual([4, 3, 2, 1, 0]);
  });

  test('begins with the first result that is asked for', async () => {
    const { clock, throttle, items, source } = setup();
    const results = throttledMap(throttle, items(3), (item) => item);
    await clock.advance(T);
    expect(source.taken).toBe(0);
    expect(await results.next()).toEqual({ done: false, value: 0 });
  });
});

describe('throttledMap takes from its source', () => {
  test('only when a turn is near: at most 16 wait', async () => {
    const { clock, throttle, items, source } = setup();
    let most = 0;
    const read = reading(throttledMap(throttle, items(1_000), (item) => item));
    for (let turn = 0; turn < 50; turn++) {
      await clock.advance(T);
      most = Math.max(most, source.taken - read.values.length);
    }
    expect(most).toBe(16);
    expect(read.values.length).toBe(51);
  });

  test('at most 16 for each key, so that a line of many keys uses all their quotas', async () => {
    const { clock, throttle, items } = setup();
    const read = reading(throttledMap(throttle, items(500), (item) => item, { key: (item) => `user ${item % 50}` }));
    await clock.advance(10 * T);
    expect(read.values).toHaveLength(500);
  });

  test('all that may go at once', async () => {
    const { clock, throttle, items } = setup({ limits: { rate: 1, interval: T, burst: 80 } });
    const read = reading(throttledMap(throttle, items(1_000), (item) => item));
    await clock.advance(0);
    expect(read.values).toHaveLength(80);
  });

  test.each([
    { ordered: true, most: 90 },
    { ordered: true, concurrency: 1, most: 1 },
    { ordered: false, concurrency: 5, most: 5 },
  ])('no more than may be on their way: $most', async ({ most, ...options }) => {
    const { clock, throttle, items, source, later } = setup({ limits: many });
    const task = (item: number) => later(T, item);
    const read = reading(throttledMap(throttle, items(1_000), task, options));
    await clock.advance(T - 1);
    expect(source.taken).toBe(most);
    await clock.advance(1);
    expect(read.values).toHaveLength(most);
  });

  test('at most nine more while the very first task is in flight', async () => {
    const { clock, throttle, items, source, later } = setup({ limits: many });
    const read = reading(throttledMap(throttle, items(1_000), (item) => later(item === 0 ? T : 1, item)));
    await clock.advance(T - 1);
    expect([source.taken, read.values.length]).toEqual([99, 0]);
    await clock.advance(2);
    expect(read.values.length).toBeGreaterThan(100);
  });

  test.each([true, false])('nothing more while nobody reads, ordered: %s', async (ordered) => {
    const { clock, throttle, items, source } = setup({ limits: many });
    const results = throttledMap(throttle, items(1_000), (item) => item, { ordered });
    expect(await results.next()).toEqual({ done: false, value: 0 });
    await clock.advance(10 * T);
    expect(source.taken).toBe(100);
    await results.next();
    await clock.advance(T);
    expect(source.taken).toBe(101);
  });

  test('the next item while a task is in flight', async () => {
    const { clock, throttle, slowItems, later } = setup({ limits: many });
    const read = reading(throttledMap(throttle, slowItems(5, 10), (item) => later(T, item)));
    await clock.advance(50 + T);
    expect(read.values).toEqual([0, 1, 2, 3, 4]);
  });

  test('one item at a time, if it is asynchronous', async () => {
    const { clock, throttle } = setup({ limits: many });
    let asked = 0;
    let most = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          most = Math.max(most, ++asked);
          await Promise.resolve();
          asked--;
          return { done: false as const, value: 1 };
        },
      }),
    };
    const results = throttledMap(throttle, source, (item) => item);
    for (let turn = 0; turn < 200; turn++) await results.next();
    await results.return();
    await clock.advance(0);
    expect(most).toBe(1);
  });
});

describe('throttledMap passes on', () => {
  test('key, cost and priority as values', async () => {
    const { clock, throttle, items } = setup();
    const queued = vi.fn();
    throttle.on('queued', queued);
    const limits = { rate: 10, interval: T, burst: 10 };
    await throttle.configure({ limits });
    reading(throttledMap(throttle, items(2), (item) => item, { key: 'amy', cost: 8, priority: 2 }));
    await clock.advance(0);
    expect(queued.mock.calls).toEqual([[{ key: 'amy', cost: 8, priority: 2, waiting: 1 }]]);
  });

  test('key, cost and priority of each item', async () => {
    const { clock, throttle, items } = setup({ limits: { rate: 10, interval: T, burst: 10 } });
    const granted = vi.fn();
    throttle.on('granted', granted);
    reading(
      throttledMap(throttle, items(4), (item) => item, {
        key: (item) => `user ${item % 2}`,
        cost: (item) => 8 + (item % 2),
        priority: (item) => item,
      }),
    );
    await clock.advance(10 * T);
    expect(granted.mock.calls.map(([{ key, cost }]) => [key, cost])).toEqual([
      ['user 0', 8],
      ['user 1', 9],
      ['user 0', 8],
      ['user 1', 9],
    ]);
  });

  test('the true cost', async () => {
    const { clock, throttle } = setup({ limits: { rate: 10, interval: T, burst: 10 } });
    const read = reading(throttledMap(throttle, [1, 2], (item) => item, { cost: 10, settle: () => 1 }));
    await clock.advance(T / 10 - 1);
    expect(read.values).toEqual([1]);
    await clock.advance(1);
    expect(read.values).toEqual([1, 2]);
  });

  test('places among the calls in flight', async () => {
    const { clock, throttle, items, source, later } = setup({ limits: many, concurrency: 3 });
    reading(throttledMap(throttle, items(100), (item) => later(T, item)));
    await clock.advance(0);
    expect(await throttle.status()).toMatchObject({ inFlight: 3, waiting: 16 });
    expect(source.taken).toBe(19);
  });

  test('no maxWait of the throttle: items wait because they were taken', async () => {
    const { clock, throttle, items } = setup({ maxWait: T });
    const read = reading(throttledMap(throttle, items(5), (item) => item));
    await clock.advance(10 * T);
    expect(read.values).toHaveLength(5);
  });
});

describe('throttledMap ends at break', () => {
  test.each([true, false])('closes the source and cancels what waits, ordered: %s', async (ordered) => {
    const { clock, throttle, items, source } = setup();
    let seen: number | undefined;
    for await (const value of throttledMap(throttle, items(1_000), (item) => item, { ordered })) {
      seen = value;
      break;
    }
    expect([seen, source.closed]).toEqual([0, 1]);
    await clock.advance(0);
    expect(await throttle.status()).toMatchObject({ waiting: 0, inFlight: 0 });
    await clock.advance(10 * T);
    expect(source.taken).toBe(17);
  });

  test('aborts the signal of tasks in flight', async () => {
    const { throttle, items, later } = setup({ limits: many });
    const signals: AbortSignal[] = [];
    const task = (item: number, _: unknown, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return item === 0 ? item : later(T, item);
    };
    for await (const _ of throttledMap(throttle, items(3), task)) {
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
      break;
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  test('waits until an asynchronous source has closed', async () => {
    const { throttle, clock } = setup();
    let isClosed = false;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: 1 }),
        return: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          isClosed = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const results = throttledMap(throttle, source, (item) => item, { concurrency: 1 });
    await results.next();
    await clock.advance(0);
    await results.return();
    expect(isClosed).toBe(true);
  });

  test('does not wait for a source that still looks for an item', async () => {
    const { throttle } = setup();
    async function* endless(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    for await (const _ of throttledMap(throttle, endless(), (item) => item)) break;
  });

  test('ends a read that waits for its turn', async () => {
    const { throttle, items, source } = setup();
    const results = throttledMap(throttle, items(10), (item) => item);
    await results.next();
    const pending = results.next();
    expect(await results.return()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(source.closed).toBe(1);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test('closes a source that it has not begun to read', async () => {
    const { throttle } = setup();
    const close = vi.fn(() => ({ done: true as const, value: undefined }));
    const source = { [Symbol.iterator]: () => ({ next: () => ({ done: false as const, value: 1 }), return: close }) };
    const results = throttledMap(throttle, source, (item) => item);
    await results.return();
    await results.return();
    expect(close).toHaveBeenCalledTimes(1);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test('throws what the source throws when it is closed', async () => {
    const { throttle } = setup();
    function* source(): Generator<number> {
      try {
        yield 1;
        yield 2;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: it is what is tested
        throw new Error('not closed');
      }
    }
    const loop = async () => {
      for await (const _ of throttledMap(throttle, source(), (item) => item, { concurrency: 1 })) break;
    };
    // Nothing but the first item was taken.
    await expect(loop()).rejects.toThrow('not closed');
  });
});

describe('throttledMap ends at an error', () => {
  const failure = new Error('task 3');
  const failing = (item: number) => (item === 3 ? Promise.reject(failure) : item);

  test.each([true, false])('throws it after what came before, and closes the source, ordered: %s', async (ordered) => {
    const { clock, throttle, items, source } = setup();
    const read = reading(throttledMap(throttle, items(1_000), failing, { ordered }));
    await clock.advance(100 * T);
    expect(read).toMatchObject({ values: [0, 1, 2], error: failure, isOver: true });
    expect(source).toEqual({ taken: 20, closed: 1 });
    expect(await throttle.status()).toMatchObject({ waiting: 0, inFlight: 0 });
  });

  test('lets earlier tasks end, and no later one begin', async () => {
    const { clock, throttle, items, source, later } = setup({ limits: { rate: 1, interval: T, burst: 5 } });
    const began: number[] = [];
    const task = (item: number) => {
      began.push(item);
      return item === 3 ? Promise.reject(failure) : later(5 * T, item);
    };
    const read = reading(throttledMap(throttle, items(1_000), task));
    await clock.advance(5 * T - 1);
    expect([read.values, read.isOver]).toEqual([[], false]);
    await clock.advance(1);
    expect(read).toMatchObject({ values: [0, 1, 2], error: failure, isOver: true });
    expect([began, source.closed]).toEqual([[0, 1, 2, 3, 4], 1]);
  });

  test.each([
    ['the task, at once', () => ({ task: () => raise() })],
    ['key', () => ({ key: () => raise() })],
    ['cost', () => ({ cost: () => raise() })],
    ['settle', () => ({ settle: () => raise() })],
  ])('throws what is thrown by %s', async (_, options) => {
    const { throttle, items, source } = setup();
    const { task = (item: number) => item, ...rest } = options() as { task?: (item: number) => number };
    const read = reading(throttledMap(throttle, items(10), task, rest));
    await read.over;
    expect(read).toMatchObject({ values: [], error: failure });
    expect(source.closed).toBe(1);
  });

  const raise = (): never => {
    throw failure;
  };

  test('throws undefined too', async () => {
    const { throttle, items } = setup();
    const caught = vi.fn();
    const results = throttledMap(throttle, items(10), () => Promise.reject(undefined));
    await results.next().catch(caught);
    expect(caught.mock.calls).toEqual([[undefined]]);
  });

  test('throws the error of the throttle', async () => {
    const { clock, throttle, items, source } = setup();
    const read = reading(throttledMap(throttle, items(10), (item) => item));
    await clock.advance(0);
    await throttle.close();
    await read.over;
    expect(read.values).toEqual([0]);
    expect(isThrottleError(read.error)).toBe(true);
    expect(source.closed).toBe(1);
  });

  test('throws the error of a task rather than that of closing the source', async () => {
    const { throttle } = setup();
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false as const, value: 3 }),
        return: () => raiseOther(),
      }),
    };
    await expect(throttledMap(throttle, source, failing).next()).rejects.toBe(failure);
  });

  const raiseOther = (): never => {
    throw new Error('not closed');
  };

  test.each([
    ['stop', true],
    ['stop', false],
    ['continue', true],
  ] as const)('throws what the source throws after all results, %s, ordered: %s', async (onError, ordered) => {
    const { clock, throttle, later } = setup();
    function* source(): Generator<number> {
      yield 0;
      yield 1;
      throw failure;
    }
    const options = { onError: onError as 'stop', ordered };
    const read = reading(throttledMap(throttle, source(), (item) => later(T, item), options));
    await clock.advance(10 * T);
    expect(read.values).toHaveLength(2);
    expect(read.error).toBe(failure);
  });

  test.each([true, false])('ends with the throttle, after the outcomes there are, ordered: %s', async (ordered) => {
    const { throttle, source, items } = setup();
    const read = reading(
      throttledMap(throttle, items(1_000), () => throttle.close(), { onError: 'continue', ordered }),
    );
    await read.over;
    expect(read.error).toBeInstanceOf(ClosedError);
    expect(read.values.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(source.taken).toBeLessThan(100);
    expect(source.closed).toBe(1);
  });

  test.each([true, false])('continues, and gives outcomes, ordered: %s', async (ordered) => {
    const { clock, throttle, items, source } = setup();
    const read = reading<MapOutcome<number, number>>(
      throttledMap(throttle, items(6), failing, { onError: 'continue', ordered }),
    );
    await clock.advance(10 * T);
    expect(read.error).toBeUndefined();
    expect(read.values).toEqual(
      [0, 1, 2, 3, 4, 5].map((item) =>
        item === 3 ? { item, status: 'rejected', reason: failure } : { item, status: 'fulfilled', value: item },
      ),
    );
    expect(source.closed).toBe(1);
  });
});

describe('throttledMap ends with its signal', () => {
  test('at once, with the reason, while a call waits for its turn', async () => {
    const { clock, throttle, items, source } = setup();
    const controller = new AbortController();
    const read = reading(throttledMap(throttle, items(100), (item) => item, { signal: controller.signal }));
    await clock.advance(T / 2);
    controller.abort('enough');
    await read.over;
    expect(read).toMatchObject({ values: [0], error: 'enough' });
    expect(source).toEqual({ taken: 17, closed: 1 });
    expect(await throttle.status()).toMatchObject({ waiting: 0 });
  });

  test.each(['stop', 'continue'] as const)('at once, while a task is on its way: %s', async (onError) => {
    const { throttle, items, source } = setup({ limits: many });
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const hangs = (_: number, __: unknown, { signal }: { signal: AbortSignal }) => {
      told = signal;
      return new Promise<number>(() => {});
    };
    const options = { signal: controller.signal, onError: onError as 'stop' };
    const read = reading(throttledMap(throttle, items(1), hangs, options));
    controller.abort('enough');
    await read.over;
    expect(read.error).toBe('enough');
    expect([told?.reason, source.taken]).toEqual(['enough', 1]);
  });

  test('at once, while the source looks for an item', async () => {
    const { throttle } = setup();
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<number> {
      await new Promise(() => {});
    }
    const read = reading(throttledMap(throttle, endless(), (item) => item, { signal: controller.signal }));
    controller.abort('enough');
    await read.over;
    expect(read.error).toBe('enough');
  });

  test('before it takes anything, if that has aborted', async () => {
    const { throttle, items, source } = setup();
    const results = throttledMap(throttle, items(10), (item) => item, { signal: AbortSignal.abort('enough') });
    await expect(results.next()).rejects.toBe('enough');
    expect(source.taken).toBe(0);
  });

  test('and takes its listener off when it is over', async () => {
    const { throttle, items } = setup({ limits: many });
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await reading(throttledMap(throttle, items(10), (item) => item, { signal })).over;
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
  });
});

describe('throttledMap refuses', () => {
  const { throttle } = setup();
  const task = () => 1;
  test.each([
    ['a throttle without run', () => throttledMap({} as never, [], task), TypeError],
    ['a source that is no iterable', () => throttledMap(throttle, 5 as never, task), TypeError],
    ['no source', () => throttledMap(throttle, undefined as never, task), TypeError],
    ['half a call at once', () => throttledMap(throttle, [], task, { concurrency: 1.5 }), RangeError],
    ['a task that is no function', () => throttledMap(throttle, [], 5 as never), TypeError],
    ['options that are no object', () => throttledMap(throttle, [], task, 5 as never), TypeError],
    ['concurrency 0', () => throttledMap(throttle, [], task, { concurrency: 0 }), RangeError],
    ['concurrency without end', () => throttledMap(throttle, [], task, { concurrency: Infinity }), RangeError],
    ['an unknown onError', () => throttledMap(throttle, [], task, { onError: 'ignore' as never }), RangeError],
    ['a signal that is none', () => throttledMap(throttle, [], task, { signal: {} as never }), TypeError],
    ['a settle that is no function', () => throttledMap(throttle, [], task, { settle: 5 as never }), TypeError],
  ])('%s at once', (_, make, kind) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(/^Expected `/);
  });
});
