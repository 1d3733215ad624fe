import { WaitTooLongError } from 'sluice';
import { expect, it } from 'vitest';
import { type AnyCall, type AnyOptions, arrived, errorParts, type Stage, type Subject, setUp, T } from './subject.ts';

/** Each option means the same in every adapter. */
export function itTakesTheOptions(subject: Subject, stage: Stage): void {
  it('keys calls by the origin of their URL and lets one go after the other', async () => {
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

  it('lets calls that `match` does not pick go straight through, uncounted', async () => {
    const { throttle, call } = setUp(subject, { match: ({ method }) => method === 'POST' });
    await Promise.all([1, 2, 3].map(() => call({ url: stage.url })));
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(1);
    await call({ url: stage.url, method: 'POST', body: 'text' });
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(0);
  });

  it('rejects at once with WaitTooLongError what would wait longer than `maxWait`, and sends nothing', async () => {
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

  it('rejects wrong options when it is attached', () => {
    const { throttle } = setUp(subject);
    expect(() => subject.make({ throttle, options: { cost: -1 } })).toThrow(RangeError);
    expect(() => subject.make({ throttle, options: { match: true as never } })).toThrow(TypeError);
    expect(() => subject.make({ throttle: {} as never, options: {} })).toThrow(TypeError);
  });
}
