import {
  createThrottle,
  type Limit,
  memoryStore,
  slidingWindow,
  type Throttle,
  type ThrottleOptions,
  throttleAll,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';

const onePerSecond = { rate: 1, interval: 1_000 };
const wide = { rate: 1, interval: 1, burst: 1_000 };

/** Customers who call endpoints, each with limits of its own. */
function setUp(customerOptions: ThrottleOptions, endpointOptions: ThrottleOptions) {
  const clock = new ManualClock();
  const customers = createThrottle({ margin: 0, clock, ...customerOptions });
  const endpoints = createThrottle({ margin: 0, clock, ...endpointOptions });
  const went: string[] = [];
  const call = (
    customer: string,
    endpoint: string,
    options: { cost?: number; priority?: number; ms?: number } = {},
  ) => {
    const { cost = 1, priority = 0, ms = 0 } = options;
    const both = throttleAll([
      { throttle: customers, key: customer },
      { throttle: endpoints, key: endpoint },
    ]);
    const task = async () => {
      went.push(`${customer}${endpoint} ${clock.monotonic()}`);
      if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    };
    both.run(task, { cost, priority }).catch(() => {});
  };
  return { clock, customers, endpoints, call, went };
}

describe('a call that needs two buckets, while others keep taking from one of them each', () => {
  test('goes after being overtaken once, though the buckets are never free together', async () => {
    const { clock, call, went } = setUp({ limits: onePerSecond }, { limits: onePerSecond });
    call('a', 'y');
    await clock.advance(500);
    call('b', 'x');
    await clock.advance(1);
    call('a', 'x');
    for (let index = 0; index < 20; index++) {
      call('a', 'y');
      call('b', 'x');
    }
    await clock.advance(3_000);
    expect(went).toEqual(['ay 0', 'bx 500', 'ay 1000', 'ax 2000', 'bx 3000', 'ay 3000']);
  });

  test('goes as soon as both hold its cost', async () => {
    const limits = { rate: 10, interval: 1_000, burst: 10 };
    const { clock, call, went } = setUp({ limits }, { limits });
    call('a', 'y', { cost: 10 });
    call('b', 'x', { cost: 10 });
    call('a', 'x', { cost: 10 });
    for (let index = 0; index < 40; index++) {
      call('a', 'y');
      call('b', 'x');
    }
    await clock.advance(3_000);
    expect(went.filter((name) => name.startsWith('ax'))).toEqual(['ax 1900']);
  });

  test('gets the place that one of them has, when it becomes free while its slot is not due', async () => {
    const { clock, call, went } = setUp({ limits: wide, concurrency: 1 }, { limits: onePerSecond });
    call('a', 'y', { ms: 300 });
    call('b', 'x');
    await clock.advance(1);
    call('a', 'x');
    for (let index = 0; index < 20; index++) {
      call('a', `y${index}`, { ms: 300 });
      call('b', 'x');
    }
    await clock.advance(4_000);
    expect(went.filter((name) => name.startsWith('ax'))).toEqual(['ax 2000']);
  });

  test('leaves all places but one to others, while its slot is not due', async () => {
    const { clock, call, went } = setUp({ limits: wide, concurrency: 2 }, { limits: onePerSecond });
    call('a', 'y', { ms: 300 });
    call('a', 'y0', { ms: 300 });
    call('b', 'x');
    await clock.advance(1);
    call('a', 'x');
    for (let index = 1; index < 20; index++) {
      call('a', `y${index}`, { ms: 300 });
      call('b', 'x');
    }
    await clock.advance(4_000);
    // From 1200 on, when both places are free, one is kept for the call at 2000.
    const from = went.indexOf('ay7 1200');
    expect(went.slice(from, from + 5)).toEqual(['ay7 1200', 'ay8 1500', 'ay9 1800', 'ax 2000', 'ay10 2000']);
  });

  test('holds up none of them while its own wait is longer than theirs', async () => {
    const { clock, customers, call, went } = setUp({ limits: onePerSecond }, { limits: { rate: 4, interval: 1_000 } });
    call('a', 'y');
    await clock.advance(500);
    call('a', 'x');
    await clock.advance(499);
    await customers.pause('a', clock.now() + 3_000);
    for (let index = 0; index < 20; index++) call(`${index}`, 'x');
    await clock.advance(2_999);
    expect(went.filter((name) => name.includes('x '))).toHaveLength(12);
    await clock.advance(250);
    expect(went.slice(-1)).toEqual(['ax 3999']);
  });
});

test('leaves the place to a call of one throttle alone that its store is being asked for', async () => {
  const clock = new ManualClock();
  const { store } = slowStore(memoryStore(), clock, () => (clock.monotonic() === 0 ? 60 : 3));
  const api = createThrottle({ limits: wide, concurrency: 1, clock, store });
  const both = throttleAll([createThrottle({ limits: wide, clock }), api]);
  let inFlight = 0;
  let most = 0;
  const task = async () => {
    most = Math.max(most, ++inFlight);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 400));
    inFlight--;
  };
  const calls = [api.run(task)];
  await clock.advance(1);
  calls.push(both.run(task));
  await clock.advance(2_000);
  await Promise.all(calls);
  expect(most).toBe(1);
});

