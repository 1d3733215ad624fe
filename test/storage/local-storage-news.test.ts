import type { BucketStore, StoreNews } from 'sluice';
import { localStorageStore, type WebStorage } from 'sluice/local-storage';
import { afterEach, describe, expect, it } from 'vitest';
import { plan } from './tab-stores.ts';

const opened: (() => void)[] = [];
afterEach(() => {
  for (const stop of opened.splice(0)) stop();
});

function heardBy(store: BucketStore): StoreNews[] {
  const heard: StoreNews[] = [];
  const stop = store.watch?.((news) => heard.push(news));
  if (stop !== undefined) opened.push(stop);
  return heard;
}

/** A storage of this process. */
function webStorage(): WebStorage {
  const texts = new Map<string, string>();
  return {
    getItem: (name) => texts.get(name) ?? null,
    setItem: (name, text) => void texts.set(name, text),
    removeItem: (name) => void texts.delete(name),
  };
}

const arrival = () => new Promise((resolve) => setTimeout(resolve, 50));

describe('localStorageStore', () => {
  it('tells stores of its prefix what was paused, reset and given other limits, and no others', async () => {
    const storage = webStorage();
    const [mine, theirs, other] = ['news:', 'news:', 'other:'].map((prefix) => localStorageStore({ prefix, storage }));
    // Each says once that there are no Web Locks here.
    for (const store of [mine, theirs, other]) heardBy(store as BucketStore);
    for (const store of [mine, theirs, other]) store?.peek('key', plan);
    const [heard, heardElsewhere] = [heardBy(theirs as BucketStore), heardBy(other as BucketStore)];
    mine?.take('taken', { plan, costs: [1], ahead: 0 });
    mine?.pause('paused', 1_000, plan);
    mine?.override('limited', [{ rate: 1, interval: 1 }], plan);
    mine?.reset('taken');
    await arrival();
    expect(heard.map(({ key }) => key)).toEqual(['paused', 'limited', 'taken']);
    expect(heardElsewhere).toEqual([]);
  });
});
