import {
  createThrottle,
  type Grant,
  keyValueStore,
  type Limit,
  memoryStore,
  type SettleOptions,
  slidingWindow,
  type ThrottleOptions,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { dice, onMap, withDelays } from '../../storage/storages.ts';
import { instants, outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const bucket: Limit = { rate: 1, interval: T, burst: 5 };
const window = slidingWindow({ limit: 5, interval: 5 * T });

const stores = {
  'the memory store': () => memoryStore(),
  'a store that answers by promises': () => keyValueStore(withDelays(dice(1))(new Map())),
};

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits: bucket, clock, ...options });
  const take = (cost = 1) => throttle.wait('default', { cost });
  const waitFor = (cost = 1) => outcomeOf(take(cost), clock);
  const remaining = async () => (await throttle.status()).limits.map((limit) => limit.remaining);
  /** Milliseconds until one more call could go. */
  const untilNext = async () => (await throttle.status()).nextAt - clock.now();
  return { clock, throttle, take, waitFor, remaining, untilNext };
}

describe.each(Object.entries(stores))('settle on %s', (_, makeStore) => {
  test.each([
    // limit, estimate, true cost, calls left, until the next
    { limits: bucket, cost: 1, settled: 1, left: 4, next: 0 },
    { limits: bucket, cost: 1, settled: 3, left: 2, next: 0 },
    { limits: bucket, cost: 1, settled: 5, left: 0, next: T },
    { limits: bucket, cost: 1, settled: 9, left: 0, next: 5 * T },
    { limits: bucket, cost: 0, settled: 4, left: 1, next: 0 },
    { limits: bucket, cost: 5, settled: 2, left: 3, next: 0 },
    { limits: bucket, cost: 5, settled: 0, left: 5, next: 0 },
    { limits: bucket, cost: 5, settled: 4.5, left: 0, next: T / 2 },
    { limits: window, cost: 1, settled: 3, left: 2, next: 0 },
    { limits: window, cost: 1, settled: 5, left: 0, next: 5 * T },
    { limits: window, cost: 1, settled: 50, left: 0, next: 5 * T },
    { limits: window, cost: 0, settled: 4, left: 1, next: 0 },
    { limits: window, cost: 5, settled: 2, left: 3, next: 0 },
    { limits: window, cost: 5, settled: 0, left: 5, next: 0 },
    { limits: window, cost: 5, settled: 4.5, left: 0, next: 5 * T },
  ])('of $cost at $settled under $limits.kind leaves $left', async ({ limits, cost, settled, left, next }) => {
    const { throttle, take, remaining, untilNext } = setup({ limits, store: makeStore() });
    await throttle.settle(await take(cost), { cost: settled });
    expect([await remaining(), await untilNext()]).toEqual([[left], next]);
  });

  test('up pushes the waiting calls back, and leaves a debt if it must', async () => {
    const { clock, throttle, take, waitFor } = setup({ limits: { ...bucket, burst: 2 }, store: makeStore() });
    const grant = await take(2);
    const calls = [1, 1, 2].map((cost) => waitFor(cost));
    await clock.advance(T / 2);
    await throttle.settle(grant, { cost: 7 });
    expect(clock.timers).toBe(1);
    await clock.advance(20 * T);
    expect(instants(calls)).toEqual([6 * T, 7 * T, 9 * T]);
  });

  test('up rejects at once the calls that would have to wait too long now, and the others keep their order', async () => {
    const { clock, throttle, take, waitFor } = setup({ limits: { ...bucket, burst: 2 }, store: makeStore() });
    const grant = await take(2);
    const patient = [waitFor(), waitFor()];
    const hasty = outcomeOf(throttle.wait('default', { maxWait: 4 * T, priority: 1 }), clock);
    await clock.advance(T / 2);
    await throttle.settle(grant, { cost: 7 });
    await clock.advance(20 * T);
    expect([hasty.error, hasty.at]).toEqual([
      expect.objectContaining({ name: 'WaitTooLongError', wait: 6 * T }),
      T / 2,
    ]);
    expect(instants(patient)).toEqual([6 * T, 7 * T]);
  });

  test('down lets waiting calls go at once, as many as there is room for', async () => {
    const { clock, throttle, take, waitFor } = setup({ store: makeStore() });
    const grant = await take(5);
    const calls = [1, 1, 1, 1, 1].map((cost) => waitFor(cost));
    await clock.advance(T / 2);
    await throttle.settle(grant, { cost: 2 });
    await clock.advance(20 * T);
    expect(instants(calls)).toEqual([0.5, 0.5, 0.5, 1, 2].map((at) => at * T));
  });

  test('down moves the timer of calls that still have to wait, the only one there is', async () => {
    const { clock, throttle, take, waitFor } = setup({ store: makeStore() });
    const grant = await take(5);
    const calls = [5, 1].map((cost) => waitFor(cost));
    await clock.advance(T / 2);
    expect([clock.timers, (await throttle.status()).nextAt - clock.now()]).toEqual([1, 4.5 * T]);
    await throttle.settle(grant, { cost: 2 });
    await clock.advance(0);
    expect([clock.timers, (await throttle.status()).nextAt - clock.now()]).toEqual([1, 1.5 * T]);
    await clock.advance(20 * T);
    expect([instants(calls), clock.timers]).toEqual([[2 * T, 3 * T], 0]);
  });

  test.each([
    ['a leaky bucket', bucket],
    ['a window', window],
  ])('of one call again and again counts from the last time, in %s', async (_, limits) => {
    const { throttle, take, remaining } = setup({ limits, store: makeStore() });
    await take(1);
    const grant = await take(1);
    const left: unknown[] = [];
    for (const cost of [4, 2, 0, 3, 3, 1, 8, 1]) {
      await throttle.settle(grant, { cost });
      left.push(...(await remaining()));
    }
    expect(left).toEqual([0, 2, 4, 1, 1, 3, 0, 3]);
  });

  test('up counts from the instant of the call, not from that of a later one', async () => {
    const { clock, throttle, take, waitFor } = setup({ limits: window, store: makeStore() });
    const grant = await take(0);
    await clock.advance(T);
    await take(2);
    await throttle.settle(grant, { cost: 3 });
    const calls = [3, 2].map((cost) => waitFor(cost));
    await clock.advance(0);
    await clock.advance(10 * T);
    expect(instants(calls)).toEqual([5 * T, 6 * T]);
  });

  test('of many calls at once loses none', async () => {
    const limits = slidingWindow({ limit: 100, interval: 10 * T });
    const { clock, throttle, take, waitFor, remaining } = setup({ limits, store: makeStore() });
    const grants = await Promise.all(Array.from({ length: 50 }, () => take(2)));
    const waiting = Array.from({ length: 30 }, () => waitFor(1));
    await clock.advance(0);
    await Promise.all(grants.map((grant) => throttle.settle(grant, { cost: 1 })));
    await clock.advance(0);
    expect([instants(waiting), await remaining()]).toEqual([waiting.map(() => 0), [20]]);
  });

  test('names the limits that change; the others keep their cost', async () => {
    const limits = ['requests', 'tokens', undefined].map((name) => ({ ...window, ...(name && { name }) }));
    const { throttle, remaining } = setup({ limits, store: makeStore() });
    const grant = await throttle.wait('default', { cost: { requests: 2, tokens: 4 } });
    expect(await remaining()).toEqual([3, 1, 4]);
    await throttle.settle(grant, { cost: { tokens: 1 } });
    expect(await remaining()).toEqual([3, 4, 4]);
    await throttle.settle(grant, { cost: { requests: 0 } });
    expect(await remaining()).toEqual([5, 4, 4]);
    await throttle.settle(grant, { cost: 3 });
    expect(await remaining()).toEqual([2, 2, 2]);
  });

  test('names limits of a call that cost the same in each', async () => {
    const limits = ['requests', undefined].map((name) => ({ ...window, ...(name && { name }) }));
    const { throttle, take, remaining } = setup({ limits, store: makeStore() });
    await throttle.settle(await take(3), { cost: { requests: 4 } });
    expect(await remaining()).toEqual([1, 2]);
  });

  test.each(['a bucket', 'a window'])('of a call from before a reset gives %s nothing back', async (kind) => {
    const limits = kind === 'a bucket' ? bucket : window;
    const { clock, throttle, take, remaining } = setup({ limits, store: makeStore() });
    const grant = await take(5);
    await clock.advance(1);
    await throttle.reset('default');
    await take(3);
    await clock.advance(1);
    await throttle.settle(grant, { cost: 0 });
    expect(await remaining()).toEqual([2]);
  });

  test.each(['a bucket', 'a window'])('of a call from before limits changed and returned, in %s', async (kind) => {
    const limits = kind === 'a bucket' ? bucket : window;
    const { clock, throttle, take, remaining } = setup({ limits, store: makeStore() });
    const grant = await take(5);
    await throttle.setLimits('default', { ...limits, interval: limits.interval / 1000 });
    await clock.advance(T / 10);
    // All of the first call has leaked under these.
    const others = kind === 'a bucket' ? [] : [await take(5)];
    await throttle.setLimits('default', undefined);
    // What was used stays used until it is as old as an interval.
    if (kind === 'a bucket') await clock.advance(10 * T);
    if (kind === 'a bucket') others.push(await take(5));
    await throttle.settle(grant, { cost: 0 });
    expect(await remaining()).toEqual([0]);
    for (const other of others) await throttle.settle(other, { cost: 1 });
    expect((await remaining())[0]).toBeLessThanOrEqual(4);
  });

  test('gives nothing back for a slot that was already given back, and charges nothing for it', async () => {
    const { throttle, take, remaining, untilNext } = setup({ store: makeStore() });
    await take(5);
    const reservation = await throttle.reserve('default', { cost: 3 });
    await reservation.cancel();
    for (const cost of [0, 5, 1]) await throttle.settle(reservation, { cost });
    expect([await remaining(), await untilNext()]).toEqual([[0], T]);
  });

  test.each([bucket, slidingWindow({ limit: 40, interval: 40 * T })])(
    'of a slot to come is what its cancel gives back',
    async (limits) => {
      const { throttle, take, untilNext } = setup({ limits, store: makeStore() });
      await take(limits.burst as number);
      const before = await untilNext();
      const reservation = await throttle.reserve('default', { cost: 5 });
      const later = await throttle.reserve();
      await throttle.settle(reservation, { cost: 2 });
      await later.cancel();
      await reservation.cancel();
      expect(await untilNext()).toBe(before);
    },
  );
});

