import { expect, it } from 'vitest';
import { watch } from '../fake-fetch.ts';
import { arrived, type Call, errorParts, pass, reason, refuse, type Stage, type Subject, setUp, T } from './subject.ts';

/** An abort ends the call at once, wherever it is, with the error that the bare client has for it. */
export function itEndsOnAbort(subject: Subject, stage: Stage): void {
  /** What an abort looks like to callers of the bare client: before it has sent anything, or afterwards. */
  async function ownError(isSent: boolean): Promise<unknown> {
    stage.arrivals.length = 0;
    stage.handle = () => {};
    const controller = new AbortController();
    if (!isSent) controller.abort(reason);
    const call = subject
      .make()({ url: stage.url, signal: controller.signal })
      .catch((error: unknown) => error);
    await arrived(stage, isSent ? 1 : 0);
    controller.abort(reason);
    return errorParts(await call);
  }

  async function expectOwnError(call: ReturnType<typeof watch>, isSent = false): Promise<void> {
    await pass();
    expect(call.state).toBe('rejected');
    expect(errorParts(call.value)).toEqual(await ownError(isSent));
  }

  it('before the call: takes nothing and sends nothing', async () => {
    const { throttle, call } = setUp(subject);
    const aborted = watch(call({ url: stage.url, signal: AbortSignal.abort(reason) }));
    await pass();
    expect(stage.arrivals.length).toBe(0);
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(1);
    await expectOwnError(aborted);
  });

  it('in the line: leaves at once, and the next call goes in its place', async () => {
    const { clock, throttle, call } = setUp(subject);
    const controller = new AbortController();
    await throttle.wait(stage.origin);
    const first = call({ url: `${stage.url}?1` });
    const second = watch(call({ url: `${stage.url}?2`, signal: controller.signal }));
    const third = call({ url: `${stage.url}?3` });
    await pass();
    expect((await throttle.status(stage.origin)).waiting).toBe(3);
    controller.abort(reason);
    await pass();
    expect((await throttle.status(stage.origin)).waiting).toBe(2);
    await clock.advance(T);
    await arrived(stage, 1);
    await clock.advance(T);
    await Promise.all([first, third]);
    expect(stage.arrivals.map(({ path }) => path)).toEqual(['/own?1', '/own?3']);
    await expectOwnError(second);
  });

  it('with a reservation: gives the slot back and leaves no timer', async () => {
    const { clock, throttle, call } = setUp(subject);
    const controller = new AbortController();
    await throttle.wait(stage.origin);
    const only = watch(call({ url: stage.url, signal: controller.signal }));
    await pass();
    await clock.advance(T / 2);
    expect([only.state, clock.timers]).toEqual(['pending', 1]);
    controller.abort(reason);
    await pass();
    expect(clock.timers).toBe(0);
    expect((await throttle.status(stage.origin)).limits[0]?.resetAfter).toBe(T / 2);
    await clock.advance(T);
    expect(stage.arrivals.length).toBe(0);
    await expectOwnError(only);
  });

  it.runIf(subject.holdsPlace !== false)('in the line for a place: leaves at once', async () => {
    const { throttle, call } = setUp(subject, {}, { limits: { rate: 1, interval: 1, burst: 10 }, concurrency: 1 });
    void throttle.run(() => new Promise(() => {}), { key: stage.origin });
    const controller = new AbortController();
    const only = watch(call({ url: stage.url, signal: controller.signal }));
    await pass();
    const { waiting, limits } = await throttle.status(stage.origin);
    expect([only.state, waiting]).toEqual(['pending', 1]);
    controller.abort(reason);
    await pass();
    expect(await throttle.status(stage.origin)).toMatchObject({ waiting: 0, limits });
    expect(stage.arrivals.length).toBe(0);
    await expectOwnError(only);
  });

  it.runIf(subject.holdsPlace !== false)(
    'in flight: is the client’s to heed, and the place is free again',
    async () => {
      stage.handle = () => {};
      const { throttle, call } = setUp(subject, {}, { limits: { rate: 1, interval: 1, burst: 10 }, concurrency: 1 });
      const controller = new AbortController();
      const first = watch(call({ url: `${stage.url}?1`, signal: controller.signal }));
      await arrived(stage, 1);
      stage.handle = (_, __, response) => response.end('ok');
      const second = call({ url: `${stage.url}?2` });
      await arrived(stage, 1);
      controller.abort(reason);
      expect(await second).toEqual({ status: 200, text: 'ok' });
      expect((await throttle.status(stage.origin)).inFlight).toBe(0);
      await expectOwnError(first, true);
    },
  );

  it('while the body of the answer is looked into: ends the call, and the place is free again', async () => {
    const open: Stage['handle'] = (_, __, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"error":{');
    };
    async function abortAt(call: Call): Promise<unknown> {
      const controller = new AbortController();
      const only = watch(call({ url: stage.url, signal: controller.signal }));
      await arrived(stage, 1);
      await pass();
      expect(only.state).toBe('pending');
      controller.abort(reason);
      await pass();
      expect(only.state).toBe('rejected');
      stage.arrivals.length = 0;
      return errorParts(only.value);
    }
    stage.handle = open;
    const plain = await abortAt(subject.make());
    const dialect = { refusals: [{ body: ['error.code', 'maxlag'] }] } as const;
    const { throttle, call } = setUp(subject, { dialect }, { concurrency: 1 });
    expect(await abortAt(call)).toEqual(plain);
    expect((await throttle.status(stage.origin)).inFlight).toBe(0);
  });

  it.runIf(subject.repeats !== 'nothing')('between two tries: ends the wait at once', async () => {
    stage.handle = refuse(60);
    const { clock, throttle, call } = setUp(subject);
    const controller = new AbortController();
    const post = subject.repeats === undefined ? { method: 'POST', body: 'text' } : {};
    const only = watch(call({ url: stage.url, ...post, signal: controller.signal }));
    await arrived(stage, 1);
    await clock.advance(30 * T);
    await pass();
    expect(only.state).toBe('pending');
    controller.abort(reason);
    await pass();
    const { waiting, inFlight } = await throttle.status(stage.origin);
    expect([waiting, inFlight, clock.timers]).toEqual([0, 0, 0]);
    await clock.advance(60 * T);
    await arrived(stage, 1);
    await expectOwnError(only);
  });

  it('after the answer: changes nothing', async () => {
    const { call } = setUp(subject);
    const controller = new AbortController();
    const reply = await call({ url: stage.url, signal: controller.signal });
    controller.abort(reason);
    await pass();
    expect(reply).toEqual({ status: 200, text: 'ok' });
  });
}
