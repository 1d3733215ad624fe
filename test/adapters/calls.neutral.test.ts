import { createThrottle, type Limit, type ThrottleCallsOptions, type ThrottleOptions, throttleCalls } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { FakeSignal } from '../core/line/fake-signal.ts';
import { watch } from './fake-fetch.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const reason = new Error('changed my mind');

function setUp<Answer>(
  answer: (sent: readonly unknown[], index: number) => Answer,
  options: ThrottleCallsOptions<(...args: unknown[]) => Answer> = {},
  throttleOptions: Partial<ThrottleOptions> = {},
) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
  const times: number[] = [];
  const send = vi.fn((...args: unknown[]): Answer => {
    times.push(clock.monotonic());
    return answer(args, times.length - 1);
  });
  return { clock, throttle, times, send, call: throttleCalls(send, throttle, options) };
}

const refusal = (more: object = {}) => Object.assign(new Error('slow down'), { status: 429, ...more });
const never = () => new Promise<string>(() => {});

describe('a throttled function', () => {
  it('does not change the margin, however long its calls take', async () => {
    const limits = { rate: 1, interval: 1, burst: 100 };
    const set = setUp(
      (_, index) => new Promise((done) => set.clock.setTimeout(() => done('ok'), index % 2 === 0 ? 1 : 90)),
      {},
      { margin: 'auto', limits },
    ) as ReturnType<typeof setUp>;
    const { margin } = await set.throttle.status();
    for (let count = 0; count < 4; count++) {
      const call = set.call();
      await set.clock.advance(100);
      await call;
    }
    expect((await set.throttle.status()).margin).toBe(margin);
  });

  it('is called in its turn, with its arguments and its this', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const seen: unknown[] = [];
    const call = throttleCalls(function (this: unknown, ...args: number[]): Promise<number> {
      seen.push([this, args, clock.monotonic()]);
      return Promise.resolve(args.length);
    }, throttle);
    const owner = { call };
    const first = owner.call(1);
    const second = owner.call(1, 2);
    await clock.advance(T);
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(seen).toEqual([
      [owner, [1], 0],
      [owner, [1, 2], T],
    ]);
  });

  it('keeps its name, its length and its properties', () => {
    const { throttle } = setUp(never);
    async function fetchItem(_id: number, _size: number) {}
    fetchItem.version = 3;
    const throttled = throttleCalls(fetchItem, throttle);
    expect([throttled.name, throttled.length, throttled.version]).toEqual(['fetchItem', 2, 3]);
  });

  it('returns what it returns and throws what it throws, untouched', async () => {
    const answer = { any: 'thing' };
    const answers = [() => answer, () => Promise.resolve(answer)];
    const failures = [
      () => Promise.reject(reason),
      () => {
        throw reason;
      },
    ];
    const { clock, call } = setUp((_, index) => [...answers, ...failures][index]?.());
    const calls = Array.from({ length: 4 }, () => watch(call() as Promise<unknown>));
    await clock.advance(4 * T);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(calls.map(({ value }) => value)).toEqual([answer, answer, reason, reason]);
    expect(calls.every(({ value }) => value === answer || value === reason)).toBe(true);
  });

  it('keeps a margin in hand, as calls go over a network', async () => {
    const throttle = createThrottle({ limits: even, clock: new ManualClock() });
    throttleCalls(never, throttle);
    expect((await throttle.status()).margin).toBe(50);
  });

  it('is called without waiting where `match` says so', async () => {
    const { call, times, throttle } = setUp(async () => 'ok', { match: ({ args }) => args[0] !== 'free' });
    await Promise.all([call('free'), call('free'), call('held')]);
    expect(times).toEqual([0, 0, 0]);
    expect((await throttle.status()).limits[0]?.remaining).toBe(0);
  });

  it('takes key, cost, priority and maxWait from the arguments', async () => {
    const { clock, call, times, send, throttle } = setUp(
      async () => 'ok',
      {
        key: ({ args }) => `user:${args[0]}`,
        cost: ({ args }) => args[1] as number,
        priority: ({ args }) => Number(args[2] ?? 0),
        maxWait: ({ args }) => (args[3] as number) ?? Number.POSITIVE_INFINITY,
      },
      { limits: { rate: 1, interval: T, burst: 3 } },
    );
    void call('amy', 3);
    void call('amy', 1);
    void call('amy', 1, 1);
    const impatient = watch(call('amy', 1, 0, 10));
    await clock.advance(0);
    expect(impatient.value).toMatchObject({ name: 'WaitTooLongError', key: 'user:amy' });
    await call('george', 1);
    await clock.advance(5 * T);
    expect(send.mock.calls.map((args) => args.slice(0, 3))).toEqual([
      ['amy', 3],
      ['george', 1],
      ['amy', 1, 1],
      ['amy', 1],
    ]);
    expect(times).toEqual([0, 0, T, 2 * T]);
    expect((await throttle.status('user:george')).limits[0]?.remaining).toBe(3);
  });

  it('settles with the true cost that its result tells', async () => {
    const { clock, call, throttle } = setUp(
      async () => ({ used: 3 }),
      { cost: 10, settle: ({ used }) => used },
      {
        limits: { rate: 1, interval: T, burst: 10 },
      },
    );
    await call();
    await clock.advance(0);
    expect((await throttle.status()).limits[0]?.remaining).toBe(7);
  });

  it('fails at construction for wrong options, and rejects with what a function of the user throws', async () => {
    const { throttle } = setUp(never);
    const wrong = (target: unknown, options: object) => () => throttleCalls(target as object, throttle, options);
    expect(wrong('text', {})).toThrow('Expected `target` to be a function or an object, got `"text"`.');
    expect(wrong({}, {})).toThrow('Expected `methods` to be given for an object');
    expect(wrong({}, { methods: 'create' })).toThrow('Expected `methods` to be a list of paths or a function');
    expect(wrong({}, { lazy: [5] })).toThrow('Expected `lazy` to be a list of paths or a function');
    expect(wrong(never, { signal: 5 })).toThrow('Expected `signal` to be a function');
    expect(wrong(never, { cost: -1 })).toThrow(RangeError);
    expect(() => throttleCalls(never, {} as never)).toThrow('createThrottle');
    const cost = () => {
      throw reason;
    };
    await expect(throttleCalls(never, throttle, { cost })()).rejects.toBe(reason);
    await expect(throttleCalls(async () => 'ok', throttle, { cost })()).rejects.toBe(reason);
  });
});

