import { createHash } from 'node:crypto';
import { createThrottle } from 'sluice';
import { expect, it } from 'vitest';
import { type Chunks, pass, type Stage, type Subject } from './subject.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (chunk: Uint8Array) => new TextDecoder().decode(chunk);

/** Streams go out and come in as they do with the bare client. */
export function itStreams(stream: Exclude<Subject['stream'], undefined>, stage: Stage): void {
  /** Does the same plain, throttled at once and throttled after a wait. */
  async function expectEqual(
    act: (send: ReturnType<typeof stream>) => Promise<unknown>,
    expected: unknown,
  ): Promise<void> {
    expect(await act(stream())).toEqual(expected);
    const free = createThrottle({ limits: { rate: 1000, interval: 1, burst: 1000 }, margin: 0 });
    expect(await act(stream({ throttle: free, options: {} }))).toEqual(expected);
    const busy = createThrottle({ limits: { rate: 1, interval: 5 }, margin: 0 });
    await busy.wait(stage.origin);
    expect(await act(stream({ throttle: busy, options: {} }))).toEqual(expected);
  }

  const none = () => new Blob([]).stream();

  it('comes chunk by chunk, and the connection is closed when it is canceled', async () => {
    let closed = 0;
    let more = () => {};
    stage.handle = (_, __, response) => {
      response.on('close', () => closed++);
      response.write('one');
      more = () => response.write('two');
    };
    await expectEqual(
      async (send) => {
        const before = closed;
        const seen: string[] = [];
        for await (const value of await send(stage.url, none())) {
          seen.push(textOf(value));
          if (seen.length === 2) break;
          more();
        }
        while (closed === before) await pass();
        return seen;
      },
      ['one', 'two'],
    );
  });

  it('goes out chunk by chunk', async () => {
    stage.see = (chunk) => seen.push(chunk);
    stage.handle = (_, __, response) => response.end('done');
    let seen: string[] = [];
    await expectEqual(
      async (send) => {
        seen = [];
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        const writer = writable.getWriter();
        const call = send(stage.url, readable);
        for (const chunk of ['one', 'two']) {
          await writer.write(bytes(chunk));
          while (seen.at(-1) !== chunk) await pass();
        }
        await writer.close();
        return [seen, await textsOf(await call)];
      },
      [['one', 'two'], ['done']],
    );
  });

  it('of 10 MB goes out as it is', async () => {
    const chunk = bytes('0123456789'.repeat(10_000));
    await expectEqual(
      async (send) => {
        let left = 100;
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            if (left-- > 0) controller.enqueue(chunk.slice());
            else controller.close();
          },
        });
        const [text = ''] = await textsOf(await send(`${stage.origin}/digest`, body));
        const { headers, ...rest } = JSON.parse(text);
        return { ...rest, coding: headers['transfer-encoding'], left };
      },
      {
        method: 'POST',
        size: 10_000_000,
        hash: createHash('sha1').update('0123456789'.repeat(1_000_000)).digest('hex'),
        coding: 'chunked',
        left: -1,
      },
    );
  });
}

async function textsOf(chunks: Chunks): Promise<string[]> {
  const texts: string[] = [];
  for await (const value of chunks) texts.push(textOf(value));
  return texts;
}
