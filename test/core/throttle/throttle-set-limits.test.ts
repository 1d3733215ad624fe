import {
  type BucketStore,
  createThrottle,
  keyValueStore,
  type Limit,
  memoryStore,
  perSecond,
  slidingWindow,
  type ThrottleOptions,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { dice, onMap, withDelays } from '../../storage/storages.ts';
import { instants, outcomeOf } from '../line/outcome.ts';

const T = 100;
const slow: Limit = { rate: 1, interval: T, burst: 4 };

const stores = {
  'the memory store': () => memoryStore(),
  'a store that answers by promises': () => keyValueStore(withDelays(dice(1))(new Map())),
};

function setup(store: BucketStore = memoryStore(), options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits: slow, clock, store, ...options });
  const wait = (cost = 1) => outcomeOf(throttle.wait('default', { cost }), clock);
  const line = (count: number, cost = 1) => Array.from({ length: count }, () => wait(cost));
  const remaining = async (key?: string) => (await throttle.status(key)).limits.map((limit) => limit.remaining);
  return { clock, throttle, wait, line, remaining };
}

describe.each(Object.entries(stores))('setLimits on %s', (_, makeStore) => {
  test('gives a key its own limits and does not change other keys', async () => {
    const { throttle, remaining } = setup(makeStore());
    await throttle.setLimits('amy', { rate: 10, interval: 1000, burst: 10 });
    expect([await remaining('amy'), await remaining('george')]).toEqual([[10], [4]]);
  });

  test('of undefined returns to the limits of the throttle', async () => {
    const { throttle, remaining } = setup(makeStore());
    await throttle.setLimits('default', undefined);
    await throttle.setLimits('default', { ...slow, burst: 8 });
    await throttle.setLimits('default', undefined);
    expect(await remaining()).toEqual([4]);
  });

  test('takes the place of a function of the key', async () => {
    const { throttle, remaining } = setup(makeStore(), { limits: (key) => ({ ...slow, burst: key.length }) });
    await throttle.setLimits('amy', slow);
    expect([await remaining('amy'), await remaining('george')]).toEqual([[4], [6]]);
  });

  test.each([
    // burst before, calls used, burst after, calls left
    { before: 8, used: 3, after: 4, left: 1 },
    { before: 8, used: 4, after: 4, left: 0 },
    { before: 8, used: 8, after: 4, left: 0 },
    { before: 8, used: 0, after: 4, left: 4 },
    { before: 4, used: 2, after: 8, left: 6 },
    { before: 4, used: 4, after: 8, left: 4 },
    { before: 4, used: 1, after: 400, left: 399 },
  ])('from a burst of $before with $used used to one of $after leaves $left', async ({ before, used, after, left }) => {
    for (const of of [
      (burst: number) => ({ ...slow, burst }),
      (limit: number) => slidingWindow({ limit, interval: T }),
    ]) {
      const { throttle, remaining } = setup(makeStore(), { limits: of(before) });
      for (let call = 0; call < used; call++) await throttle.wait();
      await throttle.setLimits('default', of(after));
      expect(await remaining()).toEqual([left]);
    }
  });

  test('back and forth hands out no more than the larger limit would', async () => {
    const { throttle } = setup(makeStore());
    let went = 0;
    for (let change = 0; change < 20; change++) {
      await throttle.setLimits('default', { ...slow, burst: change % 2 === 0 ? 40 : 1 });
      while ((await throttle.allow()).allowed) went++;
    }
    expect(went).toBeLessThanOrEqual(40);
  });

  test('lets a waiting line go on at once when the limits are faster', async () => {
    const { clock, throttle, line } = setup(makeStore());
    const calls = line(9);
    await clock.advance(T / 2);
    await throttle.setLimits('default', { ...slow, interval: T / 10 });
    await clock.advance(0);
    expect(clock.timers).toBe(1);
    await clock.advance(20 * T);
    const at = instants(calls) as number[];
    // Half of an interval was over: the first to wait has half of the new one to go.
    expect(at.slice(4).map((instant) => instant - T / 2)).toEqual([0.5, 1.5, 2.5, 3.5, 4.5].map((n) => (n * T) / 10));
    expect(clock.timers).toBe(0);
  });

  test('holds a waiting line back at once when the limits are slower', async () => {
    const { clock, throttle, line } = setup(makeStore());
    const calls = line(7);
    await clock.advance(T / 2);
    await throttle.setLimits('default', { ...slow, interval: 10 * T });
    expect(clock.timers).toBe(1);
    await clock.advance(100 * T);
    expect((instants(calls) as number[]).slice(4)).toEqual([5.5, 15.5, 25.5].map((n) => n * T));
  });

  test('sends the calls at once that fit now', async () => {
    const { clock, throttle, line } = setup(makeStore());
    const [first, ...rest] = line(4, 3);
    await clock.advance(0);
    await throttle.setLimits('default', { ...slow, burst: 40 });
    await clock.advance(0);
    // Three of forty are used.
    expect([first, ...rest].map((call) => call?.at)).toEqual([0, 0, 0, 0]);
  });

  test('lets a cost above the old burst pass, while others wait too', async () => {
    for (const waiting of [0, 1, 5]) {
      const { clock, throttle, wait, line } = setup(makeStore());
      const calls = line(4 + waiting);
      await clock.advance(0);
      await throttle.setLimits('default', { ...slow, burst: 10 });
      const large = wait(10);
      const run = outcomeOf(
        throttle.run(() => {}, { cost: 9 }),
        clock,
      );
      await clock.advance(100 * T);
      expect([large.state, large.error, run.state]).toEqual(['fulfilled', undefined, 'fulfilled']);
      expect(calls.every((call) => call.state === 'fulfilled')).toBe(true);
    }
  });

  test('refuses a cost above the new burst at once, while others wait too', async () => {
    const { clock, throttle, wait, line } = setup(makeStore());
    line(6);
    await clock.advance(0);
    await throttle.setLimits('default', { ...slow, burst: 2 });
    await clock.advance(0);
    const large = wait(3);
    await clock.advance(0);
    expect(large.error).toMatchObject({ name: 'CostExceedsBurstError', cost: 3, burst: 2 });
  });

  test('rejects those in line whose cost can never pass any more, and the line goes on', async () => {
    const { clock, throttle, wait } = setup(makeStore());
    const calls = [4, 4, 1].map(wait);
    await clock.advance(0);
    await throttle.setLimits('default', { ...slow, burst: 2 });
    await clock.advance(20 * T);
    expect(calls.map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(calls[1]?.error).toMatchObject({ name: 'CostExceedsBurstError', cost: 4, burst: 2 });
  });

  test('outlasts a reset', async () => {
    const { throttle, remaining } = setup(makeStore());
    await throttle.setLimits('default', { ...slow, burst: 8 });
    await throttle.allow();
    await throttle.reset('default');
    expect(await remaining()).toEqual([8]);
  });

  test('may have other names than the limits of the throttle, and costs go by them', async () => {
    const { clock, throttle, remaining } = setup(makeStore(), { limits: { ...slow, name: 'calls' } });
    const own = ['requests', 'tokens'].map((name) => ({ ...slow, burst: 10, name }));
    await throttle.setLimits('default', own);
    const grant = await throttle.wait('default', { cost: { requests: 2, tokens: 5 } });
    await throttle.allow('default', { cost: { tokens: 2 } });
    await (await throttle.reserve('default', { cost: { requests: 3, tokens: 1 } })).cancel();
    await throttle.run(() => {}, { cost: { requests: 0 }, settle: () => ({ tokens: 2 }) });
    await throttle.settle(grant, { cost: { tokens: 4 } });
    await clock.advance(0);
    // A slot that may go at once cannot be given back any more.
    expect(await remaining()).toEqual([4, 1]);
    for (const attempt of [
      throttle.wait('default', { cost: { tokns: 1 } }),
      throttle.allow('default', { cost: { tokns: 1 } }),
      throttle.reserve('default', { cost: { tokns: 1 } }),
      throttle.run(() => {}, { cost: { tokns: 1 } }),
      throttle.wait('another', { cost: { tokens: 1 } }),
      throttle.settle(grant, { cost: { calls: 1 } }),
    ]) {
      await expect(attempt).rejects.toThrow('Expected `cost` to be one number per named limit (');
    }
    expect(await remaining()).toEqual([4, 1]);
  });

  test('keep the margin of the throttle', async () => {
    const { throttle, remaining } = setup(makeStore(), { margin: T });
    await throttle.setLimits('default', { ...slow, burst: 8 });
    expect(await remaining()).toEqual([7]);
    await throttle.setLimits('default', { ...slow, burst: 8, margin: 0 });
    expect(await remaining()).toEqual([8]);
  });

  test('do not depend on the given objects afterwards', async () => {
    const { throttle, remaining } = setup(makeStore());
    const limit = { ...slow, burst: 8 };
    const list = [limit];
    await throttle.setLimits('default', list);
    limit.burst = 100;
    limit.rate = Number.NaN;
    list.pop();
    await throttle.allow();
    expect(await remaining()).toEqual([7]);
  });

  test.each<[unknown, typeof TypeError, string]>([
    [null, TypeError, 'Expected `limits` to be a limit, got `null`.'],
    [5, TypeError, 'Expected `limits` to be a limit, got `5`.'],
    ['fast', TypeError, 'Expected `limits` to be a limit, got `"fast"`.'],
    [() => slow, TypeError, 'Expected `limits` to be a limit, got `function`.'],
    [[], RangeError, 'Expected `limits` to be at least one limit, got `array of 0`.'],
    [[slow, null], TypeError, 'Expected `limits[1]` to be a limit, got `null`.'],
    [{ ...slow, rate: 0 }, RangeError, 'Expected `limits.rate` to be a number above 0, got `0`.'],
    [{ ...slow, interval: -1 }, RangeError, 'Expected `limits.interval` to be a number above 0'],
    [[slow, { ...slow, burst: 0 }], RangeError, 'Expected `limits[1].burst` to be a number of at least 1, got `0`.'],
    [{ ...slow, margin: 'some' }, RangeError, "Expected `limits.margin` to be a number of ms or 'auto', got"],
    [{ ...slow, kind: 'bucket' }, RangeError, 'Expected `limits.kind` to be '],
    [['a', 'a'].map((name) => ({ ...slow, name })), RangeError, 'Expected `limits` to be limits with different names'],
  ])('refuses %j and changes nothing', async (limits, type, message) => {
    const { clock, throttle, line, remaining } = setup(makeStore());
    await throttle.setLimits('default', { ...slow, burst: 3 });
    const calls = line(4);
    await clock.advance(0);
    const setting = throttle.setLimits('default', limits as Limit);
    await expect(setting).rejects.toThrow(type);
    await expect(setting).rejects.toThrow(message);
    await clock.advance(10 * T);
    expect([instants(calls), await remaining()]).toEqual([[0, 0, 0, T], [3]]);
  });
});

describe('setLimits', () => {
  test('is seen by all sharers of the store', async () => {
    const clock = new ManualClock();
    const values = new Map<string, unknown>();
    const [here, there] = [1, 2].map(() => setup(keyValueStore(onMap(values)), {}, clock)) as [
      ReturnType<typeof setup>,
      ReturnType<typeof setup>,
    ];
    await here.throttle.setLimits('default', { ...slow, burst: 8 });
    expect(await there.remaining()).toEqual([8]);
    const calls = there.line(9);
    await clock.advance(2 * T);
    expect(instants(calls)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, T]);
    await here.throttle.setLimits('default', undefined);
    // Seven of eight are still used, more than the four that go at once now.
    expect(await there.remaining()).toEqual([0]);
  });

  test('is kept in the store, for a throttle that begins later', async () => {
    const clock = new ManualClock();
    const values = new Map<string, unknown>();
    const before = setup(keyValueStore(onMap(values)), {}, clock);
    const own = [perSecond(5, { name: 'calls' }), slidingWindow({ limit: 90, interval: 60_000, name: 'tokens' })];
    await before.throttle.setLimits('default', own);
    await before.throttle.wait('default', { cost: { tokens: 30 } });
    await before.throttle.close();
    await clock.advance(200);
    const restarted = JSON.parse(JSON.stringify([...values]));
    const after = setup(keyValueStore(onMap(new Map(restarted))), {}, clock);
    await after.throttle.allow('default', { cost: { tokens: 50 } });
    expect((await after.throttle.status()).limits).toMatchObject([
      { name: 'calls', remaining: 0 },
      { name: 'tokens', remaining: 10 },
    ]);
  });

  test('is kept when the bucket has been at rest for long', async () => {
    const clock = new ManualClock();
    for (const store of [memoryStore(), keyValueStore(onMap(new Map()))]) {
      const { throttle, remaining } = setup(store, {}, clock);
      await throttle.setLimits('default', { ...slow, burst: 8 });
      await clock.advance(1_000_000);
      for (let other = 0; other < 30_000; other++) await throttle.wait(`other ${other}`);
      expect(await remaining()).toEqual([8]);
    }
  });

  test.each([
    { interval: 200, at: [0, 2200, 2400, 2600, 2800] },
    { interval: 8000, at: [0, 10_000, 18_000, 26_000, 34_000] },
  ])(
    'moves the waiting line of another process, behind the slot that it held, which is lost: $interval ms',
    async ({ interval, at }) => {
      const clock = new ManualClock();
      const values = new Map<string, unknown>();
      const limits = { rate: 1, interval: 2000 };
      const here = setup(keyValueStore(onMap(values)), { limits }, clock);
      const there = setup(keyValueStore(onMap(values)), { limits }, clock);
      const calls = there.line(5);
      await clock.advance(1500);
      await here.throttle.setLimits('default', { rate: 1, interval });
      await clock.advance(100_000);
      expect(instants(calls)).toEqual(at);
    },
  );

  test('reaches the bucket that stands in for a store that is away', async () => {
    let down = false;
    const store = faultyStore(memoryStore(), () => (down ? { error: new Error('gone') } : undefined));
    const { throttle, remaining } = setup(store);
    await throttle.setLimits('default', { ...slow, burst: 8 });
    down = true;
    expect(await remaining()).toEqual([8]);
    await throttle.setLimits('default', { ...slow, burst: 6 });
    expect(await remaining()).toEqual([6]);
  });

  test('rejects with StoreError if the store fails and it should, and the line goes on', async () => {
    let down = false;
    const store = faultyStore(memoryStore(), (operation) =>
      down && operation === 'override' ? { error: new Error('gone') } : undefined,
    );
    const { clock, throttle, line } = setup(store, { onStoreError: 'reject' });
    const calls = line(6);
    await clock.advance(0);
    down = true;
    await expect(throttle.setLimits('default', { ...slow, burst: 8 })).rejects.toMatchObject({ name: 'StoreError' });
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, 0, 0, 0, T, 2 * T]);
  });

  test('passes through what the limits function throws, and the line goes on', async () => {
    const wrong = new Error('no such user');
    let isBroken = false;
    const limits = () => {
      if (isBroken) throw wrong;
      return slow;
    };
    const { clock, throttle, line } = setup(memoryStore(), { limits });
    await clock.advance(0);
    isBroken = true;
    await expect(throttle.setLimits('default', slow)).rejects.toBe(wrong);
    isBroken = false;
    const calls = line(5);
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([0, 0, 0, 0, T]);
  });

  test.each([undefined, null, 5, {}, Symbol('key')])('refuses the key %s', async (key) => {
    const { throttle } = setup();
    await expect(throttle.setLimits(key as string, slow)).rejects.toThrow('Expected `key` to be a string, got ');
  });

  test('is refused once the throttle is closed', async () => {
    const { throttle } = setup();
    await throttle.close();
    await expect(throttle.setLimits('default', slow)).rejects.toThrow('The throttle is closed.');
  });

  test('of many keys at once touches each alone', async () => {
    const { throttle, remaining } = setup();
    const keys = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    await Promise.all(keys.map((key, index) => throttle.setLimits(key, { ...slow, burst: index + 1 })));
    expect(await Promise.all(keys.map((key) => remaining(key)))).toEqual(keys.map((_, index) => [index + 1]));
  });
});
