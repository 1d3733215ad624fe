import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, closeTabs, openTabs, processOf, sleep, type Tab } from './browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from './chromium.ts';
import { chromiumProgram, engines } from './engines.ts';
import { longestBetween } from './fairness.ts';
import { faultsIn } from './ledger.ts';
import type { CallsOptions } from './page/lab.ts';
import { type Call, type Site, startSite } from './site.ts';

// What happens to one tab must not hold up the others.

const stores = ['indexed-db', 'local-storage'] as const;
const margin = 25;
const limit = 40;
const emissionInterval = (1_000 + margin) / limit;
/** How long the tabs have to get ready, in ms. */
const lead = 800;

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

const instantsOf = (log: readonly Call[], tab: string, from: number) =>
  log.filter((call) => call.tab === tab && call.at >= from).map(({ at }) => at);

describe.skipIf(chromiumProgram === undefined)('in chromium', () => {
  let browser: Chromium;
  let tabs: ChromiumTab[] = [];
  beforeAll(async () => {
    browser = await startChromium(chromiumProgram as string);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    await Promise.all(tabs.map((tab) => tab.close().catch(() => {})));
    tabs = [];
  });

  const open = async (count: number) => {
    tabs = await openTabs(browser, `${site.pages}/`, count);
    await site.takeLog();
    return tabs;
  };
  const begin = (tab: Tab, name: string, options: Pick<CallsOptions, 'store' | 'count' | 'startAt'>) => {
    const done = tab.call('calls', { ...options, tab: name, url: site.calls, limit, margin });
    // A tab that is closed or killed never answers.
    done.catch(() => {});
    return done;
  };

  describe.each(stores)('on %s', (store) => {
    it('a reload while calls wait loses at most one slot and grants none twice', async () => {
      const [reloaded, other] = (await open(2)) as [ChromiumTab, ChromiumTab];
      const takes = { store, key: `reload ${store}`, emissionInterval: 1_000 };
      const before = await reloaded.call('takes', { ...takes, count: 100, startAt: 0 });
      const rest = other.call('takes', { ...takes, count: 300, startAt: 0 });
      const lost = reloaded.call('takes', { ...takes, count: 10_000, startAt: 0 });
      lost.catch(() => {});
      await sleep(100);
      await reloaded.reload();
      const after = await reloaded.call('takes', { ...takes, count: 100, startAt: 0 });
      const { conflicts } = faultsIn([...before.slots, ...(await rest).slots, ...after.slots], 500, 1_000);
      expect(conflicts).toBe(0);
      expect(Math.min(...after.slots)).toBeGreaterThan(Math.max(...before.slots));
    });

    it('a reload keeps what was used', async () => {
      const [tab] = (await open(1)) as [ChromiumTab];
      const reserve = { store, key: `full ${store}`, count: 20 };
      const before = await tab.call('reserve', reserve);
      await tab.reload();
      const after = await tab.call('reserve', { ...reserve, count: 1 });
      const gap = (after.slots[0] as number) - (before.slots.at(-1) as number);
      // The page's clocks show whole and tenths of a millisecond.
      expect(gap).toBeGreaterThan(995);
      expect(gap).toBeLessThan(1_005);
    });

    // Over all tries: a busy machine lets slots pass, but grants none twice.
    let conflicts = 0;
    it('a tab that is closed with 500 waiting calls costs the others at most one slot', { retry: 2 }, async () => {
      const [closed, ...others] = (await open(3)) as [ChromiumTab, ...ChromiumTab[]];
      const startAt = Date.now() + lead;
      begin(closed, 'closed', { store, count: 500, startAt });
      const served = others.map((tab, index) => begin(tab, `${index}`, { store, count: 40, startAt }));
      await sleep(lead + 1_000);
      await closed.close();
      await Promise.all(served);
      const log = await site.takeLog();
      const closedAt = Math.max(...instantsOf(log, 'closed', 0));
      const slots = log.filter(({ at }) => at >= closedAt).map(({ slot }) => slot);
      const faults = faultsIn(slots, slots.length, emissionInterval);
      conflicts += faults.conflicts;
      expect(conflicts).toBe(0);
      expect(faults.skipped).toBeLessThanOrEqual(1);
      expect(slots.length).toBeGreaterThan(30);
    });

    it('a tab that is frozen while it holds the store releases it', async () => {
      const [frozen, other] = (await open(2)) as [ChromiumTab, ChromiumTab];
      const takes = { store, key: `frozen ${store}`, emissionInterval: 1_000, startAt: 0 };
      // Both are at it all the time, so that one waits for the other whenever that stops.
      frozen.call('takes', { ...takes, count: 100_000 }).catch(() => {});
      const others = other.call('takes', { ...takes, count: 1_000 });
      await sleep(200);
      await frozen.freeze();
      const { slots, slowest } = await others;
      expect(new Set(slots).size).toBe(1_000);
      // A lock that is granted in the very moment of freezing cannot be let go: it is taken away.
      expect(slowest).toBeLessThan(250);
      await frozen.resume();
    });

    it('closed, killed and frozen tabs do not block others', async () => {
      const [closed, killed, frozen, ...others] = (await open(5)) as [ChromiumTab, ChromiumTab, ChromiumTab];
      const victim = await processOf(browser, killed);
      const startAt = Date.now() + lead;
      const options = { store, count: 60, startAt };
      begin(closed, 'closed', options);
      begin(killed, 'killed', options);
      const thawed = begin(frozen, 'frozen', options);
      const served = others.map((tab, index) => begin(tab, `${index}`, options));
      await sleep(lead + 1_000);
      await closed.close();
      process.kill(victim, 'SIGKILL');
      await frozen.freeze();
      const stopped = Date.now();
      const reports = await Promise.all(served);
      const resumed = Date.now();
      await frozen.resume();
      expect(reports.map(({ answered }) => answered)).toEqual([60, 60]);
      expect(await thawed).toMatchObject({ answered: 60 });
      const log = await site.takeLog();
      for (const tab of ['0', '1']) {
        // From a little before on, so that the time of the fault itself counts.
        const gap = longestBetween(instantsOf(log, tab, stopped - 300));
        expect(gap).toBeLessThan(5 * emissionInterval + 250);
      }
      expect(instantsOf(log, 'killed', stopped + 100)).toEqual([]);
      expect(instantsOf(log, 'frozen', stopped + 100).filter((at) => at < resumed)).toEqual([]);
    });
  });
});

