import { describe, expect, test } from 'vitest';
import { Events } from '../../../src/core/base/events.ts';
import type { CallGrant } from '../../../src/core/base/grant.ts';
import { checkBounds } from '../../../src/core/line/bounds.ts';
import type { GoAloneGate } from '../../../src/core/line/go-alone-gate.ts';
import { sharingOf } from '../../../src/core/line/sharing.ts';
import { Lanes } from '../../../src/core/throttle/lanes.ts';
import { Plans } from '../../../src/core/throttle/plans.ts';
import { FakeSignal } from '../line/fake-signal.ts';
import { outcomeOf } from '../line/outcome.ts';
import { sharedLine, T } from './shared-line.ts';

const burst = { rate: 1, interval: T, burst: 50 };

/** Lets 40 calls come together, and says how many of them each operation carried. */
async function carriedOf40({ clock, wait, requests }: ReturnType<typeof sharedLine>): Promise<number[]> {
  requests.length = 0;
  for (let call = 0; call < 40; call++) wait();
  await clock.advance(20);
  return requests.map(({ costs }) => costs.length);
}

describe('one operation carries all that may go together', () => {
  test('after a correction gave much back', async () => {
    const line = sharedLine({ limits: burst });
    const { clock, throttle, requests, wait } = line;
    const [grant] = await Promise.all([throttle.wait('default', { cost: 50 }), clock.advance(5)]);
    for (let call = 0; call < 40; call++) wait();
    await clock.advance(5);
    requests.length = 0;
    await Promise.all([throttle.settle(grant, { cost: 0 }), clock.advance(5)]);
    expect(requests.map(({ costs }) => costs.length)).toEqual([40]);
  });

  test('after all waiting calls left', async () => {
    const line = sharedLine({ limits: burst });
    const { clock, wait } = line;
    const signal = new FakeSignal();
    wait({ cost: 50 });
    wait({ signal: signal.signal });
    await clock.advance(5);
    signal.abort('mine');
    await clock.advance(50 * T);
    expect(await carriedOf40(line)).toEqual([40]);
  });

  test('after a grant came back that nobody wanted', async () => {
    const line = sharedLine({ limits: burst });
    const { clock, wait, asked } = line;
    const signal = new FakeSignal();
    wait({ cost: 2, signal: signal.signal });
    await clock.advance(0.5);
    signal.abort('mine');
    expect(await carriedOf40(line)).toEqual([40]);
    expect(asked).toEqual({ take: 2, settle: 1 });
  });
});

test('the line asks before granted callers resume, also after it gave something back', async () => {
  const line = sharedLine({ limits: { rate: 1_000, interval: 1, burst: 2_000 } });
  const { clock, throttle, wait, asked, requests } = line;
  const signal = new FakeSignal();
  wait({ signal: signal.signal });
  await clock.advance(0.5);
  signal.abort('mine');
  await clock.advance(5);
  expect(asked).toEqual({ take: 1, settle: 1 });
  const askedBefore: number[] = [];
  for (let call = 0; call < 1_000; call++) void throttle.wait().then(() => askedBefore.push(requests.length));
  await clock.advance(5);
  expect(askedBefore[0]).toBe(3);
});

