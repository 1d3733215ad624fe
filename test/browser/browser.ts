import type { Lab } from './page/lab.ts';
import { descendantsOf, processorTime } from './processes.ts';

/** What a function of the lab takes and what it answers with. */
export type Question<Name extends keyof Lab> = Parameters<Lab[Name]>[0];
export type Reply<Name extends keyof Lab> = Awaited<ReturnType<Lab[Name]>>;

/** A tab that shows a page of the site. */
export interface Tab {
  /** Runs a function of the lab in the page. Both what it takes and what it answers with go by JSON. */
  call<Name extends keyof Lab>(name: Name, question: Question<Name>): Promise<Reply<Name>>;
  /** Loads the page again. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** A real browser. */
export interface Browser {
  readonly name: 'chromium' | 'firefox' | 'webkit';
  /** Opens one more tab, on its own, as a user would: `window.open` would put it into the process of another. */
  open(url: string): Promise<Tab>;
  /** The process that all others of the browser come from. */
  readonly processId: number;
  close(): Promise<void>;
}

/** Finds the process that shows a tab: the one that computes while the page does. */
export async function processOf(browser: Browser, tab: Tab): Promise<number> {
  const before = new Map(descendantsOf(browser.processId).map((id) => [id, processorTime(id)]));
  for (let turn = 0; turn < 50; turn++) {
    await tab.call('burn', 50);
    const spent = [...before].map(([id, time]): [number, number] => [id, processorTime(id) - time]);
    const [most, next] = spent.sort((a, b) => b[1] - a[1]);
    if (most !== undefined && most[1] >= 100 && most[1] > 2 * (next?.[1] ?? 0)) return most[0];
  }
  throw new Error('No process of the browser computes when the page does.');
}

/** The processes that show tabs, each once. */
export async function processesOf(browser: Browser, tabs: readonly Tab[]): Promise<Set<number>> {
  const found = new Set<number>();
  for (const tab of tabs) found.add(await processOf(browser, tab));
  return found;
}

/** Opens tabs one after the other. */
export async function openTabs<T extends Tab>(
  browser: { open(url: string): Promise<T> },
  url: string,
  count: number,
): Promise<T[]> {
  const tabs: T[] = [];
  for (let tab = 0; tab < count; tab++) tabs.push(await browser.open(url));
  return tabs;
}

export const closeTabs = (tabs: readonly Tab[]): Promise<unknown> => Promise.all(tabs.map((tab) => tab.close()));

/** Waits in real time. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, patience = 20_000): Promise<void> {
  for (const end = Date.now() + patience; !(await holds()); await sleep(25)) {
    if (Date.now() > end) throw new Error(`Waited ${patience} ms in vain: ${what}.`);
  }
}
