import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { followPage } from '../../src/storage/page-life.ts';
import { fakePage } from './fake-page.ts';

/** Follows the page that there is, or one around this process. */
function follow() {
  const isPage = typeof document === 'object';
  const send = isPage ? (type: string) => void window.dispatchEvent(new Event(type)) : fakePage(onTestFinished);
  const told: string[] = [];
  const stop = followPage({
    leave: (isFrozen) => told.push(isFrozen ? 'freeze' : 'leave'),
    comeBack: () => told.push('comeBack'),
  });
  return {
    told,
    stop,
    onWindow: send,
    onDocument: (type: string) => {
      if (isPage) document.dispatchEvent(new Event(type, { bubbles: type === 'freeze' }));
      else send(type);
    },
  };
}

describe('a page', () => {
  it('is left when it goes into the cache, and comes back from it', () => {
    const { told, stop, onWindow } = follow();
    onWindow('pagehide');
    expect(told).toEqual(['leave']);
    onWindow('pageshow');
    expect(told).toEqual(['leave', 'comeBack']);
    stop();
  });

  it('is left when it is frozen, and comes back when it resumes', () => {
    const { told, stop, onDocument } = follow();
    onDocument('freeze');
    expect(told).toEqual(['freeze']);
    onDocument('resume');
    expect(told).toEqual(['freeze', 'comeBack']);
    stop();
  });

  it('is left once, whatever comes together', () => {
    const { told, stop, onWindow, onDocument } = follow();
    onWindow('pageshow');
    onWindow('pagehide');
    onDocument('freeze');
    onDocument('resume');
    onWindow('pageshow');
    expect(told).toEqual(['leave', 'comeBack']);
    stop();
  });

  it('does not notify a removed listener', () => {
    const { told, stop, onWindow, onDocument } = follow();
    stop();
    for (const type of ['pagehide', 'pageshow']) onWindow(type);
    for (const type of ['freeze', 'resume']) onDocument(type);
    expect(told).toEqual([]);
  });
});

describe('outside of a page', () => {
  it.each([
    ['a worker, which has events and no document', undefined],
    ['a script that has a document and no events', {}],
  ])('nothing is followed: %s', (_, document) => {
    onTestFinished(() => void vi.unstubAllGlobals());
    const addEventListener = document === undefined ? vi.fn() : undefined;
    vi.stubGlobal('document', document);
    vi.stubGlobal('addEventListener', addEventListener);
    const stop = followPage({ leave: () => expect.unreachable(), comeBack: () => expect.unreachable() });
    stop();
    if (addEventListener !== undefined) expect(addEventListener).not.toHaveBeenCalled();
  });
});

it('the window hears of its document before other listeners, in the capture phase', () => {
  onTestFinished(() => void vi.unstubAllGlobals());
  const heard = { addEventListener: vi.fn(), removeEventListener: vi.fn() };
  vi.stubGlobal('document', {});
  for (const [name, spy] of Object.entries(heard)) vi.stubGlobal(name, spy);
  followPage({ leave: () => {}, comeBack: () => {} })();
  for (const spy of Object.values(heard))
    expect(spy.mock.calls.map(([type, , options]) => [type, options])).toEqual(
      ['pagehide', 'freeze', 'pageshow', 'resume'].map((type) => [type, { capture: true }]),
    );
});
