import {
  type BucketStore,
  createThrottle,
  memoryStore,
  StoreError,
  slidingWindow,
  type TakeAnswer,
  type ThrottleOptions,
} from 'sluice';
import { type Fault, faultyStore, ManualClock, type StoreOperation } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { instants, outcomeOf } from '../line/outcome.ts';
import { slowStore } from './slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** How a store can be down. */
type Mode = 'throws' | 'rejects' | 'hangs';

/** A throttle on a store that can be taken down, and that counts what it is asked. */
function setup(mode: Mode, options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const state = { isDown: false, asked: [] as [StoreOperation, number][] };
  const error = new Error('gone');
  const inner = memoryStore({ clock });
  const fault = (operation: StoreOperation): Fault => {
    state.asked.push([operation, clock.monotonic()]);
    if (!state.isDown) return undefined;
    if (mode === 'throws') return { error };
    return { after: mode === 'rejects' ? Promise.reject(error) : new Promise(() => {}) };
  };
  const store = faultyStore(inner, fault);
  const throttle = createThrottle({ margin: 0, limits, clock, store, ...options });
  const failures: [number, boolean][] = [];
  throttle.on('store-error', ({ fallback }) => failures.push([clock.monotonic(), fallback]));
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  return { clock, throttle, wait, state, error, failures, inner, store };
}

const modes: Mode[] = ['throws', 'rejects', 'hangs'];
const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeAll(() => {
  process.on('unhandledRejection', note);
});

afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

describe.each(modes)("a store that %s, with 'memory'", (mode) => {
  const patience = mode === 'hangs' ? 5000 : 0;

  test('is replaced by a local bucket under the same limits', async () => {
    const { clock, wait, state, failures } = setup(mode);
    state.isDown = true;
    const calls = [wait(), wait(), wait(), wait(), wait()];
    await clock.advance(0);
    await clock.advance(8000);
    const [first, ...rest] = instants(calls) as [number, ...number[]];
    expect(first).toBe(patience);
    // While the store is away nothing is asked of it; when it is tried again and hangs, calls wait for that.
    const steps = rest.map((at, index) => at - ([first, ...rest][index] as number));
    expect(steps.every((step) => step >= T && step <= T + patience)).toBe(true);
    expect(failures[0]).toEqual([patience, true]);
  });

  test('is tried again at growing intervals, and used again when it is back', async () => {
    const { clock, throttle, state, failures } = setup(mode, { limits: { rate: 1, interval: 1, burst: 10 } });
    state.isDown = true;
    const tryFor = async (ms: number) => {
      for (const end = clock.monotonic() + ms; clock.monotonic() < end; await clock.advance(100)) {
        const call = throttle.wait();
        await clock.advance(0);
        if (mode === 'hangs') await clock.advance(5001);
        await call;
      }
    };
    await tryFor(200_000);
    const rests = failures.map(([at], index) => at - (failures[index - 1]?.[0] ?? at) - patience);
    // Rounded to seconds, as calls come every 100 ms or so.
    const seconds = rests.slice(1).map((rest) => Math.round(rest / 1000));
    if (mode !== 'hangs') expect(seconds.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 30, 30]);
    else expect(seconds.length).toBeGreaterThan(3);
    state.isDown = false;
    await clock.advance(30_000);
    state.asked.length = 0;
    await throttle.wait();
    await throttle.wait();
    expect(state.asked.map(([operation]) => operation)).toEqual(['take', 'take']);
    // A store that was back fails again: the first rest is short again.
    state.isDown = true;
    failures.length = 0;
    await tryFor(2500);
    expect(failures.length).toBeGreaterThanOrEqual(mode === 'hangs' ? 1 : 2);
  });

  test('hands over its bucket: what was used stays used', async () => {
    const { clock, throttle, wait, state } = setup(mode, { limits: { ...limits, burst: 5 } });
    for (let call = 0; call < 5; call++) await throttle.wait();
    state.isDown = true;
    const calls = [wait(), wait()];
    await clock.advance(0);
    await clock.advance(12_000);
    if (mode === 'hangs') expect(instants(calls)).toEqual([5000, 5000]);
    else expect(instants(calls)).toEqual([T, 2 * T]);
  });

  test('keeps exact windows too', async () => {
    const window = slidingWindow({ limit: 3, interval: 60_000 });
    const { clock, throttle, wait, state } = setup(mode, { limits: window });
    for (let call = 0; call < 3; call++) await throttle.wait();
    state.isDown = true;
    const calls = [wait(), wait(), wait(), wait()];
    await clock.advance(0);
    await clock.advance(59_000);
    expect(instants(calls)).toEqual([undefined, undefined, undefined, undefined]);
    await clock.advance(200_000);
    expect((calls[0]?.at as number) >= 60_000).toBe(true);
    expect((calls[3]?.at as number) >= 120_000).toBe(true);
  });

  test('loses no call, whichever method it came by', async () => {
    const { clock, throttle, state } = setup(mode, { limits: { ...limits, burst: 3 } });
    state.isDown = true;
    const calls = [
      throttle.allow(),
      throttle.reserve(),
      throttle.wait(),
      throttle.run(() => 'ran'),
      throttle.status(),
      throttle.pause('other', clock.now() + 1000),
      throttle.reset('another'),
    ].map((call) => outcomeOf<unknown>(call, clock));
    await clock.advance(0);
    await clock.advance(30_000);
    expect(calls.map((call) => call.state)).toEqual(calls.map(() => 'fulfilled'));
    expect(calls[0]?.value).toMatchObject({ allowed: true });
    expect(calls[3]?.value).toBe('ran');
    expect(clock.timers).toBe(0);
  });

  test('holds a pause that came before or while it was away', async () => {
    const { clock, throttle, wait, state } = setup(mode, { limits: { ...limits, burst: 3 } });
    await throttle.pause('default', clock.now() + 20_000);
    state.isDown = true;
    const call = wait();
    const other = outcomeOf(throttle.pause('other', clock.now() + 20_000), clock);
    const reservation = outcomeOf(throttle.reserve(), clock);
    await clock.advance(0);
    await clock.advance(6000);
    expect(other.state).toBe('fulfilled');
    expect((reservation.at as number) + (reservation.value?.wait as number)).toBe(20_000);
    const refused = outcomeOf(throttle.allow('other'), clock);
    await clock.advance(0);
    await clock.advance(6000);
    expect(refused.value).toMatchObject({ allowed: false });
    expect(call.state).toBe('pending');
    await clock.advance(20_000);
    expect(call.at).toBeGreaterThanOrEqual(20_000);
  });

  test('lets calls abort and run out of time at once', async () => {
    const { clock, wait, state } = setup(mode);
    state.isDown = true;
    const signal = new FakeSignal();
    const calls = [wait(), wait({ signal: signal.signal }), wait({ maxWait: T / 2 }), wait()];
    await clock.advance(10);
    signal.abort('mine');
    await clock.advance(0);
    expect(calls[1]).toMatchObject({ state: 'rejected', error: 'mine', at: 10 });
    await clock.advance(T);
    expect(calls[2]?.state).toBe('rejected');
    await clock.advance(20_000);
    expect([calls[0]?.state, calls[3]?.state]).toEqual(['fulfilled', 'fulfilled']);
    expect([signal.listeners, clock.timers]).toEqual([0, 0]);
  });

  test('accepts cancelled reservations of either bucket', async () => {
    const { clock, throttle, state } = setup(mode);
    const inTime = async <V>(promise: Promise<V>) => {
      await clock.advance(0);
      if (state.isDown && mode === 'hangs') await clock.advance(5001);
      return promise;
    };
    await throttle.reserve();
    const ofStore = await throttle.reserve('default');
    state.isDown = true;
    const ofLocal = await inTime(throttle.reserve('local', { cost: 1 }));
    const second = await inTime(throttle.reserve('local'));
    await inTime(ofStore.cancel());
    await inTime(second.cancel());
    await inTime(ofLocal.cancel());
    expect(clock.timers).toBe(0);
  });
});

