import {
  createThrottle,
  type ServerSignal,
  slidingWindow,
  type ThrottleFetchOptions,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { completeDialect, openai } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const T = 1000;
const url = 'https://a.example/';
const key = 'https://a.example';

/** A server that answers each call `delay` ms after it left, unless the test says otherwise. */
function setUp(answer: Answering, options: ThrottleFetchOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({
    limits: { rate: 1000, interval: T, burst: 1000 },
    margin: 0,
    clock,
    ...throttleOptions,
  });
  const fake = fakeFetch(clock, answer);
  const pass = async (ms: number) => {
    await clock.advance(0);
    await clock.advance(ms);
  };
  const answered = <Value>(ms: number, value: () => Value) =>
    new Promise<Value>((resolve) => clock.setTimeout(() => resolve(value()), ms));
  const fetch = throttleFetch(throttle, { retry: 0, ...options, fetch: fake.fetch });
  const send = (calls: number) => Array.from({ length: calls }, () => watch(fetch(url)));
  return { clock, throttle, pass, answered, send, fetch, times: fake.times };
}

const ok = (headers: Record<string, string> = {}) => new Response('ok', { headers });
const refused = (headers: Record<string, string> = {}) => new Response('refused', { status: 429, headers });
/** A server that counts in a window of ten minutes, which no limit here does: what it says is taken at its word. */
const left = (remaining: number, seconds: number) =>
  ok({ 'ratelimit-policy': '"long";q=100000;w=600', ratelimit: `"long";r=${remaining};t=${seconds}` });
/** The same of the limits here, for what our own calls explain or do not. */
const leftOfLimits = (remaining: number, seconds: number, limit = 1000) =>
  ok({ 'ratelimit-policy': `"d";q=${limit};w=1`, ratelimit: `"d";r=${remaining};t=${seconds}` });

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));

describe('a refusal', () => {
  it('stops calls in line until its time is over; then one goes, and the line, slower, once it is answered', async () => {
    const { pass, answered, send, times } = setUp((_, index) =>
      answered(100, () => (index === 0 ? refused({ 'retry-after': '2' }) : ok())),
    );
    send(1);
    await pass(100);
    send(200);
    await pass(2 * T - 1);
    expect(times()).toEqual([0]);
    await pass(1);
    expect(times()).toEqual([0, 2 * T + 100]);
    await pass(99);
    expect(times()).toHaveLength(2);
    await pass(1);
    expect(times().slice(2)).toEqual([2 * T + 200]);
    // At 85 percent of the limits' rate of one a ms.
    await pass(198 / 0.85);
    expect(times().length).toBeLessThanOrEqual(201);
    await pass(2);
    expect(times()).toHaveLength(201);
  });

  it('of the call that went alone stops the line again', async () => {
    const { pass, send, times } = setUp((_, index) => (index < 3 ? refused({ 'retry-after': '2' }) : ok()));
    send(1);
    await pass(0);
    send(50);
    await pass(2 * T);
    await pass(2 * T);
    expect(times()).toEqual([0, 2 * T, 4 * T]);
    await pass(2 * T);
    expect(times()[3]).toBe(6 * T);
    // Refused three times in a row it begins slowly: what a server takes that refuses so much has to be found again.
    await pass(30 * T);
    expect(times()).toHaveLength(51);
  });

  it('lets the line go after 10 seconds if the call that went alone is not answered', async () => {
    const { pass, send, times } = setUp((_, index) =>
      index === 0 ? refused({ 'retry-after': '1' }) : index === 1 ? new Promise(() => {}) : ok(),
    );
    send(1);
    await pass(0);
    send(5);
    await pass(T);
    await pass(10 * T - 1);
    expect(times()).toEqual([0, T]);
    await pass(1);
    expect(times().slice(2)).toEqual([11 * T]);
    await pass(10);
    expect(times()).toHaveLength(6);
  });

  it('lets the line go when the call that went alone fails or is aborted', async () => {
    const { pass, send, times } = setUp((_, index) => {
      if (index === 1) throw new TypeError('gone');
      return index === 0 ? refused({ 'retry-after': '1' }) : ok();
    });
    send(1);
    await pass(0);
    const calls = send(5);
    await pass(T);
    expect(times().slice(0, 2)).toEqual([0, T]);
    await pass(10);
    expect(times()).toHaveLength(6);
    expect(calls.map(({ state }) => state).sort()).toEqual([...Array(4).fill('fulfilled'), 'rejected']);
  });

  it('that names no time counts once, however many were on their way together', async () => {
    const { pass, answered, send, throttle, clock } = setUp((_, index) =>
      index < 51 ? answered(100 + index, () => refused()) : ok(),
    );
    send(50);
    await pass(100 + 49);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + T);
    send(2);
    await pass(T);
    await pass(150);
    // The call that went alone was refused as well: the second in a row.
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + 2 * T);
  });

  it('is forgotten with the first call that is answered', async () => {
    const answers = [refused, refused, ok, refused];
    const { pass, send, throttle, clock } = setUp((_, index) => (answers[index] ?? ok)());
    for (const pause of [T, 2 * T, undefined, T]) {
      send(1);
      await pass(0);
      expect((await throttle.status(key)).pausedUntil).toBe(pause && clock.now() + pause);
      // A call that went is far enough behind by then for the next, however much slower the key is.
      await pass(pause ?? 100);
    }
  });

  it('that comes late can lengthen a pause, not shorten it', async () => {
    const { pass, answered, send, throttle, clock } = setUp((_, index) =>
      answered(100 * index, () =>
        index === 2 ? ok() : refused({ 'retry-after': ['10', '5', '', '20'][index] ?? '' }),
      ),
    );
    send(4);
    await pass(200);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + 10 * T - 200);
    await pass(100);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + 20 * T);
  });

  it('pauses at least for the shortest pause of the dialect', async () => {
    const { pass, send, throttle, clock } = setUp(() => refused(), { dialect: { leastPause: 30 * T } });
    send(1);
    await pass(0);
    expect((await throttle.status(key)).pausedUntil).toBe(clock.now() + 30 * T);
  });
});

