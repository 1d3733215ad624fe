import { bucketStoreContract, ManualClock } from 'sluice/testing';
import { describe, it } from 'vitest';
import { Browser } from './browser-model.ts';
import { dice } from './storages.ts';
import { storeIn, useTabGlobals } from './tab-stores.ts';

useTabGlobals();

/** Each tab is in a process of its own; messages between them take no time, so that a case can wait for an answer. */
describe('localStorageStore with Web Locks', () => {
  const clock = new ManualClock();
  const browsers = new WeakMap<object, Browser>();
  const open = (browser: Browser) => {
    const store = storeIn(browser.openTab());
    browsers.set(store, browser);
    return store;
  };
  const contract = bucketStoreContract({
    create: () => open(new Browser(clock, dice(1), { message: 0, write: 0 })),
    sharer: (store) => open(browsers.get(store) as Browser),
    advance: (ms) => clock.advance(ms),
  });
  for (const { name, run } of contract) it(name, run);
});
