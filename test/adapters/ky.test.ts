import ky1, { type Hooks, type Options } from 'ky';
import ky2 from 'ky-2';
import { createThrottle, QueueFullError, type Throttle, type ThrottleOptions, WaitTooLongError } from 'sluice';
import { kyHooks, type ThrottleKyOptions, throttleKy } from 'sluice/ky';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { arrived, even, pass, reason, refuse, refuseFirst, T, useStage } from './contract/subject.ts';
import { watch } from './fake-fetch.ts';
import { countListeners } from './listeners.ts';

const stage = useStage();
type Ky = typeof ky1;
const versions: [string, Ky][] = [
  ['ky 1', ky1],
  ['ky 2', ky2 as unknown as Ky],
];
const wide = { limits: { rate: 1, interval: 1, burst: 1000 } };

function throttleOn(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  return { clock, throttle: createThrottle({ limits: even, margin: 0, clock, ...options }) };
}

async function remaining(throttle: ReturnType<typeof createThrottle>) {
  return (await throttle.status(stage.origin)).limits[0]?.remaining;
}

const steps: string[] = [];

/** Hooks that note in `steps` that they were called. */
function noting(name: string): Hooks {
  const note =
    (event: string) =>
    (...args: unknown[]) => {
      steps.push(`${name} ${event}`);
      return args[0] as never;
    };
  return {
    beforeRequest: [() => void note('request')()],
    beforeRetry: [() => void note('retry')()],
    afterResponse: [() => void note('response')()],
    // Ky 2 tells in one object what ky 1 tells in several arguments.
    beforeError: [
      (first: unknown) => note('error')(first instanceof Error ? first : (first as { error: Error }).error),
    ] as never,
  };
}

/** The hooks that a call runs through which fails twice, for its second try too. */
async function stepsOf(api: Ky): Promise<string[]> {
  steps.length = 0;
  stage.handle = (_, __, response) => response.writeHead(500).end();
  const call = api.get(stage.url, { hooks: noting('call'), retry: { limit: 1, delay: () => 1 } });
  await expect(call).rejects.toMatchObject({ response: { status: 500 } });
  return [...steps];
}

/** The same for a throttled instance, and after which hooks its turns were. */
async function stepsWith(make: (throttle: Throttle, key: () => string) => Ky) {
  const turns: unknown[] = [];
  const key = () => {
    turns.push(steps.at(-1));
    return 'key';
  };
  const throttled = await stepsOf(make(throttleOn(wide).throttle, key));
  return { throttled, turns };
}

/** What is seen of a long body on its way to the server and back. */
async function progressOf(api: Ky) {
  const progress: number[] = [];
  const onUploadProgress = ({ transferredBytes }: { transferredBytes: number }) => progress.push(transferredBytes);
  const onDownloadProgress = ({ percent }: { percent: number }) => progress.push(percent);
  const body = 'x'.repeat(200_000);
  const answer = await api
    .post(`${stage.origin}/echo`, { body, onUploadProgress, onDownloadProgress })
    .json<{ body: string }>();
  return [answer.body.length, progress[0], progress.at(-1)];
}