describe('what the server says is left', () => {
  it('is a ceiling until there is more; calls on their way count', async () => {
    const { pass, answered, send, times, throttle, clock } = setUp((_, index) =>
      index === 0 ? answered(50, () => left(10, 60)) : index < 4 ? answered(T, ok) : ok(),
    );
    send(4);
    await pass(50);
    expect((await throttle.status(key)).pool).toEqual({ remaining: 7, resetAt: clock.now() + 60 * T });
    send(20);
    // Somebody else may use up what is left: the next goes when it is known how those on their way fared.
    await pass(T - 51);
    expect(times()).toHaveLength(4);
    await pass(59 * T + 50);
    expect(times()).toHaveLength(4 + 7);
    await pass(1);
    expect(times()).toHaveLength(24);
  });

  it('of an answer that was overtaken counts only if it is less', async () => {
    const { pass, answered, send, throttle } = setUp(
      (_, index) =>
        [
          () => answered(300, () => left(90, 60)),
          () => answered(100, () => left(50, 60)),
          () => answered(500, () => left(20, 60)),
        ][index]?.() ?? ok(),
    );
    const remaining = async () => (await throttle.status(key)).pool?.remaining;
    send(1);
    await pass(10);
    send(1);
    await pass(10);
    send(1);
    await pass(100);
    expect(await remaining()).toBe(48);
    await pass(200);
    expect(await remaining()).toBe(48);
    await pass(300);
    expect(await remaining()).toBe(20);
  });

  it('is raised by a newer answer, but lets no more go than the limits', async () => {
    const { pass, send, throttle, times } = setUp(
      (_, index) => left(index === 0 ? 3 : 900, 60),
      {},
      {
        limits: { rate: 1, interval: T, burst: 5 },
      },
    );
    send(1);
    await pass(0);
    expect((await throttle.status(key)).pool?.remaining).toBe(3);
    await pass(1);
    send(20);
    await pass(0);
    expect(times()).toHaveLength(5);
    await pass(3 * T);
    expect(times()).toHaveLength(8);
  });

  it('does not slow calls down if our own calls explain it', async () => {
    const { pass, send, throttle, times } = setUp((_, index) => leftOfLimits(999 - index, 60));
    for (let call = 0; call < 20; call++) {
      send(1);
      await pass(0);
    }
    expect((await throttle.status(key)).pool).toBeUndefined();
    send(970);
    await pass(0);
    expect(times()).toHaveLength(990);
    expect(times().every((at) => at === 0)).toBe(true);
  });

  it('is a ceiling where it is less than our own calls explain', async () => {
    const { pass, send, times } = setUp(
      (_, index) => leftOfLimits(95 - Math.min(index, 95), 60, 100),
      {},
      { limits: slidingWindow({ limit: 100, interval: T }) },
    );
    send(1);
    await pass(0);
    send(200);
    await pass(0);
    // Four calls went that are not ours; one of them may be the rounding of a server.
    expect(times().length).toBeGreaterThanOrEqual(94);
    expect(times().length).toBeLessThanOrEqual(97);
  });

  it('is ignored where it counts tokens, or where the limits allow less anyway', async () => {
    const { pass, send, throttle } = setUp((_, index) =>
      index === 0 ? ok({ 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '60s' }) : left(1e6, 1),
    );
    send(2);
    await pass(0);
    expect((await throttle.status(key)).pool).toBeUndefined();
  });

  it('stops the key where nothing is left that our own calls explain, without a refusal', async () => {
    const { pass, send, times } = setUp((_, index) => (index === 0 ? left(0, 3) : ok()));
    send(1);
    await pass(0);
    send(5);
    await pass(3 * T - 1);
    expect(times()).toEqual([0]);
    await pass(1);
    expect(times()).toHaveLength(6);
  });
});

