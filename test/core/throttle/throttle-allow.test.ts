import { createThrottle, memoryStore, type StoreOperations, sharedStore, type ThrottleOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { wholeStore } from '../../../src/testing/whole-store.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const T = 100;
const tick = 2 ** -11;

function setup(options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  return { clock, throttle: createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock, ...options }) };
}

test('a refusal by `allow` takes no slot, not even the next one', async () => {
  const { clock, throttle } = setup({ limits: { rate: 1, interval: 0.5 } });
  expect((await throttle.allow()).allowed).toBe(true);
  expect(await throttle.allow()).toMatchObject({ allowed: false, wait: 0.5 });
  await clock.advance(0.5);
  expect((await throttle.allow()).allowed).toBe(true);
});

test.each(['allow', 'reserve'] as const)('`%s` checks names in a cost without the store, if it can', async (method) => {
  const clock = new ManualClock();
  const { store, asked } = slowStore(memoryStore(), clock);
  const { throttle } = setup({ limits: { rate: 1, interval: T, burst: 9, name: 'tokens' }, store }, clock);
  await throttle[method]('default', { cost: { tokens: 2 } });
  expect(asked).toEqual({ take: 1 });
});

describe('`allow` on a store that refuses a call though it could go', () => {
  /** A store that refuses the first calls, and tells this as their wait. */
  function refusing(refusals: number, wait: number) {
    const clock = new ManualClock();
    const inner = wholeStore(memoryStore({ clock }));
    let asked = 0;
    const take: StoreOperations['take'] = async (key, request) => {
      const answer = await inner.take(key, { ...request, costs: asked < refusals ? [] : request.costs });
      return asked++ < refusals ? { ...answer, wait } : answer;
    };
    const { throttle } = setup({ store: sharedStore({ ...inner, shared: true, take }) }, clock);
    return { throttle, asked: () => asked };
  }

  test.each([
    { refusals: 1, wait: 0, allowed: true, asked: 2 },
    { refusals: 2, wait: -5, allowed: true, asked: 3 },
    { refusals: 3, wait: 0, allowed: false, asked: 3 },
    { refusals: 1, wait: 0.5, allowed: false, asked: 1 },
  ])(
    'asks $asked times after $refusals refusals with a wait of $wait',
    async ({ refusals, wait, allowed, ...told }) => {
      const { throttle, asked } = refusing(refusals, wait);
      const decision = await throttle.allow();
      expect([decision.allowed, asked()]).toEqual([allowed, told.asked]);
      expect(decision.wait).toBe(allowed ? 0 : Math.max(wait, tick));
    },
  );
});

describe('`allow` on a key that is paused while the store decides', () => {
  test.each([
    { pause: 30, allowed: true, wait: 0, left: 4 },
    { pause: 30.5, allowed: false, wait: 0.5, left: 5 },
    { pause: 5_000, allowed: false, wait: 4_970, left: 5 },
  ])('decides by the end of that pause: $pause', async ({ pause, allowed, wait, left }) => {
    const clock = new ManualClock();
    const delays: Record<string, number> = { take: 30 };
    const { store } = slowStore(memoryStore(), clock, (operation) => delays[operation] ?? 0);
    const { throttle } = setup({ store, limits: { rate: 1, interval: 1e6, burst: 5 } }, clock);
    const decision = outcomeOf(throttle.allow(), clock);
    // The store hears of it only after it has decided.
    delays.pause = 1e4;
    void throttle.pause('default', clock.now() + pause);
    await clock.advance(30);
    expect(decision.value).toMatchObject({ allowed, wait });
    const status = outcomeOf(throttle.status(), clock);
    await clock.advance(0);
    expect(status.value?.limits[0]?.remaining).toBe(left);
  });
});