describe('an operation on its way for a call', () => {
  const limits = { rate: 1, interval: T, burst: 5 };

  test('grants to that call, though one of higher priority and another cost has come', async () => {
    const { clock, wait, asked } = sharedLine({ limits, answersAfter: 20 });
    const small = wait();
    await clock.advance(10);
    const urgent = wait({ cost: 2, priority: 1 });
    await clock.advance(50);
    expect([small.at, urgent.at, asked]).toEqual([20, 40, { take: 2 }]);
  });

  test('reserves for that call, though one of higher priority and another cost has come', async () => {
    const { clock, wait, requests } = sharedLine({ limits, answersAfter: 20 });
    wait({ cost: 5 });
    await clock.advance(30);
    const small = wait();
    await clock.advance(10);
    const urgent = wait({ cost: 2, priority: 1 });
    await clock.advance(4 * T);
    expect([small.at, urgent.at]).toEqual([20 + T, 20 + 3 * T]);
    expect(requests.map(({ instead }) => instead)).toEqual([undefined, undefined, undefined]);
  });

  test('carries none that a lower concurrency no longer admits', async () => {
    const { clock, throttle, asked } = sharedLine({ limits, concurrency: 2 });
    let end = () => {};
    const first = throttle.run(() => new Promise<void>((resolve) => (end = resolve)));
    await clock.advance(5);
    const second = throttle.run(() => 'ran');
    void throttle.configure({ concurrency: 1 });
    await clock.advance(5);
    expect(asked).toEqual({ take: 1 });
    end();
    await clock.advance(5);
    await first;
    expect(await second).toBe('ran');
  });

  test('carries one call after a pause of others', async () => {
    const { clock, wait, requests, other } = sharedLine({ limits });
    void other().pause('default', clock.now() + 500);
    const signal = new FakeSignal();
    wait({ signal: signal.signal });
    await clock.advance(100);
    signal.abort('mine');
    await clock.advance(500);
    const calls = [wait(), wait(), wait()];
    await clock.advance(10);
    expect(calls.map(({ state }) => state)).toEqual(Array(3).fill('fulfilled'));
    expect(requests[1]?.costs).toHaveLength(1);
  });
});

test('a plain call that comes while the store is asked counts as come when that began', async () => {
  const { clock, wait, requests } = sharedLine({ margin: 200, answersAfter: 50 });
  wait();
  await clock.advance(40);
  wait();
  await clock.advance(50);
  expect(requests.map(({ late }) => late)).toEqual([0, 50]);
});

test('an answer after exactly 5 seconds is in time', async () => {
  const { clock, wait, asked } = sharedLine({ answersAfter: 5_000 });
  const call = wait();
  await clock.advance(5_000);
  expect([call.state, asked]).toEqual(['fulfilled', { take: 1 }]);
});