describe.each(modes)("a store that %s, with 'reject'", (mode) => {
  const patience = mode === 'hangs' ? 5000 : 0;

  test('rejects with a StoreError that has the cause', async () => {
    const { clock, throttle, state, error, failures } = setup(mode, { onStoreError: 'reject' });
    state.isDown = true;
    const calls = [
      throttle.wait('mine'),
      throttle.allow('mine'),
      throttle.reserve('mine'),
      throttle.run(() => 'never', { key: 'mine' }),
      throttle.status('mine'),
      throttle.pause('mine', clock.now() + 1000),
      throttle.reset('mine'),
    ].map((call) => outcomeOf<unknown>(call, clock));
    await clock.advance(0);
    await clock.advance(3 * patience);
    for (const call of calls) {
      expect(call.error).toBeInstanceOf(StoreError);
      expect(call.error).toMatchObject({ name: 'StoreError', store: 'memory', key: 'mine' });
      const cause = (call.error as StoreError).cause as Error;
      if (mode === 'hangs') expect(cause.message).toBe('No answer within 5000 ms.');
      else expect(cause).toBe(error);
    }
    expect(failures.every(([, fallback]) => !fallback)).toBe(true);
    await clock.advance(2000);
    expect(clock.timers).toBe(0);
  });

  test('goes on as soon as it is back', async () => {
    const { clock, wait, state } = setup(mode, { onStoreError: 'reject' });
    state.isDown = true;
    const lost = wait();
    await clock.advance(0);
    await clock.advance(patience);
    state.isDown = false;
    const calls = [wait(), wait()];
    await clock.advance(0);
    await clock.advance(2 * T);
    expect(lost.state).toBe('rejected');
    expect(instants(calls)).toEqual([patience, patience + T]);
  });

  test('runs no task', async () => {
    const { clock, throttle, state } = setup(mode, { onStoreError: 'reject', concurrency: 1 });
    state.isDown = true;
    let ran = 0;
    const calls = [1, 2, 3].map(() =>
      outcomeOf(
        throttle.run(() => ran++),
        clock,
      ),
    );
    await clock.advance(0);
    await clock.advance(4 * patience);
    expect([ran, ...calls.map((call) => call.state)]).toEqual([0, 'rejected', 'rejected', 'rejected']);
    state.isDown = false;
    expect((await throttle.status()).inFlight).toBe(0);
    expect(await throttle.run(() => 'ran')).toBe('ran');
  });
});

