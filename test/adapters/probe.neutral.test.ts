import { type BucketStore, createThrottle, memoryStore, type ThrottleOptions, throttleFetch } from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { slowStore } from '../core/sharing/slow-store.ts';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const T = 1000;
const key = 'https://a.example';

function setUp(answer: Answering, options: Partial<ThrottleOptions> = {}, clock = new ManualClock()) {
  const limits = { rate: 1000, interval: T, burst: 1000 };
  const throttle = createThrottle({ limits, margin: 0, clock, ...options });
  const fake = fakeFetch(clock, answer);
  const fetch = throttleFetch(throttle, { retry: 0, fetch: fake.fetch });
  const events: string[] = [];
  throttle.on('paused', () => events.push(`paused ${clock.monotonic()}`));
  throttle.on('resumed', () => events.push(`resumed ${clock.monotonic()}`));
  return {
    clock,
    throttle,
    events,
    times: fake.times,
    pass: async (ms: number) => {
      await clock.advance(0);
      await clock.advance(ms);
    },
    answered: <Value>(ms: number, value: () => Value) =>
      new Promise<Value>((resolve) => clock.setTimeout(() => resolve(value()), ms)),
    send: (calls: number) => Array.from({ length: calls }, () => watch(fetch(`${key}/`))),
  };
}

const ok = (headers: Record<string, string> = {}) => new Response('ok', { headers });
const refused = (headers: Record<string, string> = { 'retry-after': '1' }) =>
  new Response('refused', { status: 429, headers });
/** A server that counts in a window of ten minutes, which no limit here does: what it says is taken at its word. */
const left = (remaining: number, seconds: number) =>
  ok({ 'ratelimit-policy': '"long";q=100000;w=600', ratelimit: `"long";r=${remaining};t=${seconds}` });

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));

describe('a call goes alone', () => {
  it('after a refusal that comes when the pause for another one is over and no call waits', async () => {
    const { pass, answered, send, times, events } = setUp((_, index) =>
      index < 2 ? answered(100 + 1500 * index, refused) : answered(50, ok),
    );
    send(2);
    await pass(1600);
    await pass(T);
    send(5);
    await pass(0);
    expect(times().slice(2)).toEqual([2600]);
    await pass(50);
    expect(times().slice(3)).toEqual([2650]);
    // A refused key goes slower afterwards.
    await pass(T);
    expect(times()).toHaveLength(7);
    expect(events).toEqual(['paused 100', 'resumed 1600', 'paused 1600', 'resumed 2600']);
  });

  it('even if a slow store granted many before it knew', async () => {
    const clock = new ManualClock();
    const { store } = slowStore(memoryStore(), clock, (operation) => (operation === 'take' ? 1500 : 0));
    const { pass, answered, send, times } = setUp(
      (_, index) => (index === 0 ? answered(100, refused) : answered(5 * T, ok)),
      { store },
      clock,
    );
    send(1);
    await pass(10);
    send(20);
    await pass(2990);
    expect(times()).toEqual([1500, 3000]);
    await pass(5 * T - 1);
    expect(times()).toHaveLength(2);
    await pass(20 * T);
    expect(times()).toHaveLength(21);
  });

  it('when what the server said was left is no longer true', async () => {
    const { pass, answered, send, times } = setUp((_, index) =>
      index === 0 ? answered(50, () => left(2, 10)) : answered(50, ok),
    );
    send(1);
    await pass(50);
    send(20);
    await pass(10 * T - 1);
    expect(times()).toHaveLength(3);
    await pass(1);
    expect(times()).toHaveLength(4);
    await pass(50);
    expect(times()).toHaveLength(21);
  });

  it('and what its answer reports as left holds for all calls that waited for it, also over a new connection', async () => {
    const { pass, answered, send, times } = setUp((_, index) =>
      answered(50, () => (index === 0 ? left(0, 10) : left(Math.max(0, 4 - index), 20))),
    );
    send(1);
    await pass(50);
    send(20);
    await pass(10 * T + 50);
    await pass(10 * T);
    expect(times()).toHaveLength(5);
  });

  it('when a pause is over that came because nothing was left', async () => {
    const { pass, answered, send, times } = setUp((_, index) => answered(50, index === 0 ? () => left(0, 10) : ok));
    send(1);
    await pass(50);
    send(20);
    await pass(10 * T);
    expect(times()).toHaveLength(2);
    await pass(50);
    expect(times()).toHaveLength(21);
  });

  it('for a second at most where nothing was refused', async () => {
    const { pass, answered, send, times } = setUp((_, index) =>
      index === 0 ? answered(50, () => left(0, 10)) : answered(30 * T, ok),
    );
    send(1);
    await pass(50);
    send(20);
    await pass(11 * T - 1);
    expect(times()).toHaveLength(2);
    await pass(1);
    expect(times()).toHaveLength(21);
  });

  it('while it waits no other call goes if it is aborted before its turn', async () => {
    const { pass, answered, send, times, throttle, clock } = setUp((_, index) =>
      index === 0 ? refused() : answered(50, ok),
    );
    send(1);
    await pass(0);
    const controller = new AbortController();
    const first = watch(throttle.run(() => {}, { key, signal: controller.signal, priority: 1 }));
    send(5);
    controller.abort(new Error('enough'));
    await pass(T);
    expect([first.state, times()]).toEqual(['rejected', [0, clock.monotonic()]]);
    await pass(50);
    expect(times().slice(2)).toEqual([clock.monotonic()]);
    await pass(10);
    expect(times()).toHaveLength(6);
  });

  it('by priority, within the places there are, and its answer frees the rest', async () => {
    const { pass, answered, send, times } = setUp((_, index) => (index === 0 ? refused() : answered(50, ok)), {
      concurrency: 2,
    });
    send(1);
    await pass(0);
    send(5);
    await pass(T);
    expect(times()).toHaveLength(2);
    // The second comes at the slower pace of a key that was refused.
    await pass(50 + 2);
    expect(times()).toHaveLength(4);
    await pass(49);
    expect(times()).toHaveLength(5);
    await pass(100);
    expect(times()).toHaveLength(6);
  });
});