describe.each(versions)('throttleKy with %s', (_, ky) => {
  function setUp(options: ThrottleKyOptions = {}, throttleOptions: Partial<ThrottleOptions> = {}, instance = ky) {
    const set = throttleOn(throttleOptions);
    return { ...set, api: throttleKy(instance, set.throttle, options) };
  }

  it.each<[string, (api: Ky, url: string) => Promise<unknown>]>([
    ['ky(url)', (api, url) => api(url)],
    ['ky(Request)', (api, url) => api(new Request(url, { method: 'POST', body: 'text' }))],
    ['get', (api, url) => api.get(url).text()],
    ['post', (api, url) => api.post(url, { json: { a: 1 } })],
    ['head', (api, url) => api.head(url)],
    ['extend', (api, url) => api.extend({ headers: { 'x-a': '1' } }).get(url)],
    ['extend by a function', (api, url) => api.extend(() => ({ timeout: 1000 })).get(url)],
    ['extend twice', (api, url) => api.extend({}).extend({}).get(url)],
  ])('throttles %s, once', async (_, send) => {
    const { api, throttle } = setUp({}, { limits: { rate: 1, interval: T, burst: 3 } });
    await send(api, stage.url);
    expect(await remaining(throttle)).toBe(2);
  });

  it('keeps its options in an extended instance', async () => {
    const { api, throttle } = setUp({ key: 'own' });
    await api.extend({}).get(stage.url);
    expect((await throttle.status('own')).limits[0]?.remaining).toBe(0);
  });

  it('throttles an instance of create, and leaves the instance itself as it was', async () => {
    const instance = ky.create({ headers: { 'x-a': '1' } });
    const { api, throttle } = setUp({}, {}, instance);
    await api.get(stage.url);
    await instance.get(stage.url);
    expect(await remaining(throttle)).toBe(0);
    expect(stage.arrivals.length).toBe(2);
  });

  it('gives what the instance has: create starts afresh, stop and retry are the same', async () => {
    const { api, throttle } = setUp();
    await api.create({}).get(stage.url);
    expect(await remaining(throttle)).toBe(1);
    expect([api.stop, api.retry]).toEqual([ky.stop, ky.retry]);
    expect(Object.keys(api)).toEqual(Object.keys(ky));
  });

  it('waits after all hooks, those of the call too, and runs them in the same order', async () => {
    const instance = ky.extend({ hooks: noting('instance') });
    const plain = await stepsOf(instance);
    const kinds = ['request', 'response', 'retry', 'error'];
    expect(new Set(plain)).toEqual(new Set(kinds.flatMap((kind) => [`instance ${kind}`, `call ${kind}`])));
    const { throttled, turns } = await stepsWith((throttle, key) => throttleKy(instance, throttle, { key }));
    expect(throttled).toEqual(plain);
    expect(turns).toEqual(['call request', 'call retry']);
  });

  it('sends nothing and takes nothing where a hook answers or throws', async () => {
    const { api, throttle } = setUp({}, { concurrency: 1 });
    const answer = () => new Response('cached');
    const fail = () => {
      throw new RangeError('no token');
    };
    expect(await api(stage.url, { hooks: { beforeRequest: [answer] } }).text()).toBe('cached');
    await expect(api.post(stage.url, { hooks: { beforeRequest: [fail] } })).rejects.toThrow('no token');
    const { inFlight, limits } = await throttle.status(stage.origin);
    expect([inFlight, limits[0]?.remaining, stage.arrivals.length]).toEqual([0, 1, 0]);
  });

  it('takes nothing for a request whose body a hook has read: it fails as without the throttle', async () => {
    const { api, throttle } = setUp();
    const read = async (first: unknown) => {
      await (first instanceof Request ? first : (first as { request: Request }).request).text();
    };
    const options = { body: 'text', hooks: { beforeRequest: [read] as never } };
    const ends = [ky, api].map((sender) => sender.post(stage.url, options).then(String, String));
    expect(await ends[1]).toBe(await ends[0]);
    expect(await remaining(throttle)).toBe(1);
  });

  it('throttles a call for which a hook makes a new Request', async () => {
    const { api, throttle, clock } = setUp({}, { concurrency: 1 });
    const replace = (first: unknown) => {
      const request = first instanceof Request ? first : (first as { request: Request }).request;
      return new Request(request, { headers: { 'x-a': '1' } });
    };
    const calls = [1, 2].map(() => api(stage.url, { hooks: { beforeRequest: [replace] as never } }).text());
    await arrived(stage, 1);
    await clock.advance(T);
    expect(await Promise.all(calls)).toEqual(['ok', 'ok']);
    expect((await throttle.status(stage.origin)).inFlight).toBe(0);
  });

  it('throttles a retry for which a hook makes a new Request, though the first try went straight through', async () => {
    stage.handle = (index, __, response) => response.writeHead(index === 0 ? 500 : 200).end('ok');
    const { api, throttle, clock } = setUp({ match: ({ request }) => request.headers.has('x-again') });
    await throttle.wait(stage.origin);
    const replace = ({ request }: { request: Request }) => new Request(request, { headers: { 'x-again': '1' } });
    const call = api(stage.url, { retry: { limit: 1, delay: () => 1 }, hooks: { beforeRetry: [replace] } }).text();
    await arrived(stage, 1);
    expect((await throttle.status(stage.origin)).waiting).toBe(1);
    await clock.advance(T);
    expect(await call).toBe('ok');
  });

  it('leaves no listener on the signal of a retry', async () => {
    const answers = [new Response(null, { status: 500 }), new Response('ok')];
    const { api } = setUp({}, wide, ky.create({ fetch: async () => answers.shift() as Response }));
    let listeners = () => -1;
    const count = ({ request }: { request: Request }) => {
      listeners = countListeners(request.signal);
    };
    const call = api(stage.url, { retry: { limit: 1, delay: () => 1 }, hooks: { beforeRetry: [count] } });
    expect(await call.text()).toBe('ok');
    expect(listeners()).toBe(0);
  });

  it('sends through the fetch of the instance or the call', async () => {
    const own = vi.fn(async () => new Response('own'));
    const { api, clock } = setUp({}, wide, ky.create({ fetch: own }));
    expect(await api.get(stage.url).text()).toBe('own');
    expect(await api.get(stage.url, { fetch: async () => new Response('call') }).text()).toBe('call');
    expect([own.mock.calls.length, clock.monotonic()]).toEqual([1, 0]);
  });

  it('throttles ky’s own retries', async () => {
    stage.handle = (index, __, response) => response.writeHead(index < 2 ? 500 : 200).end('ok');
    const { api, clock } = setUp({}, { concurrency: 1 });
    const call = watch(api.get(stage.url, { retry: { limit: 2, delay: () => 1 } }).text());
    await arrived(stage, 1);
    await clock.advance(T);
    await arrived(stage, 2);
    await clock.advance(T);
    await pass();
    expect(call).toEqual({ state: 'fulfilled', value: 'ok' });
  });

  it('does not multiply its retries with ky’s own: 3 calls in all', async () => {
    stage.handle = refuse(1);
    const { api, clock } = setUp({}, wide);
    const call = watch(api.get(stage.url));
    for (let count = 1; count <= 3; count++) {
      await arrived(stage, count);
      await clock.advance(T);
    }
    await vi.waitFor(() => expect(call.state).toBe('rejected'));
    expect((call.value as { response: Response }).response.status).toBe(429);
    await pass();
    expect(stage.arrivals.length).toBe(3);
  });

  it.each<[string, Hooks]>([
    ['throws before the retry', { beforeRetry: [() => Promise.reject(reason)] }],
    ['stops the retry', { beforeRetry: [() => ky.stop] }],
    ['answers in place of the retry', { beforeRetry: [() => new Response('mine') as never] }],
  ])('frees the place of a refused call whose turn has come again when a hook %s', async (_, hooks) => {
    stage.handle = refuse(1);
    const { api, clock, throttle } = setUp({}, { ...wide, concurrency: 1 });
    const call = watch(Promise.resolve(api.post(stage.url, { hooks })));
    await arrived(stage, 1);
    await clock.advance(T);
    await vi.waitFor(() => expect(call.state).not.toBe('pending'));
    expect((await throttle.status(stage.origin)).inFlight).toBe(0);
    expect(stage.arrivals.length).toBe(1);
  });

  // Ky 1 has no such timeout.
  it.each<[string, object]>([
    ['of the call', { totalTimeout: 20 }],
    [
      'of a hook',
      { hooks: { init: [(options: { totalTimeout?: number }) => void Object.assign(options, { totalTimeout: 20 })] } },
    ],
  ])(
    'frees the place of a call that ky ends in the moment in which its turn comes, by a timeout %s',
    async (_, options) => {
      const { api, clock, throttle } = setUp({}, { concurrency: 1 });
      await throttle.wait(stage.origin);
      const call = watch(api.get(stage.url, options as Options).text());
      await vi.waitFor(async () => expect((await throttle.status(stage.origin)).waiting).toBe(1), { interval: 1 });
      const started = performance.now();
      while (performance.now() - started < 25);
      await clock.advance(T);
      await vi.waitFor(() => expect(call.state).not.toBe('pending'));
      expect((await throttle.status(stage.origin)).inFlight).toBe(0);
    },
  );

  it('sends a refused call no more often than ky’s retry.limit allows', async () => {
    stage.handle = refuse(1);
    const { api } = setUp({}, wide);
    await expect(api.post(stage.url, { retry: 0 })).rejects.toMatchObject({ response: { status: 429 } });
    expect(stage.arrivals.length).toBe(1);
  });

  it('sends a refused call again where ky takes refusals for answers', async () => {
    stage.handle = refuseFirst(1, 1);
    const { api, clock } = setUp({}, wide);
    const call = api.post(stage.url, { throwHttpErrors: false, json: { a: 1 } }).text();
    await arrived(stage, 1);
    await clock.advance(T);
    expect(await call).toBe('ok');
    expect(stage.arrivals[1]).toEqual(stage.arrivals[0]);
  });

  it('does not send a Request with a body again', async () => {
    stage.handle = refuse(1);
    const { api } = setUp({}, wide);
    const request = new Request(stage.url, { method: 'POST', body: 'text' });
    await expect(api(request)).rejects.toMatchObject({ response: { status: 429 } });
    expect(stage.arrivals.map(({ body }) => body)).toEqual(['text']);
  });

  it('rejects a GET at once with the throttle’s errors: ky does not retry them', async () => {
    const { api, throttle } = setUp({ maxWait: T / 2 });
    await throttle.wait(stage.origin);
    const started = performance.now();
    await expect(api.get(stage.url)).rejects.toBeInstanceOf(WaitTooLongError);
    expect(performance.now() - started).toBeLessThan(150);
    const full = setUp({}, { maxQueue: 0 });
    await full.throttle.wait(stage.origin);
    await expect(full.api.get(stage.url).json()).rejects.toBeInstanceOf(QueueFullError);
  });

  it('gives the refusal to the caller of a GET whose next try would wait too long', async () => {
    stage.handle = refuse(1);
    const { api } = setUp({ maxWait: 5 }, { limits: { rate: 1, interval: 60 * T } });
    await expect(api.get(stage.url)).rejects.toMatchObject({ response: { status: 429 } });
    expect(stage.arrivals.length).toBe(1);
  });

  it('keeps json and progress as they are', async () => {
    expect(await progressOf(setUp({}, wide).api)).toEqual(await progressOf(ky));
  });

  describe('an answer', () => {
    /** The bytes of answers pass a stream that can tell whether it was split. */
    function watched() {
      const clones: Response[] = [];
      const send: typeof fetch = async (...args) => {
        const response = await fetch(...args);
        const { clone } = Response.prototype;
        vi.spyOn(response, 'clone').mockImplementation(() => {
          const copy = clone.call(response);
          clones.push(copy);
          return copy;
        });
        return response;
      };
      return { clones, send };
    }

    it('is not split for our hook alone, and can be copied afterwards', async () => {
      const { api } = setUp({}, wide);
      const clone = vi.spyOn(Response.prototype, 'clone');
      const response = await api.get(stage.url);
      expect(clone).not.toHaveBeenCalled();
      clone.mockRestore();
      expect(Object.hasOwn(response, 'clone')).toBe(false);
      const copy = response.clone();
      expect(copy).not.toBe(response);
      expect([await copy.text(), await response.text()]).toEqual(['ok', 'ok']);
    });

    it.each([
      ['of the call', (api: Ky, hooks: object) => api.get(stage.url, { hooks })],
      ['of the instance', (api: Ky, hooks: object) => api.extend({ hooks }).get(stage.url)],
    ])('is there to read for a hook %s, and for the caller', async (_, get) => {
      const { api } = setUp({}, wide);
      const read: string[] = [];
      const hooks = {
        afterResponse: [
          async (...args: unknown[]) => {
            const [first] = args as [{ response?: Response }];
            const response = (first.response ?? args[2]) as Response;
            read.push(await response.text());
          },
        ],
      };
      expect(await (await get(api, hooks)).text()).toBe('ok');
      expect(read).toEqual(['ok']);
    });

    it('that copies itself in its own way is left alone', async () => {
      const { clones, send } = watched();
      const { api } = setUp({}, wide);
      const response = await api.get(stage.url, { fetch: send });
      expect(clones.length).toBe(1);
      expect(await response.text()).toBe('ok');
    });

    it('that is not read yet ends with the abort, as that of plain ky does', async () => {
      const { api } = setUp({}, wide);
      const ends = await Promise.all(
        [ky, api].map(async (sender) => {
          const controller = new AbortController();
          const response = await sender.get(stage.url, { signal: controller.signal });
          controller.abort(reason);
          return response.text().catch((error: unknown) => error);
        }),
      );
      expect(ends[1]).toEqual(ends[0]);
    });
  });
});