describe('an answer that comes after the 5 seconds', () => {
  test.each(['memory', 'reject'] as const)('is given back, with %s', async (onStoreError) => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    // Decides in the end: what it takes, it takes late.
    const slow = slowStore(inner, clock, (operation) => (operation === 'take' ? 6000 : 0));
    const limit = { rate: 1, interval: 10_000, burst: 3 };
    const throttle = createThrottle({ margin: 0, limits: limit, clock, store: slow.store, onStoreError });
    const calls = [1, 2].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    await clock.advance(5000);
    expect(calls[0]?.state).toBe(onStoreError === 'memory' ? 'fulfilled' : 'rejected');
    await clock.advance(20_000);
    expect(slow.asked).toEqual({ take: 1, settle: 1 });
    const other = createThrottle({ margin: 0, limits: limit, clock, store: inner });
    expect((await other.status()).limits).toEqual([{ remaining: 3, resetAfter: 0 }]);
    expect([clock.timers, slow.timers]).toEqual([0, 0]);
  });

  test('is given back with the slot that it reserved, the latest first', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const asked: string[] = [];
    const slow = slowStore(inner, clock, (operation) => {
      asked.push(operation);
      return asked.length === 2 ? 6000 : 0;
    });
    const limit = { rate: 1, interval: 100_000, burst: 2 };
    const throttle = createThrottle({ margin: 0, limits: limit, clock, store: slow.store, onStoreError: 'reject' });
    // The first operation carries one call, the second, which is late, the other two: one is granted, one gets a slot.
    const calls = [outcomeOf(throttle.wait(), clock)];
    await clock.advance(0);
    calls.push(outcomeOf(throttle.wait(), clock), outcomeOf(throttle.wait(), clock));
    await clock.advance(10_000);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(asked).toEqual(['take', 'take', 'giveBack', 'settle']);
    const other = createThrottle({ margin: 0, limits: limit, clock, store: inner });
    expect((await other.status()).limits).toEqual([{ remaining: 1, resetAfter: 90_000 }]);
  });

  test('disturbs no call if it is an error', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const store = faultyStore(inner, () => ({
      after: new Promise((_, reject) => clock.setTimeout(() => reject(new Error('late')), 7000)),
    }));
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const calls = [1, 2, 3].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    await clock.advance(20_000);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('disturbs no call if it is invalid', async () => {
    const clock = new ManualClock();
    const store: BucketStore = {
      ...slowStore(memoryStore({ clock }), clock).store,
      take: () => new Promise((resolve) => clock.setTimeout(() => resolve(undefined as never), 7000)),
    };
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(0);
    await clock.advance(20_000);
    expect(call.state).toBe('fulfilled');
  });
});

describe.each([
  ['nothing', () => undefined],
  ['no grants', (answer: TakeAnswer) => ({ ...answer, granted: undefined })],
  ['more grants than calls', (answer: TakeAnswer) => ({ ...answer, granted: Array(3).fill(answer.granted[0]) })],
] as const)('a store that answers with %s', (_, spoil) => {
  test.each(['memory', 'reject'] as const)('holds up no line, with %s', async (onStoreError) => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock);
    let isSpoiled = true;
    const take: BucketStore['take'] = async (key, request) => {
      const answer = await store.take(key, request);
      return isSpoiled ? (spoil(answer) as TakeAnswer) : answer;
    };
    const throttle = createThrottle({ limits, clock, store: { ...store, take }, onStoreError });
    const calls = [1, 2].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(0);
    isSpoiled = false;
    calls.push(outcomeOf(throttle.wait(), clock));
    await clock.advance(10 * T);
    expect(calls.map((call) => call.times)).toEqual([1, 1, 1]);
    expect(calls[2]?.state).toBe('fulfilled');
  });
});

test('closing ends operations on a hanging store outside the lines, and leaves no timer', async () => {
  const { clock, throttle, state } = setup('hangs');
  state.isDown = true;
  const asked = outcomeOf(throttle.status(), clock);
  await clock.advance(10);
  expect(asked.state).toBe('pending');
  await throttle.close();
  await clock.advance(0);
  expect([asked.state, clock.timers]).toEqual(['fulfilled', 0]);
});
