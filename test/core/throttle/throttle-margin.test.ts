import { createThrottle, memoryStore, type ThrottleOptions, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { linkOf } from '../../../src/adapters/link.ts';
import { outcomeOf } from '../line/outcome.ts';
import { slowStore } from '../sharing/slow-store.ts';

const limits = { rate: 1, interval: 100 };
const url = 'https://api.example.com/';

/** A throttle, and a fetch through it whose answers take as long as they are told to. */
function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, clock, ...options });
  const network = { roundTrip: 30, fails: false };
  const attach = () =>
    throttleFetch(throttle, {
      fetch: async () => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, network.roundTrip));
        if (network.fails) throw new TypeError('fetch failed');
        return new Response();
      },
    });
  const margin = async (key?: string) => (await throttle.status(key)).margin;
  /** Makes calls one after the other. */
  const call = async (fetch: typeof globalThis.fetch, count: number) => {
    for (let one = 0; one < count; one++) {
      const answer = outcomeOf(fetch(url), clock);
      await clock.advance(0);
      do await clock.advance(300);
      while (answer.state === 'pending');
    }
  };
  return { clock, throttle, network, attach, margin, call };
}

describe("a margin of 'auto'", () => {
  test('is 0 until an adapter is attached, and then covers a new connection', async () => {
    const { throttle, attach, margin } = setup({ limits: { ...limits, burst: 2 } });
    expect(await margin()).toBe(0);
    expect((await throttle.allow('a')).limits[0]?.remaining).toBe(1);
    attach();
    expect([await margin(), await margin('any key')]).toEqual([50, 50]);
    expect((await throttle.status('b')).limits[0]?.remaining).toBe(1);
  });

  test('comes down as round trips take the same, and goes up with one that takes longer', async () => {
    const { network, attach, margin, call } = setup();
    const fetch = attach();
    await call(fetch, 100);
    const lower = await margin();
    expect(lower).toBeLessThan(45);
    network.roundTrip = 130;
    await call(fetch, 1);
    expect(await margin()).toBe(100);
  });

  test('is shared by all adapters of a throttle: another one does not change it', async () => {
    const { attach, margin, call } = setup();
    await call(attach(), 50);
    const before = await margin();
    const other = attach();
    expect(await margin()).toBe(before);
    await call(other, 50);
    expect(await margin()).toBeLessThan(before);
  });

  test('learns nothing from the first call over a connection, nor from one that failed', async () => {
    const { network, clock, attach, margin, call } = setup();
    const fetch = attach();
    await call(fetch, 100);
    const before = await margin();
    network.fails = true;
    network.roundTrip = 200;
    await call(fetch, 1);
    expect(await margin()).toBe(before);
    network.fails = false;
    await clock.advance(60_000);
    await call(fetch, 1);
    expect(await margin()).toBe(before);
  });

  test('covers calls of a shared store that leave late after their slots, not round trips alone', async () => {
    let timers = 0;
    class SometimesLate extends ManualClock {
      override setTimeout(callback: () => void, ms: number): unknown {
        return super.setTimeout(callback, ms > 50 && timers++ % 3 === 0 ? ms + 9.9 : ms);
      }
    }
    const clock = new SometimesLate();
    const { store } = slowStore(memoryStore({ clock }), clock);
    const throttle = createThrottle({ limits, clock, store });
    const fetch = throttleFetch(throttle, { fetch: async () => new Response() });
    const calls = Array.from({ length: 800 }, () => outcomeOf(fetch(url), clock));
    for (let step = 0; step < 1_000; step++) await clock.advance(100);
    expect(calls.filter(({ state }) => state === 'fulfilled')).toHaveLength(800);
    // Round trips alone ask for the least: 8.
    expect((await throttle.status()).margin).toBeGreaterThan(8);
  });

  test('does not count what a hook does between the turn of a call and its departure', async () => {
    const { clock, throttle, attach, margin, call } = setup();
    await call(attach(), 100);
    const before = await margin();
    const link = linkOf(throttle);
    const grant = await link.enter('default', {});
    await clock.advance(1_500);
    link.noteDeparture(grant);
    await clock.advance(30);
    link.noteArrival(grant);
    link.leave(grant);
    expect(await margin()).toBeLessThanOrEqual(before);
  });

  test('is kept by limits of a key own', async () => {
    const { throttle, attach } = setup();
    await throttle.setLimits('before', { ...limits, burst: 10 });
    attach();
    await throttle.setLimits('own', { ...limits, burst: 10 });
    await throttle.setLimits('exact', { ...limits, burst: 10, margin: 0 });
    const remaining = async (key: string) => (await throttle.status(key)).limits[0]?.remaining;
    expect([await remaining('before'), await remaining('own'), await remaining('exact')]).toEqual([9, 9, 10]);
  });

  test('that changes meanwhile lets no waiting call go early, and loses none', async () => {
    const { clock, throttle, network, attach, call } = setup();
    const fetch = attach();
    const waiting = Array.from({ length: 10 }, () => throttle.wait(new URL(url).origin));
    network.roundTrip = 170;
    await call(fetch, 5);
    await clock.advance(10_000);
    const grants = (await Promise.all(waiting)).map(({ at }) => at);
    for (const [index, at] of grants.entries()) {
      if (index > 0) expect(at - (grants[index - 1] as number)).toBeGreaterThanOrEqual(100);
    }
  });
});

test('a call over a new connection that left late after its slot counts from its answer on', async () => {
  class Late extends ManualClock {
    override setTimeout(callback: () => void, ms: number): unknown {
      return super.setTimeout(callback, ms > 50 ? ms + 9 : ms);
    }
  }
  const clock = new Late();
  const { store } = slowStore(memoryStore({ clock }), clock);
  const throttle = createThrottle({ limits, margin: 0, clock, store });
  const answer = async () => {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
    return new Response();
  };
  await throttle.wait(new URL(url).origin);
  const call = outcomeOf(throttleFetch(throttle, { fetch: answer })(url), clock);
  await clock.advance(109);
  await clock.advance(50);
  expect(call.state).toBe('fulfilled');
  expect((await throttle.status(new URL(url).origin)).limits[0]?.resetAfter).toBe(100);
});

describe('a margin in ms', () => {
  test.each([0, 20, 500])('of %i stays, whatever the network does', async (kept) => {
    const { network, attach, margin, call } = setup({ margin: kept });
    expect(await margin()).toBe(kept);
    const fetch = attach();
    await call(fetch, 5);
    network.roundTrip = 250;
    await call(fetch, 5);
    expect(await margin()).toBe(kept);
  });

  test('of a limit is its own, whatever that of the throttle is', async () => {
    const { throttle, attach } = setup({
      limits: [0, 150, 'auto' as const].map((margin) => ({ ...limits, burst: 3, margin })),
    });
    const remaining = async () => (await throttle.status()).limits.map((limit) => limit.remaining);
    expect(await remaining()).toEqual([3, 1, 3]);
    attach();
    expect(await remaining()).toEqual([3, 1, 2]);
  });
});
