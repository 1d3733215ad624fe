import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mostInAnyWindow } from '../../demo/analysis.ts';
import { sleep } from './browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from './chromium.ts';
import { chromiumProgram, firefoxProgram } from './engines.ts';
import { jainPerSpan, longestGap, shareUsed } from './fairness.ts';
import { type Firefox, type FirefoxTab, startFirefox } from './firefox.ts';
import { faultsIn } from './ledger.ts';
import type { StoreName } from './page/stores.ts';
import { type Site, startSite } from './site.ts';

// Three of four tabs are hidden long enough for Chromium to wake their own timers only once a minute.

const stores = ['indexed-db', 'local-storage'] as const;
/** The third may have no worker, by its content security policy. */
const paths = ['/', '/', '/strict', '/'];
const callsPerTab = 40;
const limit = 20;
const interval = 1_000;
const margin = 25;
/** After how many seconds in the background Chromium throttles in earnest, instead of after five minutes. */
const grace = 10;

describe.skipIf(chromiumProgram === undefined)('in chromium, with three of four tabs hidden and throttled', () => {
  let site: Site;
  let browser: Chromium;
  let tabs: ChromiumTab[];
  beforeAll(async () => {
    site = await startSite();
    const feature = `--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/${grace}`;
    browser = await startChromium(chromiumProgram as string, [feature]);
    tabs = [];
    for (const path of paths) tabs.push(await browser.open(`${site.pages}${path}`, { background: true }));
    await tabs[3]?.show();
    for (const tab of tabs) await tab.call('countTimers', 100);
    await sleep((grace + 2) * 1_000);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Sends calls from all tabs on both stores. Tells what the server saw, and what the tabs said meanwhile. */
  const run = async () => {
    await site.takeLog();
    const question = { url: site.calls, count: callsPerTab, limit, margin, startAt: Date.now() + 1_000 };
    const callsOn = (store: StoreName) =>
      tabs.map((tab, index) => tab.call('calls', { ...question, store, tab: `${store} ${index}` }));
    const served = Promise.all(stores.flatMap(callsOn));
    const before = await Promise.all(tabs.map((tab) => tab.call('countedTimers', undefined)));
    await sleep(5_000);
    const after = await Promise.all(tabs.map((tab) => tab.call('countedTimers', undefined)));
    const visibilities = await Promise.all(tabs.map((tab) => tab.call('visibility', undefined)));
    const timers = await Promise.all(tabs.map(async (tab) => (await tab.call('status', undefined))?.timer));
    const reports = await served;
    const log = await site.takeLog();
    // What would become of a call every 51 ms with the page's own timers.
    const woken = after.map((count, tab) => count - (before[tab] as number));
    return {
      visibilities,
      timers,
      reports,
      woken,
      callsOn: (store: StoreName) => log.filter(({ tab }) => tab.startsWith(store)),
    };
  };

  let first: Awaited<ReturnType<typeof run>> | undefined;

  it('each tab is served and none gets the slot of another, and the status says which timer is in use', async () => {
    first = await run();
    const { visibilities, timers, reports, woken, callsOn } = first;
    expect(visibilities).toEqual(['hidden', 'hidden', 'hidden', 'visible']);
    expect(Math.max(...woken.slice(0, 3))).toBeLessThan(3);
    expect(woken[3]).toBeGreaterThan(10);
    expect(timers).toEqual(['worker', 'worker', 'atomics', 'plain']);
    expect(reports).toEqual(Array(stores.length * 4).fill({ answered: callsPerTab, troubles: [] }));
    for (const store of stores) {
      const slots = callsOn(store).map(({ slot }) => slot);
      expect(faultsIn(slots, 4 * callsPerTab, (interval + margin) / limit), store).toMatchObject({
        missing: 0,
        conflicts: 0,
      });
    }
  });

  // On a busy machine a tab may be late all by itself.
  it('each tab keeps its share on either store', { retry: 2 }, async () => {
    const { callsOn } = first ?? (await run());
    first = undefined;
    for (const store of stores) {
      const calls = callsOn(store);
      const accepted = calls.map((call) => ({ ...call, accepted: true }));
      expect(mostInAnyWindow(accepted, interval), store).toBeLessThanOrEqual(limit);
      expect(shareUsed(calls, limit, interval), store).toBeGreaterThanOrEqual(0.97);
      expect(Math.min(...jainPerSpan(calls, interval)), store).toBeGreaterThanOrEqual(0.97);
      expect(longestGap(calls), store).toBeLessThanOrEqual((2 * 4 * (interval + margin)) / limit);
    }
  });
});

describe.skipIf(firefoxProgram === undefined)('in firefox, with two of three tabs hidden', () => {
  let site: Site;
  let browser: Firefox;
  let tabs: [FirefoxTab, FirefoxTab, FirefoxTab];
  beforeAll(async () => {
    site = await startSite();
    browser = await startFirefox(firefoxProgram as string);
    const open = (path: string) => browser.open(`${site.pages}${path}`);
    tabs = [await open('/'), await open('/strict'), await open('/')];
    await tabs[2].show();
    for (const tab of tabs) await tab.call('countTimers', 100);
    await sleep(1_000);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Sends calls from a tab, on a key of its own. */
  const begin = (tab: FirefoxTab, name: string) =>
    tab.call('beginCalls', {
      store: 'indexed-db',
      key: name,
      tab: name,
      url: site.calls,
      count: 200,
      limit,
      margin,
      startAt: Date.now() + 500,
    });
  const timerOf = async (tab: FirefoxTab) => (await tab.call('status', undefined))?.timer;

  it('one is woken by its worker at full rate, and one that may have none says that it is woken once a second', async () => {
    const [free, strict] = tabs;
    const before = await Promise.all(tabs.map((tab) => tab.call('countedTimers', undefined)));
    await begin(free, 'free');
    await begin(strict, 'strict');
    // By then the first timers have shown what wakes them.
    await sleep(2_500);
    for (let look = 0; look < 8; look++) {
      await sleep(250);
      expect([await timerOf(free), await timerOf(strict)]).toEqual(['worker', 'hop']);
    }
    const calls = await site.takeLog();
    const after = await Promise.all(tabs.map((tab) => tab.call('countedTimers', undefined)));
    expect(await Promise.all(tabs.map((tab) => tab.call('visibility', undefined)))).toEqual([
      'hidden',
      'hidden',
      'visible',
    ]);
    const woken = after.map((count, tab) => count - (before[tab] as number));
    expect(Math.max(...woken.slice(0, 2))).toBeLessThan((woken[2] as number) / 4);
    const ofFree = calls.filter(({ tab }) => tab === 'free').map(({ at }) => at);
    const span = (ofFree.at(-1) as number) - (ofFree[0] as number);
    expect((ofFree.length - 1) / span).toBeGreaterThan((0.7 * limit) / (interval + margin));
  });
});
