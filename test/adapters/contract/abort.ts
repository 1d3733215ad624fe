import { memoryStore, type ThrottleOptions } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { faultyStore } from 'sluice/testing';
import { expect, it } from 'vitest';
import { watch } from '../fake-fetch.ts';
import { countListeners } from '../listeners.ts';
import {
  type AnyOptions,
  arrived,
  type Call,
  errorParts,
  type Message,
  pass,
  reason,
  refuse,
  type Stage,
  type Subject,
  setUp,
  T,
} from './subject.ts';

/** An abort ends the call at once, wherever it is, with the error that the bare client has for it. */
export function itEndsOnAbort(subject: Subject, stage: Stage): void {
  const { retrying } = subject;
  const holdsPlace = subject.holdsPlace !== false;
  const wide: ThrottleOptions = { limits: { rate: 1, interval: 1, burst: 10 }, concurrency: 1 };

  /** Begins a call that can be aborted. */
  function begin(call: Call, message: Partial<Message> = {}) {
    const controller = new AbortController();
    const listeners = countListeners(controller.signal);
    const watched = watch(call({ url: stage.url, ...message, signal: controller.signal }));
    return {
      get state() {
        return watched.state;
      },
      /** Aborts, and sees that the call ends at once. @returns how it ended, and what it left behind */
      abort: async () => {
        controller.abort(reason);
        await pass();
        return { state: watched.state, error: errorParts(watched.value), listeners: listeners() };
      },
    };
  }

  /** What an abort looks like to callers of the bare client: before it has sent anything, or afterwards. */
  async function bareEnd(isSent: boolean): Promise<unknown> {
    if (!isSent) {
      const call = subject.make()({ url: stage.url, signal: AbortSignal.abort(reason) });
      return { state: 'rejected', error: errorParts(await call.catch((error: unknown) => error)), listeners: 0 };
    }
    stage.arrivals.length = 0;
    stage.handle = () => {};
    const call = begin(subject.make());
    await arrived(stage, 1);
    return call.abort();
  }

  function start(options?: AnyOptions, throttleOptions?: Partial<ThrottleOptions>) {
    const set = setUp(subject, options, throttleOptions);
    return { ...set, status: () => set.throttle.status(stage.origin) };
  }

  it('before the call: takes nothing and sends nothing', async () => {
    const { call, status } = start();
    const aborted = watch(call({ url: stage.url, signal: AbortSignal.abort(reason) }));
    await pass();
    expect(stage.arrivals.length).toBe(0);
    expect((await status()).limits[0]?.remaining).toBe(1);
    expect({ state: aborted.state, error: errorParts(aborted.value), listeners: 0 }).toEqual(await bareEnd(false));
  });

  it('in the line: leaves at once, and the next call goes in its place', async () => {
    const { clock, throttle, call, status } = start();
    await throttle.wait(stage.origin);
    const first = call({ url: `${stage.url}?1` });
    const second = begin(call, { url: `${stage.url}?2` });
    const third = call({ url: `${stage.url}?3` });
    await pass();
    expect((await status()).waiting).toBe(3);
    const end = await second.abort();
    expect((await status()).waiting).toBe(2);
    await clock.advance(T);
    await arrived(stage, 1);
    await clock.advance(T);
    await Promise.all([first, third]);
    expect(stage.arrivals.map(({ path }) => path)).toEqual(['/own?1', '/own?3']);
    expect(end).toEqual(await bareEnd(false));
  });

  it('with a reservation: gives the slot back and leaves no timer', async () => {
    const { clock, throttle, call, status } = start();
    await throttle.wait(stage.origin);
    const only = begin(call);
    await pass();
    await clock.advance(T / 2);
    expect([only.state, clock.timers]).toEqual(['pending', 1]);
    const end = await only.abort();
    expect(clock.timers).toBe(0);
    expect((await status()).limits[0]?.resetAfter).toBe(T / 2);
    await clock.advance(T);
    expect(stage.arrivals.length).toBe(0);
    expect(end).toEqual(await bareEnd(false));
  });

  it('in the line for a place: leaves at once', async () => {
    const { throttle, call, status } = start({}, wide);
    void throttle.run(() => new Promise(() => {}), { key: stage.origin });
    const only = begin(call);
    await pass();
    const { waiting, limits } = await status();
    expect([only.state, waiting]).toEqual(['pending', 1]);
    const end = await only.abort();
    expect(await status()).toMatchObject({ waiting: 0, limits });
    expect(stage.arrivals.length).toBe(0);
    expect(end).toEqual(await bareEnd(false));
  });

  it('while a slow store is asked: leaves at once, and what the store grants then goes back', async () => {
    let answer = () => {};
    const after = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const store = faultyStore(memoryStore(), (operation) => (operation === 'take' ? { after } : undefined));
    const { call, clock, status } = start({}, { store });
    const only = begin(call);
    await pass();
    expect([only.state, (await status()).waiting]).toEqual(['pending', 1]);
    const end = await only.abort();
    expect(end.state).toBe('rejected');
    answer();
    await pass();
    expect(await status()).toMatchObject({ waiting: 0, inFlight: 0, limits: [{ remaining: 1, resetAfter: 0 }] });
    expect([stage.arrivals.length, clock.timers]).toEqual([0, 0]);
    expect(end).toEqual(await bareEnd(false));
  });

  it('in flight: is left to the client, and the place is free again', async () => {
    stage.handle = () => {};
    const { call, status } = start({}, wide);
    const first = begin(call, { url: `${stage.url}?1` });
    await arrived(stage, 1);
    stage.handle = (_, __, response) => response.end('ok');
    const second = call({ url: `${stage.url}?2` });
    await arrived(stage, holdsPlace ? 1 : 2);
    expect((await status()).inFlight).toBe(holdsPlace ? 1 : 0);
    const end = await first.abort();
    expect(await second).toEqual({ status: 200, text: 'ok' });
    expect((await status()).inFlight).toBe(0);
    expect(end).toEqual(await bareEnd(true));
  });

  it('while the body of the answer is looked into: ends the call, and the place is free again', async () => {
    const open: Stage['handle'] = (_, __, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"error":{');
    };
    async function abortAt(call: Call): Promise<unknown> {
      const only = begin(call);
      await arrived(stage, 1);
      expect(only.state).toBe('pending');
      const end = await only.abort();
      expect(end.state).toBe('rejected');
      stage.arrivals.length = 0;
      return end;
    }
    stage.handle = open;
    const plain = await abortAt(subject.make());
    const dialect = completeDialect({ refusals: [{ body: ['error.code', 'maxlag'] }] });
    const { call, status } = start({ dialect }, { concurrency: 1 });
    expect(await abortAt(call)).toEqual(plain);
    expect((await status()).inFlight).toBe(0);
  });

  it.runIf(subject.repeats !== 'nothing')('between two tries: ends the wait at once', async () => {
    stage.handle = refuse(60);
    const { clock, call, status } = start();
    const post = subject.repeats === undefined ? { method: 'POST', body: 'text' } : {};
    const only = begin(call, post);
    await arrived(stage, 1);
    await clock.advance(30 * T);
    await pass();
    expect(only.state).toBe('pending');
    const end = await only.abort();
    expect(await status()).toMatchObject({ waiting: 0, inFlight: 0 });
    expect(clock.timers).toBe(0);
    await clock.advance(60 * T);
    await arrived(stage, 1);
    expect(end).toEqual(await bareEnd(false));
  });

  it.runIf(retrying)('while the client’s own retry waits in the line: ends the wait at once', async () => {
    stage.handle = (_, __, response) => response.writeHead(500).end();
    const { clock, throttle, status } = start();
    const only = begin((retrying as Exclude<typeof retrying, undefined>)(1, { throttle, options: {} }));
    await arrived(stage, 1);
    await clock.advance(T / 2);
    expect([only.state, (await status()).waiting]).toEqual(['pending', 1]);
    const end = await only.abort();
    expect(await status()).toMatchObject({ waiting: 0, inFlight: 0, limits: [{ resetAfter: T / 2 }] });
    expect(clock.timers).toBe(0);
    await clock.advance(T);
    await arrived(stage, 1);
    expect(end).toEqual(await bareEnd(false));
  });

  it.runIf(retrying)('while the client waits with its own retry: ends as the bare client does', async () => {
    const make = retrying as Exclude<typeof retrying, undefined>;
    async function abortAt(call: Call): Promise<unknown> {
      stage.arrivals.length = 0;
      const only = begin(call);
      await arrived(stage, 1);
      expect(only.state).toBe('pending');
      const end = await only.abort();
      await arrived(stage, 1);
      return end;
    }
    stage.handle = (_, __, response) => response.writeHead(500).end();
    const plain = await abortAt(make(60_000));
    const { clock, throttle, status } = start();
    expect(await abortAt(make(60_000, { throttle, options: {} }))).toEqual(plain);
    expect(await status()).toMatchObject({ waiting: 0, inFlight: 0, limits: [{ resetAfter: T }] });
    expect(clock.timers).toBe(0);
  });

  it('after the answer: changes nothing', async () => {
    const { call } = start();
    const controller = new AbortController();
    const reply = await call({ url: stage.url, signal: controller.signal });
    controller.abort(reason);
    await pass();
    expect(reply).toEqual({ status: 200, text: 'ok' });
  });
}
