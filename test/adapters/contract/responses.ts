import { createThrottle } from 'sluice';
import { expect, it } from 'vitest';
import { errorParts, pass, type Respond, type Stage, type Subject, setUp, T } from './subject.ts';

class OwnRequest extends Request {
  readonly own = true;
}

/** All that a fetch can see of what it is to send. */
function seen(input: RequestInfo | URL, init: RequestInit | undefined): unknown {
  const request = new Request(input, init);
  const { url, method, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive } = request;
  const { own } = input as Partial<OwnRequest>;
  const rest = { mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, own };
  return { url, method, ...rest, headers: [...request.headers], hasBody: request.body !== null };
}

/** Clients that answer with a Response give all of it, and send all that fetch takes. */
export function itKeepsResponses(subject: Subject, respond: Respond, stage: Stage): void {
  const free = () => createThrottle({ limits: { rate: 1000, interval: 1, burst: 1000 }, margin: 0 });
  const throttledAtOnce = () => ({ throttle: free(), options: {} });

  /** Does the same plain, throttled at once and throttled after a wait. */
  async function expectEqual(act: (send: typeof fetch) => Promise<unknown>, own?: typeof fetch): Promise<unknown> {
    const outcome = (send: typeof fetch) => act(send).catch((error: unknown) => ({ error: errorParts(error) }));
    const plain = await outcome(respond(undefined, own));
    expect(await outcome(respond(throttledAtOnce(), own))).toEqual(plain);
    const busy = createThrottle({ limits: { rate: 1, interval: 5 }, margin: 0 });
    await busy.wait(stage.origin);
    expect(await outcome(respond({ throttle: busy, options: {} }, own))).toEqual(plain);
    return plain;
  }

  const post: RequestInit = { method: 'POST', body: 'text' };
  it.each<[string, (url: string) => [RequestInfo | URL, RequestInit?]]>([
    ['a Request of a subclass', (url) => [new OwnRequest(url, post)]],
    ['a URL', (url) => [new URL(url)]],
    ['credentials: omit', (url) => [url, { credentials: 'omit' }]],
    ['credentials: include', (url) => [url, { credentials: 'include' }]],
    ['a Request with credentials', (url) => [new Request(url, { credentials: 'include' })]],
    ['mode, cache and referrer', (url) => [url, { mode: 'cors', cache: 'no-store', referrerPolicy: 'no-referrer' }]],
    ['keepalive and integrity', (url) => [url, { ...post, keepalive: true, integrity: 'sha256-abc' }]],
    ["redirect: 'manual'", (url) => [url, { redirect: 'manual' }]],
    ['a stream', (url) => [url, { ...post, body: new Blob(['text']).stream(), duplex: 'half' } as RequestInit]],
    ['a Request with a stream', (url) => [streamed(url)]],
  ])('sends what the bare client sends: %s', async (_, make) => {
    const sent: unknown[] = [];
    const note: typeof fetch = async (input, init) => {
      sent.push(seen(input, init));
      return new Response('ok');
    };
    await expectEqual(async (send) => {
      await send(...make(stage.url));
      return sent.pop();
    }, note);
  });

  const streamed = (url: string) =>
    new Request(url, { ...post, body: new Blob(['text']).stream(), duplex: 'half' } as RequestInit);

  it.each<[string, string, RequestInit]>([
    ['a redirect that was followed', '/redirect/302', {}],
    ['a redirect that is for the caller', '/redirect/302', { redirect: 'manual' }],
    // A POST: the network errors of others are tried again by some clients, after a while.
    ['a redirect that is an error', '/redirect/302', { redirect: 'error', method: 'POST' }],
    ['what has no body', '/status/204', {}],
    ['an answer to HEAD', '/echo', { method: 'HEAD' }],
    ['an error', '/status/418', {}],
  ])('gives all of the Response: %s', async (_, path, init) => {
    await expectEqual(async (send) => {
      const answer = await send(`${stage.origin}${path}`, init);
      const { status, statusText, ok, url, redirected, type, bodyUsed, body } = answer;
      const parts = { status, statusText, ok, url, redirected, type, bodyUsed, hasBody: body !== null };
      const copy = answer.clone();
      const texts = [await copy.text(), await answer.text()];
      return { ...parts, isOurs: answer instanceof Response, headers: [...answer.headers], texts };
    });
  });

  it('leaves the copy of a Request to its caller', async () => {
    const plain = await expectEqual(async (send) => {
      const request = new Request(stage.url, post);
      const copy = request.clone();
      const { status } = await send(request);
      return [status, stage.arrivals.at(-1)?.body, request.bodyUsed, copy.bodyUsed, await copy.text()];
    });
    expect(plain).toEqual([200, 'text', expect.any(Boolean), false, 'text']);
  });

  it('fails while the answer is read, as fetch does, when its signal aborts then', async () => {
    stage.handle = (_, __, response) => response.write('one');
    const read = async (send: typeof fetch) => {
      const controller = new AbortController();
      const answer = await send(stage.url, { signal: controller.signal });
      const reading = answer.text();
      await pass();
      controller.abort(new RangeError('own'));
      await reading;
    };
    expect(await expectEqual(read)).toHaveProperty('error');
  });

  it('follows the signal of a Request', async () => {
    const { throttle, clock } = setUp(subject);
    await throttle.wait(stage.origin);
    const controller = new AbortController();
    const call = respond({ throttle, options: {} })(new Request(stage.url, { signal: controller.signal }));
    const failed = call.catch((error: unknown) => error);
    await pass();
    await clock.advance(T / 2);
    controller.abort('own reason');
    expect(await failed).toBe('own reason');
    expect([(await throttle.status(stage.origin)).waiting, clock.timers]).toEqual([0, 0]);
  });
}
