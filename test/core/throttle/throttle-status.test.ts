import fc from 'fast-check';
import { createThrottle, memoryStore, perSecond, type Status, slidingWindow, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { learnedLimit } from '../../../src/core/limits/learned.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const start = clock.now();
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  /** The status, its instants counted from the start. */
  const status = async (key?: string) => {
    const { nextAt, eta, pausedUntil, ...rest } = await throttle.status(key);
    const since = (at: number | undefined) => (at === undefined ? undefined : at - start);
    return { ...rest, nextAt: since(nextAt) as number, eta: since(eta), pausedUntil: since(pausedUntil) };
  };
  return { clock, throttle, wait, status, start };
}

describe('status', () => {
  test('of a key at rest tells that the next call could go now', async () => {
    const { status } = setup({ limits: { ...limits, burst: 3 } });
    expect(await status()).toEqual({
      limits: [{ remaining: 3, resetAfter: 0 }],
      waiting: 0,
      inFlight: 0,
      nextAt: 0,
      eta: undefined,
      pausedUntil: undefined,
      pool: undefined,
      learned: undefined,
      margin: 0,
      timer: undefined,
    } satisfies Status);
  });

  test('changes nothing', async () => {
    const { throttle, status, clock } = setup();
    for (let look = 0; look < 5; look++) await status();
    expect((await throttle.allow()).allowed).toBe(true);
    const before = await status();
    expect(await status()).toEqual(before);
    expect(clock.timers).toBe(0);
  });

  test.each([
    { calls: 1, burst: 1, at: 0, remaining: 0, resetAfter: T, nextAt: T, eta: undefined, waiting: 0 },
    { calls: 2, burst: 1, at: 0, remaining: 0, resetAfter: T, nextAt: T, eta: T, waiting: 1 },
    { calls: 6, burst: 1, at: 0, remaining: 0, resetAfter: T, nextAt: T, eta: 5 * T, waiting: 5 },
    { calls: 6, burst: 1, at: 1.5 * T, remaining: 0, resetAfter: 0.5 * T, nextAt: 2 * T, eta: 5 * T, waiting: 4 },
    { calls: 2, burst: 4, at: 0, remaining: 2, resetAfter: 2 * T, nextAt: 0, eta: undefined, waiting: 0 },
    { calls: 2, burst: 4, at: 0.5 * T, remaining: 2, resetAfter: 1.5 * T, nextAt: 0.5 * T, eta: undefined, waiting: 0 },
    { calls: 9, burst: 4, at: 0, remaining: 0, resetAfter: 4 * T, nextAt: T, eta: 5 * T, waiting: 5 },
  ])('after $calls calls, burst $burst, at $at ms', async ({ calls, burst, at, ...expected }) => {
    const { clock, wait, status } = setup({ limits: { ...limits, burst } });
    for (let call = 0; call < calls; call++) wait();
    await clock.advance(0);
    await clock.advance(at);
    const { limits: standing, nextAt, eta, waiting } = await status();
    expect({ ...standing[0], nextAt, eta, waiting }).toEqual(expected);
  });

  test('returns the eta of the last call exactly, for any costs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          burst: fc.integer({ min: 1, max: 8 }),
          costs: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 20 }),
          steps: fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 5 }),
          pause: fc.option(fc.integer({ min: 1, max: 1500 }), { nil: undefined }),
          reserved: fc.integer({ min: 0, max: 3 }),
        }),
        async ({ burst, costs, steps, pause, reserved }) => {
          const { clock, throttle, wait, status, start } = setup({ limits: { ...limits, burst } });
          const calls = costs.map((cost) => wait({ cost: Math.min(cost, burst) }));
          await clock.advance(0);
          if (pause !== undefined) await throttle.pause('default', start + pause);
          // Slots that others take push back those behind the one that is reserved.
          else for (let one = 0; one < reserved; one++) await throttle.reserve();
          const etas: (number | undefined)[] = [(await status()).eta];
          for (const step of steps) {
            await clock.advance(step);
            etas.push((await status()).eta);
          }
          await clock.advance(100_000);
          const last = Math.max(...calls.map((call) => call.at as number));
          for (const eta of etas) if (eta !== undefined) expect(eta).toBe(last);
          if (last > 0) expect(etas[0]).toBe(last);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('tells no eta once the last call of the line has gone', async () => {
    const { clock, wait, status } = setup();
    wait();
    const last = wait();
    await clock.advance(T);
    expect([last.state, (await status()).eta]).toEqual(['fulfilled', undefined]);
  });

  test('tells an eta that follows the line as it shrinks', async () => {
    const { clock, wait, status } = setup();
    const controller = new AbortController();
    wait();
    wait();
    wait({ signal: controller.signal });
    wait();
    await clock.advance(0);
    expect((await status()).eta).toBe(3 * T);
    controller.abort();
    expect((await status()).eta).toBe(2 * T);
  });

  test('tells the eta of calls with a cost per limit', async () => {
    const several = [
      { rate: 1, interval: 10, name: 'requests' },
      { rate: 1, interval: 1, burst: 1000, name: 'tokens' },
    ];
    const { clock, wait, status } = setup({ limits: several });
    const calls = [900, 900, 500].map((tokens) => wait({ cost: { tokens } }));
    await clock.advance(0);
    expect((await status()).eta).toBe(1300);
    await clock.advance(5000);
    expect(calls.map((call) => call.at)).toEqual([0, 800, 1300]);
  });

  test('returns an eta that is not too late for windows', async () => {
    const { clock, wait, status } = setup({ limits: slidingWindow({ limit: 3, interval: 1000 }) });
    const calls = Array.from({ length: 8 }, () => wait());
    await clock.advance(0);
    expect((await status()).eta).toBe(2000);
    await clock.advance(5000);
    expect(calls[7]?.at).toBe(2000);
  });

  test('tells how many wait and how many are in flight', async () => {
    const { clock, throttle, wait, status } = setup({ limits: { ...limits, burst: 9 }, concurrency: 2 });
    const task = () => new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
    const runs = [1, 2, 3].map(() => throttle.run(task));
    await clock.advance(0);
    wait();
    const seen: [number, number][] = [];
    for (let look = 0; look < 4; look++) {
      const { waiting, inFlight } = await status();
      seen.push([waiting, inFlight]);
      await clock.advance(10);
    }
    await Promise.all(runs);
    expect(seen).toEqual([
      [2, 2],
      [0, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  test('tells where each limit stands, by name', async () => {
    const { throttle, status } = setup({
      limits: [perSecond(10, { name: 'second' }), slidingWindow({ limit: 50, interval: 60_000, name: 'minute' })],
    });
    await throttle.allow('default', { cost: { minute: 20 } });
    expect((await status()).limits).toEqual([
      { name: 'second', remaining: 0, resetAfter: 100 },
      { name: 'minute', remaining: 30, resetAfter: 60_000 },
    ]);
  });

  test('tells the end of a pause, on the wall clock as it is set', async () => {
    const { clock, throttle, status, start } = setup();
    await throttle.pause('default', start + 500);
    expect(await status()).toMatchObject({ pausedUntil: 500, nextAt: 500 });
    clock.jump(3_600_000);
    expect(await status()).toMatchObject({ pausedUntil: 3_600_500, nextAt: 3_600_500 });
    clock.jump(-3_600_000);
    await clock.advance(500);
    expect(await status()).toMatchObject({ pausedUntil: undefined, nextAt: 500 });
  });

  test('tells a pause that only the store knows of', async () => {
    const clock = new ManualClock();
    const shared = memoryStore({ clock });
    const { status } = setup({ store: slowStore(shared, clock).store }, clock);
    shared.pause('default', 700, planOf(limits, 0));
    expect(await status()).toMatchObject({ pausedUntil: 700, nextAt: 700 });
  });

  test('tells the margin in force', async () => {
    expect((await setup({ margin: 30 }).status()).margin).toBe(30);
    expect((await setup({ margin: 'auto' }).status()).margin).toBe(0);
  });

  test('tells the limits that a server has named, and no others', async () => {
    const { throttle, status } = setup({ limits: 'server' });
    const { plans } = linkedOf(throttle).lanes;
    plans.learnFrom(() => learnedLimit);
    expect((await status()).learned).toBeUndefined();
    plans.learnFrom(() => limits);
    expect((await status()).learned).toEqual([limits]);
    expect((await setup().status()).learned).toBeUndefined();
  });

  test('tells the rate that was learned from a refusal, besides the limits of the server', async () => {
    for (const own of [limits, 'server'] as const) {
      const clock = new ManualClock();
      const { store } = slowStore(memoryStore({ clock }), clock);
      const { throttle, status } = setup({ limits: own, store }, clock);
      const linked = linkedOf(throttle);
      linked.lanes.plans.learnFrom(() => limits);
      for (let call = 0; call < 20; call++) {
        await throttle.allow();
        await clock.advance(T);
      }
      await linked.pause('default', 10, 1);
      const { learned = [] } = await status();
      const { learned: perMs = 0 } = await linked.lanes.store.peek('default', linked.lanes.plans.of('default'));
      expect(perMs).toBeGreaterThan(0);
      expect(learned.at(-1)).toEqual({ rate: perMs * 1_000, interval: 1_000 });
      expect(learned.slice(0, -1)).toEqual(own === 'server' ? [limits] : []);
    }
  });

  test('reads the key it was asked for', async () => {
    const { throttle, status } = setup();
    await throttle.wait('a');
    expect([(await status('a')).nextAt, (await status('b')).nextAt]).toEqual([T, 0]);
  });

  test('ends in time when the store does not answer', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => Infinity);
    const { throttle } = setup({ store }, clock);
    const status = outcomeOf(throttle.status(), clock);
    await clock.advance(4999);
    expect(status.state).toBe('pending');
    await clock.advance(100);
    expect(status.state).toBe('fulfilled');
    expect(clock.timers).toBe(0);
  });
});