describe('a call that is granted by one slow store while another is asked', () => {
  const kinds: readonly [string, Limit, number, number][] = [
    ['a leaky bucket', { rate: 10, interval: 1_000 }, 100, 1],
    ['a sliding window', slidingWindow({ limit: 10, interval: 1_000 }), 1_000, 10],
  ];
  test.each(kinds)('counts from when it goes, in %s', async (_, limits, ms, most) => {
    const clock = new ManualClock();
    let asked = 0;
    const made = (own: Limit, delay: () => number) =>
      createThrottle({ limits: own, clock, store: slowStore(memoryStore(), clock, delay).store });
    const api = made(limits, () => 3);
    const both = throttleAll([api, made(wide, () => (asked++ % 3 === 0 ? 80 : 3))]);
    const went: number[] = [];
    for (let index = 0; index < 60; index++) void both.run(() => void went.push(clock.monotonic()));
    await clock.advance(20_000);
    expect(went).toHaveLength(60);
    const within = went.map((from) => went.filter((at) => at >= from && at < from + ms).length);
    expect(Math.max(...within)).toBe(most);
    // Half the margin late at most.
    expect((went.at(-1) as number) - (went[0] as number)).toBeGreaterThan((60 / most - 1) * ms - 10);
  });
});

test('lets the calls of all keys go by priority, then as they came', async () => {
  const { clock, call, went } = setUp({ limits: wide }, { limits: { rate: 10, interval: 1_000 } });
  call('first', 'x');
  for (const [customer, priority] of [
    ['a', -1],
    ['b', 0],
    ['c', 2],
    ['d', -1],
    ['e', 1],
    ['f', 2],
    ['g', 0],
  ] as const)
    call(customer, 'x', { priority });
  await clock.advance(2_000);
  expect(went.map((name) => name.split('x')[0])).toEqual(['first', 'c', 'f', 'e', 'b', 'g', 'a', 'd']);
});

test('the calls of a combination and those of one of its throttles go in turn, whichever came first', async () => {
  for (const isFirst of [true, false]) {
    const clock = new ManualClock();
    const api = createThrottle({ limits: { rate: 10, interval: 1_000 }, margin: 0, clock });
    const both = throttleAll([createThrottle({ limits: wide, margin: 0, clock }), api]);
    const went: string[] = [];
    await api.wait();
    for (let index = 0; index < 5; index++) {
      if (isFirst) void both.run(() => void went.push('both'));
      void api.run(() => void went.push('alone'));
      if (!isFirst) void both.run(() => void went.push('both'));
    }
    await clock.advance(2_000);
    expect(went).toHaveLength(10);
    for (let index = 1; index < 10; index++) expect(went[index]).not.toBe(went[index - 1]);
  }
});

