import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, openTabs, sleep, type Tab } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

// A real service worker holds back what its pages request, here until a pause is over.

/** Of each tab in each of three ways. */
const count = 4;
const key = 'worked';
const script = '/throttling-worker.js';

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

describe.each(engines.filter(({ found }) => found))('a service worker in $name', ({ start }) => {
  let browser: Browser;
  let tabs: Tab[];
  beforeAll(async () => {
    browser = await start();
    tabs = await openTabs(browser, `${site.pages}/`, 2);
  });
  afterAll(() => browser?.close());

  const api = () => `${site.calls}/?tab=api&slot=0`;
  const pause = (ms: number) => (tabs[0] as Tab).call('pause', { store: 'indexed-db', key, ms });

  /** Requests in all ways during a pause. Answers with how long after its beginning the first and the last came, in ms. */
  const requestAll = async (ms: number): Promise<{ first: number; last: number }> => {
    await site.takeLog();
    await pause(ms);
    const begun = Date.now();
    // Each tab has its own, as browsers answer at once what is asked by two.
    const ask = (tab: Tab, index: number) => tab.call('request', { url: `${api()}&from=${index}`, count });
    expect(await Promise.all(tabs.map(ask))).toEqual([3 * count, 3 * count]);
    const log = await site.takeLog();
    expect(log).toHaveLength(tabs.length * 3 * count);
    return { first: (log[0]?.at ?? 0) - begun, last: (log.at(-1)?.at ?? 0) - begun };
  };

  it('holds back requests of all tabs to another origin, by fetch, XMLHttpRequest and in workers', async () => {
    // Without it they all come at once.
    expect((await requestAll(5_000)).last).toBeLessThan(4_000);
    for (const tab of tabs) await tab.call('register', { script, scope: '/' });
    await (tabs[0] as Tab).call('reset', { store: 'indexed-db', key });
    const ms = 1_500;
    // By when the page has paused it some of it is over.
    expect((await requestAll(ms)).first).toBeGreaterThan(ms - 500);
  });

  it('leaves navigations, images and what is its own origin alone', async () => {
    const [tab] = tabs as [Tab];
    await pause(600_000);
    expect(await tab.call('isAnswered', { url: api(), ms: 200 })).toBe(false);
    await site.takeLog();
    await tab.call('showImages', { url: `${site.calls}/?tab=image&slot=0`, count: 20 });
    expect((await site.takeLog()).filter((call) => call.tab === 'image')).toHaveLength(20);
    expect(await tab.call('isAnswered', { url: `${site.pages}/blank`, ms: 5_000 })).toBe(true);
    await tab.reload();
    expect(await tab.call('visibility', undefined)).toMatch(/visible|hidden/);
    expect(await tab.call('isAnswered', { url: api(), ms: 200 })).toBe(false);
    expect((await site.takeLog()).filter((call) => call.tab === 'api')).toEqual([]);
  });

  it.each<[string, (tab: Tab) => Promise<void>]>([
    ['reloaded', (tab) => tab.reload()],
    ['closed', (tab) => tab.close()],
  ])('lets the calls of a page that is %s leave the line, in front of those of another', async (_, end) => {
    const [other] = tabs as [Tab];
    const tab = await browser.open(`${site.pages}/`);
    for (const each of [other, tab]) await each.call('register', { script, scope: '/' });
    await other.call('reset', { store: 'indexed-db', key });
    await pause(3_000);
    await site.takeLog();
    await tab.call('requestUnheard', { url: `${site.calls}/?tab=gone&slot=0`, count: 100 });
    await sleep(500);
    await end(tab);
    expect(await other.call('isAnswered', { url: api(), ms: 10_000 })).toBe(true);
    await sleep(1_000);
    const log = await site.takeLog();
    expect(log.filter((call) => call.tab === 'gone').length).toBeLessThanOrEqual(1);
  });

  it('holds back only what `match` picks', async () => {
    await pause(600_000);
    // In a place of its own, as the other worker does not end while calls wait in it.
    const tab = await browser.open(`${site.pages}/matched`);
    await tab.call('register', { script: `${script}?match=/blank`, scope: '/matched' });
    expect(await tab.call('isAnswered', { url: `${site.pages}/blank`, ms: 200 })).toBe(false);
    expect(await tab.call('isAnswered', { url: api(), ms: 5_000 })).toBe(true);
  });
});
