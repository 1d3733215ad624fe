import { afterEach, describe, expect, test, vi } from 'vitest';
import type { CallGrant } from '../../../src/core/base/grant.ts';
import type { SignalBucket } from '../../../src/core/base/server-signal.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
import { refused, told } from './told.ts';

afterEach(() => void vi.restoreAllMocks());

describe('what a server says is left', () => {
  test('is written to the store with each answer, less the calls that are still on their way', async () => {
    const { clock, ceilings, leave, answer } = told();
    const left = leave(4);
    await clock.advance(10);
    for (const remaining of [6, 9, 8, 7]) await answer(left, remaining);
    expect(ceilings.map(({ remaining, told }) => [remaining, told?.remaining])).toEqual([
      [3, 6],
      [7, 9],
      [7, 8],
      [7, 7],
    ]);
    // Which of them is the newest nobody knows: the store lets the least of them hold.
    expect(ceilings.map(({ isNewest }) => isNewest)).toEqual([true, false, false, false]);
  });

  test.each([
    ['first', [0, 1]],
    ['last', [1, 0]],
  ])('of one quota stays news beside one that our own calls explain: told %s', async (_, order) => {
    const { clock, most, leave, answer, gate } = told({ news: ({ told }) => told?.limit === 300 });
    const resetAt = clock.now() + 60_000;
    const quotas = [
      { limit: 300, remaining: 4.5, resetAt },
      { limit: 20, remaining: 3.25, resetAt },
    ];
    await answer(leave(1), 3.25, { limit: 20, buckets: order.map((place) => quotas[place] as (typeof quotas)[0]) });
    expect([most(), gate().remaining.until]).toEqual([3.5, 60_000 - tick]);
    // Nobody has to ask for the key when it ends: a gate that is never asked may go.
    expect([59_999.25, 60_000].map((now) => gate().isIdle(now))).toEqual([false, true]);
  });

  test('is taken from a call that left after the latest answer came', async () => {
    const { clock, ceilings, leave, answer } = told();
    const first = leave(1);
    await clock.advance(10);
    await answer(first, 3);
    const second = leave(1);
    await clock.advance(10);
    await answer(second, 9);
    expect(ceilings.at(-1)).toMatchObject({ remaining: 9, isNewest: true });
  });

  test('holds until its end if our own calls do not explain it, a tick before which one call is to go alone', async () => {
    const { clock, leave, answer, gate } = told();
    await answer(leave(1), 5);
    const end = clock.monotonic() + 60_000 - tick;
    gate().opensAt(end - tick, 0);
    expect(gate().goesAlone).toBe(false);
    gate().opensAt(end, 0);
    expect(gate().goesAlone).toBe(true);
  });

  test('holds until its end if only calls kept back for others are missing, which makes nobody believe the server', async () => {
    const { leave, answer, most, ceilings, gate } = told({ news: -1 });
    await answer(leave(1), 5);
    await answer(leave(1), 5);
    expect([most(), gate().remaining.until]).toEqual([4, 60_000 - tick]);
    expect(ceilings.map((said) => said.told?.keptBack)).toEqual([0, 0]);
  });

  test('sends no call alone where our own calls explain it', async () => {
    const { clock, leave, answer, gate } = told({ news: false });
    await answer(leave(1), 5);
    gate().opensAt(clock.monotonic() + 60_000, 0);
    expect(gate().goesAlone).toBe(false);
  });

  test('sends no second call alone when it ends while one is out', async () => {
    const { leave, answer, gate, clock } = told();
    await answer(leave(1), 5);
    gate().goAlone(10_000);
    await clock.advance(59_000);
    const out = {} as CallGrant;
    gate().pass(out, true, clock.monotonic());
    await clock.advance(1_000);
    expect([gate().opensAt(clock.monotonic(), 1), gate().remaining.until]).toEqual([69_000, Infinity]);
    gate().end(out);
    expect(gate().goesAlone).toBe(false);
  });

  test('has the line look where the bucket stands by now; an answer that does not tell has it go on, no more', async () => {
    const { clock, line, leave, answer, listen, gates } = told();
    await answer(leave(1), 5);
    expect(line.splice(0)).toEqual(['go on', 'look']);
    listen('other', clock.monotonic(), { throttled: false, ignored: [], buckets: [] } as never);
    expect([line, gates.find('other')]).toEqual([[], undefined]);
    // Of limits alone nothing is learned where the user named them.
    const buckets = [{ limit: 100, window: 60_000 }];
    listen('key', clock.monotonic(), { throttled: false, ignored: [], limit: 100, window: 60_000, buckets } as never);
    await clock.advance(0);
    expect(line).toEqual(['go on']);
  });

  test('is no news to a throttle that is closed', async () => {
    const { clock, stops, line, ceilings, leave, answer, close, refuse } = told();
    close();
    await answer(leave(1), 5);
    refuse('key');
    await clock.advance(0);
    expect([ceilings, stops, line]).toEqual([[], [], []]);
  });

  test('ends with a newer answer that our own calls explain', async () => {
    const { clock, leave, answer, most } = told({ news: ({ told }) => told?.remaining === 5 });
    await answer(leave(1), 5);
    expect(most()).toBeLessThan(5);
    await clock.advance(10);
    await answer(leave(1), 7);
    expect(most()).toBe(Infinity);
  });

  test('is held for no longer than a server may stop a key', async () => {
    const { ceilings, leave, answer } = told({ maxPause: 5_000 });
    await answer(leave(1), 5);
    expect(ceilings).toMatchObject([{ ms: 5_000 }]);
  });

  test('is nothing until the time to retry, where that comes before the reset', async () => {
    const { clock, ceilings, leave, answer } = told();
    await answer(leave(1), 0, { throttled: true, retryAt: clock.now() + 2_000 });
    expect(ceilings).toMatchObject([{ remaining: 0, ms: 2_000, meantFor: 60_000 }]);
  });

  test('is something until the reset, whenever the refused call may be retried', async () => {
    const { clock, ceilings, leave, answer } = told();
    await answer(leave(1), 5, { throttled: true, retryAt: clock.now() + 2_000 });
    expect(ceilings).toMatchObject([{ remaining: 5, ms: 60_000 }]);
    expect(ceilings[0]).not.toHaveProperty('meantFor');
  });

  test('stops the key by itself only if nothing is left of another unit, with one call that goes alone afterwards', async () => {
    const calls = told();
    await calls.answer(calls.leave(1), 0, { retryAt: calls.clock.now() + 7_000 });
    expect([calls.ceilings.length, calls.stops]).toEqual([1, []]);
    const tokens = told();
    await tokens.answer(tokens.leave(1), 0, { unit: 'tokens', retryAt: tokens.clock.now() + 7_000 });
    expect(tokens.stops).toEqual([['key', 7_000, undefined]]);
    expect(tokens.gate().goesAlone).toBe(true);
    const explained = told({ news: false });
    await explained.answer(explained.leave(1), 0, { unit: 'tokens' });
    expect([explained.ceilings.length, explained.stops]).toEqual([1, []]);
  });

  test.each([
    ['a leaky bucket', { rate: 1, interval: 10, burst: 10_000 }, 16_000],
    ['a window', slidingWindow({ limit: 100, interval: 10_000 }), 700],
  ])('matters where it is less than the limits let go until there is more: %s', async (_, limit, most) => {
    const plan = () => planOf(limit, 0);
    const enough = told({ plan });
    await enough.answer(enough.leave(1), most);
    expect(enough.ceilings).toEqual([]);
    const less = told({ plan });
    await less.answer(less.leave(1), most - 1);
    expect(less.ceilings).toHaveLength(1);
    // Then it matters, whatever it is, until it says nothing any more.
    await less.answer(less.leave(1), most);
    expect(less.ceilings).toHaveLength(2);
  });
});

