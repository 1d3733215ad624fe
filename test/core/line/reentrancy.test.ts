import { createThrottle, type Grant, memoryStore } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { linkOf } from '../../../src/adapters/link.ts';
import { slowStore } from '../sharing/slow-store.ts';
import { outcomeOf } from './outcome.ts';

const T = 1_000;

describe('a listener that makes a call', () => {
  test('in answer to a grant stays within `concurrency`', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({
      margin: 0,
      limits: { rate: 1, interval: 1, burst: 1_000 },
      clock,
      concurrency: 1,
    });
    let inFlight = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++inFlight);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
      inFlight--;
    };
    const off = throttle.on('granted', () => {
      off();
      void throttle.run(task);
    });
    void throttle.run(task);
    await clock.advance(0);
    await clock.advance(50);
    expect([most, inFlight, (await throttle.status()).inFlight]).toEqual([1, 0, 0]);
  });

  test('in answer to a rejection is counted where it runs', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 1, burst: 5 }, clock });
    let end = () => {};
    const off = throttle.on('rejected', () => {
      off();
      throttle.wait('key', { cost: 99 }).catch(() => {});
      void throttle.run(() => new Promise<void>((resolve) => (end = resolve)), { key: 'key' });
    });
    await throttle.wait('key', { cost: 99 }).catch(() => {});
    expect((await throttle.status('key')).inFlight).toBe(1);
    end();
    await clock.advance(0);
    expect((await throttle.status('key')).inFlight).toBe(0);
  });
});

test('a whole burst that a pause holds back is given back in full', async () => {
  const clock = new ManualClock();
  const slow = slowStore(memoryStore({ clock }), clock, () => 10);
  const throttle = createThrottle({
    margin: 0,
    limits: { rate: 1, interval: 1_000_000, burst: 9 },
    clock,
    store: slow.store,
  });
  const calls = Array.from({ length: 9 }, () => outcomeOf(throttle.wait(), clock));
  await clock.advance(0);
  await clock.advance(5);
  void throttle.pause('default', clock.now() + 200);
  await clock.advance(1_000);
  expect(calls.map(({ state }) => state)).toEqual(new Array(9).fill('fulfilled'));
});

test('limits that throw while a key has a pace reject the current call, and no other', async () => {
  const clock = new ManualClock();
  let isBroken = false;
  const limits = () => {
    if (isBroken) throw new Error('broken');
    return { rate: 1, interval: T };
  };
  const throttle = createThrottle({ limits, clock, margin: 0 });
  const link = linkOf(throttle);
  for (let refusal = 0; refusal < 3; refusal++) {
    const entered = outcomeOf(Promise.resolve(link.enter('key', {})), clock);
    await clock.advance(0);
    await clock.advance(4 * T);
    const grant = entered.value;
    if (grant === undefined) throw new Error('not granted');
    link.noteDeparture(grant);
    link.listen('key', grant, { throttled: true, retryAt: clock.now() + 1, buckets: [], ignored: [] });
    link.leave(grant);
  }
  const first = outcomeOf(throttle.wait('key'), clock);
  const second = outcomeOf(throttle.wait('key'), clock);
  await clock.advance(0);
  isBroken = true;
  await clock.advance(10).catch(() => {});
  isBroken = false;
  await clock.advance(10 * T);
  expect([first.state, second.state].filter((state) => state === 'pending')).toEqual([]);
  const next = outcomeOf(throttle.wait('key'), clock);
  await clock.advance(10 * T);
  expect(next.state).toBe('fulfilled');
});

test('one call goes alone after a refusal whose pause passed while the store was asked for several', async () => {
  const clock = new ManualClock();
  const { store } = slowStore(memoryStore({ clock }), clock, () => 50);
  const throttle = createThrottle({ limits: { rate: 1, interval: 1, burst: 9 }, clock, store, margin: 0 });
  const link = linkOf(throttle);
  const enter = () => outcomeOf(Promise.resolve(link.enter('key', {})), clock);
  const first = enter();
  await clock.advance(50);
  const others = [enter(), enter(), enter()];
  await clock.advance(5);
  const refused = first.value as Grant;
  link.listen('key', refused, { throttled: true, retryAt: clock.now() + 10, buckets: [], ignored: [] });
  link.leave(refused);
  await clock.advance(1_000);
  expect(others.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'pending']);
  link.leave(others[0]?.value as Grant);
  await clock.advance(1_000);
  expect(others.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
});
