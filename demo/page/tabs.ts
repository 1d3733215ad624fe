import type { TabEntries } from './journal.ts';
import type { Setup } from './setup.ts';

/** What tabs tell each other. */
export type Message =
  /** A tab has come. `hasSetup`: a link brought it a set-up; otherwise it takes that of the others. */
  | { readonly what: 'hello'; readonly tab: number; readonly hasSetup: boolean }
  | { readonly what: 'bye'; readonly tab: number }
  /** Which numbers are taken? Asked where tabs cannot see that otherwise. */
  | { readonly what: 'who' }
  | { readonly what: 'here'; readonly tab: number }
  | { readonly what: 'news'; readonly tab: number; readonly entries: TabEntries }
  /** All that the tab has written, instead of what it told before. */
  | { readonly what: 'all'; readonly tab: number; readonly entries: TabEntries }
  | { readonly what: 'setup'; readonly setup: Setup }
  | { readonly what: 'clear' };

export interface Channel {
  tell(message: Message): void;
  hear(listener: (message: Message) => void): void;
}

/** Opens the channel to the other tabs. */
export function openChannel(): Channel {
  const channel = new BroadcastChannel('sluice-playground');
  return {
    tell: (message) => channel.postMessage(message),
    hear: (listener) => channel.addEventListener('message', ({ data }) => listener(data as Message)),
  };
}

const lockOf = (number: number) => `sluice-playground-tab-${number}`;

/** Finds the lowest number, from 1, that no other tab has, and keeps it until this tab is closed. */
export async function tabNumber(channel: Channel): Promise<number> {
  const { locks } = navigator;
  if (locks === undefined) return numberByAsking(channel);
  for (let number = 1; number < 100; number++) if (await keep(locks, lockOf(number))) return number;
  return 100;
}

/** Pages that are not served safely have no locks. */
async function numberByAsking(channel: Channel): Promise<number> {
  const taken = new Set<number>();
  channel.hear((message) => {
    if (message.what === 'here') taken.add(message.tab);
  });
  channel.tell({ what: 'who' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  let number = 1;
  while (taken.has(number)) number++;
  return number;
}

/** Which of these tabs are gone: one that crashed says no goodbye. */
export async function tabsGone(numbers: readonly number[]): Promise<number[]> {
  const { locks } = navigator;
  if (locks === undefined) return [];
  const { held = [] } = await locks.query();
  const names = new Set(held.map(({ name }) => name));
  return numbers.filter((number) => !names.has(lockOf(number)));
}

function keep(locks: LockManager, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}
