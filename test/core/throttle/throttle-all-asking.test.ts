import {
  CostExceedsBurstError,
  createThrottle,
  type Grant,
  memoryStore,
  QueueFullError,
  StoreError,
  type StoreOperations,
  sharedStore,
  type ThrottleOptions,
  throttleAll,
  throttleFetch,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { wholeStore } from '../../../src/testing/whole-store.ts';
import { outcomeOf } from '../line/outcome.ts';
import { type Slowness, slowStore } from '../sharing/slow-store.ts';

const wide = { rate: 1, interval: 1, burst: 1_000 };
const even = { rate: 1, interval: 1_000 };
const slowly = { rate: 1, interval: 1e6, burst: 10 };

/** A throttle on a store that answers by promises, after a delay on the clock. */
function shared(
  clock: ManualClock,
  options: Partial<ThrottleOptions> = {},
  delay: (operation: string) => Slowness | number = () => 10,
) {
  const inner = memoryStore({ clock });
  const made = () => {
    const { store, asked } = slowStore(inner, clock, delay);
    return { throttle: createThrottle({ limits: wide, margin: 0, clock, store, ...options }), asked };
  };
  /** Another process on the same store. */
  return { ...made(), sharer: () => made().throttle };
}

function local(clock: ManualClock, options: Partial<ThrottleOptions> = {}) {
  return createThrottle({ limits: wide, margin: 0, clock, ...options });
}

const sleep = (clock: ManualClock, ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));

/** The calls left in the first limit of a throttle. */
async function leftIn(throttle: ReturnType<typeof local>, clock: ManualClock) {
  const status = outcomeOf(throttle.status(), clock);
  await clock.advance(20);
  return status.value?.limits[0]?.remaining;
}

describe('a call of a combination, while a store is asked for it', () => {
  test('goes before calls of one throttle that come meanwhile, and they go as soon as it has ended', async () => {
    const clock = new ManualClock();
    const customers = local(clock, { concurrency: 1 });
    const { throttle: api } = shared(clock);
    const both = throttleAll([customers, api]);
    const went: string[] = [];
    const task = (name: string) => async () => {
      went.push(`${name} ${clock.monotonic()}`);
      await sleep(clock, 30);
    };
    void both.run(task('both'));
    await clock.advance(5);
    void customers.run(task('alone'));
    await clock.advance(1_000);
    expect(went).toEqual(['both 10', 'alone 40']);
  });

  test.each([
    ['the same key', { concurrency: 1 }, 'default'],
    ['another key', { maxInFlight: 1 }, 'other'],
  ])('gives its place to a call of %s that waits for it, if the store refuses', async (_, bounds, key) => {
    const clock = new ManualClock();
    const customers = local(clock, bounds);
    const { throttle: api, sharer } = shared(clock);
    void sharer().pause('default', clock.now() + 60_000);
    await clock.advance(20);
    void throttleAll([customers, api]).run(() => {});
    await clock.advance(5);
    const alone = outcomeOf(customers.wait(key), clock);
    await clock.advance(30);
    expect(alone.at).toBe(30);
  });

  test('is one too many only once the store has refused it', async () => {
    const clock = new ManualClock();
    const { throttle: api } = shared(clock, { limits: even, maxQueue: 0 });
    const both = throttleAll([local(clock), api]);
    const first = outcomeOf(both.wait(), clock);
    const second = outcomeOf(both.wait(), clock);
    await clock.advance(5);
    expect([first.state, second.state]).toEqual(['pending', 'rejected']);
    expect(second.error).toBeInstanceOf(QueueFullError);
    await clock.advance(5);
    expect(first.state).toBe('fulfilled');
    const third = outcomeOf(both.wait(), clock);
    await clock.advance(5);
    expect(third.state).toBe('pending');
    await clock.advance(5);
    expect(third.error).toBeInstanceOf(QueueFullError);
  });

  test('takes nothing of any throttle if a store fails', async () => {
    const clock = new ManualClock();
    const customers = local(clock, { limits: slowly });
    const store = faultyStore(memoryStore(), (name) => (name === 'take' ? { error: new Error('gone') } : undefined));
    const api = local(clock, { store, onStoreError: 'reject' });
    const call = outcomeOf(
      throttleAll([customers, api]).run(() => {}),
      clock,
    );
    await clock.advance(10);
    expect(call.error).toBeInstanceOf(StoreError);
    expect(await customers.status()).toMatchObject({ inFlight: 0, waiting: 0, limits: [{ remaining: 10 }] });
    expect(api.keys()).toEqual([]);
  });

  test('gives back what the store granted if it can never pass another throttle any more', async () => {
    const clock = new ManualClock();
    const customers = local(clock, { limits: slowly });
    const { throttle: api } = shared(clock, { limits: slowly });
    const call = outcomeOf(throttleAll([customers, api]).wait('default', { cost: 5 }), clock);
    await clock.advance(5);
    await customers.setLimits('default', { ...slowly, burst: 2 });
    await clock.advance(50);
    expect(call.error).toBeInstanceOf(CostExceedsBurstError);
    expect(await leftIn(api, clock)).toBe(10);
  });

  test('keeps its grant, though the store refuses a later call meanwhile', async () => {
    const clock = new ManualClock();
    const { throttle: api } = shared(clock, { limits: even }, () => 3);
    const { throttle: other } = shared(clock, {}, () => 80);
    const both = throttleAll([{ throttle: api, key: 'api' }, other]);
    const calls = ['1', '2'].map((key) => outcomeOf(both.wait(key), clock));
    await clock.advance(500);
    expect(calls.map(({ at }) => at)).toEqual([83, undefined]);
  });

  test('is granted at the instant it goes, whatever the clock of the store', async () => {
    const clock = new ManualClock();
    const storeClock = new ManualClock();
    await storeClock.advance(50_000);
    const store = slowStore(memoryStore({ clock: storeClock }), clock, () => 10).store;
    const both = throttleAll([local(clock, { store }), local(clock)]);
    const call = outcomeOf(both.wait(), clock);
    await clock.advance(10);
    expect(call.value?.at).toBe(clock.now());
  });
});