describe('a refusal', () => {
  it.each<[string, object]>([
    ['an error with status and headers', { headers: new Headers({ 'retry-after': '5' }) }],
    ['an error with statusCode', { status: undefined, statusCode: 429, headers: { 'retry-after': '5' } }],
    ['an error with a response', { status: undefined, response: { status: 429, headers: { 'retry-after': 5 } } }],
    [
      'an error with a response of another kind',
      { status: undefined, response: { statusCode: 429, headers: { 'retry-after': '5' } } },
    ],
    ['an error that only says when to come back', { status: undefined, retryAfter: 5 }],
    [
      'an error whose status is a word beside a number',
      { status: 'error', statusCode: 429, headers: { 'retry-after': '5' } },
    ],
    ['a 503 with Retry-After', { status: 503, headers: { 'retry-after': '5' } }],
  ])('is %s: pauses the key and the call is made again after the pause', async (_, told) => {
    const { clock, call, times } = setUp(async (_sent, index) => {
      if (index === 0) throw refusal(told);
      return 'ok';
    });
    const first = call();
    void call();
    await clock.advance(7 * T);
    expect(await first).toBe('ok');
    expect(times.slice(0, 2)).toEqual([0, 5 * T]);
    // A refused key goes slower: at 85 percent of the limits' rate at first.
    expect(times[2]).toBeCloseTo(5 * T + T / 0.85, 0);
  });

  it('may be what the function gives, and pauses a second or more where the server does not say', async () => {
    const { clock, call, times } = setUp(
      async (_, index) => ({ status: index === 0 ? 429 : 200 }),
      {},
      {
        limits: { rate: 10, interval: T },
      },
    );
    const answer = call();
    await clock.advance(0);
    await clock.advance(60 * T);
    expect(await answer).toEqual({ status: 200 });
    expect(times.length).toBe(2);
    expect(times[1]).toBeGreaterThanOrEqual(T);
  });

  it.each<[string, unknown]>([
    ['an error without a status', new Error('no')],
    ['a 503 that does not say when to come back', refusal({ status: 503 })],
    ['another status', refusal({ status: 400, headers: { 'retry-after': '5' } })],
    ['a text', '429'],
    ['nothing', null],
  ])('is not %s', async (_, error) => {
    const { call, times } = setUp(() => Promise.reject(error));
    await expect(call()).rejects.toBe(error);
    expect(times.length).toBe(1);
  });

  it('is not an answer that only says when to come back', async () => {
    const { call, times, throttle } = setUp(async () => ({ retryAfter: 5 }));
    expect(await call()).toEqual({ retryAfter: 5 });
    expect([times.length, (await throttle.status()).pausedUntil]).toEqual([1, undefined]);
  });

  it('comes back to the caller after the last try, and if the next would wait too long', async () => {
    const error = refusal({ headers: { 'retry-after': '5' } });
    const twice = setUp(() => Promise.reject(error), { retry: 1 });
    const last = watch(twice.call());
    await twice.clock.advance(0);
    await twice.clock.advance(60 * T);
    expect([last.state, last.value === error, twice.times.length]).toEqual(['rejected', true, 2]);
    const impatient = setUp(() => Promise.reject(error), { maxWait: 10 });
    await expect(impatient.call()).rejects.toBe(error);
    expect(impatient.times.length).toBe(1);
  });

  it('of a call with a stream comes back to the caller at once', async () => {
    for (const argument of [new ReadableStream(), { file: { pipe: () => {} } }, (function* () {})()]) {
      const error = refusal();
      const { call, times } = setUp(() => Promise.reject(error));
      await expect(call({}, argument)).rejects.toBe(error);
      expect(times.length).toBe(1);
    }
  });

  it('that names no time counts once, however many calls were on their way together', async () => {
    const limits = { rate: 1, interval: 1, burst: 10 };
    const { clock, throttle, call } = setUp(
      async (_, index) => {
        await new Promise((done) => void clock.setTimeout(() => done(undefined), 10 + index));
        if (index < 5) throw refusal();
        return 'ok';
      },
      {},
      { limits },
    );
    const calls = Array.from({ length: 5 }, () => watch(call()));
    await clock.advance(20);
    const { pausedUntil = 0 } = await throttle.status();
    expect(pausedUntil - clock.now()).toBeLessThanOrEqual(1_100);
    await clock.advance(3_000);
    expect(calls.map(({ value }) => value)).toEqual(Array(5).fill('ok'));
  });
});

