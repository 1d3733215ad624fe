import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTabs, sleep, type Tab, until } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

// A refusal that one tab hears stops the calls of all. The server tells when they came.

const callsPerTab = 130;
/** At least this many calls are in flight when one of them is refused: all that may go at once, and those that came meanwhile. */
const inFlight = 52;
const retryAfter = 2_000;
/** A browser has no more than six connections to a host: fewer than are needed here. */
const hosts = 12;

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

// WebKitGTK has 17 connections in all, so that calls would stand in a line of its own, and leave it during the pause.
describe.each(engines.filter(({ name, found }) => found && name !== 'webkit'))('in $name', ({ start }) => {
  it('a refusal in one tab stops the waiting calls of all tabs', async () => {
    const store = 'indexed-db' as const;
    const browser = await start();
    try {
      const tabs = await openTabs(browser, `${site.pages}/`, 2);
      await site.takeLog();
      const urls = Array.from({ length: hosts }, (_, host) => site.calls.replace('127.0.0.1', `h${host}.localhost`));
      const fetches = { store, urls, count: callsPerTab, refuse: inFlight };
      await Promise.all(tabs.map((tab, index) => tab.call('fetches', { ...fetches, tab: index === 0 ? 'a' : 'b' })));
      await until('a call is refused', async () => (await site.refusedAt()) !== null);
      const refusedAt = (await site.refusedAt()) as number;
      const waiting = await Promise.all(tabs.map((tab) => waitingIn(tab)));
      await sleep(refusedAt + retryAfter + 1_500 - Date.now());
      const log = await site.takeLog();
      const before = log.filter(({ at }) => at <= refusedAt);
      const after = log.filter(({ at }) => at > refusedAt);
      expect(before.length).toBeGreaterThanOrEqual(inFlight);
      expect(new Set(before.map(({ tab }) => tab)).size).toBe(2);
      for (const count of waiting) expect(count).toBeGreaterThan(50);
      expect(waiting.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(200);
      expect(Math.min(...after.map(({ at }) => at - refusedAt))).toBeGreaterThanOrEqual(retryAfter);
      // Then both go on.
      expect(new Set(after.map(({ tab }) => tab)).size).toBe(2);
    } finally {
      await browser.close();
    }
  });
});

const waitingIn = async (tab: Tab): Promise<number> => (await tab.call('status', undefined))?.waiting ?? 0;
