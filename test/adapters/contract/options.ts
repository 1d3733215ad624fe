import { WaitTooLongError } from 'sluice';
import { expect, it } from 'vitest';
import {
  type AnyCall,
  type AnyOptions,
  arrived,
  type Call,
  errorParts,
  reason,
  refuse,
  type Stage,
  type Subject,
  setUp,
  T,
} from './subject.ts';

/** Each option means the same in every adapter. */
export function itTakesTheOptions(subject: Subject, stage: Stage): void {
  it('keys calls by the origin of their URL and sends them one after the other', async () => {
    const { clock, throttle, call } = setUp(subject);
    const calls = [1, 2, 3].map((number) => call({ url: `${stage.url}?${number}` }));
    await arrived(stage, 1);
    expect((await throttle.status(stage.origin)).waiting).toBe(2);
    await clock.advance(T - 1);
    await arrived(stage, 1);
    await clock.advance(1);
    await arrived(stage, 2);
    await clock.advance(T);
    expect(await Promise.all(calls)).toEqual(Array(3).fill({ status: 200, text: 'ok' }));
    expect(stage.arrivals.map(({ path }) => path)).toEqual(['/own?1', '/own?2', '/own?3']);
  });

  it('asks functions for key, cost, priority and maxWait, with the URL and the method', async () => {
    const seen: AnyCall[] = [];
    const note =
      <Value>(value: Value) =>
      (call: AnyCall) => {
        seen.push(call);
        return value;
      };
    const options: AnyOptions = { key: note('own'), cost: note(3), priority: note(1), maxWait: note(5 * T) };
    const { throttle, call } = setUp(subject, options, { limits: { rate: 1, interval: T, burst: 5 } });
    await call({ url: `${stage.url}?a=1`, method: 'POST', body: 'text' });
    expect(seen.map(({ url, method }) => [url.origin, url.pathname, method])).toEqual(
      Array(4).fill([stage.origin, '/own', 'POST']),
    );
    expect((await throttle.status('own')).limits[0]?.remaining).toBe(2);
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(5);
  });

  it('takes key and cost as values', async () => {
    const { throttle, call } = setUp(subject, { key: 'own', cost: 2 }, { limits: { rate: 1, interval: T, burst: 5 } });
    await call({ url: stage.url });
    expect((await throttle.status('own')).limits[0]?.remaining).toBe(3);
  });

  it('lets calls of a higher priority go first', async () => {
    const { clock, throttle, call } = setUp(subject, { priority: ({ url }) => Number(url.searchParams.get('p')) });
    await throttle.wait(stage.origin);
    const calls = [0, 2, 1].map((priority) => call({ url: `${stage.url}?p=${priority}` }));
    await arrived(stage, 0);
    for (let count = 1; count <= 3; count++) {
      await clock.advance(T);
      await arrived(stage, count);
    }
    await Promise.all(calls);
    expect(stage.arrivals.map(({ path }) => path)).toEqual(['/own?p=2', '/own?p=1', '/own?p=0']);
  });

  it('sends calls that `match` does not pick without waiting, uncounted', async () => {
    const { throttle, call } = setUp(subject, { match: ({ method }) => method === 'POST' });
    await Promise.all([1, 2, 3].map(() => call({ url: stage.url })));
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(1);
    await call({ url: stage.url, method: 'POST', body: 'text' });
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(0);
  });

  it('rejects a call at once with WaitTooLongError if it would wait longer than `maxWait`, and sends nothing', async () => {
    const { throttle, call } = setUp(subject, { maxWait: T - 1 });
    await throttle.wait(stage.origin);
    const started = performance.now();
    await expect(call({ url: stage.url })).rejects.toBeInstanceOf(WaitTooLongError);
    expect(performance.now() - started).toBeLessThan(250);
    expect(stage.arrivals.length).toBe(0);
  });

  it('settles a call with what `settle` reads from its answer', async () => {
    const limits = { rate: 1, interval: T, burst: 10 };
    const { clock, throttle, call } = setUp(subject, { cost: 5, settle: async () => 2 }, { limits });
    await call({ url: stage.url });
    await arrived(stage, 1);
    await clock.advance(0);
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(8);
  });

  it('rejects with what a function throws, and sends nothing', async () => {
    const wrong = new RangeError('no key');
    const key = () => {
      throw wrong;
    };
    const { call } = setUp(subject, { key });
    const started = performance.now();
    const error = await call({ url: stage.url }).catch((error: unknown) => error);
    expect(errorParts(error)).toEqual(errorParts(wrong));
    expect(performance.now() - started).toBeLessThan(250);
    expect(stage.arrivals.length).toBe(0);
  });

  it.runIf(subject.holdsPlace !== false)(
    'keeps as many in flight as `concurrency` allows, and frees the place of a call that fails',
    async () => {
      const answers: (() => void)[] = [];
      stage.handle = (index, request, response) =>
        answers.push(() => {
          if (index === 0) request.socket.destroy();
          else response.writeHead(index === 1 ? 500 : 200).end();
        });
      const { throttle, call } = setUp(subject, {}, { limits: { rate: 1, interval: 1, burst: 10 }, concurrency: 1 });
      const post = { method: 'POST', body: 'text' };
      const calls = [1, 2, 3].map(() => call({ url: stage.url, ...post }).catch(() => {}));
      for (let count = 1; count <= 3; count++) {
        await arrived(stage, count);
        expect((await throttle.status(stage.origin)).inFlight).toBe(1);
        answers[count - 1]?.();
      }
      await Promise.all(calls);
      expect((await throttle.status(stage.origin)).inFlight).toBe(0);
    },
  );

  it('tells how each call ended, if that is seen', async () => {
    const endings: Stage['handle'][] = [
      (_, __, response) => response.end('ok'),
      (_, request) => request.socket.destroy(),
      () => {},
      refuse(1),
    ];
    stage.handle = (index, ...args) => endings[index]?.(index, ...args);
    const { throttle, call } = setUp(subject, { retry: 0 }, { limits: { rate: 1, interval: 1, burst: 10 } });
    const ended: unknown[] = [];
    throttle.on('ended', ({ key, cost, wait, outcome }) => ended.push([key, cost, wait, outcome]));
    const post = { url: stage.url, method: 'POST', body: 'text' };
    await call(post);
    await call(post).catch(() => {});
    const controller = new AbortController();
    const aborted = call({ ...post, signal: controller.signal }).catch(() => {});
    await arrived(stage, 3);
    controller.abort(reason);
    await aborted;
    await call(post).catch(() => {});
    const outcomes = subject.holdsPlace === false ? [] : ['ok', 'error', 'aborted', 'refused'];
    expect(ended).toEqual(outcomes.map((outcome) => [stage.origin, 1, 0, outcome]));
  });

  it.runIf(subject.seesRoundTrips !== false)('keeps a margin of `auto` by the round trips that it sees', async () => {
    const { clock, throttle, call } = setUp(
      subject,
      {},
      { margin: 'auto', limits: { rate: 1, interval: 1, burst: 100 } },
    );
    const { margin } = await throttle.status(stage.origin);
    const answers: (() => void)[] = [];
    stage.handle = (_, __, response) => answers.push(() => response.end('ok'));
    // What the first takes is no measure: it goes over a new connection.
    for (const [index, ms] of [0, 1, 90].entries()) {
      const reply = call({ url: stage.url });
      await arrived(stage, index + 1);
      await clock.advance(ms);
      answers[index]?.();
      await reply;
    }
    expect((await throttle.status(stage.origin)).margin).toBeGreaterThan(margin);
  });

  it.each<[string, unknown, string]>([
    ['key', 5, 'Expected `key` to be a string or a function, got `5`.'],
    ['cost', -1, 'Expected `cost` to be a number of at least 0, got `-1`.'],
    ['cost', { calls: '1' }, 'Expected `cost.calls` to be a number of at least 0, got `"1"`.'],
    ['priority', '1', 'Expected `priority` to be a finite number, got `"1"`.'],
    ['match', true, 'Expected `match` to be a function, got `true`.'],
    ['maxWait', -5, 'Expected `maxWait` to be a number of at least 0 (Infinity is allowed), got `-5`.'],
    ['settle', {}, 'Expected `settle` to be a function, got `[object Object]`.'],
    ['onSignal', [], 'Expected `onSignal` to be a function, got `array of 0`.'],
    ['dialect', 'github', 'Expected `dialect` to be an object, got `"github"`.'],
    ['dialect', { refusals: {} }, 'Expected `dialect.refusals` to be a list, got `[object Object]`.'],
    ['dialect', { hints: null }, 'Expected `dialect.hints` to be an object, got `null`.'],
    ['dialect', { leastPause: 0 }, 'Expected `dialect.leastPause` to be a number above 0, got `0`.'],
  ])('says what is wrong with an option when it is attached: %s %j', (name, value, message) => {
    const { throttle } = setUp(subject);
    expect(() => subject.make({ throttle, options: { [name]: value } })).toThrow(message);
  });

  it('takes options that are frozen, and no throttle but one of createThrottle', async () => {
    const { throttle } = setUp(subject);
    const options = Object.freeze({ key: 'own', dialect: Object.freeze({ refusals: Object.freeze([]) }) });
    expect((await subject.make({ throttle: Object.freeze(throttle), options })({ url: stage.url })).status).toBe(200);
    for (const wrong of [undefined, null, 5, {}])
      expect(() => subject.make({ throttle: wrong as never, options: {} })).toThrow('createThrottle');
  });

  it('lets its functions send calls of their own', async () => {
    const { throttle, clock } = setUp(subject, {}, { limits: { rate: 1, interval: T, burst: 2 } });
    const own: unknown[] = [];
    const call: Call = subject.make({
      throttle,
      options: {
        onSignal: (_, { url }) => {
          if (url.search === '') own.push(call({ url: `${stage.url}?own` }));
        },
      },
    });
    await call({ url: stage.url });
    await Promise.all(own);
    expect([own.length, stage.arrivals.length, clock.timers]).toEqual([1, 2, 0]);
  });

  it('is not troubled by huge headers', async () => {
    stage.handle = (_, __, response) => {
      for (let index = 0; index < 100; index++) response.setHeader(`x-ratelimit-limit-${index}`, '9'.repeat(50));
      response.setHeader('retry-after', '9'.repeat(5_000)).end('ok');
    };
    const { call, throttle } = setUp(subject);
    expect(await call({ url: stage.url })).toEqual({ status: 200, text: 'ok' });
    expect((await throttle.status(stage.origin)).pausedUntil).toBe(undefined);
  });
}
