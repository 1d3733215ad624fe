import { describe, expect, test } from 'vitest';
import { FakeSignal } from '../line/fake-signal.ts';
import { sharedLine, T } from './shared-line.ts';

const burst = { rate: 1, interval: T, burst: 5 };

describe('the slot of a call that has left', () => {
  test('goes to the next call of the same cost, without a question to the store', async () => {
    const { clock, wait, asked } = sharedLine();
    const signal = new FakeSignal();
    wait();
    wait({ signal: signal.signal });
    const heir = wait();
    await clock.advance(100);
    signal.abort('mine');
    await clock.advance(T);
    expect([heir.at, asked]).toEqual([1 + T, { take: 1 }]);
  });

  test('goes back at once if the next call costs something else', async () => {
    const { clock, wait, requests } = sharedLine({ limits: burst });
    const signal = new FakeSignal();
    wait({ cost: 5 });
    wait({ cost: 5, signal: signal.signal });
    const next = wait({ cost: 2 });
    await clock.advance(100);
    signal.abort('mine');
    await clock.advance(2 * T);
    expect(next.at).toBe(1 + 2 * T);
    expect(requests.map(({ instead }) => instead?.cost)).toEqual([undefined, 5]);
  });

  test('does not go to a call that wants to go before it, though its timer is late', async () => {
    const { clock, timers, wait, asked } = sharedLine();
    timers.late = 10;
    const signal = new FakeSignal();
    wait();
    wait({ signal: signal.signal });
    const late = wait({ maxWait: T - 4 });
    await clock.advance(100);
    signal.abort('mine');
    await clock.advance(2 * T);
    expect(late.error).toMatchObject({ name: 'WaitTooLongError', maxWait: T - 4 });
    expect(asked).toEqual({ take: 1, giveBack: 1 });
  });
});

describe('a newcomer of higher priority', () => {
  test('does not take the slot of a call of another cost', async () => {
    const { clock, wait, asked } = sharedLine({ limits: burst });
    wait({ cost: 5 });
    const owner = wait();
    await clock.advance(100);
    const urgent = wait({ cost: 2, priority: 1 });
    await clock.advance(T - 100);
    expect(asked).toEqual({ take: 1 });
    await clock.advance(3 * T);
    expect([owner.at, urgent.at]).toEqual([1 + T, 1 + 3 * T]);
  });

  test('takes the slot of a call of the same cost', async () => {
    const { clock, wait, requests } = sharedLine({ limits: burst });
    wait({ cost: 5 });
    const owner = wait();
    await clock.advance(100);
    const urgent = wait({ priority: 1 });
    await clock.advance(3 * T);
    expect(requests.map(({ instead }) => instead)).toEqual([undefined, undefined]);
    expect([owner.at, urgent.at]).toEqual([1 + 2 * T, 1 + T]);
  });

  test('takes the grant of another call, which then goes before the next one', async () => {
    const { clock, wait } = sharedLine({ limits: { ...burst, burst: 2 }, answersAfter: 20 });
    wait();
    await clock.advance(10);
    const small = wait();
    const large = wait({ cost: 2 });
    // The operation that carries the small and the large one is on its way.
    await clock.advance(20);
    const urgent = wait({ priority: 1 });
    await clock.advance(10 * T);
    expect(urgent.at).toBe(40);
    expect([small.state, large.state]).toEqual(['fulfilled', 'fulfilled']);
    expect(small.at as number).toBeLessThan(large.at as number);
  });
});

describe('a reset', () => {
  test('lets the waiting calls go at once, all in one operation', async () => {
    const { clock, wait, throttle, requests } = sharedLine({ limits: { rate: 1, interval: 60 * T, burst: 50 } });
    for (let call = 0; call < 50; call++) wait();
    const calls = Array.from({ length: 40 }, () => wait());
    await clock.advance(T);
    requests.length = 0;
    await Promise.all([throttle.reset('default'), clock.advance(5)]);
    expect(calls.map(({ at }) => at)).toEqual(Array(40).fill(T + 2));
    expect(requests.map(({ costs }) => costs.length)).toEqual([40]);
  });
});

test('news of others that change nothing leave the slot where it is', async () => {
  const { clock, wait, tell, asked } = sharedLine();
  wait();
  const call = wait();
  await clock.advance(100);
  tell();
  await clock.advance(T);
  expect(call.at).toBe(1 + T);
  expect(asked).toEqual({ take: 1, peek: 1 });
});

