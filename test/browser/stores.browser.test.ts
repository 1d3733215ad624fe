import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, openTabs, sleep, type Tab, until } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

/** One call in less than the second after which a line looks into the store by itself. */
const shortOfALook = { rate: 1, interval: 700 };

let keys = 0;

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
    it('100 waiting calls cost one operation', async () => {
      const [tab] = tabs as [Tab];
      const usesOf = (count: number) => tab.call('usesOf', { store, key: `pass ${keys++}`, count });
      const one = await usesOf(1);
      const hundred = await usesOf(100);
      expect(hundred).toEqual(one);
      if (store === 'indexed-db') expect(one).toEqual({ transactions: 1, locks: 0 });
      else expect(one.transactions).toBe(0);
    });

    it('a pause reaches the waiting calls of another tab before the next of them goes', async () => {
      const [waiting, other] = tabs as [Tab, Tab];
      const key = `pause on ${store}`;
      await other.call('setLimit', { store, key, limit: shortOfALook });
      await waiting.call('waitInLine', { store, key, count: 10 });
      // Now it waits for a slot that nothing but news can take away.
      await sleep(300);
      await other.call('pause', { store, key, ms: 600_000 });
      await sleep(100);
      const left = await waiting.call('waiting', { store, key });
      await sleep(1_500);
      expect(await waiting.call('waiting', { store, key })).toBe(left);
      expect(left).toBeGreaterThan(5);
    });

    it('new limits reach the waiting calls of another tab before the next of them goes', async () => {
      const [, other] = tabs as [Tab, Tab];
      const waiting = await browser.open(`${site.pages}/`);
      const slower = `slower on ${store}`;
      const faster = `faster on ${store}`;
      const left = (key: string) => waiting.call('waiting', { store, key });
      await other.call('setLimit', { store, key: slower, limit: shortOfALook });
      for (const key of [slower, faster]) await waiting.call('waitInLine', { store, key, count: 10 });
      // Now they wait for slots of the old limit.
      await sleep(300);
      await other.call('setLimit', { store, key: slower, limit: { rate: 1, interval: 600_000 } });
      await other.call('setLimit', { store, key: faster, limit: { rate: 1_000, interval: 1_000, burst: 100 } });
      await sleep(100);
      const slowly = await left(slower);
      // What one call has used under the old limit is over first. All would take nine seconds under it.
      await until('the faster ones have gone', async () => (await left(faster)) === 0, 2_000);
      await sleep(500);
      expect(await left(slower)).toBe(slowly);
      expect(slowly).toBeGreaterThan(5);
      expect(await waiting.call('unhandled', undefined)).toEqual([]);
      await waiting.close();
    });
  });

  it('no error is left unhandled', async () => {
    const unhandled = await Promise.all(tabs.map((tab) => tab.call('unhandled', undefined)));
    expect(unhandled.flat()).toEqual([]);
  });
});