describe('a signal', () => {
  it('reaches onSignal and the listeners, with each answer', async () => {
    const seen: [ServerSignal, string][] = [];
    const events: unknown[] = [];
    const { pass, send, throttle } = setUp(() => refused({ 'retry-after': '2' }), {
      onSignal: (signal, { method }) => void seen.push([signal, method]),
    });
    throttle.on('signal', (event) => events.push(event));
    send(1);
    await pass(0);
    expect(seen).toMatchObject([[{ throttled: true, source: 'retry-after' }, 'GET']]);
    expect(events).toEqual([{ key, signal: seen[0]?.[0] }]);
  });

  it('is read from the body where the dialect looks into it, and the caller gets the body', async () => {
    const body = JSON.stringify({ errors: [{ extensions: { code: 'THROTTLED' } }] });
    const answer = () => new Response(body, { headers: { 'content-type': 'application/json' } });
    const { pass, times, fetch } = setUp((_, index) => (index === 0 ? answer() : answer()), {
      dialect: completeDialect({ refusals: [{ status: [200], body: ['errors.*.extensions.code', 'THROTTLED'] }] }),
      retry: 1,
    });
    const call = watch(fetch(url).then((response) => response.text()));
    await pass(T);
    expect(times()).toEqual([0, T]);
    expect(call.value).toBe(body);
  });

  it('is not looked for in bodies that are no JSON', async () => {
    const { pass, fetch } = setUp(() => new Response('THROTTLED'), {
      dialect: completeDialect({ refusals: [{ body: ['errors', 'x'] }] }),
    });
    const call = watch(fetch(url).then((response) => response.text()));
    await pass(0);
    expect(call.value).toBe('THROTTLED');
  });
});

