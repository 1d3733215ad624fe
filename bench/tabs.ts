import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, openTabs, type Tab } from '../test/browser/browser.ts';
import { engines } from '../test/browser/engines.ts';
import type { BareStep } from '../test/browser/page/bare.ts';
import { startSite } from '../test/browser/site.ts';
import { earlier } from './builds.ts';
import { median, sideBySide } from './side-by-side.ts';

// In real browsers: a round trip of each browser store against the least that such a step must do, in the same page.

const rounds = 15;
const steps = 100;
const stores = ['indexed-db', 'local-storage'] as const;
const bareSteps: Record<(typeof stores)[number], readonly BareStep[]> = {
  'indexed-db': ['the same transaction'],
  'local-storage': ['the same lock and fence', 'a lock and a fence that is waited for'],
};

/** Measures in all tabs at once. `builds` are the tabs with the pages of each build. */
async function compare(
  builds: Readonly<Record<string, readonly Tab[]>>,
  store: (typeof stores)[number],
): Promise<string> {
  const own = builds[''] ?? [];
  const contenders: Record<string, { readonly tabs: readonly Tab[]; readonly bareStep?: BareStep }> = {};
  for (const [label, tabs] of Object.entries(builds)) contenders[`store${label}`] = { tabs };
  for (const step of bareSteps[store]) contenders[step] = { tabs: own, bareStep: step };
  const { store: times = [], ...others } = await sideBySide(contenders, rounds, async ({ tabs, bareStep }) => {
    const times = await Promise.all(tabs.map((tab) => tab.call('roundTrip', { store, bareStep, count: steps })));
    return times.reduce((sum, time) => sum + time, 0) / tabs.length;
  });
  const tabCount = own.length === 1 ? '1 tab' : `${own.length} tabs`;
  const ratios = Object.entries(others).map(([other, theirs]) => {
    const ratio = median(times.map((ms, round) => ms / (theirs[round] ?? ms)));
    return `${ratio.toFixed(2)} x ${other} (${median(theirs).toFixed(2)} ms)`;
  });
  return `    ${store.padEnd(14)} ${tabCount.padEnd(6)}  ${median(times).toFixed(2)} ms   ${ratios.join(', ')}`;
}

type Sites = Readonly<Record<string, Awaited<ReturnType<typeof startSite>>>>;

/** Serves the pages of this version and, if there is one to compare with, of an earlier one. */
async function startSites(against: string | undefined): Promise<Sites> {
  if (against === undefined) return { '': await startSite() };
  const file = pathToFileURL(resolve(against, 'test/browser/site.ts')).href;
  const other = (await import(file)) as { startSite: typeof startSite };
  return { '': await startSite(), [earlier]: await other.startSite() };
}

async function measure(browser: Browser, sites: Sites): Promise<void> {
  const builds: Record<string, readonly Tab[]> = {};
  for (const [label, { pages }] of Object.entries(sites)) builds[label] = await openTabs(browser, `${pages}/`, 4);
  for (const store of stores) {
    for (const count of [1, 4]) {
      const some = Object.entries(builds).map(([label, tabs]) => [label, tabs.slice(0, count)]);
      console.log(await compare(Object.fromEntries(some), store));
    }
  }
}

export async function tabs(against?: string): Promise<void> {
  console.log(`tabs: ${rounds} rounds of ${steps} round trips a tab, side by side; medians`);
  const sites = await startSites(against);
  try {
    for (const { name, found, start } of engines) {
      console.log(`\n  ${name}${found ? '' : ': not found'}`);
      if (!found) continue;
      const browser = await start();
      try {
        await measure(browser, sites);
      } finally {
        await browser.close();
      }
    }
  } finally {
    for (const site of Object.values(sites)) await site.close();
  }
}
