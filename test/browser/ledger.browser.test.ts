import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, openTabs, processesOf, type Tab } from './browser.ts';
import { engines } from './engines.ts';
import { faultsIn, type LedgerFaults, noFaults } from './ledger.ts';
import type { StoreName } from './page/stores.ts';
import { type Site, startSite } from './site.ts';

// Tabs take slots back to back. What two of them take at once shows as slots that are too close to each other; a test at the
// pace of the quota hardly ever sees it.

const takes = 300;
const repeats = [1, 2, 3];
const emissionInterval = 1_000;

/** How long the tabs have to get ready, in ms. */
const lead = 200;

let keys = 0;

async function ledger(tabs: readonly Tab[], store: StoreName): Promise<LedgerFaults> {
  const key = `ledger ${keys++}`;
  const startAt = Date.now() + lead;
  const reports = await Promise.all(
    tabs.map((tab) => tab.call('takes', { store, key, count: takes, emissionInterval, startAt })),
  );
  return faultsIn(
    reports.flatMap(({ slots }) => slots),
    tabs.length * takes,
    emissionInterval,
  );
}

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

describe.each(engines.filter(({ found }) => found))('in $name', ({ start }) => {
  describe.each([4, 8])('%i tabs', (count) => {
    let browser: Browser;
    let tabs: Tab[];
    beforeAll(async () => {
      browser = await start();
      tabs = await openTabs(browser, `${site.pages}/`, count);
    });
    afterAll(() => browser?.close());

    it('run in one process each', async () => {
      expect((await processesOf(browser, tabs)).size).toBe(count);
    });

    describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
      it.each(repeats)('get different slots and skip none, run %i', async () => {
        expect(await ledger(tabs, store)).toEqual(noFaults);
      });
    });

    it.each(['no lock', 'lock alone'] as const)('get the same slots on localStorage with %s', async (store) => {
      let conflicts = 0;
      for (let run = 0; run < 5 && conflicts === 0; run++) ({ conflicts } = await ledger(tabs, store));
      expect(conflicts).toBeGreaterThan(0);
    });

    it('leave no error unhandled', async () => {
      const unhandled = await Promise.all(tabs.map((tab) => tab.call('unhandled', undefined)));
      expect(unhandled.flat()).toEqual([]);
    });
  });
});
