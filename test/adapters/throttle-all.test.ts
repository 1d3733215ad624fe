import {
  type CallOptions,
  type CallOutcome,
  createThrottle,
  type Limit,
  perSecond,
  slidingWindow,
  type ThrottleOptions,
  throttleAll,
  throttleCalls,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const wide: Limit = { rate: 1_000, interval: 1_000, burst: 1_000 };
const url = 'https://api.example/';

/** A customer's throttle and everybody's, and a fetch that passes both. */
function setUp(
  outer: Partial<ThrottleOptions> = {},
  inner: Partial<ThrottleOptions> = {},
  { answer, options, listens = true }: { answer?: Answering; options?: CallOptions<never>; listens?: boolean } = {},
) {
  const clock = new ManualClock();
  const customers = createThrottle({ limits: wide, margin: 0, clock, ...outer });
  const api = createThrottle({ limits: wide, margin: 0, clock, ...inner });
  const both = throttleAll([
    { throttle: customers, listens },
    { throttle: api, key: 'api' },
  ]);
  const fake = fakeFetch(clock, answer);
  const send = throttleFetch(both, { key: 'amy', ...(options as object), fetch: fake.fetch });
  const left = async () =>
    Promise.all(
      [customers.status('amy'), api.status('api')].map(async (status) => (await status).limits[0]?.remaining),
    );
  return { clock, customers, api, both, send, left, ...fake };
}

/** The most instants within any second. */
const mostInASecond = (instants: readonly number[]): number =>
  Math.max(...instants.map((from) => instants.filter((at) => at >= from && at < from + 1_000).length));

// Pauses without a time are spread at random.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));

describe('an adapter on several throttles', () => {
  it('keeps the limit of each, after a pause of one as well', async () => {
    const { clock, api, send, times } = setUp({ limits: slidingWindow({ limit: 10, interval: 1_000 }) });
    await api.pause('api', clock.now() + 3_000);
    const calls = Array.from({ length: 40 }, () => send(url));
    await clock.advance(2_999);
    expect(times()).toEqual([]);
    await clock.advance(10_000);
    await Promise.all(calls);
    expect(times()).toHaveLength(40);
    expect(mostInASecond(times())).toBe(10);
  });

  it('takes nothing for a call that leaves while it waits', async () => {
    const { clock, send, left, sent } = setUp({ limits: perSecond(1, { burst: 1 }) }, { limits: wide });
    await send(url);
    await clock.advance(10);
    const controller = new AbortController();
    const call = watch(send(url, { signal: controller.signal }));
    await clock.advance(10);
    controller.abort();
    await clock.advance(0);
    expect(call.state).toBe('rejected');
    // The real fetch ends the call that was aborted.
    expect(sent).toHaveLength(2);
    expect(await left()).toEqual([0, 1_000]);
  });

  it('holds a place in each, and tells each how the call ended', async () => {
    const { clock, customers, api, send } = setUp(
      { concurrency: 1 },
      {},
      { answer: () => new Promise((resolve) => clock.setTimeout(() => resolve(new Response('ok')), 50)) },
    );
    const ended: [string, CallOutcome, number][] = [];
    for (const throttle of [customers, api])
      throttle.on('ended', ({ key, outcome, duration }) => ended.push([key, outcome, duration]));
    const calls = [send(url), send(url)];
    await clock.advance(10);
    expect((await customers.status('amy')).inFlight).toBe(1);
    expect((await api.status('api')).inFlight).toBe(1);
    expect((await api.status('api')).waiting).toBe(1);
    await clock.advance(100);
    await Promise.all(calls);
    const one = [
      ['amy', 'ok', 50],
      ['api', 'ok', 50],
    ];
    expect(ended).toEqual([...one, ...one]);
    expect([...customers.keys(), ...api.keys()]).toEqual([]);
  });

  const refusedOnce: Answering = (_, index) =>
    index === 0 ? new Response('', { status: 429, headers: { 'retry-after': '30' } }) : new Response('ok');

  it('stops all of them when the server refuses a call, and sends it again', async () => {
    const { clock, customers, api, send, times } = setUp({}, {}, { answer: refusedOnce });
    const call = send(url);
    await clock.advance(10);
    expect((await customers.status('amy')).pausedUntil).toBe(clock.now() + 29_990);
    expect((await api.status('api')).pausedUntil).toBe(clock.now() + 29_990);
    await clock.advance(30_000);
    expect((await call).status).toBe(200);
    expect(times()).toEqual([0, 30_000]);
  });

  it('keeps what the server says from a throttle that does not listen', async () => {
    const { clock, customers, api, both, send } = setUp({}, {}, { answer: refusedOnce, listens: false });
    const signals: string[] = [];
    for (const throttle of [customers, api]) throttle.on('signal', ({ key }) => signals.push(key));
    void send(url);
    await clock.advance(10);
    expect((await customers.status('amy')).pausedUntil).toBe(undefined);
    expect((await api.status('api')).pausedUntil).toBe(clock.now() + 29_990);
    expect(signals).toEqual(['api']);
    const went = watch(both.run(() => 'went', { key: 'bob' }));
    await clock.advance(1_000);
    expect(went.state).toBe('pending');
  });

  it('settles the true cost of a call in all of them', async () => {
    const limits: Limit = { rate: 100, interval: 100_000, burst: 100 };
    const { clock, send, left } = setUp(
      { limits },
      { limits },
      { options: { cost: 5, settle: async () => 12 } as CallOptions<never> },
    );
    await send(url);
    await clock.advance(0);
    expect(await left()).toEqual([88, 88]);
  });

  it('counts calls that were refused together as one refusal in each', async () => {
    const clock = new ManualClock();
    const [one, other] = [1, 2].map(() => createThrottle({ limits: wide, margin: 0, clock }));
    const both = throttleAll([one as never, other as never]);
    const waits = [100, 1_150];
    const refused = throttleCalls(
      () =>
        new Promise((_, reject) => {
          clock.setTimeout(() => reject(Object.assign(new Error('no'), { status: 429 })), waits.shift() as number);
        }),
      both,
      { retry: 0 },
    );
    const calls = [refused(), refused()].map((call) => call.catch(() => {}));
    await clock.advance(100);
    const untils = [];
    for (const throttle of [one, other]) untils.push((await throttle?.status())?.pausedUntil);
    await clock.advance(1_060);
    await Promise.all(calls);
    const now = clock.now();
    // Left together: the second refusal makes the pause no longer than a first one.
    for (const throttle of [one, other])
      expect(((await throttle?.status())?.pausedUntil ?? now) - now).toBeLessThanOrEqual(1_000);
    expect(untils[0]).toBe(untils[1]);
  });
});
