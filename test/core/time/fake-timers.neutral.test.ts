import { createThrottle, keyValueStore, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

type Faked = NonNullable<Parameters<typeof vi.useFakeTimers>[0]>['toFake'];

/** What a test fakes, by the name under which its runner does. */
const kinds: Record<string, Faked> = {
  'the default of vitest 3 and 4': undefined,
  'the default of vitest 2': ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'Date'],
  'the default of Jest and Sinon': [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'clearImmediate',
    'Date',
    'performance',
    'queueMicrotask',
  ],
  'timers and Date': ['setTimeout', 'clearTimeout', 'Date'],
  'timers and performance': ['setTimeout', 'clearTimeout', 'performance'],
  'timers alone': ['setTimeout', 'clearTimeout'],
};

/** Fakes what a runner does. In happy-dom there is no setImmediate. */
function fake(faked: Faked): void {
  vi.useFakeTimers(faked && { toFake: faked.filter((name) => name in globalThis) });
}

afterEach(() => void vi.useRealTimers());

/** Sends calls and tells how many of them have answered. */
function answeredBy(call: () => Promise<unknown>, calls: number): () => number {
  let answered = 0;
  for (let index = 0; index < calls; index++) void call().then(() => answered++);
  return () => answered;
}

/** Lets the promises settle that can without a timer. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await undefined;
}

const limits = { rate: 10, interval: 1000, burst: 10, margin: 0 };

describe.each(Object.entries(kinds))('with fake timers: %s', (_, faked) => {
  it('calls go at their time on the clock of the timers', async () => {
    fake(faked);
    const throttle = createThrottle({ limits });
    const answered = answeredBy(() => throttle.wait(), 25);
    await vi.advanceTimersByTimeAsync(0);
    expect(answered()).toBe(10);
    for (let call = 11; call <= 25; call++) {
      await vi.advanceTimersByTimeAsync(98);
      expect(answered()).toBe(call - 1);
      await vi.advanceTimersByTimeAsync(2);
      expect(answered()).toBe(call);
    }
  });

  it('a throttle made before goes on with them, and without them afterwards', async () => {
    const throttle = createThrottle({ limits: { ...limits, interval: 20_000 } });
    await Promise.all(Array.from({ length: 10 }, () => throttle.wait()));
    for (let round = 0; round < 2; round++) {
      fake(faked);
      const answered = answeredBy(() => throttle.wait(), 10);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(answered()).toBe(10);
      vi.useRealTimers();
      // Neither clock takes the bucket forward or back.
      const { allowed, wait } = await throttle.allow();
      expect([allowed, wait > 0, wait <= 2_000]).toEqual([false, true, true]);
    }
  });

  it('a call is refused until time is advanced, without waiting calls', async () => {
    fake(faked);
    const throttle = createThrottle({ limits: { rate: 1, interval: 60_000, margin: 0 } });
    const asked = async () => (await throttle.allow()).allowed;
    expect([await asked(), await asked()]).toEqual([true, false]);
    vi.advanceTimersByTime(59_990);
    expect(await asked()).toBe(false);
    vi.advanceTimersByTime(10);
    expect([await asked(), await asked()]).toEqual([true, false]);
  });

  it('calls go without the promises of the test in between', async () => {
    fake(faked);
    const throttle = createThrottle({ limits });
    const answered = answeredBy(() => throttle.wait(), 25);
    await settled();
    vi.advanceTimersByTime(1_500);
    await settled();
    expect(answered()).toBe(25);
  });

  it('time that is run to the end answers every call', async () => {
    fake(faked);
    const fetch = throttleFetch(createThrottle({ limits }), { fetch: async () => new Response() });
    const answered = answeredBy(() => fetch('https://api.example.com/'), 25);
    await vi.runAllTimersAsync();
    expect(answered()).toBe(25);
  });

  it.runIf(faked?.includes('Date') ?? true)('a store on the wall clock keeps its limits', async () => {
    fake(faked);
    const values = new Map<string, unknown>();
    const store = keyValueStore({
      name: 'map',
      update: (key, change) => void values.set(key, change(values.get(key))),
    });
    const throttle = createThrottle({ limits, store });
    const answered = answeredBy(() => throttle.wait(), 25);
    await vi.advanceTimersByTimeAsync(0);
    expect(answered()).toBe(10);
    await vi.advanceTimersByTimeAsync(1490);
    expect(answered()).toBe(24);
    await vi.advanceTimersByTimeAsync(20);
    expect(answered()).toBe(25);
  });

  it('a ManualClock is moved as ever', async () => {
    fake(faked);
    const clock = new ManualClock();
    const throttle = createThrottle({ limits, clock });
    const answered = answeredBy(() => throttle.wait(), 25);
    await clock.advance(1_500);
    expect(answered()).toBe(25);
  });
});

it('calls wait in real time again once timers are real', async () => {
  const throttle = createThrottle({ limits: { ...limits, burst: 1, rate: 50 } });
  await throttle.wait();
  vi.useFakeTimers();
  const answered = answeredBy(() => throttle.wait(), 5);
  await vi.advanceTimersByTimeAsync(100);
  expect(answered()).toBe(5);
  vi.useRealTimers();
  await throttle.wait();
});

it('calls wait in real time while Date alone is faked', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const throttle = createThrottle({ limits: { ...limits, burst: 1, rate: 50 } });
  const start = performance.now();
  await throttle.wait();
  await throttle.wait();
  expect(performance.now() - start).toBeGreaterThanOrEqual(20);
});