describe('the stores of a combination', () => {
  test('are asked last if they never refused', async () => {
    const clock = new ManualClock();
    const { throttle: free, asked } = shared(clock, {}, () => 1);
    const { throttle: busy } = shared(clock, { limits: { rate: 1, interval: 100 } }, () => 1);
    for (const parts of [
      [free, busy],
      [busy, free],
    ]) {
      const both = throttleAll(parts);
      let went = 0;
      for (let call = 0; call < 10; call++) void both.run(() => went++);
      await clock.advance(2_000);
      expect(went).toBe(10);
    }
    // What the other store refused at first was given back.
    expect(asked.settle ?? 0).toBeLessThanOrEqual(2);
    expect(asked.take).toBeLessThanOrEqual(22);
  });

  test('are asked for no slot ahead', async () => {
    const clock = new ManualClock();
    const { throttle: api } = shared(clock, { limits: { rate: 1, interval: 1 } }, () => 0);
    const both = throttleAll([local(clock), api]);
    const went: number[] = [];
    for (let call = 0; call < 5; call++) void both.run(() => void went.push(clock.monotonic()));
    await clock.advance(20);
    expect(went.map(Math.floor)).toEqual([0, 1, 2, 3, 4]);
  });

  test('are asked for twice as many calls with each that they grant after a refusal', async () => {
    const clock = new ManualClock();
    const { throttle: api, sharer } = shared(clock, {}, () => 3);
    const both = throttleAll([local(clock), { throttle: api, key: 'api' }]);
    void sharer().pause('api', clock.now() + 500);
    await clock.advance(10);
    const went: number[] = [];
    for (let call = 0; call < 64; call++) void both.run(() => void went.push(clock.monotonic()), { key: `${call}` });
    await clock.advance(490);
    expect(went).toEqual([]);
    await clock.advance(40);
    expect(went).toHaveLength(64);
  });

  test('let a call pass their own line that needs none of what it waits for', async () => {
    const clock = new ManualClock();
    const limits = [
      { rate: 1, interval: 1, name: 'requests' },
      { rate: 1, interval: 1_000, burst: 1, name: 'tokens' },
    ];
    const { throttle: api } = shared(clock, { limits });
    const both = throttleAll([local(clock), api]);
    const own = [1, 2].map(() => outcomeOf(api.wait(), clock));
    await clock.advance(100);
    const call = outcomeOf(both.wait('default', { cost: { tokens: 0 } }), clock);
    await clock.advance(100);
    expect([own[1]?.state, call.state]).toEqual(['pending', 'fulfilled']);
    await clock.advance(1_000);
    expect(own[1]?.state).toBe('fulfilled');
  });

  test.each([
    { margin: 20, delay: 10, postponed: undefined },
    { margin: 20, delay: 10.5, postponed: 1 },
    { margin: 1, delay: 0.75, postponed: 1 },
  ])('hear that a call went $delay ms after their grant only if that is more than half the margin', async (row) => {
    const clock = new ManualClock();
    const { margin } = row;
    const first = shared(clock, { margin }, () => 3);
    const second = shared(clock, { margin, limits: even }, () => row.delay);
    const both = throttleAll([first.throttle, second.throttle]);
    const call = outcomeOf(both.wait(), clock);
    await clock.advance(100);
    expect(call.at).toBe(3 + row.delay);
    expect(first.asked.postpone).toBe(row.postponed);
  });
});