describe('a throttle', () => {
  it('with `maxPause: 0` is not paused, and no call goes alone', async () => {
    const { pass, answered, send, times, events } = setUp((_, index) => (index === 0 ? refused() : answered(50, ok)), {
      maxPause: 0,
    });
    send(1);
    await pass(0);
    send(5);
    await pass(0);
    expect([times().length, events]).toEqual([6, []]);
  });

  it('that is reset forgets the pause, the call that was to go alone and what was left', async () => {
    const { pass, answered, send, times, throttle } = setUp((_, index) =>
      answered(50, index === 0 ? refused : () => left(1000 - index, 60)),
    );
    send(1);
    await pass(50);
    send(5);
    await throttle.reset(key);
    await pass(0);
    expect(times()).toHaveLength(6);
    await pass(50);
    await throttle.reset(key);
    expect((await throttle.status(key)).pool).toBeUndefined();
    send(1);
    await pass(50);
    expect((await throttle.status(key)).pool?.remaining).toBe(994);
  });

  it('that is closed while a call is alone rejects the others, and no timer is left', async () => {
    const { pass, answered, send, times, throttle, clock } = setUp((_, index) =>
      index === 0 ? refused() : answered(50, refused),
    );
    send(1);
    await pass(0);
    const calls = send(3);
    await pass(T);
    await throttle.close();
    await pass(50);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect([times().length, clock.timers]).toEqual([2, 0]);
  });
});

describe('a pause that the store did not take', () => {
  it('is not ended by news of the store', async () => {
    const clock = new ManualClock();
    const inner = memoryStore();
    inner.useClock?.(clock);
    let isDown = false;
    let tell: (() => void) | undefined;
    const store: BucketStore = {
      ...faultyStore(inner, () => (isDown ? { error: new Error('down') } : undefined)),
      watch: (listener) => {
        tell = () => listener({ key });
        return () => {};
      },
    };
    const answer: Answering = (_, index) => {
      isDown = index === 0;
      return index === 0 ? refused({ 'retry-after': '30' }) : ok();
    };
    const { pass, send, times } = setUp(answer, { store }, clock);
    send(1);
    await pass(0);
    isDown = false;
    await pass(5 * T);
    tell?.();
    await pass(0);
    send(3);
    await pass(24 * T);
    expect(times()).toHaveLength(1);
    await pass(2 * T);
    expect(times()).toHaveLength(4);
  });
});
