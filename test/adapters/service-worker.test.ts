import { createThrottle, type Limit } from 'sluice';
import { type ThrottleServiceWorkerOptions, throttleServiceWorker } from 'sluice/service-worker';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { type Answering, fakeFetch, watch } from './fake-fetch.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const origin = 'https://app.example';
const api = 'https://api.example/items';
const reason = new Error('changed my mind');

/** A request as a worker gets it: it says what it is for. */
function requestOf(url: string, init: RequestInit = {}, more: object = {}): Request {
  const request = new Request(url, init);
  for (const [name, value] of Object.entries(more)) Object.defineProperty(request, name, { value });
  return request;
}

class FetchEvent extends Event {
  answer: PromiseLike<Response> | undefined;
  readonly waits: unknown[] = [];

  constructor(
    readonly request: Request,
    readonly clientId = 'page',
  ) {
    super('fetch');
  }

  respondWith(answer: PromiseLike<Response>): void {
    if (this.answer !== undefined) throw new DOMException('already responded', 'InvalidStateError');
    this.answer = answer;
    // A browser handles what it rejects with.
    answer.then(undefined, () => {});
  }

  waitUntil(promise: unknown): void {
    this.waits.push(promise);
  }
}

function setUp(options: ThrottleServiceWorkerOptions = {}, answer?: Answering) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock });
  const fake = fakeFetch(clock, answer);
  /** The ids of the pages that are open. */
  const open = new Set(['page', 'other']);
  const clients = { get: async (id: string) => (open.has(id) ? { id } : undefined) };
  const scope = Object.assign(new EventTarget(), { location: { origin }, clients, fetch: fake.fetch });
  const { eject } = throttleServiceWorker(scope, throttle, options);
  const dispatch = (request: Request, clientId?: string): FetchEvent => {
    const event = new FetchEvent(request, clientId);
    scope.dispatchEvent(event);
    return event;
  };
  return { clock, throttle, scope, eject, dispatch, open, ...fake };
}

describe('the requests of all pages', () => {
  it('wait for their turn in the worker', async () => {
    const { clock, dispatch, times } = setUp();
    const events = [1, 2, 3].map((id) => dispatch(new Request(`${api}/${id}`)));
    await clock.advance(2 * T);
    expect(times()).toEqual([0, T, 2 * T]);
    for (const { answer } of events) expect(await (await answer)?.text()).toBe('ok');
  });

  it('are sent as they are', async () => {
    const { dispatch, sent } = setUp();
    const request = new Request(api, { method: 'POST', body: 'text' });
    await dispatch(request).answer;
    expect(sent[0]?.input).toBe(request);
  });

  it.each<[string, Request]>([
    ['a navigation', requestOf(api, {}, { mode: 'navigate', destination: 'document' })],
    ['an image of another origin', requestOf(api, {}, { destination: 'image' })],
    ['a call to the own origin', requestOf(`${origin}/api`)],
    ['what only the cache may answer', requestOf(api, {}, { cache: 'only-if-cached', mode: 'no-cors' })],
    ['another scheme', requestOf('blob:https://app.example/1')],
  ])('are left to the browser: %s', (_, request) => {
    const { dispatch, sent } = setUp();
    expect(dispatch(request).answer).toBe(undefined);
    expect(sent.length).toBe(0);
  });

  it.each<[string, Request, boolean]>([
    ['another scheme', requestOf('blob:https://app.example/1'), false],
    ['what only the cache may answer', requestOf(api, {}, { cache: 'only-if-cached', mode: 'no-cors' }), false],
    [
      'what the cache may answer for its own origin',
      requestOf(api, {}, { cache: 'only-if-cached', mode: 'same-origin' }),
      true,
    ],
  ])('are sent if a worker may, whatever match says: %s', (_, request, isSent) => {
    const { dispatch } = setUp({ match: () => true });
    expect(dispatch(request).answer !== undefined).toBe(isSent);
  });

  it('are picked by match alone if there is one', () => {
    const { dispatch } = setUp({ match: ({ url }) => url.pathname.startsWith('/api') });
    expect(dispatch(requestOf(`${origin}/api/items`)).answer).toBeDefined();
    expect(dispatch(requestOf(api)).answer).toBe(undefined);
  });

  it('take key and cost as those of fetch do', async () => {
    const key = vi.fn(() => 'one');
    const { dispatch, throttle } = setUp({ key, cost: 0 });
    const request = new Request(api);
    await dispatch(request).answer;
    expect(key).toHaveBeenCalledWith({
      url: new URL(api),
      method: 'GET',
      input: request,
      init: { signal: expect.any(AbortSignal) },
    });
    expect((await throttle.status('one')).limits[0]?.remaining).toBe(1);
  });

  it('are left to the browser again after eject; those that wait go on', async () => {
    const { clock, dispatch, eject, times } = setUp();
    dispatch(new Request(api));
    const second = dispatch(new Request(api));
    eject();
    eject();
    expect(dispatch(new Request(api)).answer).toBe(undefined);
    await clock.advance(T);
    expect((await second.answer)?.status).toBe(200);
    expect(times()).toEqual([0, T]);
  });

  it('take no slot where another listener answers first', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const { fetch, sent } = fakeFetch(clock);
    const clients = { get: async () => ({}) };
    const scope = { location: { origin }, clients, fetch, addEventListener: vi.fn(), removeEventListener: vi.fn() };
    throttleServiceWorker(scope, throttle);
    const listener = scope.addEventListener.mock.calls[0]?.[1] as (event: FetchEvent) => void;
    const event = new FetchEvent(new Request(api));
    event.respondWith(Promise.resolve(new Response('other')));
    expect(() => listener(event)).toThrow('already responded');
    await clock.advance(T);
    expect(sent.length).toBe(0);
    expect((await throttle.status('https://api.example')).limits[0]?.remaining).toBe(1);
  });

  it('keep waitUntil for other listeners', () => {
    const { dispatch, scope } = setUp();
    const work = Promise.resolve();
    scope.addEventListener('fetch', (event) => (event as FetchEvent).waitUntil(work));
    const event = dispatch(new Request(api));
    expect(event.waits).toEqual([work]);
    expect(event.answer).toBeDefined();
  });
});

