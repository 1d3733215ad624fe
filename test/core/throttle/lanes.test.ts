import { createThrottle, type ThrottleEvents, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../src/core/base/grant.ts';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options });
  const { lanes } = linkedOf(throttle);
  const wait = (key: string, options?: Parameters<typeof throttle.wait>[1]) =>
    outcomeOf(throttle.wait(key, options), clock);
  /** Takes what a key may have now, and is refused once: a lane was there for a moment. */
  const overrun = (key: string) => {
    wait(key);
    wait(key, { maxWait: 0 });
  };
  return { clock, throttle, lanes, wait, overrun };
}

describe('the lanes of keys that are at rest', () => {
  test('are forgotten, but for the latest, which is used again', async () => {
    const { clock, lanes, wait, overrun } = setup();
    for (const key of ['a', 'b', 'c']) overrun(key);
    expect(lanes.all().map(({ key }) => key)).toEqual(['c']);
    const latest = lanes.find('c');
    for (let turn = 0; turn < 2; turn++) {
      wait('c');
      await clock.advance(2 * T);
    }
    expect(lanes.all()).toEqual([latest]);
  });

  test('leave the lane alone that a listener has made of the same key meanwhile', async () => {
    const { clock, throttle, wait, overrun } = setup();
    overrun('a');
    let waiting: ReturnType<typeof wait> | undefined;
    throttle.on('rejected', ({ key }) => {
      if (key !== 'a') return;
      overrun('b');
      waiting ??= wait('a');
    });
    wait('a', { maxWait: 0 });
    overrun('c');
    expect(throttle.keys()).toEqual(['a']);
    throttle.clear();
    await clock.advance(0);
    expect(waiting?.state).toBe('rejected');
  });
});

test('a call whose end is not visible frees its place and has no event', async () => {
  const { clock, throttle, lanes, wait } = setup({ limits: { rate: 1, interval: 1, burst: 9 }, concurrency: 1 });
  const ended: ThrottleEvents['ended'][] = [];
  throttle.on('ended', (event) => ended.push(event));
  const grant = linkedOf(throttle).enterNow('a') as Grant;
  const next = wait('a');
  await clock.advance(10);
  expect(next.state).toBe('pending');
  lanes.leave(grant);
  await clock.advance(0);
  expect([next.state, ended]).toEqual(['fulfilled', []]);
});

test('a call that goes at once after another one got cheaper can get cheaper too', async () => {
  const { throttle } = setup({ limits: { rate: 1, interval: T, burst: 5 } });
  for (let call = 0; call < 3; call++) {
    const grant = await throttle.wait();
    expect((await throttle.status()).limits[0]?.remaining).toBe(4);
    await throttle.settle(grant, { cost: 0 });
    expect((await throttle.status()).limits[0]?.remaining).toBe(5);
  }
});

test('a clock jump is a change of more than 250 ms since the throttle was made', async () => {
  const clock = new ManualClock();
  await clock.advance(5_000);
  const { throttle } = setup({}, clock);
  const jumps: number[] = [];
  throttle.on('clock-jump', ({ by }) => jumps.push(by));
  for (const by of [0, 250, -250, 251, -251]) {
    clock.jump(by);
    await throttle.status();
  }
  expect(jumps).toEqual([251, -251]);
});