describe('an abort', () => {
  const places: [string, (signal: AbortSignal) => unknown[]][] = [
    ['an argument', (signal) => [1, signal]],
    ['a member of an argument', (signal) => [{ signal }, 'more']],
    ['a member of its request', (signal) => [{ request: { signal } }]],
  ];

  it.each(places)('by the signal that is %s: ends the wait at once with the reason', async (_, make) => {
    const { clock, call, send, throttle } = setUp(async () => 'ok');
    const controller = new AbortController();
    await call();
    const second = watch(call(...make(controller.signal)));
    await clock.advance(T / 2);
    expect((await throttle.status()).waiting).toBe(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
    expect(send).toHaveBeenCalledTimes(1);
    expect(clock.timers).toBe(0);
    expect((await throttle.status()).limits[0]?.resetAfter).toBe(T / 2);
  });

  it('before the call takes nothing; between tries it ends the wait at once; in flight it is for the function', async () => {
    const before = setUp(async () => 'ok');
    await expect(before.call(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect((await before.throttle.status()).limits[0]?.remaining).toBe(1);

    const between = setUp(() => Promise.reject(refusal({ headers: { 'retry-after': '60' } })));
    const controller = new AbortController();
    const call = watch(between.call(controller.signal));
    await between.clock.advance(T);
    controller.abort(reason);
    await between.clock.advance(0);
    expect(call).toEqual({ state: 'rejected', value: reason });

    const flight = setUp(never);
    const sent = watch(flight.call(controller.signal));
    await flight.clock.advance(0);
    expect(sent.state).toBe('rejected');
    const other = new AbortController();
    const going = watch(flight.call(other.signal));
    await flight.clock.advance(0);
    other.abort(reason);
    await flight.clock.advance(0);
    expect([going.state, flight.times.length]).toEqual(['pending', 1]);
  });

  it('by a signal that gives no reason, as old ones do not, rejects with an AbortError', async () => {
    const none = new DOMException('This operation was aborted', 'AbortError');
    const { clock, call, send } = setUp(() => Promise.reject(refusal({ headers: { 'retry-after': '60' } })));
    const between = new FakeSignal();
    const refused = watch(call(between.signal));
    await clock.advance(0);
    const waits = new FakeSignal();
    const waiting = watch(call(waits.signal));
    for (const signal of [between, waits]) signal.abort(undefined);
    await clock.advance(0);
    for (const ended of [refused, waiting]) expect(ended).toEqual({ state: 'rejected', value: none });
    await expect(call(waits.signal)).rejects.toEqual(none);
    expect(send).toHaveBeenCalledTimes(1);
  });

  it('counts by the last of several signals', async () => {
    const { clock, call } = setUp(async () => 'ok');
    const [first, last] = [new AbortController(), new AbortController()];
    await call();
    const second = watch(call(first.signal, { signal: last.signal }));
    first.abort(new Error('other'));
    await clock.advance(0);
    expect(second.state).toBe('pending');
    last.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
  });

  it('is found by the signal option', async () => {
    const { clock, call } = setUp(async () => 'ok', { signal: ({ args }) => (args[0] as { stop: AbortSignal })?.stop });
    const controller = new AbortController();
    await call();
    const second = watch(call({ stop: controller.signal }));
    controller.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
  });

  it('leaves no listener on a long-lived signal after 10,000 calls', async () => {
    const { clock, call } = setUp(
      async (_, index) => {
        if (index % 100 === 0) throw refusal();
        return 'ok';
      },
      { retry: 1 },
      { limits: { rate: 10, interval: 1, burst: 100 } },
    );
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const calls = Array.from({ length: 10_000 }, () => watch(call(signal)));
    await clock.advance(3_600 * T);
    expect(calls.filter(({ state }) => state === 'pending').length).toBe(0);
    expect(add.mock.calls.length).toBeGreaterThan(0);
    expect(remove.mock.calls.length).toBe(add.mock.calls.length);
  });
});

describe('the body of an answer', () => {
  const refused = { errors: [{ type: 'THROTTLED' }], extensions: { cost: { left: 0 } } };
  const dialect = completeDialect({
    refusals: [{ status: [200], body: ['errors.*.type', 'THROTTLED'] }],
    leastPause: 5 * T,
  });
  const response = (body: unknown, type = 'application/json') =>
    new Response(JSON.stringify(body), { headers: { 'content-type': type } });
  const failure = (more: object) => Object.assign(new Error('no'), more);

  it.each<[string, () => unknown]>([
    ['what the SDK gives itself', () => refused],
    ['under `data` beside the status', () => ({ status: 200, data: refused })],
    ['under `body`', () => ({ statusCode: 200, body: refused })],
    ['in a Response', () => response(refused)],
    ['under `response` of an error', () => failure({ response: { status: 200, ...refused } })],
    ['under `response.data` of an error', () => failure({ response: { status: 200, data: refused } })],
    ['under `error` of an error', () => failure({ status: 200, error: refused })],
    ['in the Response of an error', () => failure({ response: response(refused) })],
  ])('tells of a refusal where the dialect looks into it: %s', async (_, make) => {
    const seen: boolean[] = [];
    const outcome = (index: number) => (index === 0 ? make() : 'ok');
    const { clock, call, times } = setUp(
      async (_args, index) => {
        const made = outcome(index);
        if (made instanceof Error) throw made;
        return made;
      },
      { dialect, onSignal: ({ throttled }) => seen.push(throttled) },
    );
    const answer = watch(call());
    await clock.advance(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(5 * T - 1);
    expect(times.length).toBe(1);
    await clock.advance(T);
    expect([answer.value, times.length, seen]).toEqual(['ok', 2, [true, false]]);
  });

  it.each<[string, () => unknown]>([
    ['where it says nothing of it', () => ({ data: { errors: [] } })],
    ['where it is no JSON', () => response(refused, 'text/plain')],
    [
      'where it was read already',
      () => {
        const read = response(refused);
        void read.text();
        return read;
      },
    ],
    [
      'where it is a stream of Node',
      () => ({
        status: 200,
        headers: new Headers({ 'content-type': 'application/json' }),
        body: { pipe: () => {} },
        clone: () => ({ json: never }),
      }),
    ],
    ['in a text', () => JSON.stringify(refused)],
    [
      'where a getter throws',
      () => ({
        get data() {
          throw reason;
        },
      }),
    ],
  ])('does not tell of one %s', async (_, make) => {
    const { call, times, throttle } = setUp(async () => make(), { dialect });
    await call();
    expect(times.length).toBe(1);
    expect((await throttle.status()).pausedUntil).toBe(undefined);
  });

  it('stays unread for the caller', async () => {
    const { call } = setUp(async () => response(refused), { dialect, retry: 0 });
    const answer = (await call()) as Response;
    expect([answer.bodyUsed, await answer.json()]).toEqual([false, refused]);
  });

  it('is not what an error without an answer says', async () => {
    const onSignal = vi.fn();
    const messages = completeDialect({ refusals: [{ body: ['message', 'limit'] }] });
    const { call } = setUp(() => Promise.reject(new TypeError('no limit')), { dialect: messages, onSignal });
    await expect(call()).rejects.toBeInstanceOf(TypeError);
    expect(onSignal).toHaveBeenCalledWith(expect.objectContaining({ throttled: false }), expect.anything());
  });
});

describe('what cannot be read', () => {
  const thrower = () =>
    new Proxy(
      {},
      {
        get: () => {
          throw reason;
        },
        getPrototypeOf: () => {
          throw reason;
        },
      },
    );

  it('may be an argument: it reaches the function, and a refused call with it is not made again', async () => {
    const argument = thrower();
    const given: unknown[] = [];
    const { call } = setUp(
      async ([first], index) => {
        given.push(first);
        if (index > 0) throw refusal();
        return 'ok';
      },
      {},
      { limits: { rate: 1, interval: T, burst: 5 } },
    );
    expect(await call(argument, { signal: null })).toBe('ok');
    await expect(call(argument)).rejects.toMatchObject({ status: 429 });
    expect(given.map((one) => one === argument)).toEqual([true, true]);
  });

  it('may be what the function throws, and hides no signal of another argument', async () => {
    const error = thrower();
    const { call } = setUp(() => Promise.reject(error), {
      dialect: completeDialect({ refusals: [{ body: ['code', 'x'] }] }),
    });
    const failed = await call(AbortSignal.abort(reason), thrower()).catch((error: unknown) => error);
    expect(failed).toBe(reason);
    const thrown = (await call().catch((error: unknown) => [error])) as unknown[];
    expect(thrown[0] === error).toBe(true);
  });
});
