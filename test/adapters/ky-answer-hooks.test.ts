import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, type ThrottleOptions } from 'sluice';
import { type ThrottleKyOptions, throttleKy } from 'sluice/ky';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { arrived, even, refuse, refuseFirst, T, useStage } from './contract/subject.ts';
import { watch } from './fake-fetch.ts';

// Hooks of the user's that see answers, beside ours.

const stage = useStage();
type Ky = typeof ky1;
type AnswerHook = (...args: unknown[]) => unknown;

const wide = { limits: { rate: 1, interval: 1, burst: 1000 } };

/** The answer that a hook is told of, by ky 1 in its third argument, by ky 2 in its one. */
const answerIn = ([state, , response]: unknown[]) =>
  (response ?? (state as { response: unknown }).response) as Response;
const hooksOf = (hook: AnswerHook) => ({ hooks: { afterResponse: [hook] as never } });

describe.each<[string, Ky]>([
  ['ky 1', ky1],
  ['ky 2', ky2 as unknown as Ky],
])('an answer of %s', (_, ky) => {
  function setUp(options: ThrottleKyOptions = {}, throttleOptions: Partial<ThrottleOptions> = wide) {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock, ...throttleOptions });
    return { clock, api: throttleKy(ky, throttle, options) };
  }

  describe.each<[string, (api: Ky, hook: AnswerHook) => Promise<Response>]>([
    ['the call', (api, hook) => api.post(stage.url, hooksOf(hook))],
    ['the instance', (api, hook) => api.extend(hooksOf(hook)).post(stage.url)],
    [
      'the call, beside one of the instance,',
      (api, hook) => api.extend(hooksOf(() => {})).post(stage.url, hooksOf(hook)),
    ],
  ])('that a hook of %s reads and gives back', (__, post) => {
    const read: AnswerHook = (...args) => {
      const response = answerIn(args);
      void response.text();
      return response;
    };

    it('ends as in plain ky, with as many copies', async () => {
      stage.handle = (___, ____, response) => response.writeHead(404).end('none');
      const clone = vi.spyOn(Response.prototype, 'clone');
      const ends: unknown[] = [];
      for (const sender of [ky, setUp().api]) {
        clone.mockClear();
        const { name, response } = await post(sender, read).catch((error) => error);
        ends.push([name, response?.status, clone.mock.calls.length]);
      }
      clone.mockRestore();
      expect(ends[1]).toEqual(ends[0]);
      expect(ends[0]).toEqual(['HTTPError', 404, expect.any(Number)]);
    });

    it('is sent again where it is a refusal, and comes to the caller after the last try', async () => {
      stage.handle = refuse(1);
      const { api, clock } = setUp({ retry: 1 });
      const call = watch(post(api, read));
      await arrived(stage, 1);
      await clock.advance(T);
      await arrived(stage, 2);
      await vi.waitFor(() => expect(call.state).toBe('rejected'));
      expect(call.value).toMatchObject({ name: 'HTTPError', response: { status: 429 } });
    });
  });

  it('that a hook puts in the place of a refusal is freed before the call is sent again', async () => {
    stage.handle = refuseFirst(1, 1);
    const { api, clock } = setUp();
    const cancelled: number[] = [];
    const replace: AnswerHook = (...args) => {
      const { status } = answerIn(args);
      return new Response(new ReadableStream({ cancel: () => void cancelled.push(status) }), { status });
    };
    const call = watch(api.post(stage.url, hooksOf(replace)));
    await arrived(stage, 1);
    await clock.advance(T);
    await vi.waitFor(() => expect(call.value).toMatchObject({ status: 200 }));
    expect(cancelled).toEqual([429]);
  });

  it('for which a hook has ky send the call again is sent again by ky', async () => {
    stage.handle = (index, __, response) => response.end(index === 0 ? 'no' : 'ok');
    const { api, clock } = setUp({ retry: 0 }, {});
    const again: AnswerHook = async (...args) =>
      (await answerIn(args).text()) === 'no' ? ky.retry({ delay: 0 }) : undefined;
    const call = watch(api.post(stage.url, hooksOf(again)).text());
    await arrived(stage, 1);
    await clock.advance(T);
    await vi.waitFor(() => expect(call.value).toBe('ok'));
  });

  it('whose hook returns another value is handled as without a hook', async () => {
    stage.handle = refuseFirst(1, 1);
    const { api, clock } = setUp();
    const call = watch(
      api
        .post(
          stage.url,
          hooksOf(async () => ({ logged: true })),
        )
        .text(),
    );
    await arrived(stage, 1);
    await clock.advance(T);
    await vi.waitFor(() => expect(call.value).toBe('ok'));
  });
});
