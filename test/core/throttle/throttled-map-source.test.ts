import { ClosedError, createThrottle, type MapOutcome, throttledMap } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';

const T = 100;
const many = { rate: 1_000_000_000, interval: 1_000, burst: 1_000_000_000 };

function setup(limits = many) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  return { clock, throttle, sleep };
}

/** Reads everything in the background; tells what was read so far and how it ended. */
function reading<Value>(results: AsyncIterable<Value>) {
  const read = { values: [] as Value[], error: undefined as unknown, isOver: false };
  void (async () => {
    try {
      for await (const value of results) read.values.push(value);
    } catch (error) {
      read.error = error;
    }
    read.isOver = true;
  })();
  return read;
}

describe('a source of throttledMap', () => {
  test.each(['ends', 'fails'])('is waited for, if it %s only after all results', async (how) => {
    const { clock, throttle, sleep } = setup();
    const failure = new Error('source');
    async function* source(): AsyncGenerator<number> {
      yield 1;
      await sleep(T);
      if (how === 'fails') throw failure;
    }
    const read = reading(throttledMap(throttle, source(), (item) => item));
    await clock.advance(T - 1);
    expect(read).toEqual({ values: [1], error: undefined, isOver: false });
    await clock.advance(1);
    expect(read).toEqual({ values: [1], error: how === 'fails' ? failure : undefined, isOver: true });
  });

  test('is asked no more once it has failed, and not closed', async () => {
    const { clock, throttle } = setup();
    const failure = new Error('source');
    const next = vi.fn(() => {
      throw failure;
    });
    const close = vi.fn();
    const read = reading(throttledMap(throttle, { [Symbol.iterator]: () => ({ next, return: close }) }, () => 1));
    await clock.advance(0);
    expect(read).toEqual({ values: [], error: failure, isOver: true });
    expect([next.mock.calls.length, close.mock.calls.length]).toEqual([1, 0]);
  });

  /** A source that gives an item only when it is told to. */
  function hesitating() {
    const given: ((item: IteratorResult<number>) => void)[] = [];
    let closed = 0;
    // A spy would handle the rejection.
    const close = (): Promise<IteratorResult<number>> => {
      closed++;
      return Promise.reject(new Error('not closed'));
    };
    const next = () => new Promise<IteratorResult<number>>((resolve) => given.push(resolve));
    const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
    return { source, closed: () => closed, give: (value: number) => given.shift()?.({ done: false, value }) };
  }

  test('may find an item after the end, which is not looked at, and may fail to close', async () => {
    const { clock, throttle } = setup();
    const { source, closed, give } = hesitating();
    const key = vi.fn(() => 'amy');
    const results = throttledMap(throttle, source, (item) => item, { key });
    const first = results.next();
    give(1);
    expect(await first).toEqual({ done: false, value: 1 });
    await results.return();
    expect(closed()).toBe(1);
    give(2);
    await clock.advance(0);
    expect(key.mock.calls).toEqual([[1]]);
  });

  test('keeps the count of waiting calls right while it pauses', async () => {
    const { clock, throttle } = setup({ rate: 1, interval: T, burst: 1 });
    const { source, give } = hesitating();
    reading(throttledMap(throttle, source, (item) => item, { key: 'amy' }));
    await clock.advance(0);
    const offer = async (count: number) => {
      for (let index = 0; index < count; index++) {
        give(index);
        await clock.advance(0);
      }
    };
    await offer(3);
    expect((await throttle.status('amy')).waiting).toBe(2);
    await clock.advance(2 * T);
    expect((await throttle.status('amy')).waiting).toBe(0);
    await offer(30);
    expect((await throttle.status('amy')).waiting).toBe(16);
  });
});

describe('throttledMap goes on taking items', () => {
  test('while nobody reads, until nine results are unread', async () => {
    const { clock, throttle, sleep } = setup();
    let taken = 0;
    function* source(): Generator<number> {
      for (;;) yield ++taken;
    }
    const task = async (item: number) => {
      await sleep(T);
      return item;
    };
    const results = throttledMap(throttle, source(), task, { concurrency: 1 });
    const first = results.next();
    await clock.advance(T);
    expect(await first).toEqual({ done: false, value: 1 });
    await clock.advance(50 * T);
    expect(taken).toBe(11);
    await results.return();
  });

  test('after calls that could not begin, however many', async () => {
    const { clock, throttle } = setup({ rate: 1, interval: T, burst: 1 });
    const items = Array.from({ length: 100 }, (_, item) => item);
    const read = reading<MapOutcome<number, number>>(
      throttledMap(throttle, items, (item) => item, { cost: (item) => (item === 99 ? 1 : 2), onError: 'continue' }),
    );
    await clock.advance(0);
    expect(read).toMatchObject({ error: undefined, isOver: true });
    expect(read.values.map(({ status }) => status)).toEqual([...Array(99).fill('rejected'), 'fulfilled']);
  });

  test('after a task that met another throttle which was closed', async () => {
    const { clock, throttle } = setup();
    const task = (item: number) => (item === 1 ? Promise.reject(new ClosedError()) : item);
    const read = reading<MapOutcome<number, number>>(throttledMap(throttle, [1, 2], task, { onError: 'continue' }));
    await clock.advance(0);
    expect(read).toMatchObject({ error: undefined, isOver: true });
    expect(read.values.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

test('throttledMap aborts the signals of its tasks once its loop has ended by itself', async () => {
  const { throttle } = setup();
  const signals: AbortSignal[] = [];
  const results = throttledMap(throttle, [1, 2], (item, _, { signal }) => {
    signals.push(signal);
    return item;
  });
  for await (const item of results)
    if (item === 2) expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
});

test('throttledMap lets at most 16 items of one key wait', async () => {
  const { clock, throttle } = setup({ rate: 1, interval: T, burst: 1 });
  reading(throttledMap(throttle, Array(1_000).fill(1), (item) => item, { key: () => 'amy' }));
  await clock.advance(0);
  expect((await throttle.status('amy')).waiting).toBe(16);
});
