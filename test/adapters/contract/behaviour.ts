import { createThrottle } from 'sluice';
import { expect, it } from 'vitest';
import { arrived, type Message, outcomeOf, type Reply, type Stage, type Subject, setUp, T } from './subject.ts';

/** The client behaves as if no throttle were there. */
export function itStaysAsItIs(subject: Subject, stage: Stage): void {
  /** Sends the same message plain, throttled at once and throttled after a wait. */
  function itIsTheSame(name: string, make: (origin: string) => Message, check: (outcome: never) => void = () => {}) {
    it(`does the same as the bare client with ${name}`, async () => {
      const plain = await outcomeOf(subject.make()(make(stage.origin)));
      const free = createThrottle({ limits: { rate: 1000, interval: 1, burst: 1000 }, margin: 0 });
      const atOnce = await outcomeOf(subject.make({ throttle: free, options: {} })(make(stage.origin)));
      const busy = createThrottle({ limits: { rate: 1, interval: 5 }, margin: 0 });
      await busy.wait(stage.origin);
      const afterWait = await outcomeOf(subject.make({ throttle: busy, options: {} })(make(stage.origin)));
      check(plain as never);
      expect(atOnce).toEqual(plain);
      expect(afterWait).toEqual(plain);
    });
  }
  const replied = (part: object) => (outcome: never) => expect(outcome).toMatchObject({ reply: part });
  const failed = (outcome: never) => expect(outcome).toHaveProperty('error');
  const post = (body: BodyInit) => ({ method: 'POST', body });

  itIsTheSame('GET', (url) => ({ url: `${url}/echo`, headers: { 'x-a': '1' } }), replied({ status: 200 }));
  itIsTheSame('HEAD', (url) => ({ url: `${url}/echo`, method: 'HEAD' }), replied({ status: 200, text: '' }));
  itIsTheSame('an empty body', (url) => ({ url: `${url}/status/204` }), replied({ status: 204, text: '' }));
  itIsTheSame('an empty text', (url) => ({ url: `${url}/echo`, ...post('') }), replied({ status: 200 }));
  itIsTheSame('a POST of nothing', (url) => ({ url: `${url}/echo`, method: 'POST' }), replied({ status: 200 }));
  itIsTheSame('a redirect', (url) => ({ url: `${url}/redirect/302` }), replied({ status: 200 }));
  itIsTheSame(
    'a POST through 303',
    (url) => ({ url: `${url}/redirect/303`, ...post('text') }),
    replied({ status: 200 }),
  );
  for (const status of [307, 308])
    itIsTheSame(
      `a body through ${status}`,
      (url) => ({ url: `${url}/redirect/${status}`, ...post('text') }),
      (outcome) => expect(JSON.stringify(outcome)).toContain('text'),
    );
  for (const status of [400, 404, 500, 503])
    itIsTheSame(`${status}`, (url) => ({ url: `${url}/status/${status}`, ...post('text') }));
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    itIsTheSame(`${method} with a text`, (url) => ({ url: `${url}/echo`, method, body: 'text' }));
  itIsTheSame(
    '10 MB to send',
    (url) => ({ url: `${url}/digest`, ...post('x'.repeat(10_000_000)) }),
    ({ reply: { text } }: { reply: Reply }) => expect(JSON.parse(text)).toMatchObject({ size: 10_000_000 }),
  );
  itIsTheSame('a connection that is cut', (url) => ({ url: `${url}/cut`, ...post('text') }), failed);
  itIsTheSame('an answer that is cut', (url) => ({ url: `${url}/cut-body`, ...post('text') }), failed);
  itIsTheSame('a port where nobody listens', () => ({ url: 'http://127.0.0.1:2/', ...post('text') }), failed);
  itIsTheSame('a URL that cannot be read', () => ({ url: 'http://[', ...post('text') }), failed);
  itIsTheSame('a scheme that nobody knows', () => ({ url: 'unknown://a.example/', ...post('text') }), failed);

  it.runIf(subject.hasTimeout)('does not count the wait for the client’s own timeout', async () => {
    const { clock, throttle, call } = setUp(subject);
    await throttle.wait(stage.origin);
    const reply = call({ url: stage.url, timeout: 150 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await arrived(stage, 0);
    await clock.advance(T);
    expect(await reply).toEqual({ status: 200, text: 'ok' });
  });

  it.runIf(subject.hasTimeout)(
    'fails by the client’s own timeout, with its own error, and frees the place',
    async () => {
      stage.handle = () => {};
      const message = { url: stage.url, timeout: 60, ...post('text') };
      const plain = await outcomeOf(subject.make()(message));
      const { throttle, call } = setUp(subject, {}, { concurrency: 1 });
      expect(await outcomeOf(call(message))).toEqual(plain);
      expect(plain).toHaveProperty('error');
      expect((await throttle.status(stage.origin)).inFlight).toBe(0);
    },
  );
}
