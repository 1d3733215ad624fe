import { afterEach, describe, expect, it } from 'vitest';
import {
  type LanguageModelServer,
  type LanguageModelServerOptions,
  startLanguageModelServer,
  UsageWindows,
  usageOf,
} from '../../demo/servers/language-model-server.ts';

const open: LanguageModelServer[] = [];

async function start(options: Partial<LanguageModelServerOptions> = {}): Promise<LanguageModelServer> {
  const server = await startLanguageModelServer({
    requests: 3,
    tokens: 100,
    interval: 60_000,
    thinking: 0,
    ...options,
  });
  open.push(server);
  return server;
}

const post = (url: string, question: unknown) => fetch(url, { method: 'POST', body: JSON.stringify(question) });

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

describe('UsageWindows', () => {
  const options = { requests: 3, tokens: 100, interval: 1000 };

  it.each([
    [
      'by requests',
      [
        [0, 1],
        [10, 1],
        [20, 1],
      ],
      [30, 1],
      970,
    ],
    [
      'by tokens',
      [
        [0, 60],
        [10, 30],
      ],
      [30, 11],
      970,
    ],
    [
      'by tokens of several that have to age',
      [
        [0, 30],
        [10, 30],
        [20, 40],
      ],
      [30, 60],
      980,
    ],
    [
      'by whichever has less room',
      [
        [0, 10],
        [10, 80],
        [20, 5],
      ],
      [30, 50],
      980,
    ],
    ['by tokens alone that are more than the limit', [[0, 10]], [30, 101], 970],
  ] as const)('refuse %s and say when there is room', (_, accepted, [at, tokens], retryAfter) => {
    const windows = new UsageWindows(options);
    for (const [at, tokens] of accepted) expect(windows.accept(at, tokens)).toEqual({ accepted: true });
    expect(windows.accept(at, tokens)).toEqual({ accepted: false, retryAfter });
  });

  it('accept again all that fits, at the instant that a call is as old as the window', () => {
    const windows = new UsageWindows(options);
    windows.accept(0, 100);
    expect(windows.accept(999.999, 1).accepted).toBe(false);
    expect(windows.accept(1000, 100).accepted).toBe(true);
  });

  it('do not count what they refuse', () => {
    const windows = new UsageWindows(options);
    windows.accept(0, 90);
    for (let call = 0; call < 9; call++) expect(windows.accept(1, 20).accepted).toBe(false);
    expect(windows.accept(2, 10).accepted).toBe(true);
    expect(windows.accept(3, 0).accepted).toBe(true);
  });
});

describe('usageOf', () => {
  it('is the same for the same prompt, and within what the question allows', () => {
    for (let index = 0; index < 1000; index++) {
      const question = { prompt: `question ${index}`, max_tokens: 1 + (index % 50) };
      const { prompt_tokens, completion_tokens, total_tokens } = usageOf(question);
      expect(prompt_tokens).toBe(Math.ceil(question.prompt.length / 4));
      expect(completion_tokens).toBeGreaterThan(0);
      expect(completion_tokens).toBeLessThanOrEqual(question.max_tokens);
      expect(total_tokens).toBe(prompt_tokens + completion_tokens);
      expect(usageOf(question)).toEqual(usageOf({ ...question }));
    }
  });

  it('differs from prompt to prompt', () => {
    const used = Array.from({ length: 50 }, (_, index) => usageOf({ prompt: `${index}`, max_tokens: 1000 }));
    expect(new Set(used.map((usage) => usage.completion_tokens)).size).toBeGreaterThan(25);
  });
});

describe('startLanguageModelServer', () => {
  it('answers with the usage, and counts it', async () => {
    const { url, log } = await start();
    const question = { prompt: 'How wide is the river?', max_tokens: 20 };
    const answer = await post(url, question);
    expect(answer.status).toBe(200);
    expect((await answer.json()).usage).toEqual(usageOf(question));
    expect(log).toEqual([{ at: expect.any(Number), accepted: true, tokens: usageOf(question).total_tokens }]);
  });

  it('refuses with 429 and Retry-After beyond either quota', async () => {
    const small = { prompt: 'a', max_tokens: 1 };
    const byRequests = await start();
    for (let call = 0; call < 3; call++) expect((await post(byRequests.url, small)).status).toBe(200);
    const refused = await post(byRequests.url, small);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^(59|60)$/)]);
    const byTokens = await start();
    expect((await post(byTokens.url, { prompt: 'b'.repeat(396), max_tokens: 1 })).status).toBe(200);
    expect((await post(byTokens.url, small)).status).toBe(429);
    expect(byTokens.log.map(({ accepted, tokens }) => [accepted, tokens])).toEqual([
      [true, 100],
      [false, 2],
    ]);
  });

  it('takes its time to answer, and counts on arrival', async () => {
    const { url, log } = await start({ thinking: 40, random: () => 0.5 });
    const started = performance.now();
    const answering = post(url, { prompt: 'a', max_tokens: 1 });
    await answering;
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    expect((log[0]?.at ?? Infinity) - performance.timeOrigin).toBeLessThan(performance.now() - 55);
  });

  it.each([
    '',
    'not JSON',
    '{}',
    '{"prompt":"a"}',
    '{"prompt":1,"max_tokens":1}',
    '{"prompt":"a","max_tokens":0}',
    'null',
  ])('turns %j down and counts nothing', async (body) => {
    const { url, log } = await start();
    expect((await fetch(url, { method: 'POST', body })).status).toBe(400);
    expect(log).toEqual([]);
  });

  it('closes at once, even if calls wait for an answer', async () => {
    const { url, close } = await start({ thinking: 60_000 });
    const answering = post(url, { prompt: 'a', max_tokens: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closing = close();
    await expect(answering).rejects.toThrow();
    await closing;
    await close();
  });
});