test('a limits function that throws once loses one call', async () => {
  let isBroken = false;
  const find = () => {
    if (!isBroken) return burst;
    isBroken = false;
    throw new Error('mine');
  };
  const { clock, wait } = sharedLine({ limits: find });
  const calls = [wait(), wait(), wait()];
  isBroken = true;
  await clock.advance(5);
  expect(calls.map(({ state }) => state)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});

describe('a pause of others', () => {
  test('leaves the patience as it is if the next call goes alone already', async () => {
    const { clock, store, other } = sharedLine({ limits: burst });
    const plans = new Plans(burst, 0);
    const lanes = new Lanes({ clock, events: new Events(), plans, bounds: checkBounds({}) }, store, sharingOf(store));
    (lanes.gates.of('default') as GoAloneGate).goAlone(1_500);
    void other().pause('default', clock.now() + 500);
    const request = { cost: 1, priority: 0, maxWait: Infinity, signal: undefined, holdsPlace: true };
    const calls = [1, 2].map(() => outcomeOf(lanes.of('default').wait(request), clock));
    await clock.advance(3_000);
    // The answer to the first of them never comes.
    expect(calls.map(({ at }) => at)).toEqual([501, 501 + 1_500 + 1]);
  });

  test('that an answer tells of stops the line, unless it is over before any slot', async () => {
    const { clock, throttle, other, wait } = sharedLine();
    const events: string[] = [];
    for (const event of ['paused', 'resumed', 'granted'] as const) throttle.on(event, () => events.push(event));
    for (const ms of [5, 10, 11]) {
      // The store decides a millisecond after it was asked.
      void other().pause('default', clock.now() + ms);
      wait();
      await clock.advance(2 * T);
    }
    expect(events).toEqual(['granted', 'granted', 'paused', 'resumed', 'granted']);
  });

  test('stops the line however short it is, if it finds it when it looks', async () => {
    const { clock, throttle, other, wait, tell } = sharedLine();
    const paused: number[] = [];
    throttle.on('paused', () => paused.push(clock.monotonic()));
    wait();
    wait();
    await clock.advance(100);
    void other().pause('default', clock.now() + 51);
    await clock.advance(50);
    tell();
    await clock.advance(2 * T);
    expect(paused).toEqual([151]);
  });

  test('tells that it is over before the next call goes on a slot', async () => {
    const { clock, throttle, wait } = sharedLine();
    const events: string[] = [];
    wait();
    wait();
    await clock.advance(100);
    for (const event of ['resumed', 'granted'] as const) throttle.on(event, () => events.push(event));
    void throttle.pause('default', clock.now() + 50);
    await clock.advance(2 * T);
    expect(events).toEqual(['resumed', 'granted']);
  });
});

test('a lane that looks finds out that its slot has moved', async () => {
  const { clock, throttle, wait, store, tell } = sharedLine();
  const [grant] = await Promise.all([throttle.wait(), clock.advance(1)]);
  const call = wait();
  await clock.advance(100);
  void store.postpone?.('default', (grant as CallGrant).receipt, 30);
  await clock.advance(10);
  tell();
  await clock.advance(2 * T);
  expect(call.at).toBe(1 + T + 30);
});

test('a lane that has just asked does not look', async () => {
  const { clock, wait, asked } = sharedLine();
  await clock.advance(5_000);
  wait();
  const call = wait();
  await clock.advance(2 * T);
  expect([call.state, asked]).toEqual(['fulfilled', { take: 1 }]);
});

describe('limits that the store has for the key alone', () => {
  const limits = { rate: 1, interval: T, burst: 10 };
  const own = { ...limits, burst: 2 };
  const isRefusedAtOnce = async ({ clock, wait }: ReturnType<typeof sharedLine>) => {
    const call = wait({ cost: 3 });
    await clock.advance(0);
    return (call.error as Error | undefined)?.name === 'CostExceedsBurstError';
  };

  async function line(options: Parameters<typeof sharedLine>[0] = {}, margin = 0) {
    const line = sharedLine({ limits, ...options });
    void line.other().setLimits('default', { ...own, margin });
    await line.clock.advance(5);
    return line;
  }

  test('are known from a grant', async () => {
    const started = await line({ concurrency: 1 });
    for (let call = 0; call < 2; call++) void started.throttle.run(() => new Promise(() => {}));
    expect(await isRefusedAtOnce(started)).toBe(false);
    await started.clock.advance(5);
    expect(await isRefusedAtOnce(started)).toBe(true);
  });

  test('are known from a reservation', async () => {
    const started = await line();
    void started.other().allow('default', { cost: 2 });
    await started.clock.advance(5);
    started.wait();
    await started.clock.advance(5);
    expect(await isRefusedAtOnce(started)).toBe(true);
  });

  test('are known still after an answer that gave nothing', async () => {
    const started = await line({ answersAfter: 10 });
    const { clock, wait, asked } = started;
    wait();
    await clock.advance(5);
    // The first operation is on its way, and does not carry these.
    const never = wait({ cost: 3 });
    wait();
    await clock.advance(20);
    expect([never.error, asked.take]).toMatchObject([{ name: 'CostExceedsBurstError' }, 3]);
    expect(await isRefusedAtOnce(started)).toBe(true);
  });

  test('say how late a call may leave', async () => {
    const { clock, wait, requests } = await line({}, 80);
    for (let call = 0; call < 4; call++) wait();
    await clock.advance(2 * T);
    expect(requests.map(({ late }) => late).slice(0, 2)).toEqual([0, 39]);
  });

  test('are known as soon as the lane has seen them, also if its slot goes back', async () => {
    const { clock, wait, other, tell, asked } = sharedLine({ limits: { ...limits, burst: 2 }, answersAfter: 10 });
    wait({ cost: 2 });
    const waiting = wait({ cost: 2 });
    await clock.advance(50);
    void other().setLimits('default', { rate: 10, interval: T, burst: 10 });
    await clock.advance(50);
    tell();
    // The slot is on its way back.
    await clock.advance(15);
    expect(asked).toEqual({ take: 1, override: 1, peek: 1, giveBack: 1 });
    const large = wait({ cost: 8 });
    await clock.advance(10 * T);
    expect([waiting.state, large.state]).toEqual(['fulfilled', 'fulfilled']);
  });
});
