import fc from 'fast-check';
import {
  ClosedError,
  CostExceedsBurstError,
  createThrottle,
  keyValueStore,
  memoryStore,
  QueueFullError,
  type Throttle,
  type ThrottleOptions,
  throttleAll,
  throttledMap,
  WaitTooLongError,
  whenIdle,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';

const onMap = () => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
};
const stores = {
  'memory stores': () => memoryStore(),
  'stores that answer at once': onMap,
  'stores that answer later': (clock: ManualClock) => slowStore(memoryStore(), clock, () => 3).store,
};

const tenPerSecond = { rate: 10, interval: 1_000, burst: 10 };
const wide = { rate: 1, interval: 1, burst: 1_000 };
const even = { rate: 1, interval: 1_000 };

/** The most instants within any `ms`. */
function mostWithin(ms: number, instants: readonly number[]): number {
  return Math.max(...instants.map((from) => instants.filter((at) => at >= from && at < from + ms).length));
}

describe.each(Object.entries(stores))('throttleAll on %s', (_, makeStore) => {
  function setup(outer: Partial<ThrottleOptions> = {}, inner: Partial<ThrottleOptions> = {}) {
    const clock = new ManualClock();
    const made = (options: Partial<ThrottleOptions>) =>
      createThrottle({ limits: wide, margin: 0, clock, store: makeStore(clock), ...options });
    const customers = made(outer);
    const api = made(inner);
    const both = throttleAll([customers, { throttle: api, key: 'api' }]);
    const went: number[] = [];
    const names: string[] = [];
    const call = (name: string, options: Parameters<typeof both.run>[1] = {}, ms = 0) => {
      const done = both.run(async () => {
        went.push(clock.monotonic());
        names.push(name);
        if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
      }, options);
      done.catch(() => {});
      return done;
    };
    const left = async (throttle: Throttle, key: string) =>
      (await pass(throttle.status(key), clock)).limits[0]?.remaining;
    return { clock, customers, api, both, went, names, call, left };
  }
  const spread = (clock: ManualClock) => clock.advance(10);

  test('keeps both limits at any time', async () => {
    const { clock, call, went } = setup(
      { limits: { rate: 5, interval: 1_000 } },
      { limits: { rate: 8, interval: 1_000 } },
    );
    const byCustomer = [0, 1, 2].map(() => [] as number[]);
    for (let index = 0; index < 60; index++) {
      const customer = index % 3;
      void call('', { key: `${customer}` }).then(() => byCustomer[customer]?.push(clock.monotonic()));
    }
    await clock.advance(20_000);
    expect(went).toHaveLength(60);
    expect(mostWithin(1_000, went)).toBeLessThanOrEqual(8);
    for (const instants of byCustomer) expect(mostWithin(990, instants)).toBeLessThanOrEqual(5);
    expect(went.at(-1)).toBeLessThan(60 * 125 + 1_500);
  });

  test('wastes no slot of one throttle while the other is paused', async () => {
    const { clock, api, call, went } = setup({ limits: { rate: 10, interval: 1_000 } });
    await pass(api.pause('api', clock.now() + 3_000), clock);
    for (let index = 0; index < 60; index++) void call('');
    await clock.advance(12_000);
    expect(went).toHaveLength(60);
    expect(went[0]).toBeGreaterThanOrEqual(3_000);
    expect(mostWithin(1_000, went)).toBeLessThanOrEqual(10);
  });

  test('spends nothing on a call that is aborted while it waits for the other throttle', async () => {
    const { clock, customers, api, call, left } = setup({ limits: tenPerSecond }, { limits: tenPerSecond });
    await pass(api.pause('api', clock.now() + 3_000), clock);
    const controller = new AbortController();
    const waiting = call('', { signal: controller.signal });
    await spread(clock);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await clock.advance(5_000);
    expect([await left(customers, 'default'), await left(api, 'api')]).toEqual([10, 10]);
    expect(clock.timers).toBe(0);
  });

  test('spends nothing of the first throttle when the second refuses', async () => {
    const { clock, customers, api, call, left } = setup({ limits: tenPerSecond }, { limits: tenPerSecond });
    await pass(api.reserve('api', { cost: 10 }), clock);
    await expect(pass(call('', { maxWait: 20 }), clock)).rejects.toBeInstanceOf(WaitTooLongError);
    await spread(clock);
    expect(await left(customers, 'default')).toBe(10);
  });

  test('lets a higher priority go first, then first come, first served', async () => {
    const { clock, call, names } = setup({}, { limits: { rate: 10, interval: 1_000 } });
    void call('now');
    await spread(clock);
    void call('a', { key: '1' });
    void call('b', { key: '2' });
    void call('urgent', { key: '3', priority: 1 });
    void call('c', { key: '1' });
    await clock.advance(2_000);
    expect(names).toEqual(['now', 'urgent', 'a', 'b', 'c']);
  });

  test('lets calls of other keys go while one key waits for its own limit', async () => {
    const { clock, customers, call, names } = setup();
    await pass(customers.pause('1', clock.now() + 1_000), clock);
    void call('paused', { key: '1' });
    void call('free', { key: '2' });
    await spread(clock);
    expect(names).toEqual(['free']);
    await clock.advance(1_000);
    expect(names).toEqual(['free', 'paused']);
  });

  test('lets an expensive call have its turn among cheap ones of other keys', async () => {
    const { clock, call, names } = setup({}, { limits: tenPerSecond });
    void call('all', { cost: 10 });
    await spread(clock);
    void call('expensive', { key: '1', cost: 5 });
    for (let index = 0; index < 20; index++) void call(`${index}`, { key: '2' });
    await clock.advance(700);
    expect(names.slice(0, 2)).toEqual(['all', 'expensive']);
  });

  test('ends 20 calls with a concurrency of 1 on both, one after the other', async () => {
    const { clock, customers, api, call } = setup({ concurrency: 1 }, { concurrency: 1 });
    const reverse = throttleAll([{ throttle: api, key: 'api' }, customers]);
    let inFlight = 0;
    let most = 0;
    let ended = 0;
    const task = async () => {
      most = Math.max(most, ++inFlight);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
      inFlight--;
      ended++;
    };
    for (let index = 0; index < 10; index++) {
      void reverse.run(task);
      void throttleAll([customers, { throttle: api, key: 'api' }]).run(task);
    }
    await clock.advance(2_000);
    expect([ended, most]).toEqual([20, 1]);
    await pass(call('after'), clock);
  });

  test('keeps maxInFlight of one throttle beside its own calls', async () => {
    const { clock, api, call } = setup({}, { maxInFlight: 2 });
    let most = 0;
    for (let index = 0; index < 10; index++) {
      void call('', { key: `${index}` }, 20);
      void api.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 20)), { key: 'own' });
    }
    for (let step = 0; step < 60; step++) {
      await clock.advance(5);
      const statuses = await Promise.all([api.status('api'), api.status('own')].map((told) => pass(told, clock, 5)));
      most = Math.max(
        most,
        statuses.reduce((sum, { inFlight }) => sum + inFlight, 0),
      );
    }
    expect(most).toBe(2);
    await clock.advance(1_000);
    expect(api.keys()).toEqual([]);
  });

  test('takes the cost from both, and corrects it in both', async () => {
    const limits = { ...tenPerSecond, rate: 1, interval: 10_000 };
    const { clock, customers, api, both, left } = setup({ limits }, { limits });
    const done = both.run(() => 2, { cost: 5, settle: (cost) => cost });
    await spread(clock);
    await done;
    await spread(clock);
    expect([await left(customers, 'default'), await left(api, 'api')]).toEqual([8, 8]);
  });

  test('takes a named cost from the throttle that has such a limit, and one call from the other', async () => {
    const slow = { rate: 1, interval: 10_000, burst: 10 };
    const { clock, customers, api, both, left } = setup({ limits: { ...slow, name: 'tokens' } }, { limits: slow });
    const done = both.run(() => 3, { cost: { tokens: 5 }, settle: (tokens) => ({ tokens }) });
    await spread(clock);
    await done;
    await spread(clock);
    expect([await left(customers, 'default'), await left(api, 'api')]).toEqual([7, 9]);
    await expect(pass(both.wait('default', { cost: { points: 5 } }), clock)).rejects.toThrow(RangeError);
  });

  test('rejects a call that can never pass one of them, and takes nothing', async () => {
    const { clock, customers, call, left } = setup({ limits: tenPerSecond }, { limits: { rate: 1, interval: 1 } });
    await expect(pass(call('', { cost: 2 }), clock)).rejects.toBeInstanceOf(CostExceedsBurstError);
    await spread(clock);
    expect(await left(customers, 'default')).toBe(10);
  });

  test.each(['customers', 'api'] as const)('rejects what waits when %s is closed', async (which) => {
    const setting = setup();
    const { clock, api, call, both } = setting;
    await pass(api.pause('api', clock.now() + 60_000), clock);
    const waiting = call('');
    await spread(clock);
    await pass(setting[which].close(), clock);
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    await expect(both.wait()).rejects.toBeInstanceOf(ClosedError);
    expect(clock.timers).toBe(0);
  });

  test('sends the waiting calls first when one of them drains', async () => {
    const { clock, api, call, names } = setup({}, { limits: { rate: 10, interval: 1_000 } });
    for (const name of ['a', 'b', 'c']) void call(name, {}, 50);
    await spread(clock);
    let isClosed = false;
    void api.close({ drain: true }).then(() => {
      isClosed = true;
    });
    await spread(clock);
    await expect(call('late')).rejects.toBeInstanceOf(ClosedError);
    expect(isClosed).toBe(false);
    await clock.advance(1_000);
    expect(names).toEqual(['a', 'b', 'c']);
    expect(isClosed).toBe(true);
  });

  test('rejects what waits with the reason of `clear`', async () => {
    const { clock, customers, api, call } = setup();
    await pass(api.pause('api', clock.now() + 60_000), clock);
    const waiting = [call('', { key: '1' }), call('', { key: '2' })] as const;
    await spread(clock);
    expect([...customers.keys(), ...api.keys()]).toEqual(['1', '2', 'api']);
    const reason = new Error('gone');
    customers.clear('1', reason);
    await expect(waiting[0]).rejects.toBe(reason);
    expect(customers.keys()).toEqual(['2']);
    api.clear('api', reason);
    await expect(waiting[1]).rejects.toBe(reason);
    await pass(whenIdle(customers), clock);
  });

  test('lets no more wait than either maxQueue allows', async () => {
    const { clock, api, call } = setup({}, { maxQueue: 2 });
    await pass(api.pause('api', clock.now() + 1_000), clock);
    const calls = [1, 2, 3].map((key) => call('', { key: `${key}` }));
    await spread(clock);
    await expect(calls[2]).rejects.toBeInstanceOf(QueueFullError);
    await clock.advance(1_100);
    await Promise.all(calls.slice(0, 2));
  });

  test('goes on within a second when a pause is ended', async () => {
    const { clock, api, call, went } = setup();
    await pass(api.pause('api', clock.now() + 60_000), clock);
    void call('');
    await clock.advance(5_000);
    await pass(api.reset('api'), clock);
    await clock.advance(1_100);
    expect(went).toHaveLength(1);
  });

  test('tells the events of both', async () => {
    const { clock, customers, api, call } = setup();
    const told: string[] = [];
    for (const [name, throttle] of Object.entries({ customers, api }))
      for (const event of ['granted', 'ended'] as const)
        throttle.on(event, ({ key }) => told.push(`${name} ${event} ${key}`));
    await pass(call('', { key: '1' }), clock);
    expect(told.sort()).toEqual(['api ended api', 'api granted api', 'customers ended 1', 'customers granted 1']);
  });

  test('runs the items of throttledMap', async () => {
    const { clock, both, went } = setup({}, { limits: { rate: 10, interval: 1_000 } });
    const results: number[] = [];
    const loop = (async () => {
      for await (const result of throttledMap(both, [1, 2, 3, 4], (item) => {
        went.push(clock.monotonic());
        return item * 2;
      }))
        results.push(result);
    })();
    await clock.advance(1_000);
    await loop;
    expect(results).toEqual([2, 4, 6, 8]);
    expect(mostWithin(99, went)).toBe(1);
  });

  test('leaves the calls of one throttle alone their share', async () => {
    const { clock, api, call, names } = setup({}, { limits: { rate: 10, interval: 1_000 } });
    for (let index = 0; index < 40; index++) {
      void call('both');
      void api.run(() => void names.push('api'), { key: 'api' });
    }
    await clock.advance(4_000);
    const own = names.filter((name) => name === 'api').length;
    expect(own).toBeGreaterThan(10);
  });
});