describe.each(versions)('kyHooks with %s', (_, ky) => {
  it('waits for each request', async () => {
    const { clock, throttle } = throttleOn();
    const api = ky.create({ hooks: kyHooks(throttle) });
    const calls = [1, 2].map(() => api.get(stage.url).text());
    await arrived(stage, 1);
    await clock.advance(T);
    expect(await Promise.all(calls)).toEqual(['ok', 'ok']);
    expect((await throttle.status(stage.origin)).inFlight).toBe(0);
  });

  it('waits for each retry, and pauses the key after a refusal', async () => {
    stage.handle = refuseFirst(1, 0.05);
    const { clock, throttle } = throttleOn(wide);
    const api = ky.extend({ hooks: kyHooks(throttle) });
    const call = api.get(stage.url).text();
    await arrived(stage, 1);
    expect((await throttle.status(stage.origin)).pausedUntil).toBe(clock.now() + 50);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await arrived(stage, 1);
    await clock.advance(50);
    expect(await call).toBe('ok');
  });

  it('ends the wait of an aborted call, and of one that waits to be retried', async () => {
    const { throttle, clock } = throttleOn();
    const api = ky.extend({ hooks: kyHooks(throttle) });
    await throttle.wait(stage.origin);
    const controller = new AbortController();
    const call = watch(api.get(stage.url, { signal: controller.signal }).text());
    await pass();
    controller.abort(reason);
    await pass();
    expect(call.value).toBe(reason);
    expect([(await throttle.status(stage.origin)).waiting, clock.timers, stage.arrivals.length]).toEqual([0, 0, 0]);
  });

  it('waits where its hooks stand among others, which run in the same order', async () => {
    const ends = (middle: Hooks) =>
      ky
        .extend({ hooks: noting('first') })
        .extend({ hooks: middle })
        .extend({ hooks: noting('last') });
    const plain = await stepsOf(ends({}));
    const { throttled, turns } = await stepsWith((throttle, key) => ends(kyHooks(throttle, { key })));
    expect(throttled).toEqual(plain);
    expect(turns).toEqual(['first request', 'first retry']);
  });

  it('keeps json and progress as they are', async () => {
    const { throttle } = throttleOn(wide);
    expect(await progressOf(ky.extend({ hooks: kyHooks(throttle) }))).toEqual(await progressOf(ky));
  });

  it('settles with a copy of the answer', async () => {
    const { throttle, clock } = throttleOn({ limits: { rate: 1, interval: T, burst: 10 } });
    stage.handle = (__, ___, response) => response.end('3');
    const api = ky.extend({
      hooks: kyHooks(throttle, { cost: 5, settle: async (answer) => Number(await answer.text()) }),
    });
    expect(await api.get(stage.url).text()).toBe('3');
    await pass();
    await clock.advance(0);
    expect(await remaining(throttle)).toBe(7);
  });
});
