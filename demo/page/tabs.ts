import type { TabEntries } from './journal.ts';
import type { Setup } from './setup.ts';

/** What tabs tell each other. */
export type Message =
  /** A tab has come. `hasSetup`: a link brought it a set-up; otherwise it takes that of the others. */
  | { readonly what: 'hello'; readonly tab: number; readonly hasSetup: boolean }
  | { readonly what: 'bye'; readonly tab: number }
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

/** Finds the lowest number, from 1, that no other tab has, and keeps it until this tab is closed. */
export async function tabNumber(): Promise<number> {
  const { locks } = navigator;
  if (locks === undefined) return 1;
  for (let number = 1; number < 100; number++) if (await keep(locks, `sluice-playground-tab-${number}`)) return number;
  return 100;
}

function keep(locks: LockManager, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}