/** The most that calls came to above a bucket of `burst` that leaks `perMs`; 0 or less if they kept it. */
function excess(calls: readonly (readonly [at: number, cost: number])[], perMs: number, burst: number): number {
  let level = 0;
  let before = 0;
  let most = -burst;
  for (const [at, cost] of [...calls].sort(([a], [b]) => a - b)) {
    level = Math.max(0, level - (at - before) * perMs) + cost;
    before = at;
    most = Math.max(most, level - burst);
  }
  return most;
}

describe('whatever calls come, are aborted or meet a pause', () => {
  const call = fc.record({
    at: fc.integer({ min: 0, max: 3_000 }),
    key: fc.integer({ min: 0, max: 2 }),
    cost: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: 0, max: 1 }),
    ms: fc.constantFrom(0, 30, 300),
    abortsAfter: fc.constantFrom(undefined, 1, 200),
    kind: fc.constantFrom('both', 'both', 'both', 'api', 'pause'),
  });

  test.each(Object.entries(stores))(
    'both limits and all places are kept, and all ends, on %s',
    async (_, makeStore) => {
      await fc.assert(
        fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
          const clock = new ManualClock();
          const made = (rate: number, burst: number, concurrency: number) => {
            const limits = { rate, interval: 1_000, burst };
            return createThrottle({ limits, concurrency, margin: 0, clock, store: makeStore(clock) });
          };
          const [customers, api] = [made(10, 3, 1), made(15, 4, 2)];
          const both = throttleAll([customers, { throttle: api, key: 'api' }]);
          const went = new Map<string, [number, number][]>();
          const inFlight = new Map<string, number>();
          let most = 0;
          let open = 0;
          const start = ({ key, cost, priority, ms, abortsAfter, kind }: (typeof calls)[number]) => {
            if (kind === 'pause') return void api.pause('api', clock.now() + ms);
            const names = kind === 'api' ? ['api'] : [`${key}`, 'api'];
            const controller = new AbortController();
            if (abortsAfter !== undefined) clock.setTimeout(() => controller.abort(), abortsAfter);
            const task = async () => {
              for (const name of names) {
                went.set(name, [...(went.get(name) ?? []), [clock.monotonic(), cost]]);
                inFlight.set(name, (inFlight.get(name) ?? 0) + 1);
                most = Math.max(most, (inFlight.get(name) as number) - (name === 'api' ? 1 : 0));
              }
              if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
              for (const name of names) inFlight.set(name, (inFlight.get(name) as number) - 1);
            };
            open++;
            const options = { key: kind === 'api' ? 'api' : `${key}`, cost, priority, signal: controller.signal };
            void (kind === 'api' ? api : both)
              .run(task, options)
              .catch(() => {})
              .then(() => open--);
          };
          for (const one of calls) clock.setTimeout(() => start(one), one.at);
          await clock.advance(40_000);
          expect(open).toBe(0);
          expect(most).toBeLessThanOrEqual(1);
          for (const [name, taken] of went) {
            const [perMs, burst] = name === 'api' ? [0.015, 4] : [0.01, 3];
            // A store that answers later decided a few ms before its call goes.
            expect(excess(taken, perMs, burst)).toBeLessThanOrEqual(0.2);
          }
          expect([...customers.keys(), ...api.keys()]).toEqual([]);
        }),
        { numRuns: 60 },
      );
    },
  );
});

