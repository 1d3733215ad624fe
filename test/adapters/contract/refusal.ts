import type { OutgoingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import { completeDialect } from 'sluice/presets';
import { describe, expect, it } from 'vitest';
import { arrived, outcomeOf, pass, refuse, refuseFirst, type Stage, type Subject, setUp, T } from './subject.ts';

const minute = 60 * T;

/** A call that the server refused for its quota goes again, through the line, if it can. */
export function itSendsRefusedCallsAgain(subject: Subject, stage: Stage): void {
  const { repeats } = subject;
  const post: { method?: string; body?: string } = repeats === undefined ? { method: 'POST', body: 'text' } : {};
  const itRepeats = it.runIf(repeats !== 'nothing');
  const wide = { limits: { rate: 1, interval: 1, burst: 100 } };

  itRepeats('sends a refused call again after the pause, not before', async () => {
    stage.handle = refuseFirst(1);
    const { clock, call, throttle } = setUp(subject);
    const reply = call({ url: stage.url, ...post });
    await arrived(stage, 1);
    expect((await throttle.status(stage.origin)).pausedUntil).toBe(clock.now() + minute);
    await clock.advance(minute - 1);
    await arrived(stage, 1);
    await clock.advance(1);
    expect(await reply).toEqual({ status: 200, text: 'ok' });
    expect(stage.arrivals.map(({ body }) => body)).toEqual(Array(2).fill(post.body ?? ''));
  });

  const dialect = completeDialect({ refusals: [{ status: [200], body: ['errors.*.type', 'THROTTLED'] }] });
  const throttledBody = JSON.stringify({ errors: [{ type: 'THROTTLED', message: 'x'.repeat(100_000) }] });

  itRepeats(
    'tells `onSignal` what each answer says, and takes what the `dialect` calls a refusal for one',
    async () => {
      const seen: unknown[] = [];
      stage.handle = (index, _, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(index === 0 ? throttledBody : '{}');
      };
      const { clock, call } = setUp(subject, {
        dialect,
        onSignal: ({ throttled }, { url }) => seen.push([throttled, url.pathname]),
      });
      const reply = call({ url: stage.url, ...post });
      await arrived(stage, 1);
      await clock.advance(minute);
      expect(await reply).toEqual({ status: 200, text: '{}' });
      expect(seen).toEqual([
        [true, '/own'],
        [false, '/own'],
      ]);
    },
  );

  it.each<[string, OutgoingHttpHeaders, string | Buffer, boolean]>([
    ['that refuses', {}, throttledBody, true],
    ['that is packed', { 'content-encoding': 'gzip' }, gzipSync(throttledBody), true],
    ['that is no JSON', {}, 'THROTTLED', false],
    [
      'that is too long to be looked into',
      { 'transfer-encoding': 'chunked' },
      `${' '.repeat(1_000_000)}${throttledBody}`,
      false,
    ],
    ['without an end', { 'content-length': 200_000 }, throttledBody, false],
  ])('leaves a body %s to the caller as it came', async (_, headers, body, isRefused) => {
    stage.handle = (_index, request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      if (headers['content-length'] === undefined) response.end(body);
      else response.write(body, () => request.socket.destroy());
    };
    const bare = await outcomeOf(subject.make()({ url: stage.url, ...post }));
    const { call, throttle } = setUp(subject, { dialect, retry: 0 });
    expect(await outcomeOf(call({ url: stage.url, ...post }))).toEqual(bare);
    expect((await throttle.status(stage.origin)).pausedUntil !== undefined).toBe(isRefused);
  });

  itRepeats('pauses the key for the calls that wait', async () => {
    stage.handle = refuseFirst(1);
    const { clock, call } = setUp(subject, {}, wide);
    void call({ url: `${stage.url}?1`, ...post });
    await arrived(stage, 1);
    const second = call({ url: `${stage.url}?2`, ...post });
    await clock.advance(minute - 1);
    await arrived(stage, 1);
    await clock.advance(minute);
    await second;
    await arrived(stage, 3);
  });

  itRepeats('gives the answer to the caller after the last try, as the bare client does', async () => {
    stage.handle = refuse(60);
    const bare = await outcomeOf(subject.make()({ url: stage.url, ...post }));
    stage.arrivals.length = 0;
    const { clock, call } = setUp(subject, {}, wide);
    const outcome = outcomeOf(call({ url: stage.url, ...post }));
    for (let count = 1; count <= 3; count++) {
      await arrived(stage, count);
      await clock.advance(minute);
    }
    expect(await outcome).toEqual(bare);
    await arrived(stage, 3);
  });

  it('never sends again with `retry: 0`', async () => {
    stage.handle = refuse(60);
    const bare = await outcomeOf(subject.make()({ url: stage.url, ...post }));
    stage.arrivals.length = 0;
    const { call } = setUp(subject, { retry: 0 });
    expect(await outcomeOf(call({ url: stage.url, ...post }))).toEqual(bare);
    expect(stage.arrivals.length).toBe(1);
  });

  it('gives the answer to the caller if the next try would wait longer than `maxWait`', async () => {
    stage.handle = refuse(60);
    const bare = await outcomeOf(subject.make()({ url: stage.url, ...post }));
    stage.arrivals.length = 0;
    const { call } = setUp(subject, { maxWait: minute - 1 });
    expect(await outcomeOf(call({ url: stage.url, ...post }))).toEqual(bare);
    expect(stage.arrivals.length).toBe(1);
  });

  itRepeats('throttles each try', async () => {
    stage.handle = refuseFirst(2, 1);
    const { clock, call, throttle } = setUp(subject, {}, { limits: { rate: 1, interval: 10 * T, burst: 3 } });
    const reply = call({ url: stage.url, ...post });
    await arrived(stage, 1);
    await clock.advance(T);
    await arrived(stage, 2);
    await clock.advance(T);
    await reply;
    expect((await throttle.status(stage.origin)).limits[0]?.remaining).toBe(0);
  });

  const form = () => {
    const form = new FormData();
    form.append('name', 'value');
    form.append('file', new Blob(['content'], { type: 'text/plain' }), 'name.txt');
    return form;
  };
  describe.each<[string, () => BodyInit]>([
    ['a text', () => 'text'],
    ['a buffer', () => new Uint8Array([65, 66])],
    ['an ArrayBuffer', () => new Uint8Array([65, 66]).buffer],
    ['a Blob', () => new Blob(['content'])],
    ['a FormData', form],
    ['URLSearchParams', () => new URLSearchParams({ a: '1' })],
  ])('a body that is %s', (_, make) => {
    it.runIf(repeats === undefined)('is sent again as it was', async () => {
      const bare = subject.make();
      await bare({ url: stage.url, method: 'POST', body: make() });
      const sent = stage.arrivals.pop()?.body;
      stage.handle = refuseFirst(1);
      const { clock, call } = setUp(subject);
      const reply = call({ url: stage.url, method: 'POST', body: make() });
      await arrived(stage, 1);
      await clock.advance(minute);
      expect((await reply).status).toBe(200);
      expect(sent).not.toBe('');
      expect(stage.arrivals.map(({ body }) => body)).toEqual([sent, sent]);
    });
  });

  it.runIf(subject.stream)('a stream goes back to the caller with the answer', async () => {
    stage.handle = refuse(60);
    const { clock, call } = setUp(subject);
    const body = new Blob(['content']).stream();
    const outcome = outcomeOf(call({ url: stage.url, method: 'POST', body }));
    await arrived(stage, 1);
    await clock.advance(minute);
    await pass();
    expect(await outcome).toEqual(await outcomeOf(subject.make()({ url: stage.url, method: 'POST', body: 'text' })));
    expect(stage.arrivals.map(({ body }) => body)).toEqual(['content', 'text']);
  });
}