describe('a page', () => {
  it('that aborts ends the wait at once', async () => {
    const { clock, dispatch, throttle } = setUp();
    const controller = new AbortController();
    dispatch(new Request(api));
    const second = watch(Promise.resolve(dispatch(new Request(api, { signal: controller.signal })).answer));
    await clock.advance(T / 2);
    expect((await throttle.status('https://api.example')).waiting).toBe(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(second.state).toBe('rejected');
    expect(second.value).toBe(reason);
    expect((await throttle.status('https://api.example')).waiting).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('that has aborted already does not wait', async () => {
    const { clock, dispatch } = setUp();
    dispatch(new Request(api));
    const aborted = watch(Promise.resolve(dispatch(new Request(api, { signal: AbortSignal.abort(reason) })).answer));
    await clock.advance(0);
    expect(aborted.value).toBe(reason);
  });

  it('gets the answer of the second try after a 429, and the 429 itself if its request has a body', async () => {
    const refusal = () => new Response('no', { status: 429, headers: { 'retry-after': '5' } });
    const { clock, dispatch, sent } = setUp({}, (_, index) => (index === 0 ? refusal() : new Response('ok')));
    const first = dispatch(new Request(api));
    await clock.advance(0);
    await clock.advance(5 * T);
    expect(await (await first.answer)?.text()).toBe('ok');
    expect(sent.length).toBe(2);
    const other = setUp({}, refusal);
    const withBody = other.dispatch(new Request(api, { method: 'POST', body: 'text' }));
    expect((await withBody.answer)?.status).toBe(429);
    expect(other.sent.length).toBe(1);
  });

  it('gets a network error where the throttle says no', async () => {
    const { dispatch, clock } = setUp({ maxWait: 10 });
    dispatch(new Request(api));
    const second = watch(Promise.resolve(dispatch(new Request(api)).answer));
    await clock.advance(0);
    expect(second.value).toMatchObject({ name: 'WaitTooLongError' });
  });
});

describe('a page that is closed or reloaded', () => {
  /** Lets calls come, leave and be looked for as far as they can. */
  const settle = async (set: ReturnType<typeof setUp>) => {
    for (let turn = 0; turn < 10; turn++) await set.clock.advance(0);
  };
  const items = (count: number, from: string) =>
    Array.from({ length: count }, (_, index) => new Request(`${api}/${from}/${index}`));
  const waiting = async ({ throttle }: ReturnType<typeof setUp>) =>
    (await throttle.status('https://api.example')).waiting;

  it('leaves the line at once when the next one calls', async () => {
    const set = setUp();
    for (const request of items(100, 'old')) set.dispatch(request);
    await settle(set);
    expect(await waiting(set)).toBe(99);
    set.open.delete('page');
    set.open.add('reloaded');
    set.dispatch(new Request(`${api}/new`), 'reloaded');
    await settle(set);
    expect(await waiting(set)).toBe(1);
    await set.clock.advance(T);
    expect(set.sent.map(({ url }) => url)).toEqual([`${api}/old/0`, `${api}/new`]);
  });

  it('leaves the line when the next call goes, and those of other pages stay', async () => {
    const set = setUp();
    for (const request of items(50, 'old')) set.dispatch(request);
    const others = items(2, 'other').map((request) => set.dispatch(request, 'other'));
    await settle(set);
    set.open.delete('page');
    await set.clock.advance(3 * T);
    expect(set.sent.map(({ url }) => url)).toEqual([
      `${api}/old/0`,
      `${api}/old/1`,
      `${api}/other/0`,
      `${api}/other/1`,
    ]);
    for (const { answer } of others) expect((await answer)?.status).toBe(200);
  });

  it('is not asked for any more once nothing of it waits', async () => {
    const set = setUp();
    const get = vi.spyOn(set.scope.clients, 'get');
    const { answer } = set.dispatch(new Request(api));
    await settle(set);
    await answer;
    get.mockClear();
    set.dispatch(new Request(api), 'other');
    await set.clock.advance(T);
    expect(new Set(get.mock.calls.flat())).toEqual(new Set(['other']));
  });

  it('gets no second try of what was refused', async () => {
    const set = setUp({}, () => new Response('no', { status: 429, headers: { 'retry-after': '5' } }));
    const refused = watch(Promise.resolve(set.dispatch(new Request(api)).answer));
    await settle(set);
    set.open.delete('page');
    set.dispatch(new Request(api), 'other');
    await settle(set);
    expect(refused.state).toBe('rejected');
    await set.clock.advance(5 * T);
    expect(set.sent.map(({ at }) => at)).toEqual([0, 5 * T]);
  });

  it.each<[string, RequestInit, string | undefined]>([
    ['a request that outlives its page', { keepalive: true }, 'page'],
    ['a request whose answer nobody reads, as a beacon is in Firefox', { mode: 'no-cors' }, 'page'],
    ['a request of nobody', {}, ''],
    ['a request of a client that the browser never knew', {}, 'unknown'],
  ])('leaves in line: %s', async (_, init, clientId) => {
    const set = setUp();
    set.dispatch(new Request(api), 'other');
    set.dispatch(new Request(`${api}/last`, init), clientId);
    await settle(set);
    set.open.clear();
    set.dispatch(new Request(`${api}/next`), 'next');
    await settle(set);
    await set.clock.advance(T);
    expect(set.sent[1]?.url).toBe(`${api}/last`);
  });

  it('keeps requests in line whose page cannot be looked up', async () => {
    const set = setUp();
    set.scope.clients.get = () => Promise.reject(new Error('no'));
    for (const request of items(3, 'old')) set.dispatch(request);
    await set.clock.advance(2 * T);
    expect(set.sent).toHaveLength(3);
  });
});

describe('throttleServiceWorker', () => {
  it('refuses values that are not a worker or an option', () => {
    const throttle = createThrottle({ limits: even });
    const scope = setUp().scope;
    expect(() => throttleServiceWorker({} as never, throttle)).toThrow('Expected `scope.fetch` to be a function');
    expect(() => throttleServiceWorker(scope, {} as never)).toThrow('createThrottle');
    expect(() => throttleServiceWorker(scope, throttle, { match: true as never })).toThrow('Expected `match`');
    expect(() => throttleServiceWorker(scope, throttle, { cost: -1 })).toThrow(RangeError);
  });
});