describe('settle', () => {
  test('takes the grants of wait, of run and of reserve', async () => {
    const { throttle, remaining } = setup({ limits: { ...bucket, burst: 10 } });
    const grants: Grant[] = [await throttle.wait(), await throttle.wait('default', {}), await throttle.reserve()];
    await throttle.run((grant) => grants.push(grant));
    for (const grant of grants) await throttle.settle(grant, { cost: 2 });
    expect(await remaining()).toEqual([2]);
  });

  test.each<[string, (grant: Grant) => unknown]>([
    ['a plain object', ({ key, at }) => ({ key, at })],
    ['a copy', (grant) => JSON.parse(JSON.stringify(grant))],
    ['a spread', (grant) => ({ ...grant })],
    ['undefined', () => undefined],
    ['null', () => null],
    ['a key', ({ key }) => key],
  ])('refuses %s for a grant', async (_, make) => {
    const { throttle, take, remaining } = setup();
    const settling = throttle.settle(make(await take()) as Grant, { cost: 3 });
    await expect(settling).rejects.toThrow(TypeError);
    await expect(settling).rejects.toThrow('Expected `grant` to be a grant or a reservation of this throttle, got ');
    expect(await remaining()).toEqual([4]);
  });

  test('refuses the grants of another throttle, on the same store too', async () => {
    const store = memoryStore();
    const { clock, throttle, remaining } = setup({ store });
    const other = createThrottle({ margin: 0, limits: bucket, store, clock });
    const grants = [await other.wait(), await other.wait('default', {}), await other.reserve()];
    for (const grant of grants) {
      await expect(throttle.settle(grant, { cost: 0 })).rejects.toThrow(
        'Expected `grant` to be a grant or a reservation of this throttle, got `[object Object]`.',
      );
    }
    expect(await remaining()).toEqual([2]);
  });

  test.each<[unknown, typeof TypeError, string]>([
    [-1, RangeError, 'Expected `cost` to be a number of at least 0, got `-1`.'],
    [Number.NaN, RangeError, 'Expected `cost` to be a number of at least 0, got `NaN`.'],
    [Infinity, RangeError, 'Expected `cost` to be a number of at least 0, got `Infinity`.'],
    ['3', TypeError, 'Expected `cost` to be a number, or one number per named limit, got `"3"`.'],
    [undefined, TypeError, 'Expected `cost` to be a number, or one number per named limit, got `undefined`.'],
    [null, TypeError, 'Expected `cost` to be a number, or one number per named limit, got `null`.'],
    [{ tokens: -1 }, RangeError, 'Expected `cost.tokens` to be a number of at least 0, got `-1`.'],
    [{ tokens: '1' }, TypeError, 'Expected `cost.tokens` to be a number of at least 0, got `"1"`.'],
    [{ tokns: 1 }, RangeError, 'Expected `cost` to be one number per named limit (tokens), got `"tokns"`.'],
  ])('refuses a cost of %s and changes nothing', async (cost, type, message) => {
    const { throttle, take, remaining } = setup({ limits: { ...bucket, name: 'tokens' } });
    const grant = await take();
    const settling = throttle.settle(grant, { cost } as SettleOptions);
    await expect(settling).rejects.toThrow(type);
    await expect(settling).rejects.toThrow(message);
    expect(await remaining()).toEqual([4]);
    await throttle.settle(grant, { cost: { tokens: 2 } });
    expect(await remaining()).toEqual([3]);
  });

  test.each([undefined, null, 5, [1]])('refuses %s for options', async (options) => {
    const { throttle, take } = setup();
    const settling = throttle.settle(await take(), options as unknown as SettleOptions);
    await expect(settling).rejects.toThrow('Expected `options` to be an object, got ');
  });

  test('charges a bucket that was forgotten since, from where the call left it', async () => {
    const values = new Map<string, unknown>();
    for (const [store, others] of [
      [memoryStore(), 30_000],
      [keyValueStore(onMap(values)), 5],
    ] as const) {
      const { clock, throttle, untilNext } = setup({ store, limits: { ...bucket, burst: 1000 } });
      const grant = await throttle.wait();
      await clock.advance(120_000);
      for (let other = 0; other < others; other++) await throttle.wait(`other ${other}`);
      expect(values.get('default')).toBe(undefined);
      await throttle.settle(grant, { cost: 500 });
      expect(await untilNext()).toBe(0);
      await throttle.settle(grant, { cost: 5000 });
      expect(await untilNext()).toBe((5000 - 999) * T - 120_000);
    }
  });

  test('is refused once the throttle is closed', async () => {
    const { throttle, take } = setup();
    const grant = await take();
    await throttle.close();
    await expect(throttle.settle(grant, { cost: 2 })).rejects.toThrow('The throttle is closed.');
  });

  test('rejects with StoreError if the store fails and it should, and can be done again', async () => {
    let down = false;
    const store = faultyStore(memoryStore(), () => (down ? { error: new Error('gone') } : undefined));
    const { clock, throttle, take, remaining } = setup({ store, onStoreError: 'reject' });
    const grant = await take(2);
    down = true;
    await expect(throttle.settle(grant, { cost: 4 })).rejects.toMatchObject({ name: 'StoreError' });
    down = false;
    expect(await remaining()).toEqual([3]);
    await throttle.settle(grant, { cost: 4 });
    expect(await remaining()).toEqual([1]);
    // Nobody knows whether a refund that failed was made, so it is not made twice.
    down = true;
    await expect(throttle.settle(grant, { cost: 1 })).rejects.toMatchObject({ name: 'StoreError' });
    down = false;
    await throttle.settle(grant, { cost: 1 });
    expect(await remaining()).toEqual([1]);
    await clock.advance(0);
  });

  test('that failed does not undo a later one', async () => {
    let fail = (): void => {};
    const failing = new Promise<void>((_, reject) => {
      fail = () => reject(new Error('gone'));
    });
    let settles = 0;
    const store = faultyStore(memoryStore(), (operation) =>
      operation === 'settle' && settles++ === 0 ? { after: failing } : undefined,
    );
    const { clock, throttle, take, remaining } = setup({ store, onStoreError: 'reject' });
    const grant = await take();
    const first = outcomeOf(throttle.settle(grant, { cost: 2 }), clock);
    const second = outcomeOf(throttle.settle(grant, { cost: 4 }), clock);
    await clock.advance(0);
    fail();
    await clock.advance(0);
    expect([first.state, second.state]).toEqual(['rejected', 'fulfilled']);
    const before = (await remaining())[0] as number;
    await throttle.settle(grant, { cost: 1 });
    expect(await remaining()).toEqual([before + 3]);
  });

  test('does not stand in line behind a busy store', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => ({ delay: 50, decidesAfter: 25 }));
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 10, burst: 3 }, clock, store });
    const first = throttle.wait();
    for (let call = 0; call < 200; call++) outcomeOf(throttle.wait(), clock);
    await clock.advance(60);
    const settling = outcomeOf(throttle.settle(await first, { cost: 20 }), clock);
    await clock.advance(300);
    expect(settling.state).toBe('fulfilled');
  });

  test('repeatedly leaves waiting calls their turn', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 10);
    const throttle = createThrottle({
      margin: 0,
      limits: slidingWindow({ limit: 300, interval: 60_000 }),
      clock,
      store,
    });
    const grants = Promise.all(Array.from({ length: 300 }, () => throttle.wait()));
    const calls = [1, 2, 3].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(100);
    for (const grant of await grants) {
      void throttle.settle(grant, { cost: 0 });
      await clock.advance(3);
    }
    for (const { at } of calls) expect(at).toBeLessThan(250);
  });

  test('of many calls at once takes few turns with waiting calls', async () => {
    const clock = new ManualClock();
    const { store, asked } = slowStore(memoryStore({ clock }), clock, () => 10);
    const limits = slidingWindow({ limit: 1100, interval: 60_000 });
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const calls = Array.from({ length: 500 }, () =>
      outcomeOf(
        throttle.run(() => 1, { cost: 5, settle: () => 2 }),
        clock,
      ),
    );
    await clock.advance(0);
    await clock.advance(1000);
    expect(calls.every((call) => call.state === 'fulfilled')).toBe(true);
    expect(asked).toMatchObject({ settle: 500 });
    expect(asked.take).toBeLessThan(50);
  });

  test('emits no event and calls no listener', async () => {
    const { throttle, take } = setup();
    const grant = await take();
    const listener = vi.fn();
    for (const name of ['queued', 'granted', 'rejected', 'paused', 'resumed', 'store-error'] as const)
      throttle.on(name, listener);
    await throttle.settle(grant, { cost: 3 });
    expect(listener).not.toHaveBeenCalled();
  });
});
