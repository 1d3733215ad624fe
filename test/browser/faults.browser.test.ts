import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openTabs, until } from './browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from './chromium.ts';
import { chromiumProgram } from './engines.ts';
import type { ReserveReport } from './page/lab.ts';
import type { StoreName } from './page/stores.ts';
import { type Site, startSite } from './site.ts';

// What can happen to a storage, done to a real one under a throttle of one call a second.

const emissionInterval = 1_000;
const hour = 3_600_000;
/** How long an answer may take to be looked at, in ms: by so much a slot may seem later than it is. */
const delay = 250;

let keys = 0;

/** Whether the slots are what is left over by nobody: one emission interval apart, from one report to the next. */
function expectInLine(...reports: readonly ReserveReport[]): void {
  const slots = reports.flatMap((report) => report.slots);
  for (const [index, slot] of slots.slice(1).entries())
    expect(slot - (slots[index] as number), `slot ${index + 1}`).toBeGreaterThan(emissionInterval - delay);
}

describe.skipIf(chromiumProgram === undefined)('in chromium', () => {
  let site: Site;
  let browser: Chromium;
  let tabs: ChromiumTab[] = [];
  beforeAll(async () => {
    site = await startSite();
    browser = await startChromium(chromiumProgram as string);
  });
  afterEach(async () => {
    const unhandled = await Promise.all(tabs.map((tab) => tab.call('unhandled', undefined)));
    await tabs[0]?.clearSiteData();
    await Promise.all(tabs.map((tab) => tab.close()));
    tabs = [];
    expect(unhandled.flat()).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Opens two tabs of which the first has used ten calls. */
  async function begin(store: StoreName): Promise<{
    readonly tab: ChromiumTab;
    readonly other: ChromiumTab;
    readonly before: ReserveReport;
    readonly key: string;
    reserve(tab: ChromiumTab, count?: number): Promise<ReserveReport>;
  }> {
    tabs = await openTabs(browser, `${site.pages}/`, 2);
    const [tab, other] = tabs as [ChromiumTab, ChromiumTab];
    const key = `fault ${keys++}`;
    const reserve = (from: ChromiumTab, count = 5) => from.call('reserve', { store, key, count });
    const before = await reserve(tab, 10);
    expect(before.troubles).toEqual([]);
    return { tab, other, before, key, reserve };
  }

  describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
    it('goes on where it was after the site data were cleared', async () => {
      const { tab, before, reserve } = await begin(store);
      await tab.clearSiteData();
      expectInLine(before, await reserve(tab));
    });

    it('goes on where it was after its record was corrupted, and tells', async () => {
      const { tab, other, before, key, reserve } = await begin(store);
      await other.call('corrupt', { store, key });
      const after = await reserve(tab);
      expectInLine(before, after);
      expect(after.troubles).toHaveLength(1);
      expect(after.troubles[0]).toMatch(/no bucket of this version/);
      // The record is whole again for those who come later.
      const elsewhere = await reserve(other, 1);
      expectInLine(after, elsewhere);
      expect(elsewhere.troubles).toEqual([]);
    });

    it('waits neither longer nor less after the wall clock was set back by an hour', async () => {
      const { tab, other, before, key, reserve } = await begin(store);
      await Promise.all([tab, other].map((each) => each.call('setClock', -hour)));
      expect(await tab.call('pausedFor', { store, key })).toBe(0);
      const after = await reserve(tab);
      expectInLine(before, after);
      expect(after.troubles).toEqual(['clock-jump']);
      expect(after.waits[0]).toBeLessThan(10 * emissionInterval + delay);
      // One that knew nothing of it finds what was written since.
      const elsewhere = await reserve(other, 1);
      expectInLine(after, elsewhere);
      expect(elsewhere.waits[0]).toBeLessThan(15 * emissionInterval + delay);
    });

    it('lets at most one burst go after the wall clock was set forward by an hour', async () => {
      const { tab, other, reserve } = await begin(store);
      await Promise.all([tab, other].map((each) => each.call('setClock', hour)));
      const after = await reserve(tab);
      expectInLine(after, await reserve(other));
    });

    it('throttles by itself in a sandboxed frame, where storage is blocked', async () => {
      tabs = await openTabs(browser, `${site.pages}/`, 1);
      const report = await (tabs[0] as ChromiumTab).call('reserveInFrame', { store, key: 'frame', count: 5 });
      expectInLine(report);
      expect(report.slots).toHaveLength(5);
      expect(report.troubles.length).toBeGreaterThan(0);
      expect(report.troubles[0]).toMatch(/store-error/);
      expect(report.unhandled).toEqual([]);
    });
  });

  it('goes on where it was after another tab has deleted the database, which does not wait for it', async () => {
    const { tab, other, before, reserve } = await begin('indexed-db');
    expect(await other.call('deleteDatabase', undefined)).toBeLessThan(1_000);
    const after = await reserve(tab);
    expectInLine(before, after);
    expect(after.troubles).toEqual([]);
  });

  it('goes on over a new connection after its own was closed', async () => {
    const { tab, other, before, reserve } = await begin('indexed-db');
    expect(await tab.call('closeConnections', undefined)).toBeGreaterThan(0);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
    expect(after.troubles).toEqual([]);
  });

  it('goes on in a localStorage that fills up under it', async () => {
    const { tab, other, before, reserve } = await begin('local-storage');
    await other.call('fillStorage', undefined);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
    expect(after.troubles).toEqual([]);
  });

  it('throttles by itself while localStorage has no room for a bucket', async () => {
    tabs = await openTabs(browser, `${site.pages}/`, 1);
    const [tab] = tabs as [ChromiumTab];
    await tab.call('fillStorage', undefined);
    const report = await tab.call('reserve', { store: 'local-storage', key: `full ${keys++}`, count: 5 });
    expectInLine(report);
    expect(report.troubles[0]).toMatch(/store-error.*quota/i);
  });

  it('goes on where it was after another tab has cleared localStorage', async () => {
    const { tab, other, before, reserve } = await begin('local-storage');
    await other.call('clearStorage', undefined);
    await until('the other process sees it', async () => (await tab.call('storedItems', undefined)) === 0);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
  });
});
