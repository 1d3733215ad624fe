import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Events } from '../../../src/core/base/events.ts';
import { HeldGrant } from '../../../src/core/base/grant.ts';
import type { ServerSignal } from '../../../src/core/base/server-signal.ts';
import type { Ceiling } from '../../../src/core/bucket/pool.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { type GateHost, Gates } from '../../../src/core/line/gate.ts';
import { type EarHost, ServerEar } from '../../../src/core/listening/ear.ts';
import type { EarGate } from '../../../src/core/listening/ear-gate.ts';
import { tick } from '../../../src/core/time/clock.ts';

afterEach(() => void vi.restoreAllMocks());

const refused: ServerSignal = { throttled: true, clamped: false, buckets: [], ignored: [] } as never;

/** A key whose server tells what is left; its limits let one call go every 10 ms. */
function told(options: { plan?: () => Plan; maxPause?: number } = {}) {
  const clock = new ManualClock();
  const events = new Events();
  const ceilings: Ceiling[] = [];
  const stops: [key: string, ms: number][] = [];
  let inFlight = 0;
  const plan = options.plan ?? (() => planOf({ rate: 1, interval: 10, burst: 10_000 }, 0));
  const gates = new Gates({ clock, events } as GateHost);
  const lanes = {
    clock,
    events,
    gates,
    plans: { areLearned: false, follow: () => {}, learnFrom: () => {} },
    inFlight: () => inFlight,
    bucketIn: () => undefined,
    find: () => undefined,
  } as Partial<EarHost['lanes']> as EarHost['lanes'];
  const host = {
    lanes,
    maxPause: options.maxPause ?? Infinity,
    isClosed: () => false,
    pause: async (...stop: [string, number]) => void stops.push(stop),
    sync: async (_key: string, said: Ceiling) => void ceilings.push(said),
  } as Partial<EarHost> as EarHost;
  const ear = new ServerEar(host);
  const grant = (key: string) =>
    new HeldGrant(key, lanes, clock.monotonic(), { slot: 0, cost: 1, plan: plan(), after: [0] });
  const gate = () => gates.of('key') as EarGate;
  const listen = (key: string, left: number, signal: ServerSignal, leastPause?: number) => {
    const call = grant(key);
    call.departedAt = left;
    ear.listen(key, call, signal, leastPause);
  };
  return {
    clock,
    listen,
    ceilings,
    stops,
    gate,
    most: () => gate().remaining.mostInFlight(clock.monotonic()),
    leave: (calls: number, cost = 1) => {
      inFlight += calls;
      for (let call = 0; call < calls; call++) gate().remaining.noteDeparture(cost);
      return clock.monotonic();
    },
    answer: (left: number, remaining: number, more: Partial<ServerSignal> = {}) => {
      const resetAt = clock.now() + 60_000 - clock.monotonic();
      listen('key', left, { throttled: false, buckets: [], ignored: [], remaining, resetAt, ...more });
      inFlight--;
    },
    refuse: (key: string) => {
      listen(key, clock.monotonic(), refused);
      return (stops.at(-1)?.[1] as number) >= 2_000;
    },
  };
}

describe('what a server says is left', () => {
  test('is the least of the answers to calls that were on their way together, less those that still are', async () => {
    const { clock, ceilings, leave, answer } = told();
    const left = leave(4);
    await clock.advance(10);
    for (const remaining of [6, 9, 8, 7]) answer(left, remaining);
    expect(ceilings.map(({ remaining }) => remaining)).toEqual([3, 4, 5, 6]);
    expect(ceilings.every(({ isNewest }) => isNewest)).toBe(true);
  });

  test('is what a call says that left after the latest answer came', async () => {
    const { clock, ceilings, leave, answer } = told();
    const first = leave(1);
    await clock.advance(10);
    answer(first, 3);
    const second = leave(1);
    await clock.advance(10);
    answer(second, 9);
    expect(ceilings.at(-1)).toMatchObject({ remaining: 9, isNewest: true });
  });

  test('holds until the earliest of the ends that are the same, a tick before which one call is to go alone', async () => {
    const { clock, ceilings, leave, answer, gate } = told();
    answer(leave(1), 5);
    answer(leave(1), 3, { resetAt: clock.now() + 59_500 });
    answer(leave(1), 1, { resetAt: clock.now() + 60_400 });
    expect(ceilings.map(({ ms }) => ms)).toEqual([60_000, 59_500, 59_500]);
    const end = clock.monotonic() + 59_500 - tick;
    gate().opensAt(end - tick, 0);
    expect(gate().goesAlone).toBe(false);
    gate().opensAt(end, 0);
    expect(gate().goesAlone).toBe(true);
  });

  test('is held for no longer than a server may stop a key', () => {
    const { ceilings, leave, answer } = told({ maxPause: 5_000 });
    answer(leave(1), 5);
    expect(ceilings).toMatchObject([{ ms: 5_000 }]);
  });

  test('is nothing until the time to retry, where that comes before the reset', () => {
    const { clock, ceilings, leave, answer } = told();
    answer(leave(1), 0, { throttled: true, retryAt: clock.now() + 2_000 });
    expect(ceilings).toMatchObject([{ remaining: 0, ms: 2_000 }]);
  });

  test('is something until the reset, whenever the refused call may be retried', () => {
    const { clock, ceilings, leave, answer } = told();
    answer(leave(1), 5, { throttled: true, retryAt: clock.now() + 2_000 });
    expect(ceilings).toMatchObject([{ remaining: 5, ms: 60_000 }]);
  });

  test('stops the key where it is nothing, without a refusal', () => {
    const { clock, leave, answer, stops } = told();
    answer(leave(1), 0, { retryAt: clock.now() + 7_000 });
    expect(stops).toEqual([['key', 7_000]]);
  });

  test.each([
    ['a leaky bucket', { rate: 1, interval: 10, burst: 10_000 }, 16_000],
    ['a window', slidingWindow({ limit: 100, interval: 10_000 }), 700],
  ])('matters where it is less than the limits let go until there is more: %s', (_, limit, most) => {
    const plan = () => planOf(limit, 0);
    const enough = told({ plan });
    enough.answer(enough.leave(1), most);
    expect(enough.ceilings).toEqual([]);
    const less = told({ plan });
    less.answer(less.leave(1), most - 1);
    expect(less.ceilings).toHaveLength(1);
  });
});