describe("limits: 'server'", () => {
  it('begins with a call a second and is at what the server tells a few seconds later', async () => {
    const { pass, send, times, throttle } = setUp(
      () => ok({ 'ratelimit-policy': '"default";q=100;w=10' }),
      {},
      {
        limits: 'server',
      },
    );
    expect((await throttle.status(key)).limits).toEqual([{ remaining: 1, resetAfter: 0 }]);
    send(100);
    await pass(0);
    expect(times()).toEqual([0]);
    await pass(5 * T);
    const before = times().length;
    await pass(T);
    expect(times().length - before).toBeGreaterThanOrEqual(9);
    for (const start of times())
      expect(times().filter((at) => at >= start && at < start + 10 * T).length).toBeLessThanOrEqual(100);
  });

  // The rate at which it began stays in force until it is above the limits' own.
  it('follows the statements of the server from its first answer on', async () => {
    const { pass, send, times } = setUp(
      () => ok({ 'ratelimit-policy': '"default";q=100;w=10' }),
      {},
      {
        limits: 'server',
      },
    );
    send(30);
    await pass(1);
    // The call that it was learned from counts as one of a burst of 5, which leaves 96 in 10 seconds.
    expect(times().map(Math.floor)).toEqual([0, 0, 0, 0, 0]);
    await pass(T);
    expect(times()).toHaveLength(14);
    await pass(10 * T);
    expect(times()).toHaveLength(30);
  });

  it('keeps every window that the server names', async () => {
    const { pass, send, times } = setUp(
      () => ok({ 'ratelimit-policy': '"b";q=5;w=1,"d";q=20;w=60' }),
      {},
      {
        limits: 'server',
      },
    );
    send(60);
    await pass(180 * T);
    const at = times();
    for (const [count, window] of [
      [5, T],
      [20, 60 * T],
    ] as const)
      for (const start of at)
        expect(at.filter((time) => time >= start && time < start + window).length).toBeLessThanOrEqual(count);
  });

  it('goes faster with each call where no window is told, whatever is left', async () => {
    const untold = (remaining: number) => ok({ 'ratelimit-remaining': `${remaining}`, 'ratelimit-reset': '100' });
    const { pass, send, times } = setUp((_, index) => untold(20 - index), {}, { limits: 'server' });
    send(12);
    await pass(30 * T);
    expect(times().map(Math.floor)).toEqual([0, 1000, 1500, 1833, 2083, 2283, 2450, 2592, 2717, 2828, 2928, 3019]);
  });

  it('keeps the rate of a token bucket that says when it will be full', async () => {
    const size = 20;
    let level = size;
    let filledAt = 0;
    const fill = (at: number) => {
      level = Math.min(size, level + ((at - filledAt) * size) / T);
      filledAt = at;
    };
    let refusals = 0;
    const { pass, send, times } = setUp(
      ({ at }) => {
        fill(at);
        if (level < 1) refusals++;
        else level--;
        const headers = {
          'x-ratelimit-limit-requests': `${size}`,
          'x-ratelimit-remaining-requests': `${Math.floor(level)}`,
          'x-ratelimit-reset-requests': `${Math.ceil(((size - level) * T) / size)}ms`,
        };
        return ok(headers);
      },
      { dialect: openai().dialect },
      { limits: 'server' },
    );
    send(200);
    await pass(T);
    await pass(5 * T);
    const inOneSecond = times().filter((at) => at > 3 * T && at <= 4 * T).length;
    expect([inOneSecond >= 17, inOneSecond <= 20, refusals]).toEqual([true, true, 0]);
  });

  it('goes faster with each call where the server tells nothing, until it refuses one', async () => {
    const { pass, send, times } = setUp(
      (_, index) => (index === 4 ? refused({ 'retry-after': '2' }) : ok()),
      {},
      {
        limits: 'server',
      },
    );
    send(60);
    await pass(4 * T);
    // One call a second, then two, three and four.
    expect(times().map(Math.floor)).toEqual([0, T, 1500, 1833, 2083]);
    await pass(T);
    expect(times().slice(5).map(Math.floor)[0]).toBe(4083);
    const spacings = times()
      .slice(5)
      .map((at, index, all) => at - (all[index - 1] ?? at))
      .slice(1);
    // Slower than the five a second that were refused, faster than the two and a half that had gone.
    for (const spacing of spacings) {
      expect(spacing).toBeGreaterThan(T / 5);
      expect(spacing).toBeLessThan(T / 2);
    }
    expect(spacings.length).toBeGreaterThan(0);
  });
});