/** Lets time go by until a promise has settled. */
async function pass<T>(promise: Promise<T>, clock: ManualClock, ms = 50): Promise<T> {
  promise.catch(() => {});
  await clock.advance(ms);
  return promise;
}

describe('throttleAll', () => {
  let clock: ManualClock;
  let one: Throttle;
  beforeEach(() => {
    clock = new ManualClock();
    one = createThrottle({ limits: wide, margin: 0, clock });
  });

  test('takes turns with the calls of one throttle alone in memory', async () => {
    const api = createThrottle({ limits: { rate: 10, interval: 1_000 }, margin: 0, clock });
    const both = throttleAll([one, api]);
    const names: string[] = [];
    for (let index = 0; index < 40; index++) {
      void both.run(() => void names.push('both'));
      void api.run(() => void names.push('api'));
    }
    await clock.advance(4_000);
    const own = names.filter((name) => name === 'api').length;
    expect(own).toBeGreaterThan(15);
    expect(names.length - own).toBeGreaterThan(15);
  });

  test('counts maxWait from when the call came', async () => {
    const both = throttleAll([one, createThrottle({ limits: even, margin: 0, clock })]);
    await clock.advance(5_000);
    await both.wait();
    const late = both.wait('default', { maxWait: 999 });
    const calls = [both.wait('default', { maxWait: 1_000 }), both.wait('default', { maxWait: 2_000 })];
    await expect(late).rejects.toMatchObject({ name: 'WaitTooLongError', wait: 1_000, maxWait: 999 });
    await clock.advance(2_000);
    await Promise.all(calls);
  });

  test.each([
    { late: 5, margin: 40 },
    { late: 0.75, margin: 2 },
  ])('goes on the slots where timers are $late ms late, as each throttle does', async ({ late: by, margin }) => {
    class LateClock extends ManualClock {
      override setTimeout(callback: () => void, ms: number): unknown {
        return super.setTimeout(callback, ms + by);
      }
    }
    const late = new LateClock();
    const made = () => createThrottle({ limits: { rate: 20, interval: 1_000 }, margin, clock: late });
    const [alone, api] = [made(), made()];
    const both = throttleAll([api, createThrottle({ limits: wide, margin: 0, clock: late })]);
    const slots: number[][] = [];
    for (const run of [alone.run.bind(alone), both.run.bind(both)])
      void Promise.all(Array.from({ length: 40 }, () => run(({ at }) => at))).then((all) => slots.push(all));
    await late.advance(10_000);
    expect(slots).toHaveLength(2);
    expect(slots[1]).toEqual(slots[0]);
  });

  describe('while a store is asked', () => {
    function setup(options: Partial<ThrottleOptions> = {}) {
      const clock = new ManualClock();
      const customers = createThrottle({ limits: wide, margin: 0, clock, ...options });
      const { store } = slowStore(memoryStore(), clock, () => 10);
      const api = createThrottle({ limits: { rate: 1, interval: 1_000, burst: 10 }, margin: 0, clock, store });
      const left = async (throttle: Throttle) => (await pass(throttle.status(), clock)).limits[0]?.remaining;
      return { clock, customers, api, both: throttleAll([customers, api]), left };
    }

    test('takes nothing for a call that is aborted meanwhile', async () => {
      const limits = { rate: 1, interval: 1_000, burst: 10 };
      const { clock, customers, api, both, left } = setup({ limits });
      const controller = new AbortController();
      const waiting = both.run(() => {}, { signal: controller.signal });
      waiting.catch(() => {});
      await clock.advance(5);
      controller.abort();
      await expect(waiting).rejects.toBe(controller.signal.reason);
      await clock.advance(50);
      expect([await left(customers), await left(api)]).toEqual([10, 10]);
      expect([customers.keys(), api.keys()]).toEqual([[], []]);
    });

    test('gives the slot back when the other throttle has closed its gate meanwhile', async () => {
      const { clock, customers, api, both, left } = setup();
      const went: number[] = [];
      void both.run(() => void went.push(clock.monotonic()));
      await clock.advance(5);
      await customers.pause('default', clock.now() + 3_000);
      await clock.advance(100);
      expect(await left(api)).toBe(10);
      await clock.advance(5_000);
      expect(went).toEqual([3_015]);
    });

    test('keeps a place for the call, and no more calls in flight than may be', async () => {
      const { clock, customers, both } = setup({ concurrency: 1 });
      let inFlight = 0;
      let most = 0;
      const task = async () => {
        most = Math.max(most, ++inFlight);
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 30));
        inFlight--;
      };
      const done = [both.run(task)];
      await clock.advance(5);
      done.push(customers.run(task), both.run(task));
      await clock.advance(1_000);
      await Promise.all(done);
      expect(most).toBe(1);
      expect(customers.keys()).toEqual([]);
    });
  });

  test('asks a shared store a few times a slot, however many keys wait for it', async () => {
    const clock = new ManualClock();
    const { store, asked } = slowStore(memoryStore(), clock, () => 3);
    const api = createThrottle({ limits: { rate: 10, interval: 1_000 }, margin: 0, clock, store });
    const both = throttleAll([createThrottle({ limits: wide, margin: 0, clock }), { throttle: api, key: 'api' }]);
    let went = 0;
    for (let index = 0; index < 50; index++) void both.run(() => void went++, { key: `${index}` });
    await clock.advance(5_500);
    expect(went).toBe(50);
    expect(asked.take).toBeLessThan(50 * 4);
  });

  test('hears within a second that another process has ended a pause', async () => {
    const clock = new ManualClock();
    const store = memoryStore();
    const made = () =>
      createThrottle({ limits: wide, margin: 0, clock, store: slowStore(store, clock, () => 1).store });
    const [here, there] = [made(), made()];
    const both = throttleAll([createThrottle({ limits: wide, margin: 0, clock }), here]);
    await pass(there.pause('default', clock.now() + 60_000), clock);
    const went: number[] = [];
    void both.run(() => void went.push(clock.monotonic()));
    await clock.advance(5_000);
    expect(went).toEqual([]);
    await pass(there.reset('default'), clock);
    await clock.advance(1_100);
    expect(went).toHaveLength(1);
  });

  test('goes on after a pause as soon as the call that went alone has ended', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, () => 1);
    const api = createThrottle({ limits: wide, margin: 0, clock, store });
    const both = throttleAll([createThrottle({ limits: wide, margin: 0, clock }), api]);
    await pass(api.pause('default', clock.now() + 1_000), clock);
    const went: number[] = [];
    for (let index = 0; index < 3; index++)
      void both.run(() => {
        went.push(clock.monotonic());
        return new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
      });
    await clock.advance(5_000);
    expect(went).toHaveLength(3);
    expect((went[2] as number) - (went[0] as number)).toBeLessThan(60);
  });

  test('refuses anything but a list of throttles on one clock, each once', () => {
    expect(() => throttleAll([])).toThrow(TypeError);
    expect(() => throttleAll(one as never)).toThrow(TypeError);
    expect(() => throttleAll([{} as never])).toThrow('a throttle that createThrottle made');
    expect(() => throttleAll([one, { throttle: one, key: 'all' }])).toThrow('each is there once');
    expect(() => throttleAll([one, createThrottle({ limits: wide })])).toThrow('the same clock');
    expect(() => throttleAll([{ throttle: one, key: 1 as never }])).toThrow(TypeError);
  });

  test('refuses a combination as one of its throttles', () => {
    expect(() => throttleAll([throttleAll([one]) as never])).toThrow('a throttle that createThrottle made');
    expect(() => throttleAll([5 as never])).toThrow('a throttle that createThrottle made');
    expect(() => throttleAll([{ throttle: one, listens: 1 as never }])).toThrow('`listens`');
  });

  test('shows its waiting calls in the status and the events of each throttle', async () => {
    const [slow, api] = [even, wide].map((limits) => createThrottle({ limits, margin: 0, clock })) as [
      Throttle,
      Throttle,
    ];
    const both = throttleAll([slow, { throttle: api, key: 'api' }]);
    const queued: unknown[] = [];
    for (const throttle of [slow, api])
      throttle.on('queued', ({ key, cost, priority, waiting }) => queued.push([key, cost, priority, waiting]));
    const calls = [both.wait(), both.wait(), both.wait('default', { priority: 2 })];
    expect(queued).toEqual([
      ['default', 1, 0, 1],
      ['api', 1, 0, 1],
      ['default', 1, 2, 2],
      ['api', 1, 2, 2],
    ]);
    expect((await slow.status()).waiting).toBe(2);
    expect((await api.status('api')).waiting).toBe(2);
    await clock.advance(3_000);
    await Promise.all(calls);
    expect((await api.status('api')).waiting).toBe(0);
  });

  test('settles by hand in all of its throttles', async () => {
    const api = createThrottle({ limits: tenPerSecond, margin: 0, clock });
    const customers = createThrottle({ limits: tenPerSecond, margin: 0, clock });
    const both = throttleAll([customers, { throttle: api, key: 'api' }]);
    const grant = await both.wait();
    await both.settle(grant, { cost: 5 });
    expect((await customers.status()).limits[0]?.remaining).toBe(5);
    expect((await api.status('api')).limits[0]?.remaining).toBe(5);
    await expect(both.settle(await api.wait('api'), { cost: 1 })).rejects.toThrow('`grant`');
    await expect(throttleAll([api]).settle(grant, { cost: 1 })).rejects.toThrow('`grant`');
    const others = createThrottle({ limits: tenPerSecond, margin: 0, clock });
    await expect(throttleAll([customers, others]).settle(grant, { cost: 1 })).rejects.toThrow('`grant`');
    expect((await customers.status()).limits[0]?.remaining).toBe(5);
  });

  test('is idle when none of its throttles has a call of the key', async () => {
    const [customers, api] = [even, even].map((limits) => createThrottle({ limits, margin: 0, clock })) as [
      Throttle,
      Throttle,
    ];
    const both = throttleAll([customers, { throttle: api, key: 'api' }]);
    const ended: string[] = [];
    void api.run(() => {}, { key: 'api' });
    void api.run(() => ended.push('direct'), { key: 'api' });
    void both.run(() => ended.push('both'), { key: 'amy' });
    void whenIdle(both, 'amy').then(() => ended.push("amy's"));
    void whenIdle(both).then(() => ended.push('all'));
    await clock.advance(5_000);
    expect(ended.slice(0, 2)).toEqual(['direct', 'both']);
    expect(ended.slice(2).sort()).toEqual(['all', "amy's"]);
  });

  test('reads the key that each throttle has from that of the call', async () => {
    const api = createThrottle({ limits: tenPerSecond, margin: 0, clock });
    const both = throttleAll([one, { throttle: api, key: (key) => key.split(':')[0] as string }]);
    await both.wait('eu:7');
    await both.wait('eu:8');
    expect((await api.status('eu')).limits[0]?.remaining).toBe(8);
  });
});