describe('a slot of a call that needs two buckets', () => {
  const late = { rate: 10, interval: 1_000, margin: 40 };
  /** Half of its margin. */
  const lateness = 20;

  test('is now, where a bucket was free while the call waited for the other', async () => {
    const clock = new ManualClock();
    const free = createThrottle({ limits: late, clock });
    const both = throttleAll([free, createThrottle({ limits: onePerSecond, margin: 0, clock })]);
    await both.wait();
    const second = both.wait();
    await clock.advance(1_000);
    expect((await second).at).toBe(clock.now());
    expect((await free.status()).limits[0]?.resetAfter).toBe((await freshReset(late)) as number);
  });

  test('is not before the call came, even if the bucket was free just before', async () => {
    const clock = new ManualClock();
    const free = createThrottle({ limits: late, clock });
    const both = throttleAll([free, createThrottle({ limits: wide, margin: 0, clock })]);
    await clock.advance(5_000);
    await both.wait();
    const spacing = ((await free.status()).limits[0]?.resetAfter ?? 0) + lateness / 2;
    await clock.advance(spacing);
    expect((await both.wait()).at).toBe(clock.now());
  });

  /** How long one call uses a bucket. */
  async function freshReset(limits: Limit) {
    const throttle = createThrottle({ limits, clock: new ManualClock() });
    await throttle.wait();
    return (await throttle.status()).limits[0]?.resetAfter;
  }
});

test('expensive calls of two keys have their turn before cheap ones behind them', async () => {
  const { clock, call, went } = setUp({ limits: wide }, { limits: { rate: 10, interval: 1_000, burst: 10 } });
  for (const key of ['x', 'y']) call('all', key, { cost: 10 });
  await clock.advance(1);
  call('a', 'x', { cost: 10 });
  call('b', 'y', { cost: 10 });
  for (let index = 0; index < 5; index++) {
    call(`${index}`, 'x');
    call(`${index}`, 'y');
  }
  await clock.advance(998);
  expect(went).toHaveLength(2);
  await clock.advance(1);
  expect(went.slice(2)).toEqual(['ax 1000', 'by 1000']);
});

describe('a place that a call needs which was overtaken', () => {
  const kinds = [
    ['a memory store', false],
    ['a slow store', true],
  ] as const;
  test.each(kinds)('stays empty for the last second before its slot, and no longer, on %s', async (_, isSlow) => {
    const clock = new ManualClock();
    const store = isSlow ? slowStore(memoryStore({ clock }), clock, () => 1).store : memoryStore();
    const customers = createThrottle({ limits: wide, margin: 0, clock, store, concurrency: 1 });
    const endpoints = createThrottle({ limits: { rate: 1, interval: 5_000 }, margin: 0, clock });
    const { begun } = await overtake(clock, customers, endpoints);
    const [slot = 0] = begun('ax');
    expect(slot).toBeGreaterThanOrEqual(10_000);
    expect(slot).toBeLessThan(10_010);
    const others = begun('ay').filter((at) => at > 5_400 && at < slot);
    expect(others.length).toBeGreaterThan(10);
    expect(Math.max(...others)).toBeLessThan(isSlow ? 9_010 : 9_000);
  });

  /** A call of `a` to `x`, while others keep the place of `a` busy, so that one of `b` takes the first slot of `x`. */
  async function overtake(
    clock: ManualClock,
    customers: ReturnType<typeof createThrottle>,
    endpoints: ReturnType<typeof createThrottle>,
  ) {
    const starts: [string, number][] = [];
    const call = (customer: string, endpoint: string, ms = 0) => {
      const both = throttleAll([
        { throttle: customers, key: customer },
        { throttle: endpoints, key: endpoint },
      ]);
      const task = async () => {
        starts.push([`${customer}${endpoint.charAt(0)}`, clock.monotonic()]);
        if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
      };
      void both.run(task);
    };
    call('a', 'y', 300);
    call('b', 'x');
    await clock.advance(10);
    call('a', 'x');
    for (let index = 0; index < 100; index++) call('a', `y${index}`, 300);
    call('b', 'x');
    await clock.advance(15_000);
    return { begun: (name: string) => starts.filter(([one]) => one === name).map(([, at]) => Math.floor(at)) };
  }
});

