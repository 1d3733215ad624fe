import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { TabNews } from '../../src/storage/tab-news.ts';
import { fakePage } from './fake-page.ts';

let names = 0;

describe('TabNews', () => {
  it('reaches all others of the same name within milliseconds, and no others', async () => {
    const name = newName();
    const [mine, theirs, others] = [new TabNews(name), new TabNews(name), new TabNews(newName())];
    const [toMe, toThem, toOthers] = [listen(mine), listen(theirs), listen(others)];
    mine.announce('a');
    mine.announce('b');
    await vi.waitFor(() => expect(toThem).toEqual(['a', 'b']), 500);
    expect([toMe, toOthers]).toEqual([[], []]);
  });

  it('is sent by stores that do not listen themselves', async () => {
    const name = newName();
    const heard = listen(new TabNews(name));
    new TabNews(name).announce('key');
    await vi.waitFor(() => expect(heard).toEqual(['key']), 500);
  });

  it('ignores foreign messages on the same channel', async () => {
    const name = newName();
    const heard = listen(new TabNews(name));
    const channel = new BroadcastChannel(name);
    for (const message of [5, null, { key: 'a' }, ['a'], 'key']) channel.postMessage(message);
    channel.close();
    await vi.waitFor(() => expect(heard).toEqual(['key']), 500);
  });

  it('holds one channel while somebody listens', () => {
    const open = countChannels();
    const news = new TabNews(newName());
    expect(open()).toBe(0);
    const stop = news.watch(() => {});
    expect(open()).toBe(1);
    news.announce('key');
    expect(open()).toBe(1);
    stop();
    stop();
    expect(open()).toBe(0);
    news.announce('key');
    expect(open()).toBe(0);
    news.watch(() => {})();
    expect(open()).toBe(0);
  });

  it('keeps no process open that has nothing else to do', () => {
    const unref = vi.fn();
    vi.stubGlobal(
      'BroadcastChannel',
      class extends BroadcastChannel {
        unref = unref;
      },
    );
    onTestFinished(() => void vi.unstubAllGlobals());
    new TabNews(newName()).watch(() => {})();
    expect(unref).toHaveBeenCalledOnce();
  });

  it.each([
    ['pagehide', 'pageshow'],
    ['freeze', 'resume'],
  ])('holds no channel from %s on, and after %s anything may be new', async (leaving, comingBack) => {
    const send = fakePage(onTestFinished);
    const open = countChannels();
    const name = newName();
    const news = new TabNews(name);
    const heard: unknown[] = [];
    const stop = news.watch((key) => heard.push(key));
    send('pageshow');
    expect(heard).toEqual([]);
    send(leaving);
    expect(open()).toBe(0);
    news.announce('key');
    expect(open()).toBe(0);
    send(comingBack);
    expect(open()).toBe(1);
    expect(heard).toEqual([undefined]);
    new TabNews(name).announce('key');
    await vi.waitFor(() => expect(heard).toEqual([undefined, 'key']), 500);
    stop();
    send(leaving);
    send(comingBack);
    expect(open()).toBe(0);
    expect(heard).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ['are missing', undefined],
    ['are forbidden', refusing()],
  ])('is not told where channels %s', (_, channels) => {
    vi.stubGlobal('BroadcastChannel', channels);
    onTestFinished(() => void vi.unstubAllGlobals());
    const news = new TabNews(newName());
    const stop = news.watch(() => expect.unreachable());
    news.announce('key');
    stop();
  });
});

const newName = () => `channel ${++names}`;

function listen(news: TabNews): unknown[] {
  const heard: unknown[] = [];
  onTestFinished(news.watch((key) => heard.push(key)));
  return heard;
}

function refusing() {
  return class {
    constructor() {
      throw new DOMException('It is forbidden.', 'SecurityError');
    }
  };
}

/** Counts the channels that are open. */
function countChannels(): () => number {
  let open = 0;
  vi.stubGlobal(
    'BroadcastChannel',
    class extends BroadcastChannel {
      constructor(name: string) {
        super(name);
        open++;
      }
      override close() {
        open--;
        super.close();
      }
    },
  );
  onTestFinished(() => void vi.unstubAllGlobals());
  return () => open;
}
