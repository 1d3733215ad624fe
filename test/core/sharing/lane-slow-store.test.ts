import {
  type BucketStore,
  createThrottle,
  memoryStore,
  type StoreNews,
  type StoreOperations,
  sharedStore,
  slidingWindow,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from './slow-store.ts';

const T = 100;
const limits = { rate: 1, interval: T };

describe('a lane on a slow store', () => {
  test('has one operation in flight at most, and one timer of its own', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    let inFlight = 0;
    let most = 0;
    const slow = slowStore(inner, clock, () => 7);
    const counted = sharedStore(
      Object.fromEntries(
        Object.entries(slow.store).map(([name, value]) => [
          name,
          typeof value !== 'function'
            ? value
            : async (...args: unknown[]) => {
                most = Math.max(most, ++inFlight);
                const answer = await (value as (...args: unknown[]) => unknown)(...args);
                inFlight--;
                return answer;
              },
        ]),
      ) as unknown as StoreOperations,
    );
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 4 }, clock, store: counted });
    const signal = new FakeSignal();
    const calls = Array.from({ length: 30 }, (_, index) =>
      outcomeOf(throttle.wait('default', index % 3 === 0 ? { signal: signal.signal } : {}), clock),
    );
    for (let step = 0; step < 400; step++) {
      await clock.advance(11);
      expect(clock.timers - slow.timers).toBeLessThanOrEqual(1);
      if (step === 50) signal.abort('mine');
    }
    expect(most).toBe(1);
    expect(calls.every((call) => call.times === 1)).toBe(true);
    expect([clock.timers, slow.timers]).toEqual([0, 0]);
  });

  test('stays the only one of its key while it asks for nobody', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 50);
    let asking = 0;
    let most = 0;
    const store: BucketStore = {
      ...slow.store,
      take: async (key, request) => {
        if (key === 'left') most = Math.max(most, ++asking);
        const answer = await slow.store.take(key, request);
        if (key === 'left') asking--;
        return answer;
      },
    };
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 4 }, clock, store });
    const controller = new AbortController();
    void throttle.wait('left', { signal: controller.signal }).catch(() => {});
    await clock.advance(0);
    controller.abort();
    // Another lane comes to rest after it, and takes its place if it is kept for nothing.
    const other = new AbortController();
    void throttle.wait('other', { signal: other.signal }).catch(() => {});
    await clock.advance(0);
    other.abort();
    const call = outcomeOf(throttle.wait('left'), clock);
    await clock.advance(1_000);
    expect([call.state, most]).toEqual(['fulfilled', 1]);
  });

  test('looks at once when its store tells of what others did', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    let tell: (news: StoreNews) => void = () => {};
    const store = {
      ...slowStore(inner, clock, () => 1).store,
      watch: (listener: (news: StoreNews) => void) => {
        tell = listener;
        return () => {};
      },
    };
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 60_000 }, clock, store });
    void throttle.wait();
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(100);
    inner.reset('default');
    tell({ key: 'default' });
    await clock.advance(10);
    expect(call.state).toBe('fulfilled');
  });

  test('costs one reservation, not one for each call that waits', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 1);
    const throttle = createThrottle({ margin: 0, limits, clock, store: slow.store });
    for (let call = 0; call < 500; call++) outcomeOf(throttle.wait(), clock);
    await clock.advance(0);
    await clock.advance(50);
    const other = createThrottle({ margin: 0, limits, clock, store: slow.store });
    const next = outcomeOf(other.reserve(), clock);
    await clock.advance(10);
    expect(next.value?.wait).toBeLessThanOrEqual(2 * T);
  });

  test('asks once for all calls that come together, and once when those come back together', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 1);
    const throttle = createThrottle({
      margin: 0,
      limits: { rate: 100, interval: 1, burst: 1000 },
      clock,
      store: slow.store,
    });
    const comeTwice = async () => {
      await throttle.wait();
      await throttle.wait();
    };
    const both = outcomeOf(Promise.all(Array.from({ length: 64 }, comeTwice)), clock);
    await clock.advance(0);
    await clock.advance(1);
    expect(slow.asked).toEqual({ take: 2 });
    await clock.advance(1);
    expect([both.state, both.at]).toEqual(['fulfilled', 2]);
    expect(slow.asked).toEqual({ take: 2 });
  });

  test.each([
    [488, 'asks for the next calls before the granted callers resume'],
    [256, 'asks for the next calls before the granted callers resume'],
    [255, 'waits for more calls from the granted callers'],
  ])('with %i left in line %s', async (left) => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 1);
    const log: (number | 'gone')[] = [];
    const store: BucketStore = {
      ...slow.store,
      take: (key, request) => {
        log.push(request.costs.length);
        return slow.store.take(key, request);
      },
    };
    const throttle = createThrottle({ margin: 0, limits: { rate: 1000, interval: 1, burst: 2000 }, clock, store });
    for (let call = 0; call < 512 + left; call++) void throttle.wait().then(() => log.push('gone'));
    await clock.advance(2);
    expect(log).toHaveLength(2 + 512 + left);
    expect([log[0], log.indexOf(left)]).toEqual([512, left < 256 ? 1 + 512 : 1]);
  });

  test('with hundreds in line still asks once for those whose places become free together', async () => {
    const clock = new ManualClock();
    const { store, asked } = slowStore(memoryStore({ clock }), clock, () => 1);
    const limits = { rate: 1000, interval: 1, burst: 2000 };
    const throttle = createThrottle({ margin: 0, limits, clock, store, concurrency: 100 });
    const over = new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
    const calls = Array.from({ length: 500 }, () => throttle.run(() => over));
    const all = outcomeOf(Promise.all(calls), clock);
    await clock.advance(20);
    expect([all.state, asked]).toEqual(['fulfilled', { take: 5 }]);
  });

  test('goes on when its limits function throws, with any number of waiting calls', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 1);
    let isBroken = true;
    const find = () => {
      if (isBroken) throw new Error('mine');
      return { rate: 1000, interval: 1, burst: 2000 };
    };
    const throttle = createThrottle({ margin: 0, limits: find, clock, store });
    const calls = Array.from({ length: 600 }, () => outcomeOf(throttle.wait(), clock));
    await clock.advance(5);
    expect(calls.every(({ error }) => (error as Error).message === 'mine')).toBe(true);
    isBroken = false;
    const later = Array.from({ length: 600 }, () => outcomeOf(throttle.wait(), clock));
    await clock.advance(5);
    expect(later.every(({ state }) => state === 'fulfilled')).toBe(true);
  });

  test('rejects no call that comes while a store fails synchronously', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 1);
    const take: BucketStore['take'] = (key, request) => {
      if (slow.asked.take !== undefined) throw new Error('on the spot');
      return slow.store.take(key, request);
    };
    const limit = { rate: 1, interval: 1, burst: 2000 };
    const throttle = createThrottle({ margin: 0, limits: limit, clock, store: { ...slow.store, take }, maxQueue: 900 });
    const calls = Array.from({ length: 900 }, () => outcomeOf(throttle.wait(), clock));
    throttle.on('store-error', () => {
      for (let call = 0; call < 600; call++) calls.push(outcomeOf(throttle.wait(), clock));
    });
    await clock.advance(2);
    expect(calls.map(({ state }) => state)).toEqual(Array(1500).fill('fulfilled'));
  });

  test('tells how long each call waited, also of those that came while it asked', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 10);
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 2 }, clock, store });
    const waits: number[] = [];
    throttle.on('granted', ({ wait }) => waits.push(wait));
    void throttle.wait();
    await clock.advance(4);
    void throttle.wait();
    await clock.advance(50);
    expect(waits).toEqual([10, 16]);
  });

  test('reports to a later listener how long an earlier call waited', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({
      margin: 0,
      limits,
      clock,
      store: slowStore(memoryStore({ clock }), clock, () => 1).store,
    });
    for (let call = 0; call < 3; call++) void throttle.wait();
    await clock.advance(30);
    void throttle.wait();
    const waits: number[] = [];
    throttle.on('granted', ({ wait }) => waits.push(wait));
    await clock.advance(3 * T);
    expect(waits.at(-1)).toBe(3 * T + 1 - 30);
  });

  test('rejects at once a call that would wait too long, counted from when it came', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 10);
    const throttle = createThrottle({ margin: 0, limits, clock, store, maxWait: 2 * T });
    void throttle.wait();
    await clock.advance(5);
    // The store decides at 10, so the next may go at 110.
    const patient = outcomeOf(throttle.wait('default', { maxWait: T + 5 }), clock);
    await clock.advance(25);
    void throttle.wait();
    const late = [outcomeOf(throttle.wait(), clock), outcomeOf(throttle.wait('default', { maxWait: T }), clock)];
    await clock.advance(4 * T);
    expect([patient, ...late].map(({ state, at }) => [state, at])).toEqual([
      ['fulfilled', 110],
      ['rejected', 30],
      ['rejected', 30],
    ]);
  });

  test('does not ask after all calls have left, and gives their slot back', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 1);
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 2 }, clock, store: slow.store });
    const leave = new FakeSignal();
    const gone = outcomeOf(throttle.wait('default', { signal: leave.signal }), clock);
    leave.abort('mine');
    await clock.advance(0);
    expect([gone.state, slow.asked]).toEqual(['rejected', {}]);
    const [first, second] = [new FakeSignal(), new FakeSignal()];
    const calls = [
      outcomeOf(throttle.wait('default', { cost: 2 }), clock),
      outcomeOf(throttle.wait('default', { signal: first.signal }), clock),
      outcomeOf(throttle.wait('default', { cost: 2, signal: second.signal }), clock),
    ];
    await clock.advance(0);
    await clock.advance(20);
    const { take } = slow.asked;
    // The slot does not fit who is next, so the line is about to ask again.
    first.abort('mine');
    second.abort('mine');
    await clock.advance(20);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(slow.asked).toMatchObject({ take, giveBack: 1 });
    expect(clock.timers).toBe(0);
  });

  test('shares slots fairly with another lane', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 3);
    const order: string[] = [];
    for (const name of ['a', 'b']) {
      const throttle = createThrottle({ margin: 0, limits, clock, store: slow.store });
      for (let call = 0; call < 20; call++) throttle.wait().then(() => order.push(name));
    }
    await clock.advance(0);
    await clock.advance(20 * T);
    const counts = ['a', 'b'].map((name) => order.filter((one) => one === name).length);
    expect(Math.abs((counts[0] as number) - (counts[1] as number))).toBeLessThanOrEqual(2);
    expect(order.length).toBeGreaterThanOrEqual(20);
  });

  test('ends a statement of the server at its stated instant, even when the store is busy', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => ({ delay: 40, decidesAfter: 0 }));
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 9 }, clock, store });
    void throttle.wait();
    await clock.advance(5);
    void throttle.sync('default', { remaining: 0, resetAt: clock.now() + 200 });
    const next = outcomeOf(throttle.wait(), clock);
    await clock.advance(300);
    expect(next.at).toBe(205);
  });

  test('notices a pause of another process within a second', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 2);
    const limit = { rate: 1, interval: 5000 };
    const [here, there] = [1, 2].map(() => createThrottle({ margin: 0, limits: limit, clock, store: slow.store })) as [
      ReturnType<typeof createThrottle>,
      ReturnType<typeof createThrottle>,
    ];
    const calls = [1, 2].map(() => outcomeOf(here.wait(), clock));
    await clock.advance(0);
    await clock.advance(100);
    let learntAt: number | undefined;
    here.on('paused', () => {
      learntAt = clock.monotonic();
    });
    void there.pause('default', clock.now() + 8000);
    await clock.advance(1200);
    expect(learntAt).toBeLessThanOrEqual(100 + 1000 + 4);
    await clock.advance(20_000);
    expect(calls[1]?.at).toBeGreaterThanOrEqual(8100);
    expect(calls[1]?.at).toBeLessThan(8200);
  });

  test.each([
    ['looks just before each slot where its store hears nothing of others', { hears: false }, { goes: 8100, looks: 1 }],
    ['trusts a store that hears of others', { hears: true }, { goes: 400, looks: 0 }],
    ['looks where its store cannot be watched and says nothing of it', {}, { goes: 8100, looks: 1 }],
  ])('%s', async (_, hears, { goes, looks }) => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 2);
    const limits = { rate: 1, interval: 400 };
    const here = createThrottle({ margin: 0, limits, clock, store: { ...slow.store, ...hears } });
    const there = createThrottle({ margin: 0, limits, clock, store: slow.store });
    const calls = [1, 2].map(() => outcomeOf(here.wait(), clock));
    await clock.advance(100);
    void there.pause('default', clock.now() + 8000);
    await clock.advance(310);
    expect(slow.asked.peek ?? 0).toBe(looks);
    await clock.advance(20_000);
    expect(calls[1]?.at).toBeGreaterThanOrEqual(goes);
    expect(calls[1]?.at).toBeLessThan(goes + 10);
  });

  test('polls once for each slot where its store cannot notify it', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock, () => 2);
    const throttle = createThrottle({
      margin: 0,
      limits: { rate: 1, interval: 40 },
      clock,
      store: { ...slow.store, hears: false },
    });
    const calls = Array.from({ length: 20 }, () => outcomeOf(throttle.wait(), clock));
    await clock.advance(1000);
    expect(calls.map((call) => call.at)).toEqual(calls.map((_, index) => 2 + index * 40));
    expect(slow.asked.peek).toBe(19);
  });

  test('gives back grants without a caller, except what another lane has built on', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const here = createThrottle({
      margin: 0,
      limits,
      clock,
      store: slowStore(inner, clock, () => ({ delay: 20 })).store,
    });
    const there = createThrottle({ margin: 0, limits, clock, store: slowStore(inner, clock).store });
    const signal = new FakeSignal();
    const gone = outcomeOf(here.wait('default', { signal: signal.signal }), clock);
    await clock.advance(1);
    const calls = [1, 2, 3].map(() => outcomeOf(there.wait(), clock));
    await clock.advance(1);
    signal.abort('mine');
    await clock.advance(10 * T);
    expect(gone.state).toBe('rejected');
    expect(calls.map((call) => call.at)).toEqual([T, 2 * T, 3 * T]);
  });

  test.each(['giveBack', 'settle'])(
    'gives all back that nobody wants, the latest first, even if %s takes long',
    async (slow) => {
      const clock = new ManualClock();
      const inner = memoryStore({ clock });
      const { store, asked } = slowStore(inner, clock, (operation) => (operation === slow ? 70 : 20));
      const limit = { rate: 1, interval: 1000 };
      const throttle = createThrottle({ margin: 0, limits: limit, clock, store });
      const signal = new FakeSignal();
      const first = outcomeOf(throttle.wait('default', { cost: 0 }), clock);
      await clock.advance(10);
      const calls = [1, 2, 3].map(() => outcomeOf(throttle.wait('default', { signal: signal.signal }), clock));
      // The second operation carries all three: one will be granted, the next gets a slot built on it.
      await clock.advance(20);
      signal.abort('mine');
      await clock.advance(200);
      expect([first, ...calls].map((call) => call.state)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
      expect(asked).toEqual({ take: 2, giveBack: 1, settle: 1 });
      const other = createThrottle({ margin: 0, limits: limit, clock, store: inner });
      expect((await other.status()).limits).toEqual([{ remaining: 1, resetAfter: 0 }]);
    },
  );

  test.each([
    ['a leaky bucket', { rate: 1, interval: 3_600_000, burst: 300 }],
    ['a window', slidingWindow({ limit: 300, interval: 3_600_000 })],
    ['several limits', [slidingWindow({ limit: 300, interval: 3_600_000 }), { rate: 1, interval: 70_007, burst: 500 }]],
  ])('gives back to %s in one operation what many got who had left', async (_, limits) => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const { store, asked } = slowStore(inner, clock, () => 20);
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    const signal = new FakeSignal();
    const calls = Array.from({ length: 210 }, (_, index) =>
      outcomeOf(throttle.wait('default', index % 3 === 0 ? {} : { signal: signal.signal, cost: index % 2 }), clock),
    );
    await clock.advance(10);
    signal.abort('mine');
    await clock.advance(100);
    expect(calls.filter((call) => call.state === 'fulfilled')).toHaveLength(70);
    expect(asked).toEqual({ take: 1, settle: 1 });
    const other = createThrottle({ margin: 0, limits, clock, store: inner });
    expect((await other.status()).limits[0]?.remaining).toBe(300 - 70);
  });

  test('keeps the order when a newcomer of higher priority takes the grant of another', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => ({ delay: 20 }));
    const throttle = createThrottle({ margin: 0, limits: { ...limits, burst: 4 }, clock, store });
    const order: string[] = [];
    const wait = (name: string, cost: number, priority = 0) =>
      outcomeOf(
        throttle.wait('default', { cost, priority }).then(() => order.push(name)),
        clock,
      );
    wait('first', 1);
    await clock.advance(10);
    wait('small', 1);
    wait('large', 2);
    // The operation that carries the small and the large one is on its way.
    await clock.advance(20);
    wait('urgent', 1, 1);
    await clock.advance(10 * T);
    expect(order).toEqual(['first', 'urgent', 'small', 'large']);
  });

  test('sends one call first after a pause that it found in an answer', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore({ clock }), clock, () => 1);
    const slow = { limits: { rate: 1, interval: 5000, burst: 4 }, clock, store };
    const [throttle, other] = [createThrottle(slow), createThrottle(slow)];
    const ends: (() => void)[] = [];
    const task = () => new Promise<void>((resolve) => ends.push(resolve));
    for (let call = 0; call < 7; call++) void throttle.run(task);
    await clock.advance(500);
    for (const end of ends.splice(0)) end();
    void other.pause('default', clock.now() + 30_000);
    await clock.advance(31_000);
    expect(ends).toHaveLength(1);
    for (const end of ends.splice(0)) end();
    await clock.advance(10);
    expect(ends).toHaveLength(2);
  });

  test('sends earlier where the bucket was reset meanwhile', async () => {
    const clock = new ManualClock();
    const inner = memoryStore({ clock });
    const throttle = createThrottle({
      margin: 0,
      limits: { rate: 1, interval: 60_000 },
      clock,
      store: slowStore(inner, clock, () => 1).store,
    });
    void throttle.wait();
    const call = outcomeOf(throttle.wait(), clock);
    await clock.advance(100);
    inner.reset('default');
    await clock.advance(2_000);
    expect(call.state).toBe('fulfilled');
  });

  test('does not poll a store forever that reserves nothing', async () => {
    const clock = new ManualClock();
    const slow = slowStore(memoryStore({ clock }), clock);
    const { take } = slow.store;
    const store: BucketStore = {
      ...slow.store,
      take: async (key, request) => ({ ...(await take(key, { ...request, ahead: 0 })), reserved: undefined }),
    };
    const throttle = createThrottle({ margin: 0, limits, clock, store });
    await throttle.wait();
    const call = outcomeOf(throttle.wait('default', { maxWait: 2 * T }), clock);
    await clock.advance(10 * T);
    expect(call.error).toMatchObject({ name: 'WaitTooLongError', wait: T });
    expect(slow.asked.take).toBe(2);
  });
});