describe('an answer with several quotas', () => {
  const later = (seconds: number) => 1_000 * seconds;

  /** Answers a call with these quotas, of calls where no unit is named. */
  async function answered(set: ReturnType<typeof told>, left: number, ...quotas: readonly Partial<SignalBucket>[]) {
    const buckets = quotas.map((quota) => ({ resetAt: set.clock.now() + later(60), ...quota }));
    await set.answer(left, quotas[0]?.remaining as number, { ...buckets[0], buckets });
  }

  test.each([
    ['first', [7, 4.5, 9]],
    ['last', [9, 7, 4.5]],
  ])('holds calls back by the lowest of those that our own calls do not explain: told %s', async (_, order) => {
    const set = told();
    await answered(set, set.leave(1), ...order.map((remaining) => ({ remaining, limit: 100 + remaining })));
    expect(set.most()).toBe(3.5);
  });

  test('holds calls back until the end that is told first where two quotas have as much left', async () => {
    const set = told();
    const now = set.clock.now();
    const first = { remaining: 5, limit: 300, resetAt: now + later(40) };
    await answered(set, set.leave(1), first, { remaining: 5, limit: 20 });
    expect(set.gate().remaining.until).toBe(later(40) - tick);
  });

  test('holds calls back by a quota with more left, if our own calls explain the one that binds', async () => {
    const set = told({ news: ({ told }) => told?.remaining !== 9 });
    await answered(set, set.leave(1), { remaining: 17 });
    await answered(set, set.leave(1), { remaining: 9, limit: 20 }, { remaining: 12, limit: 100 });
    expect(set.most()).toBe(12 - 1);
  });

  test('holds calls back for a single ms', async () => {
    const set = told();
    await answered(set, set.leave(1), { remaining: 5, resetAt: set.clock.now() + 1 });
    expect(set.gate().remaining.until).toBe(1 - tick);
  });

  test('of tokens leaves what is known of calls, whether tokens are left or not', async () => {
    const set = told();
    await answered(set, set.leave(1), { remaining: 5 });
    await set.clock.advance(10);
    await answered(set, set.leave(1), { remaining: 0, unit: 'tokens' });
    await answered(set, set.leave(1), { remaining: 1, unit: 'tokens' });
    expect(set.gate().remaining.until).toBe(later(60) - tick);
    const tokens = told();
    await answered(tokens, tokens.leave(1), { remaining: 0, unit: 'tokens' });
    expect([tokens.stops.length, tokens.most()]).toEqual([1, Infinity]);
  });

  test('that was overtaken ends no news, even if our own calls explain it', async () => {
    const set = told({ news: ({ told }) => told?.remaining === 5 });
    const early = set.leave(1);
    await set.clock.advance(10);
    await answered(set, set.leave(1), { remaining: 5 });
    const { until } = set.gate().remaining;
    await answered(set, early, { remaining: 8 });
    expect(set.gate().remaining.until).toBe(until);
  });

  test('of our limits and of another quota has the server believed only for our limits', async () => {
    const believed = async (limit: number, window: number) => {
      const set = told();
      await answered(set, set.leave(1), { remaining: 5, limit, window });
      await answered(set, set.leave(1), { remaining: 5, limit, window });
      return set.ceilings.map((said) => said.told?.keptBack);
    };
    expect([await believed(10_000, 10), await believed(300, 600_000)]).toEqual([
      [0, 2],
      [0, 0],
    ]);
  });
});

