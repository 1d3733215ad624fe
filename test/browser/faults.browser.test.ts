import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, openTabs, until } from './browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from './chromium.ts';
import { chromiumProgram, clockSetter } from './engines.ts';
import type { ReserveReport } from './page/lab.ts';
import type { StoreName } from './page/stores.ts';
import { type Site, startSite } from './site.ts';
import { makeWallClock, type WallClock } from './wall-clock.ts';

// What can happen to a storage, done to a real one under a throttle of one call a second.

const emissionInterval = 1_000;
const hour = 3_600_000;
/** How long an answer may take to be looked at, in ms: by so much a slot may seem later than it is. */
const delay = 250;

/** A host of this machine whose pages are not secure. */
const insecureHost = 'insecure.test';

let keys = 0;

/** Whether the slots are what is left over by nobody: one emission interval apart, from one report to the next. */
function expectInLine(...reports: readonly ReserveReport[]): void {
  const slots = reports.flatMap((report) => report.slots);
  for (const [index, slot] of slots.slice(1).entries())
    expect(slot - (slots[index] as number), `slot ${index + 1}`).toBeGreaterThan(emissionInterval - delay);
}

interface Begun {
  readonly tab: ChromiumTab;
  readonly other: ChromiumTab;
  readonly before: ReserveReport;
  readonly key: string;
  reserve(tab: ChromiumTab, count?: number): Promise<ReserveReport>;
}

/** Uses ten calls of a new key in the first of two tabs. */
async function use([tab, other]: readonly [ChromiumTab, ChromiumTab], store: StoreName): Promise<Begun> {
  const key = `fault ${keys++}`;
  const reserve = (from: ChromiumTab, count = 5) => from.call('reserve', { store, key, count });
  const before = await reserve(tab, 10);
  expect(before.troubles).toEqual([]);
  return { tab, other, before, key, reserve };
}

describe.skipIf(chromiumProgram === undefined)('in chromium', () => {
  let site: Site;
  let browser: Chromium;
  let tabs: ChromiumTab[] = [];
  beforeAll(async () => {
    site = await startSite();
    browser = await startChromium(chromiumProgram as string, [`--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`]);
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

  const begin = async (store: StoreName): Promise<Begun> => {
    tabs = await openTabs(browser, `${site.pages}/`, 2);
    return use(tabs as [ChromiumTab, ChromiumTab], store);
  };

  describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
    it('keeps what was used after the site data were cleared', async () => {
      const { tab, before, reserve } = await begin(store);
      await tab.clearSiteData();
      expectInLine(before, await reserve(tab));
    });

    it('keeps what was used after its record was corrupted, and reports it', async () => {
      const { tab, other, before, key, reserve } = await begin(store);
      await other.call('corrupt', { store, key });
      const after = await reserve(tab);
      expectInLine(before, after);
      expect(after.troubles).toHaveLength(1);
      expect(after.troubles[0]).toMatch(/not a bucket of this version/);
      // The record is whole again for later readers.
      const elsewhere = await reserve(other, 1);
      expectInLine(after, elsewhere);
      expect(elsewhere.troubles).toEqual([]);
    });

    it('falls back to a local bucket in a sandboxed frame, where storage is blocked', async () => {
      tabs = await openTabs(browser, `${site.pages}/`, 1);
      const report = await (tabs[0] as ChromiumTab).call('reserveInFrame', { store, key: 'frame', count: 5 });
      expectInLine(report);
      expect(report.slots).toHaveLength(5);
      expect(report.troubles.length).toBeGreaterThan(0);
      expect(report.troubles[0]).toMatch(/store-error/);
      expect(report.unhandled).toEqual([]);
    });
  });

  it('shares a bucket between insecure pages, which have no Web Locks', async () => {
    tabs = await openTabs(browser, `${site.pages.replace('127.0.0.1', insecureHost)}/`, 2);
    expect(await tabs[0]?.call('hasLocks', undefined)).toBe(false);
    const { other, before, reserve } = await use(tabs as [ChromiumTab, ChromiumTab], 'indexed-db');
    const after = await reserve(other);
    expectInLine(before, after);
    expect(after.troubles).toEqual([]);
  });

  it('reports once that localStorage is best effort on insecure pages', async () => {
    tabs = await openTabs(browser, `${site.pages.replace('127.0.0.1', insecureHost)}/`, 1);
    const report = await tabs[0]?.call('reserve', { store: 'local-storage', key: `insecure ${keys++}`, count: 5 });
    expectInLine(report as ReserveReport);
    expect(report?.troubles).toEqual([expect.stringMatching(/no Web Locks here/)]);
  });

  it.each(['indexed-db', 'local-storage'] as const)('shares a bucket between private windows, on %s', async (store) => {
    const open = () => browser.open(`${site.pages}/`, { isPrivate: true });
    tabs = [await open(), await open()];
    const { other, before, key, reserve } = await use(tabs as [ChromiumTab, ChromiumTab], store);
    const after = await reserve(other);
    expectInLine(before, after);
    expect(after.troubles).toEqual([]);
    const outside = await browser.open(`${site.pages}/`);
    expect((await outside.call('reserve', { store, key, count: 1 })).waits).toEqual([0]);
    await outside.close();
  });

  it('keeps what was used after another tab deleted the database, which does not wait for it', async () => {
    const { tab, other, before, reserve } = await begin('indexed-db');
    expect(await other.call('deleteDatabase', undefined)).toBeLessThan(1_000);
    const after = await reserve(tab);
    expectInLine(before, after);
    expect(after.troubles).toEqual([]);
  });

  it('continues over a new connection after its own was closed', async () => {
    const { tab, other, before, reserve } = await begin('indexed-db');
    expect(await tab.call('closeConnections', undefined)).toBeGreaterThan(0);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
    expect(after.troubles).toEqual([]);
  });

  it('continues when localStorage fills up meanwhile', async () => {
    const { tab, other, before, reserve } = await begin('local-storage');
    await other.call('fillStorage', undefined);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
    expect(after.troubles).toEqual([]);
  });

  it('uses a local bucket while localStorage has no room for one', async () => {
    tabs = await openTabs(browser, `${site.pages}/`, 1);
    const [tab] = tabs as [ChromiumTab];
    await tab.call('fillStorage', undefined);
    const report = await tab.call('reserve', { store: 'local-storage', key: `full ${keys++}`, count: 5 });
    expectInLine(report);
    expect(report.troubles[0]).toMatch(/store-error.*quota/i);
  });

  it('keeps what was used after another tab cleared localStorage', async () => {
    const { tab, other, before, reserve } = await begin('local-storage');
    await other.call('clearStorage', undefined);
    await until('the other process sees it', async () => (await tab.call('storedItems', undefined)) === 0);
    const after = await reserve(tab);
    expectInLine(before, after, await reserve(other));
  });
});