test.each([
  { margin: 20, delay: 80 },
  { margin: 1, delay: 0.75 },
])('a call that went $delay ms after a store granted it can be settled as if it had been granted then', async (row) => {
  const { margin, delay } = row;
  const clock = new ManualClock();
  const takes = (ms: number) => (operation: string) => (operation === 'take' ? ms : 0);
  const { throttle: api } = shared(clock, { limits: { ...even, burst: 5 }, margin }, takes(3));
  const { throttle: other } = shared(clock, { limits: even }, takes(delay));
  const both = throttleAll([api, other]);
  const call = outcomeOf(both.wait(), clock);
  await clock.advance(3 + delay);
  expect(call.state).toBe('fulfilled');
  await both.settle(call.value as Grant, { cost: 0 });
  expect((await api.status()).limits[0]?.resetAfter).toBe(0);
});

test('a call that a store refuses with no wait at all is asked for again', async () => {
  /** As real ones do, it goes on between two looks. */
  class GoingClock extends ManualClock {
    #looks = 0;
    override monotonic(): number {
      return super.monotonic() + this.#looks++ * 0.001;
    }
  }
  const clock = new GoingClock();
  const inner = wholeStore(memoryStore({ clock }));
  let asked = 0;
  const take: StoreOperations['take'] = async (key, request) => {
    const isRefused = asked++ < 3;
    const answer = await inner.take(key, { ...request, costs: isRefused ? [] : request.costs });
    return isRefused ? { ...answer, wait: 0 } : answer;
  };
  const store = sharedStore({ ...inner, shared: true, take });
  const both = throttleAll([local(clock), local(clock, { store })]);
  const call = outcomeOf(both.wait(), clock);
  await clock.advance(100);
  expect([call.error, call.state, asked]).toEqual([undefined, 'fulfilled', 4]);
});

test('the calls behind one that goes alone after a refusal go as soon as it has ended', async () => {
  const clock = new ManualClock();
  const both = throttleAll([local(clock), local(clock)]);
  const went: number[] = [];
  const send = throttleFetch(both, {
    key: 'default',
    fetch: async () => {
      went.push(clock.monotonic());
      await sleep(clock, 50);
      return went.length === 1
        ? new Response('', { status: 429, headers: { 'retry-after': '1' } })
        : new Response('ok');
    },
  });
  const calls = [outcomeOf(send('https://api.example/'), clock)];
  await clock.advance(60);
  for (let call = 0; call < 2; call++) calls.push(outcomeOf(send('https://api.example/'), clock));
  await clock.advance(3_000);
  expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  const [, alone = 0, next = 0, last = 0] = went;
  expect([alone >= 1_050, next - alone, last - next < 5]).toEqual([true, 50, true]);
});
