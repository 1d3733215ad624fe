import { createThrottle, type Decision, memoryStore, slidingWindow, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { Gate } from '../../../src/core/line/gate.ts';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { slowStore } from '../sharing/slow-store.ts';
import { instants, outcomeOf } from './outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };
/** No test begins at 0, where sums and differences with the clock are the same. */
const start = 1_234;

async function made(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  await clock.advance(start);
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const wait = (options?: Parameters<typeof throttle.wait>[1]) => outcomeOf(throttle.wait('default', options), clock);
  return { clock, throttle, wait };
}

test('a small call does not pass the only waiting one, which is too large to go now', async () => {
  const { clock, wait } = await made({ limits: { ...limits, burst: 5 } });
  const calls = [wait({ cost: 3 }), wait({ cost: 5 }), wait()];
  await clock.advance(10 * T);
  expect(instants(calls)).toEqual([start, start + 3 * T, start + 4 * T]);
});

test('the event of a grant tells how long the call waited', async () => {
  const { clock, throttle, wait } = await made();
  const waits: number[] = [];
  throttle.on('granted', (event) => waits.push(event.wait));
  for (let call = 0; call < 3; call++) wait();
  await clock.advance(3 * T);
  expect(waits).toEqual([0, T, 2 * T]);
});

test('calls that join a line set no timer beside the one of the line', async () => {
  let timers = 0;
  class Counting extends ManualClock {
    override setTimeout(callback: () => void, ms: number): unknown {
      timers++;
      return super.setTimeout(callback, ms);
    }
  }
  const { clock, throttle, wait } = await made({}, new Counting());
  await throttle.wait();
  const calls = Array.from({ length: 20 }, () => wait({ maxWait: 100 * T }));
  expect(timers).toBe(1);
  await clock.advance(20 * T);
  expect([timers, calls.at(-1)?.at]).toEqual([20, start + 20 * T]);
});

test('a call that came after its slot, with a margin, counts from when it came', async () => {
  const { clock, wait } = await made({ limits: slidingWindow({ limit: 2, interval: 1_000 }), margin: 40 });
  wait({ cost: 2 });
  await clock.advance(1_045);
  const calls = [wait({ cost: 2 }), wait({ cost: 2 })];
  await clock.advance(2_000);
  expect(instants(calls)).toEqual([start + 1_045, start + 2_085]);
});

test('a gate learns how many calls are in flight', async () => {
  const { clock, throttle } = await made({ limits: { ...limits, burst: 9 } });
  linkedOf(throttle).lanes.gates.upgrade(
    class extends Gate {
      override opensAt(_now: number, inFlight: number): number {
        return inFlight < 2 ? -Infinity : Infinity;
      }
    },
  );
  linkedOf(throttle).lanes.gates.of('default');
  const started: number[] = [];
  for (let call = 0; call < 5; call++) {
    void throttle.run(() => {
      started.push(clock.monotonic());
      return new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
    });
  }
  await clock.advance(30);
  expect(started).toEqual([0, 0, 10, 10, 20].map((ms) => start + ms));
});

test('allow takes what a call that waits for a place leaves unused', async () => {
  const { clock, throttle } = await made({ limits: { ...limits, burst: 4 }, concurrency: 1 });
  const task = () => new Promise<void>((resolve) => clock.setTimeout(resolve, 10 * T));
  void throttle.run(task);
  void throttle.run(task, { cost: 4 });
  expect((await throttle.allow()).allowed).toBe(true);
});

describe('a listener', () => {
  test('that makes a call at each grant of a line is not called again before it returns', async () => {
    const burst = 100;
    const { clock, throttle, wait } = await made({ limits: { ...limits, burst } });
    await throttle.pause('default', clock.now() + T);
    let granted = 0;
    let isListening = false;
    const nested: number[] = [];
    throttle.on('granted', () => {
      granted++;
      if (isListening) nested.push(granted);
      isListening = true;
      if (granted < burst) void throttle.wait();
      isListening = false;
    });
    wait();
    await clock.advance(T);
    expect([granted, nested]).toEqual([burst, []]);
  });

  test('of a rejection may ask while the last waiting call leaves', async () => {
    const { clock, throttle, wait } = await made();
    await throttle.wait();
    const controller = new AbortController();
    wait({ signal: controller.signal });
    let decision: Promise<Decision> | undefined;
    throttle.on('rejected', () => {
      decision = throttle.allow();
    });
    await clock.advance(1);
    controller.abort();
    expect(await decision).toMatchObject({ allowed: false, wait: T - 1 });
  });

  test('of a rejection may abort another call that `clear` rejects next', async () => {
    const { clock, throttle, wait } = await made();
    await throttle.wait();
    const controller = new AbortController();
    const calls = [wait(), wait({ signal: controller.signal }), wait()];
    throttle.on('rejected', () => controller.abort('mine'));
    throttle.clear('default', 'cleared');
    await clock.advance(0);
    expect(calls.map(({ error }) => error)).toEqual(['cleared', 'mine', 'cleared']);
    expect((await throttle.status()).waiting).toBe(0);
  });
});

test('a key whose call has gone gets the next free place after the keys that waited before it', async () => {
  const { clock, throttle } = await made({ limits: { ...limits, burst: 9 }, maxInFlight: 1 });
  const order: string[] = [];
  const run = (key: string, name: string) =>
    throttle.run(
      () => {
        order.push(name);
        return new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
      },
      { key, cost: 2 },
    );
  void run('a', 'first of a');
  void run('b', 'first of b');
  void run('a', 'second of a');
  await clock.advance(50);
  expect(order).toEqual(['first of a', 'first of b', 'second of a']);
});

describe('a lane of a shared store', () => {
  async function slow(options: Partial<ThrottleOptions> = {}) {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 50);
    const all = await made({ store, ...options }, clock);
    const abortable = (key: string) => {
      const controller = new AbortController();
      const call = outcomeOf(all.throttle.wait(key, { signal: controller.signal }), clock);
      return { call, abort: () => controller.abort() };
    };
    return { ...all, abortable, lanes: linkedOf(all.throttle).lanes };
  }

  test('is kept while its store is asked, so the next call gets what a call that left was granted', async () => {
    const { clock, throttle, abortable } = await slow();
    const calls = ['a', 'b'].map(abortable);
    await clock.advance(10);
    for (const { abort } of calls) abort();
    await clock.advance(10);
    const next = outcomeOf(throttle.wait('a'), clock);
    await clock.advance(10 * T);
    expect(next).toMatchObject({ state: 'fulfilled', at: start + 50 });
  });

  test('is kept while it holds a reservation, though its last call leaves', async () => {
    const { clock, throttle, lanes, abortable } = await slow({ limits: { rate: 1, interval: 10 * T } });
    void throttle.pause('b', clock.now() + 99 * T);
    abortable('a');
    await clock.advance(50);
    const { call, abort } = abortable('a');
    await clock.advance(50);
    const lane = lanes.find('a');
    expect(lane?.reservation).toBeDefined();
    const seen: boolean[] = [];
    throttle.on('rejected', ({ key }) => {
      if (key !== 'a') return;
      // The lane of another key becomes idle, because its only call is refused.
      throttle.wait('b', { maxWait: 1 }).catch(() => {});
      seen.push(lanes.find('a') === lane);
    });
    abort();
    await clock.advance(0);
    expect([call.state, seen]).toEqual(['rejected', [true]]);
  });
});
