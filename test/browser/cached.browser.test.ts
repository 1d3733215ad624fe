import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openTabs, sleep, until } from './browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from './chromium.ts';
import { chromiumProgram } from './engines.ts';
import { type Site, startSite } from './site.ts';

// A page in the back-forward cache runs no more, and Chromium does not let it go when another waits for what it holds.

describe.skipIf(chromiumProgram === undefined)('in chromium, with a page in the back-forward cache', () => {
  let site: Site;
  let browser: Chromium;
  let tabs: ChromiumTab[] = [];
  beforeAll(async () => {
    site = await startSite();
    browser = await startChromium(chromiumProgram as string);
  });
  afterEach(async () => {
    await Promise.all(tabs.map((tab) => tab.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Another site, so that the page is cached rather than kept. */
  const elsewhere = () => `${site.pages.replace('127.0.0.1', 'localhost')}/blank`;

  describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
    it('those that waited for what it held go on at once', async () => {
      tabs = await openTabs(browser, `${site.pages}/`, 2);
      const [cached, waiting] = tabs as [ChromiumTab, ChromiumTab];
      const takes = { store, key: `cached ${store}`, emissionInterval: 1_000, startAt: 0 };
      // Both are at it all the time, so that one waits for the other whenever that leaves.
      cached.call('takes', { ...takes, count: 100_000 }).catch(() => {});
      const others = waiting.call('takes', { ...takes, count: 1_000 });
      await sleep(200);
      await cached.goTo(elsewhere());
      const { slots, slowest } = await others;
      expect(new Set(slots).size).toBe(1_000);
      expect(slowest).toBeLessThan(1_000);
      const { slowest: later } = await waiting.call('takes', { ...takes, count: 100 });
      expect(later).toBeLessThan(1_000);
    });

    it('news does not cost it its place there, and reaches it when it is back', async () => {
      tabs = await openTabs(browser, `${site.pages}/`, 2);
      const [cached, other] = tabs as [ChromiumTab, ChromiumTab];
      const key = `news ${store}`;
      const limited = `limits ${store}`;
      await cached.call('waitInLine', { store, key, count: 50 });
      await cached.call('waitInLine', { store, key: limited, count: 50 });
      await cached.call('reserve', { store, key, count: 1 });
      await sleep(200);
      await cached.goTo(elsewhere());
      await other.call('pause', { store, key, ms: 600_000 });
      await other.call('setLimit', { store, key: limited, limit: { rate: 1_000, interval: 1_000, burst: 100 } });
      expect(await cached.goBack()).toBe(true);
      expect(await cached.call('pausedFor', { store, key })).toBeGreaterThan(500_000);
      // At the old limits this would take them the better part of a minute.
      await until('all have gone', async () => (await cached.call('waiting', { store, key: limited })) === 0, 2_000);
      expect(await cached.call('unhandled', undefined)).toEqual([]);
    });
  });
});
