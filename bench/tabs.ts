import { type Browser, openTabs, type Tab } from '../test/browser/browser.ts';
import { engines } from '../test/browser/engines.ts';
import type { BareStep } from '../test/browser/page/bare.ts';
import { startSite } from '../test/browser/site.ts';
import { median, sideBySide } from './side-by-side.ts';

// In real browsers: a round trip of each browser store against the least that such a step must do, in the same page.

const rounds = 15;
const steps = 100;
const stores = ['indexed-db', 'local-storage'] as const;
const bareSteps: Record<(typeof stores)[number], readonly BareStep[]> = {
  'indexed-db': ['the same transaction'],
  'local-storage': ['the same lock and fence', 'a lock and a fence that is waited for'],
};

/** Measures in all tabs at once. */
async function compare(tabs: readonly Tab[], store: (typeof stores)[number]): Promise<string> {
  const contenders: Record<string, BareStep | undefined> = { store: undefined };
  for (const step of bareSteps[store]) contenders[step] = step;
  const { store: own = [], ...bare } = await sideBySide(contenders, rounds, async (bareStep) => {
    const times = await Promise.all(tabs.map((tab) => tab.call('roundTrip', { store, bareStep, count: steps })));
    return times.reduce((sum, time) => sum + time, 0) / tabs.length;
  });
  const tabCount = tabs.length === 1 ? '1 tab' : `${tabs.length} tabs`;
  const ratios = Object.entries(bare).map(([step, times]) => {
    const ratio = median(own.map((ms, round) => ms / (times[round] ?? ms)));
    return `${ratio.toFixed(2)} x ${step} (${median(times).toFixed(2)} ms)`;
  });
  return `    ${store.padEnd(14)} ${tabCount.padEnd(6)}  ${median(own).toFixed(2)} ms   ${ratios.join(', ')}`;
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