describe('calls in flight', () => {
  test('leave room for as many as what is left allows, and for one of those that goes alone', async () => {
    const { clock, gate, most, leave, answer } = told();
    await answer(leave(1), 9);
    const now = clock.monotonic();
    expect(most()).toBe(8);
    expect([0, 3, 8, 20].map((inFlight) => gate().most(now, inFlight))).toEqual([8, 5, 0, 0]);
    gate().goAlone();
    expect([0, 8].map((inFlight) => gate().most(now, inFlight))).toEqual([1, 0]);
  });

  test('are as many as there are limits for as long as our own calls explain what is left', async () => {
    const { clock, leave, answer, most } = told({ news: false });
    for (let remaining = 20; remaining >= 0; remaining--) {
      const left = leave(1);
      await clock.advance(10);
      await answer(left, remaining);
    }
    expect(most()).toBe(Infinity);
  });

  test.each([
    ['less is left than calls of ours explain', {}],
    ['a call is refused', { throttled: true }],
  ])('keep back what others may use, once %s', async (_, more) => {
    const { clock, leave, answer, most, gate } = told();
    leave(1);
    await clock.advance(20);
    await answer(clock.monotonic() - 20, 17, more);
    // One, two for each of two round trips, and one for each 10 ms since.
    expect(most()).toBe(17 - 5);
    await clock.advance(30);
    expect(most()).toBe(17 - 8);
    await clock.advance(1_000);
    expect(most()).toBe(1);
    await clock.advance(60_000);
    gate().opensAt(clock.monotonic(), 0);
    expect(most()).toBe(Infinity);
  });
});

describe('a refused key', () => {
  const refusal = { throttled: true };
  const sentAgo = (stops: readonly [string, number, number?][]) => stops.map(([, , ago]) => ago);

  test('goes slower from when the refused call left, if the server does not tell what is left', async () => {
    const { clock, leave, listen, stops } = told();
    const left = leave(1);
    await clock.advance(30);
    listen('key', left, refused);
    expect(sentAgo(stops)).toEqual([30]);
  });

  test('keeps its rate if the answer says that nothing is left', async () => {
    const { leave, answer, stops } = told();
    await answer(leave(1), 0, refusal);
    await answer(leave(1), 3, refusal);
    expect(sentAgo(stops)).toEqual([undefined, 0]);
  });

  test('goes slower, whatever is told, if its limits let more go than the server does', async () => {
    const plan = () => planOf(slidingWindow({ limit: 100, interval: 1_000 }), 0);
    for (const [limit, isSlower] of [
      [100, false],
      [91, false],
      [89, true],
    ] as const) {
      const { leave, answer, stops } = told({ plan });
      await answer(leave(1), 5, { limit });
      await answer(leave(1), 0, { limit, ...refusal });
      expect([limit, sentAgo(stops)]).toEqual([limit, [isSlower ? 0 : undefined]]);
    }
  });
});

describe('pauses without a time', () => {
  const refusal = { throttled: true };

  test('are up to a tenth longer, so that not all come back at once', async () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0.5);
    const { leave, answer, stops } = told();
    await answer(leave(1), 0, refusal);
    expect(stops.map(([, ms]) => ms)).toEqual([1_050]);
  });

  test('double with each refusal in a row, which only an answer to a later call ends', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { clock, leave, answer, stops } = told();
    const early = leave(1);
    await clock.advance(10);
    await answer(leave(1), 0, refusal);
    await clock.advance(10);
    await answer(early, 9);
    await answer(leave(1), 0, refusal);
    await clock.advance(10);
    await answer(leave(1), 9);
    await answer(leave(1), 0, refusal);
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

test.each([
  [undefined, true],
  [true, true],
  [false, false],
])('a first call goes over a new connection, if its answer tells of the network: told %s', (tellsOfNetwork, isCold) => {
  const { ear, grant } = told();
  const call = grant('key');
  ear.noteDeparture(call, tellsOfNetwork);
  expect([call.isCold ?? false, call.departedAt]).toEqual([isCold, call.monotonic]);
});
