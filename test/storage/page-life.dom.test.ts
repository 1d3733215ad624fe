import { describe, expect, it } from 'vitest';
import { followPage } from '../../src/storage/page-life.ts';

function follow() {
  const told: string[] = [];
  const stop = followPage({ leave: () => told.push('leave'), comeBack: () => told.push('comeBack') });
  return { told, stop };
}

const onWindow = (type: string) => window.dispatchEvent(new Event(type));
const onDocument = (type: string) => document.dispatchEvent(new Event(type, { bubbles: type === 'freeze' }));

describe('a page', () => {
  it('is left when it goes into the cache, and comes back from it', () => {
    const { told, stop } = follow();
    onWindow('pagehide');
    expect(told).toEqual(['leave']);
    onWindow('pageshow');
    expect(told).toEqual(['leave', 'comeBack']);
    stop();
  });

  it('is left when it is frozen, and comes back when it resumes', () => {
    const { told, stop } = follow();
    onDocument('freeze');
    expect(told).toEqual(['leave']);
    onDocument('resume');
    expect(told).toEqual(['leave', 'comeBack']);
    stop();
  });

  it('is left once, whatever comes together', () => {
    const { told, stop } = follow();
    onWindow('pageshow');
    onWindow('pagehide');
    onDocument('freeze');
    onDocument('resume');
    onWindow('pageshow');
    expect(told).toEqual(['leave', 'comeBack']);
    stop();
  });

  it('does not notify a removed listener', () => {
    const { told, stop } = follow();
    stop();
    for (const type of ['pagehide', 'pageshow']) onWindow(type);
    for (const type of ['freeze', 'resume']) onDocument(type);
    expect(told).toEqual([]);
  });
});
