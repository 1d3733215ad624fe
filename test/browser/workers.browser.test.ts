import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Tab } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

describe.each(engines.filter(({ found }) => found))('in $name', ({ start }) => {
  let browser: Browser;
  let tab: Tab;
  beforeAll(async () => {
    browser = await start();
    tab = await browser.open(`${site.pages}/`);
  });
  afterAll(() => browser?.close());

  describe.each(['dedicated', 'service'] as const)('a %s worker', (kind) => {
    it('creates every store; without localStorage the throttle uses a local bucket', async () => {
      const { reports, unhandled } = await tab.call('inWorker', kind);
      expect(reports.map(({ store }) => store)).toEqual(['memory', 'indexed-db', 'local-storage']);
      for (const { store, waits, troubles } of reports) {
        expect(waits[0], store).toBe(0);
        expect(waits[1], store).toBeGreaterThan(900);
        expect(waits[1], store).toBeLessThanOrEqual(1_000);
        if (store !== 'local-storage') expect(troubles, store).toEqual([]);
        else expect(troubles[0]).toMatch(/no localStorage here/);
      }
      expect(unhandled).toEqual([]);
    });
  });
});