// The clock of all processes of the browser is set, not that of a page.
const hasClock = chromiumProgram !== undefined && clockSetter !== undefined;
describe.skipIf(!hasClock)('in chromium, whose wall clock is set', () => {
  let site: Site;
  let clock: WallClock;
  let browser: Chromium;
  beforeAll(async () => {
    site = await startSite();
    clock = makeWallClock(clockSetter as string);
    browser = await startChromium(chromiumProgram as string, [], clock.env);
  });
  afterAll(async () => {
    await browser?.close();
    clock?.remove();
    await site?.close();
  });

  /** Uses ten calls in the first of two tabs, sets the clock, and looks on. */
  async function setBy(ahead: number, store: StoreName, lookOn: (begun: Begun) => Promise<void>): Promise<void> {
    clock.set(0);
    const tabs = (await openTabs(browser, `${site.pages}/`, 2)) as [ChromiumTab, ChromiumTab];
    const begun = await use(tabs, store);
    clock.set(ahead);
    for (const tab of tabs) {
      const seen = (await tab.call('now', undefined)) - Date.now();
      expect(Math.abs(seen - ahead)).toBeLessThan(5_000);
    }
    await lookOn(begun);
    const unhandled = await Promise.all(tabs.map((tab) => tab.call('unhandled', undefined)));
    expect(unhandled.flat()).toEqual([]);
    await tabs[0].clearSiteData();
    await closeTabs(tabs);
  }

  describe.each(['indexed-db', 'local-storage'] as const)('on %s', (store) => {
    it('keeps its waits when the clock is set back by an hour', async () => {
      await setBy(-hour, store, async ({ tab, other, before, key, reserve }) => {
        expect(await tab.call('pausedFor', { store, key })).toBe(0);
        const after = await reserve(tab);
        expectInLine(before, after);
        expect(after.troubles).toEqual(['clock-jump']);
        expect(after.waits[0]).toBeLessThan(10 * emissionInterval + delay);
        // One that knew nothing of it finds what was written since.
        const elsewhere = await reserve(other, 1);
        expectInLine(after, elsewhere);
        expect(elsewhere.waits[0]).toBeLessThan(15 * emissionInterval + delay);
        // One that was not there at the time too.
        const late = (await browser.open(`${site.pages}/`)) as ChromiumTab;
        const { waits } = await reserve(late, 1);
        expect(waits[0]).toBeGreaterThan(15 * emissionInterval - 5_000);
        expect(waits[0]).toBeLessThan(16 * emissionInterval + delay);
        await late.close();
      });
    });

    it('sends at most one burst when the clock is set forward by an hour', async () => {
      await setBy(hour, store, async ({ tab, other, reserve }) => {
        const after = await reserve(tab);
        expectInLine(after, await reserve(other));
      });
    });
  });
});
