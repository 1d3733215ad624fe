import { type Clock, createThrottle, memoryStore, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';
import { outcomeOf } from './outcome.ts';

const limits = [
  slidingWindow({ name: 'requests', limit: 500, interval: 60_000 }),
  { name: 'tokens', rate: 100, interval: 60_000, burst: 100 },
];

describe.each(['the memory store', 'a slow shared store'])('calls that wait for one of two limits, on %s', (name) => {
  async function waiting() {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const store = name === 'the memory store' ? inner : slowStore(inner, clock).store;
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const calls = Array.from({ length: 15 }, () =>
      outcomeOf(throttle.wait('default', { cost: { tokens: 10 } }), clock),
    );
    await clock.advance(10);
    expect(calls.filter(({ state }) => state === 'fulfilled')).toHaveLength(10);
    return { clock, throttle, calls };
  }

  test('leave the other one as it is in status', async () => {
    const { throttle } = await waiting();
    const { limits: standing, waiting: count } = await throttle.status();
    expect(standing.map(({ remaining }) => remaining)).toEqual([490, 0]);
    expect(count).toBe(5);
  });

  test('do not hold back a call that does not count in their limit', async () => {
    const { clock, throttle, calls } = await waiting();
    const decision = throttle.allow('default', { cost: { tokens: 0 } });
    await clock.advance(10);
    expect((await decision).allowed).toBe(true);
    await clock.advance(10 * 6_000);
    expect(calls[10]?.at).toBeCloseTo(6_000, 0);
  });
});

test('a call that would delay waiting calls is refused, with the time when it could go behind them', async () => {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 100, burst: 4 }, clock });
  await throttle.wait('default', { cost: 4 });
  const large = outcomeOf(throttle.wait('default', { cost: 4 }), clock);
  await clock.advance(250);
  expect(await throttle.allow()).toMatchObject({ allowed: false, wait: 250 });
  await clock.advance(150);
  expect(large.at).toBe(400);
});

test('calls that waited for their limit and now wait for a place hold back nobody who needs none', async () => {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 100 }, clock, concurrency: 1 });
  const task = () => new Promise<void>((resolve) => clock.setTimeout(resolve, 350));
  await throttle.allow();
  const runs = [1, 2].map(() => outcomeOf(throttle.run(task), clock));
  await clock.advance(200);
  expect(await throttle.allow()).toMatchObject({ allowed: true });
  await clock.advance(1_000);
  expect(runs.map(({ at }) => at)).toEqual([450, 800]);
});

test('asks again when the answer comes so late that the call may go', async () => {
  const clock = new ManualClock();
  const { store } = slowStore(memoryStore({ clock }), clock, () => ({ delay: 60, decidesAfter: 0 }));
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 50 }, clock, store });
  const decisions = [1, 2].map(() => throttle.allow());
  await clock.advance(1_000);
  for (const { allowed, wait } of await Promise.all(decisions)) expect(allowed || wait > 0).toBe(true);
});

describe('a clock that returns no number', () => {
  test.each(['now', 'monotonic'] as const)('is refused with its name: %s', (name) => {
    const clock = Object.assign(new ManualClock(), { [name]: () => Number.NaN });
    expect(() => createThrottle({ limits: { rate: 1, interval: 1 }, clock })).toThrow(
      `Expected \`clock.${name}()\` to be a finite number, got \`NaN\`.`,
    );
  });

  test('grants no call, and says why', async () => {
    const clock = new ManualClock();
    let isBroken = false;
    const broken: Clock = {
      now: () => clock.now(),
      monotonic: () => (isBroken ? Number.NaN : clock.monotonic()),
      setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    };
    const throttle = createThrottle({ limits: { rate: 1, interval: 1_000 }, clock: broken });
    await throttle.wait();
    isBroken = true;
    await expect(throttle.allow()).rejects.toThrow('Expected `clock.monotonic()` to be a finite number');
    await expect(throttle.wait()).rejects.toThrow('Expected `clock.monotonic()` to be a finite number');
  });
});
