import { type Browser, openTabs, type Tab } from '../test/browser/browser.ts';
import { engines } from '../test/browser/engines.ts';
import type { StoreName } from '../test/browser/page/stores.ts';
import { startSite } from '../test/browser/site.ts';
import { median, sideBySide } from './side-by-side.ts';

// In real browsers: a round trip of each browser store against the least that such a step must do, in the same page.

const rounds = 15;
const steps = 100;
const stores: readonly StoreName[] = ['indexed-db', 'local-storage'];
const least: Partial<Record<StoreName, string>> = {
  'indexed-db': 'the same transaction',
  'local-storage': 'the same lock and fence',
};

/** Measures in all tabs at once. */
async function compare(tabs: readonly Tab[], store: StoreName): Promise<string> {
  const contenders = { bare: true, store: false };
  const { bare = [], store: own = [] } = await sideBySide(contenders, rounds, async (isBare) => {
    const times = await Promise.all(tabs.map((tab) => tab.call('roundTrip', { store, isBare, count: steps })));
    return times.reduce((sum, time) => sum + time, 0) / tabs.length;
  });
  const ratio = median(own.map((ms, round) => ms / (bare[round] ?? ms)));
  const tabCount = tabs.length === 1 ? '1 tab' : `${tabs.length} tabs`;
  return `    ${store.padEnd(14)} ${tabCount}  ${median(own).toFixed(2)} ms   ${ratio.toFixed(2)} x ${least[store]} (${median(bare).toFixed(2)} ms)`;
}

async function measure(browser: Browser, url: string): Promise<void> {
  const tabs = await openTabs(browser, url, 4);
  for (const store of stores) {
    for (const count of [1, 4]) console.log(await compare(tabs.slice(0, count), store));
  }
}

export async function tabs(): Promise<void> {
  console.log(`tabs: ${rounds} rounds of ${steps} round trips a tab, side by side; medians`);
  const site = await startSite();
  try {
    for (const { name, found, start } of engines) {
      console.log(`\n  ${name}${found ? '' : ': not here'}`);
      if (!found) continue;
      const browser = await start();
      try {
        await measure(browser, `${site.pages}/`);
      } finally {
        await browser.close();
      }
    }
  } finally {
    await site.close();
  }
}