// The drivers of these can freeze no page.
describe.each(engines.filter(({ name, found }) => found && name !== 'chromium'))('in $name', ({ name, start }) => {
  // WebKit's browser ends as a whole when the process of a page does while it is driven.
  const kills = name === 'firefox';

  let browser: Browser;
  beforeAll(async () => {
    browser = await start();
  });
  afterAll(() => browser?.close());

  it.each(stores)(`tabs that are closed${kills ? ' and killed' : ''} hold nobody up, on %s`, async (store) => {
    const tabs = await openTabs(browser, `${site.pages}/`, 4);
    const [closed, killed, ...others] = tabs as [Tab, Tab, Tab, Tab];
    const victim = kills ? await processOf(browser, killed) : undefined;
    await site.takeLog();
    const options = { store, count: 40, startAt: Date.now() + lead, url: site.calls, limit, margin };
    // These are not awaited: a driver that asks a tab without a process may wait for ever.
    await closed.call('beginCalls', { ...options, tab: 'closed' });
    await killed.call('beginCalls', { ...options, tab: 'killed' });
    const served = others.map((tab, index) => tab.call('calls', { ...options, tab: `${index}` }));
    await sleep(lead + 500);
    const stopped = Date.now();
    if (victim === undefined) await killed.close();
    else process.kill(victim, 'SIGKILL');
    await closed.close();
    const reports = await Promise.all(served);
    await closeTabs(others);
    expect(reports.map(({ answered }) => answered)).toEqual([40, 40]);
    const log = await site.takeLog();
    for (const tab of ['closed', 'killed']) expect(instantsOf(log, tab, 0).length, tab).toBeGreaterThan(2);
    for (const tab of ['0', '1']) {
      const gap = longestBetween(instantsOf(log, tab, stopped - 300));
      expect(gap).toBeLessThan(4 * emissionInterval + 250);
    }
    if (kills) expect(instantsOf(log, 'killed', stopped + 100)).toEqual([]);
  });
});