describe('while the store is asked', () => {
  test('a call that costs more than the burst is refused at once', async () => {
    const { clock, wait, asked } = sharedLine({ answersAfter: 50 });
    for (let call = 0; call < 3; call++) wait();
    await clock.advance(T + 60);
    expect(asked).toEqual({ take: 2 });
    const call = wait({ cost: 2 });
    await clock.advance(0);
    expect(call.error).toMatchObject({ name: 'CostExceedsBurstError' });
  });

  test('a call that finds the line full during a pause is refused at once', async () => {
    const { clock, wait, throttle } = sharedLine({ answersAfter: 50, maxQueue: 1 });
    wait();
    await clock.advance(10);
    void throttle.pause('default', clock.now() + T);
    const call = wait();
    await clock.advance(0);
    expect(call.error).toMatchObject({ name: 'QueueFullError' });
  });
});

test('a call sees the limits that others set while its line was empty', async () => {
  const { clock, wait, other } = sharedLine();
  wait();
  await clock.advance(100);
  const setting = other().setLimits('default', { rate: 10, interval: T, burst: 10 });
  await clock.advance(10);
  await setting;
  const call = wait({ cost: 4 });
  await clock.advance(10 * T);
  expect(call.state).toBe('fulfilled');
});

describe('an `allow` beside a waiting call', () => {
  const limits = [
    { ...burst, name: 'calls' },
    { ...burst, name: 'data' },
  ];

  test('that skips a limit goes before the slot of the line, and the line gets a new one', async () => {
    const { clock, wait, throttle, asked } = sharedLine({ limits });
    wait({ cost: { calls: 5, data: 0 } });
    const waiting = wait({ cost: { calls: 1, data: 0 } });
    await clock.advance(100);
    const [decision] = await Promise.all([throttle.allow('default', { cost: { calls: 0 } }), clock.advance(5)]);
    expect(decision.allowed).toBe(true);
    await clock.advance(T);
    expect(waiting.at).toBe(1 + T);
    expect(asked).toEqual({ take: 3, giveBack: 1 });
  });

  test('that costs a number leaves the slot of the line where it is', async () => {
    const { clock, wait, throttle, asked } = sharedLine({ limits });
    wait({ cost: 5 });
    wait();
    await clock.advance(100);
    const [decision] = await Promise.all([throttle.allow('default'), clock.advance(5)]);
    expect(decision.allowed).toBe(false);
    expect(asked).toEqual({ take: 2 });
  });

  test('does not wait for the answer to a line without a slot', async () => {
    const { clock, wait, throttle } = sharedLine({ limits, answersAfter: 50 });
    wait();
    await clock.advance(20);
    let at: number | undefined;
    void throttle.allow('default', { cost: { data: 0 } }).then(() => {
      at = clock.monotonic();
    });
    await clock.advance(100);
    expect(at).toBe(70);
  });
});

describe('corrections', () => {
  test('and waiting calls take turns at the store', async () => {
    const { clock, throttle, wait } = sharedLine({ limits: { ...burst, burst: 20 }, answersAfter: 5 });
    const [grant] = await Promise.all([throttle.wait(), clock.advance(5)]);
    let call: ReturnType<typeof wait> | undefined;
    // A correction always waits for the store, which takes 5 ms for one.
    for (let step = 0; step < 30; step++) {
      void throttle.settle(grant, { cost: 1 });
      await clock.advance(2);
      if (step === 5) call = wait();
    }
    expect(call?.at as number).toBeLessThan(40);
  });

  test.each([
    [
      'a pause',
      async ({ throttle, clock }: ReturnType<typeof sharedLine>) => throttle.pause('default', clock.now() + 60 * T),
    ],
    [
      'calls in flight',
      ({ throttle }: ReturnType<typeof sharedLine>) => void throttle.run(() => new Promise(() => {})),
    ],
  ])('do not wait for a line that %s hold up', async (_, holdUp) => {
    const line = sharedLine({ limits: { ...burst, burst: 20 }, concurrency: 1 });
    const { clock, throttle } = line;
    const [grant] = await Promise.all([throttle.wait(), clock.advance(5)]);
    void holdUp(line);
    await clock.advance(5);
    const waiting = throttle.run(() => 'late');
    void waiting.catch(() => {});
    await clock.advance(5);
    let settled = 0;
    for (const cost of [2, 3, 4]) void throttle.settle(grant, { cost }).then(() => settled++);
    await clock.advance(0);
    void throttle.settle(grant, { cost: 5 }).then(() => settled++);
    await clock.advance(10);
    expect(settled).toBe(4);
  });
});
