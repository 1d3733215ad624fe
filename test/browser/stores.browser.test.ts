import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, openTabs, sleep, type Tab } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

describe.each(engines.filter(({ found }) => found))('in $name', ({ start }) => {
  let browser: Browser;
  let tabs: Tab[];
  beforeAll(async () => {
    browser = await start();
    tabs = await openTabs(browser, `${site.pages}/`, 2);
  });
  afterAll(() => browser?.close());

  describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
    it('100 waiting calls cost one pass', async () => {
      const [tab] = tabs as [Tab];
      // Where clocks show whole ms, a line may look a moment too early, which costs it a few passes more.
      const usesOf = async (count: number) => {
        let least = { transactions: Infinity, locks: Infinity };
        for (let attempt = 0; attempt < 3; attempt++) {
          const uses = await tab.call('usesOf', { store, key: `${count} calls, ${attempt}`, count });
          if (uses.transactions + uses.locks < least.transactions + least.locks) least = uses;
        }
        return least;
      };
      const one = await usesOf(1);
      const hundred = await usesOf(100);
      expect(hundred).toEqual(one);
      if (store === 'indexed-db') expect(one).toEqual({ transactions: 1, locks: 0 });
      else expect(one.transactions).toBe(0);
    });

    it('a pause reaches the waiting calls of another tab before the next of them goes', async () => {
      const [waiting, other] = tabs as [Tab, Tab];
      const key = `pause on ${store}`;
      await waiting.call('waitInLine', { store, key, count: 10 });
      // Now it waits for a slot that nothing but news can take away.
      await sleep(500);
      await other.call('pause', { store, key, ms: 600_000 });
      await sleep(100);
      const left = await waiting.call('waiting', { store, key });
      await sleep(2_500);
      expect(await waiting.call('waiting', { store, key })).toBe(left);
      expect(left).toBeGreaterThan(5);
    });
  });

  it('no error is left unhandled', async () => {
    const unhandled = await Promise.all(tabs.map((tab) => tab.call('unhandled', undefined)));
    expect(unhandled.flat()).toEqual([]);
  });
});