describe('calls in flight', () => {
  test('are as many as there are limits for as long as nobody else shows', async () => {
    const { clock, leave, answer, most } = told();
    for (let remaining = 20; remaining > 0; remaining--) {
      const left = leave(1);
      await clock.advance(10);
      answer(left, remaining);
    }
    expect(most()).toBe(Infinity);
  });

  test('are as many as there are limits where calls explain what is left, each by as much as it counts for', async () => {
    const { leave, answer, most } = told();
    for (let remaining = 60; remaining > 0; remaining -= 5) answer(leave(1, 5), remaining);
    expect(most()).toBe(Infinity);
  });

  test.each([
    ['less is left than calls of ours explain', 17, {}],
    ['a call is refused', 18, { throttled: true }],
  ])('keep back what others may use, once %s', async (_, remaining, more) => {
    const { clock, leave, answer, most } = told();
    answer(leave(1), 20);
    leave(1);
    await clock.advance(20);
    answer(clock.monotonic() - 20, remaining, more);
    // One, two for each of two round trips, and one for each 10 ms since.
    expect(most()).toBe(remaining - 5);
    await clock.advance(30);
    expect(most()).toBe(remaining - 8);
    await clock.advance(1_000);
    expect(most()).toBe(1);
    await clock.advance(60_000);
    expect(most()).toBe(Infinity);
  });

  test.each([
    [undefined, 10_000],
    [2_000, 20_000],
  ])('keep nothing back any more after ten windows of %s calls that nobody else was seen in', (limit, calls) => {
    const { leave, answer, most } = told();
    const more = limit === undefined ? {} : { limit };
    answer(leave(1), 20, { throttled: true, ...more });
    for (let call = 1; call < calls; call++) answer(leave(1), 20, more);
    expect(most()).toBe(19);
    answer(leave(1), 20, more);
    expect(most()).toBe(Infinity);
  });
});

describe('pauses without a time', () => {
  const refusal = { throttled: true };

  test('are up to a tenth longer, so that not all come back at once', () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0.5);
    const { leave, answer, stops } = told();
    answer(leave(1), 0, refusal);
    expect(stops.map(([, ms]) => ms)).toEqual([1_050]);
  });

  test('double with each refusal in a row, which only an answer to a later call ends', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { clock, leave, answer, stops } = told();
    const early = leave(1);
    await clock.advance(10);
    answer(leave(1), 0, refusal);
    await clock.advance(10);
    answer(early, 9);
    answer(leave(1), 0, refusal);
    await clock.advance(10);
    answer(leave(1), 9);
    answer(leave(1), 0, refusal);
    expect(stops.map(([, ms]) => ms)).toEqual([1_000, 2_000, 1_000]);
  });

  test('are never below the least, even if that is above a minute', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { clock, listen, stops } = told();
    for (let refusals = 0; refusals < 3; refusals++) listen('key', clock.monotonic(), refused, 90_000);
    expect(stops.map(([, ms]) => ms)).toEqual([90_000, 90_000, 90_000]);
  });
});

describe('refusals', () => {
  test('of a key that was not called again are forgotten after ten minutes, once there are many keys', async () => {
    const { clock, refuse } = told();
    expect([refuse('key'), refuse('key')]).toEqual([false, true]);
    await clock.advance(600_000);
    for (let other = 0; other < 999; other++) refuse(`${other}`);
    expect(refuse('key')).toBe(true);
    await clock.advance(600_000);
    for (let other = 1_000; other < 3_500; other++) refuse(`${other}`);
    expect(refuse('key')).toBe(false);
  });
});
