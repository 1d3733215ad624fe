import {
  createThrottle,
  type Limit,
  memoryStore,
  perMinute,
  perSecond,
  QueueFullError,
  quota,
  readServerSignal,
  slidingWindow,
  spaced,
  WaitTooLongError,
} from 'sluice';
import { answerFor, limitRequests } from 'sluice/http';
import { faultyStore, ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

const request = (path = '/') => new Request(`https://example.com${path}`);

/** A throttle on a clock of its own, exact. */
function world(limits: Limit | readonly Limit[] | ((key: string) => Limit)) {
  const clock = new ManualClock();
  return { clock, throttle: createThrottle({ limits, margin: 0, clock }) };
}

/** What a request is told: status, seconds, fields. */
async function told(limit: (request: Request, fields: Headers) => Promise<Response | undefined>, path?: string) {
  const headers = new Headers();
  const refusal = await limit(request(path), headers);
  if (refusal !== undefined) expect([...refusal.headers]).toEqual(expect.arrayContaining([...headers]));
  return {
    status: refusal?.status ?? 200,
    after: headers.get('retry-after'),
    left: headers.get('ratelimit'),
    policy: headers.get('ratelimit-policy'),
  };
}

describe('limitRequests', () => {
  test('lets requests go on until the limit, then answers 429 with the seconds until one may', async () => {
    const { clock, throttle } = world(slidingWindow({ limit: 2, interval: 60_000 }));
    const limit = limitRequests(throttle);
    expect(await limit(request())).toBeUndefined();
    await clock.advance(20_000);
    expect(await limit(request())).toBeUndefined();
    const refusal = await limit(request());
    expect(refusal?.status).toBe(429);
    expect(refusal?.headers.get('retry-after')).toBe('40');
    expect(await refusal?.text()).toBe('Too many requests. Try again in 40 s.\n');
  });

  test.each([
    [1, 60],
    [999, 60],
    [1_000, 59],
    [1_001, 59],
    [58_999.5, 2],
    [59_000, 1],
    [59_999.9, 1],
  ])('is right to a second: %s ms later it says %i', async (later, seconds) => {
    const { clock, throttle } = world(slidingWindow({ limit: 1, interval: 60_000 }));
    const limit = limitRequests(throttle);
    await limit(request());
    await clock.advance(later);
    expect((await limit(request()))?.headers.get('retry-after')).toBe(String(seconds));
    // A second earlier is too early.
    const early = Math.max(0, (seconds - 1) * 1_000 - 1);
    await clock.advance(early);
    expect(await limit(request())).toBeDefined();
    await clock.advance(seconds * 1_000 - early);
    expect(await limit(request())).toBeUndefined();
  });

  test('sends what is left and the policy, in accepted answers too', async () => {
    const { clock, throttle } = world(slidingWindow({ limit: 2, interval: 60_000 }));
    const limit = limitRequests(throttle);
    const policy = '"default";q=2;w=60';
    expect(await told(limit)).toEqual({ status: 200, after: null, left: '"default";r=1;t=60', policy });
    await clock.advance(15_000);
    expect(await told(limit)).toEqual({ status: 200, after: null, left: '"default";r=0;t=45', policy });
    expect(await told(limit)).toEqual({ status: 429, after: '45', left: '"default";r=0;t=45', policy });
  });

  test('sends each limit by its name, and the time of the one that binds', async () => {
    const { throttle } = world([slidingWindow({ name: 'burst', limit: 1, interval: 2_000 }), perMinute(100)]);
    const limit = limitRequests(throttle);
    await limit(request());
    expect(await told(limit)).toEqual({
      status: 429,
      after: '2',
      left: '"burst";r=0;t=2, "limit-2";r=4;t=1',
      policy: '"burst";q=1;w=2, "limit-2";q=100;w=60',
    });
  });

  test('turns any name into a readable string', async () => {
    const { throttle } = world(perSecond(1, { name: 'a "b" \\ für\nalle' }));
    expect((await told(limitRequests(throttle))).policy).toBe('"a \\"b\\" \\\\ f?r?alle";q=1;w=1');
  });

  test.each<[string, Limit, string]>([
    ['a window', slidingWindow({ limit: 100, interval: 10_000 }), 'q=100;w=10'],
    ['a quota', quota({ limit: 100, interval: 60_000, burst: 20 }), 'q=100;w=60'],
    ['a bucket with a burst above its rate', { rate: 2, interval: 1_000, burst: 40 }, 'q=40;w=20'],
    ['a bucket with a burst below its rate', { rate: 50, interval: 10_000, burst: 5 }, 'q=50;w=10'],
    ['less than one a second', { rate: 0.5, interval: 1_000 }, 'q=1;w=2'],
    ['a window below a second', slidingWindow({ limit: 3, interval: 250 }), 'q=12;w=1'],
    ['calls that are spaced', spaced(50), 'q=20;w=1'],
    ['a part of a second, rounded to the safe side', slidingWindow({ limit: 3, interval: 1_500 }), 'q=3;w=2'],
  ])('tells the policy of %s', async (_, limits, policy) => {
    expect((await told(limitRequests(world(limits).throttle))).policy).toBe(`"default";${policy}`);
  });

  test('sends fields that `readServerSignal` reads', async () => {
    const { clock, throttle } = world(slidingWindow({ limit: 2, interval: 60_000 }));
    const limit = limitRequests(throttle);
    await limit(request());
    await limit(request());
    const { status = 0, headers = new Headers() } = (await limit(request())) ?? {};
    const now = clock.now();
    const signal = readServerSignal({ status, headers, now });
    expect(signal).toMatchObject({ throttled: true, retryAt: now + 60_000, limit: 2, remaining: 0 });
  });

  test('leaves the fields out when asked to, and the store alone', async () => {
    const { clock } = world(perSecond(1));
    const operations: string[] = [];
    const store = faultyStore(memoryStore(), (operation) => void operations.push(operation));
    const throttle = createThrottle({ limits: perSecond(1), margin: 0, clock, store });
    const limit = limitRequests(throttle, { fields: false });
    expect(await told(limit)).toEqual({ status: 200, after: null, left: null, policy: null });
    expect(await told(limit)).toEqual({ status: 429, after: '1', left: null, policy: null });
    expect(operations).toEqual(['take', 'take']);
    expect((await told(limitRequests(throttle))).policy).toBe('"default";q=1;w=1');
    expect(operations).toEqual(['take', 'take', 'take', 'peek']);
  });

  test('gives each key its own limit, and knows those that the store keeps for it', async () => {
    const { throttle } = world(slidingWindow({ limit: 1, interval: 60_000 }));
    await throttle.setLimits('amy', slidingWindow({ limit: 3, interval: 60_000 }));
    const limit = limitRequests(throttle, {
      key: async ({ url }) => new URL(url).searchParams.get('user') ?? undefined,
    });
    expect(await told(limit, '/?user=amy')).toMatchObject({ policy: '"default";q=3;w=60', left: '"default";r=2;t=60' });
    expect(await told(limit, '/?user=bob')).toMatchObject({ status: 200, left: '"default";r=0;t=60' });
    expect(await told(limit, '/?user=bob')).toMatchObject({ status: 429 });
    expect(await told(limit)).toMatchObject({ status: 200 });
    expect(await throttle.status('default')).toMatchObject({ limits: [{ remaining: 0 }] });
  });

  test('counts a request at its cost', async () => {
    const { throttle } = world(slidingWindow({ limit: 10, interval: 60_000 }));
    const limit = limitRequests(throttle, { cost: async ({ method }) => (method === 'POST' ? 5 : undefined) });
    const post = new Request('https://example.com', { method: 'POST' });
    expect([await limit(post), await limit(request())]).toEqual([undefined, undefined]);
    expect((await limit(post))?.headers.get('ratelimit')).toBe('"default";r=4;t=60');
    expect(await limitRequests(throttle, { cost: 4 })(request())).toBeUndefined();
  });

  test('reports that nothing is left of a paused key until the pause ends', async () => {
    const { clock, throttle } = world(perMinute(100));
    await throttle.pause('default', clock.now() + 9_500);
    expect(await told(limitRequests(throttle))).toMatchObject({ status: 429, after: '10', left: '"default";r=0;t=10' });
  });

  test('takes requests of any kind', async () => {
    const { throttle } = world(slidingWindow({ limit: 1, interval: 60_000 }));
    const limit = limitRequests(throttle, { key: (incoming: { ip: string }) => incoming.ip });
    const set: Record<string, string> = {};
    const response = { set: (name: string, value: string) => Object.assign(set, { [name]: value }) };
    expect(await limit({ ip: '192.0.2.1' }, response)).toBeUndefined();
    expect(set).toEqual({ ratelimit: '"default";r=0;t=60', 'ratelimit-policy': '"default";q=1;w=60' });
    expect(await limit({ ip: '192.0.2.2' })).toBeUndefined();
    expect((await limit({ ip: '192.0.2.1' }))?.status).toBe(429);
  });

  test('stays exact whatever else the throttle is used for, if its margin is 0', async () => {
    const { clock, throttle } = world(slidingWindow({ limit: 2, interval: 1_000 }));
    await throttle.wait();
    const limit = limitRequests(throttle);
    await limit(request());
    await clock.advance(1_000);
    expect(await limit(request())).toBeUndefined();
  });

  test('rejects with what its options and the throttle throw, and nothing is left unhandled', async () => {
    const { throttle } = world(() => {
      throw new Error('no such key');
    });
    const failing = () => {
      throw new Error('no such user');
    };
    await expect(limitRequests(throttle)(request())).rejects.toThrow('no such key');
    await expect(limitRequests(throttle, { key: failing })(request())).rejects.toThrow('no such user');
    const costly = limitRequests(world(perSecond(1)).throttle, { cost: 2 });
    await expect(costly(request())).rejects.toMatchObject({ name: 'CostExceedsBurstError' });
  });

  test.each([
    [{ key: 5 }, TypeError],
    [{ cost: -1 }, RangeError],
    [{ cost: 'much' }, TypeError],
    [{ fields: 'yes' }, TypeError],
    [null, TypeError],
  ])('refuses %o', (options, error) => {
    expect(() => limitRequests(world(perSecond(1)).throttle, options as never)).toThrow(error);
  });

  test('refuses what is no throttle, and what takes no fields', async () => {
    expect(() => limitRequests({} as never)).toThrow(TypeError);
    await expect(limitRequests(world(perSecond(1)).throttle)(request(), {} as never)).rejects.toThrow(TypeError);
  });
});

describe('answerFor', () => {
  /** A call to somebody else that would have to wait for 30 s. */
  async function tooLong(maxWait: number) {
    const { clock, throttle } = world(spaced(30_000));
    await throttle.wait();
    return { clock, throttle, error: throttle.wait('default', { maxWait }).catch((error: unknown) => error) };
  }

  test('answers a call that would wait too long with 503 and the seconds until it could go', async () => {
    const { clock, error } = await tooLong(5_000);
    const answer = answerFor(await error, { now: clock.now() });
    expect(answer?.status).toBe(503);
    expect(answer?.headers.get('retry-after')).toBe('30');
    expect(await answer?.text()).toBe('Not available at the moment. Try again in 30 s.\n');
  });

  test('subtracts the time that the call has already waited', async () => {
    const { clock, throttle, error } = await tooLong(31_000);
    await throttle.pause('default', clock.now() + 60_000);
    await clock.advance(31_000);
    expect(await error).toBeInstanceOf(WaitTooLongError);
    expect(answerFor(await error, { now: clock.now() })?.headers.get('retry-after')).toBe('29');
  });

  test('answers 429 if the caller asks too much', async () => {
    const { clock, error } = await tooLong(0);
    expect(answerFor(await error, { status: 429, now: clock.now() })?.status).toBe(429);
  });

  test('reads the present instant itself', () => {
    const error = new WaitTooLongError('key', 9_000, Date.now() + 2_500, 100);
    expect(answerFor(error)?.headers.get('retry-after')).toBe('3');
    expect(answerFor(new WaitTooLongError('key', 9_000, Date.now() - 1, 100))?.headers.get('retry-after')).toBe('1');
  });

  test('gives no time for a full line, because none is known', () => {
    const answer = answerFor(new QueueFullError('key', 5));
    expect([answer?.status, answer?.headers.get('retry-after')]).toEqual([503, null]);
  });

  test.each([[new Error('other')], [undefined], [{ name: 'WaitTooLongError', at: 5 }]])('leaves %o alone', (error) => {
    expect(answerFor(error)).toBeUndefined();
  });

  test('refuses wrong options', () => {
    expect(() => answerFor(undefined, { status: 500 as never })).toThrow(RangeError);
    expect(() => answerFor(undefined, { now: Number.NaN })).toThrow(RangeError);
  });
});