test('a call that a listener makes while others are let go does not pass an expensive one before it', async () => {
  const { clock, customers, call, went } = setUp(
    { limits: wide },
    { limits: { rate: 10, interval: 1_000, burst: 10 } },
  );
  call('all', 'x', { cost: 10 });
  await clock.advance(1);
  call('a', 'x', { cost: 10 });
  await customers.pause('b', clock.now() + 499);
  customers.on('resumed', () => call('c', 'x'));
  call('b', 'y');
  await clock.advance(3_000);
  expect(went).toEqual(['allx 0', 'by 500', 'ax 1000', 'cx 1100']);
});

test('a call keeps the bucket with its longest wait, and leaves the others to calls behind it', async () => {
  const { clock, call, went } = setUp(
    { limits: { rate: 1, interval: 400, burst: 5 } },
    { limits: { rate: 10, interval: 1_000, burst: 10 } },
  );
  for (const customer of ['a', 'b']) call(customer, 'x', { cost: 5 });
  await clock.advance(200);
  call('a', 'x', { cost: 5 });
  call('c', 'x');
  await clock.advance(3_000);
  expect(went).toEqual(['ax 0', 'bx 0', 'cx 200', 'ax 2000']);
});

test('one call of a combination passes an expensive one of one throttle, then it is the turn of that', async () => {
  const clock = new ManualClock();
  const customers = createThrottle({ limits: wide, margin: 0, clock });
  const api = createThrottle({ limits: { rate: 10, interval: 1_000, burst: 10 }, margin: 0, clock });
  const went: string[] = [];
  const note = (name: string) => () => void went.push(`${name} ${clock.monotonic()}`);
  for (let index = 0; index < 3; index++) void api.run(note('alone'), { key: 'api', cost: 10 });
  for (const key of ['a', 'b', 'c']) await customers.pause(key, clock.now() + 1_400);
  await clock.advance(600);
  const both = throttleAll([customers, { throttle: api, key: 'api' }]);
  for (const key of ['a', 'b', 'c']) void both.run(note(key), { key });
  await clock.advance(1_600);
  expect(went).toEqual(['alone 0', 'alone 1000', 'a 1400', 'alone 2100', 'b 2200']);
});

test('calls that were overtaken and wait for a place hold up no one who needs only their other bucket', async () => {
  const { clock, call, went } = setUp({ limits: wide, concurrency: 1 }, { limits: onePerSecond });
  const calls: [at: number, customer: string, endpoint: string, ms?: number][] = [
    [0, 'z', 'x'],
    [10, 'a', 'x'],
    [20, 'b', 'y2', 1_100],
    [30, 'b', 'x'],
    [500, 'a', 'y1', 5_000],
    [600, 'c', 'x'],
    [1_500, 'b', 'y3', 5_000],
    [1_600, 'd', 'x'],
  ];
  for (const [at, customer, endpoint, ms = 0] of calls) clock.setTimeout(() => call(customer, endpoint, { ms }), at);
  await clock.advance(5_000);
  expect(went).toEqual(['zx 0', 'by2 20', 'ay1 500', 'cx 1000', 'by3 1500', 'dx 2000']);
});

test.each([
  ['clears', (throttle: Throttle, _: AbortController) => throttle.clear('default', new Error('cleared'))],
  ['aborts', (_: Throttle, controller: AbortController) => controller.abort(new Error('aborted'))],
])('a listener that %s the call whose pause ends takes it out, and its places are free', async (_, end) => {
  const clock = new ManualClock();
  const throttles = [0, 1].map(() => createThrottle({ limits: wide, concurrency: 1, clock })) as [Throttle, Throttle];
  const controller = new AbortController();
  const both = throttleAll(throttles);
  await throttles[0].pause('default', clock.now() + 1_000);
  throttles[0].on('resumed', () => end(throttles[0], controller));
  const cleared = both.run(() => 'gone', { signal: controller.signal }).catch((error: Error) => error.message);
  await clock.advance(2_000);
  expect(await cleared).toMatch(/cleared|aborted/);
  expect(throttles.map((throttle) => throttle.keys())).toEqual([[], []]);
  expect(await both.run(() => 'next')).toBe('next');
});
