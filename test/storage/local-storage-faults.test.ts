import { createThrottle, type Receipt, type StoreNews, slidingWindow, type TakeAnswer } from 'sluice';
import { localStorageStore, type WebStorage } from 'sluice/local-storage';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { outcomeOf } from '../core/line/outcome.ts';
import { conflictsIn, even, openTabs, plan, storeIn, useTabGlobals } from './tab-stores.ts';

useTabGlobals();

const item = 'sluice:key';

/** Two tabs that know each other's writes, of which each has taken a slot. */
async function openTwo() {
  const opened = openTabs(2);
  const [mine, theirs] = opened.callers as [(typeof opened.callers)[0], (typeof opened.callers)[0]];
  mine.take();
  theirs.take();
  await opened.clock.advance(100);
  return { ...opened, mine, theirs };
}

describe('a record', () => {
  it('that was cleared is waited for once, for 250 ms, by tabs that did not write it', async () => {
    const { clock, slots, mine, theirs } = await openTwo();
    theirs.tab.storage.removeItem(item);
    await clock.advance(20);
    const start = clock.monotonic();
    const first = outcomeOf(Promise.resolve(mine.store.peek('key', plan)), clock);
    for (let ms = 0; ms < 300; ms++) await clock.advance(1);
    expect(first.state).toBe('fulfilled');
    expect((first.at as number) - start).toBeGreaterThan(249);
    expect((first.at as number) - start).toBeLessThan(260);
    // A look writes nothing, so what was lost is still lost.
    const again = clock.monotonic();
    const second = mine.take();
    for (let ms = 0; ms < 20; ms++) await clock.advance(1);
    expect((second.at as number) - again).toBeLessThan(10);
    expect(conflictsIn(slots)).toBe(0);
  });

  it('that was cleared by its writer’s own tab is not waited for there', async () => {
    const { clock, slots, theirs } = await openTwo();
    theirs.tab.storage.removeItem(item);
    const taken = theirs.take();
    await clock.advance(20);
    expect(taken.state).toBe('fulfilled');
    expect(conflictsIn(slots)).toBe(0);
  });

  it('that was rolled back counts what is known', async () => {
    const { clock, slots, mine, theirs } = await openTwo();
    const backup = theirs.tab.storage.getItem(item) as string;
    for (let call = 0; call < 20; call++) mine.take();
    theirs.take();
    await clock.advance(50);
    theirs.tab.storage.setItem(item, backup);
    await clock.advance(2_000);
    mine.take();
    theirs.take();
    await clock.advance(2_000);
    expect(slots.length).toBe(25);
    expect(conflictsIn(slots)).toBe(0);
  });

  it.each([
    ['foreign', 'hello'],
    ['foreign JSON', '{"v":1}'],
    ['empty', ''],
    ['of a number that no write has', 'sluice1 9999999999999999 {}'],
    ['no JSON', 'sluice1 0000000000000007 {"v":1,'],
    ['no bucket', 'sluice1 0000000000000007 {"v":1}'],
    ['damaged', undefined],
  ])('an item that is %s is ignored and reported', async (_, text) => {
    const { clock, slots, mine, theirs } = await openTwo();
    const news: StoreNews[] = [];
    mine.store.watch?.((one) => news.push(one));
    const damaged = theirs.tab.storage.getItem(item)?.replace('"states":[', '"states":[null,') as string;
    theirs.tab.storage.setItem(item, text ?? damaged);
    await clock.advance(1_000);
    const taken = mine.take();
    await clock.advance(1_000);
    expect(taken.state).toBe('fulfilled');
    expect(news.length).toBe(1);
    expect(news[0]).toMatchObject({ key: 'key', trouble: { message: expect.stringContaining('it is ignored') } });
    expect(conflictsIn(slots)).toBe(0);
    theirs.take();
    await clock.advance(1_000);
    expect(news.length).toBe(1);
    expect(conflictsIn(slots)).toBe(0);
  });
});

describe('a storage that is full', () => {
  it('still takes what is there already, the marks of a window included', async () => {
    const { clock, browser, callers } = openTabs(1);
    const [{ store, tab }] = callers as [(typeof callers)[0]];
    const window = planOf([slidingWindow({ limit: 1_000, interval: 1_000 })], 0);
    const take = async (costs: number[]): Promise<TakeAnswer> => {
      const answer = Promise.resolve(store.take('key', { plan: window, costs, ahead: 0 }));
      await clock.advance(7.77);
      return answer;
    };
    await take([1]);
    const { length } = tab.storage.getItem(item) as string;
    browser.room = length + item.length;
    const granted: Receipt[] = [];
    for (let call = 0; call < 99; call++) granted.push(...(await take([1])).granted);
    expect(granted.length).toBe(99);
    expect(tab.storage.getItem(item)?.length).toBe(length);
  });

  it('fails a new key with the reason, and a throttle goes on from memory', async () => {
    const { clock, browser, callers } = openTabs(1);
    const [{ store }] = callers as [(typeof callers)[0]];
    browser.room = 100;
    const throttle = createThrottle({ limits: even, store, clock });
    const errors: unknown[] = [];
    throttle.on('store-error', (event) => errors.push(event));
    const calls = [throttle.wait('key'), throttle.wait('key')];
    await clock.advance(100);
    await Promise.all(calls);
    expect(errors).toEqual([
      { key: 'key', error: expect.objectContaining({ name: 'QuotaExceededError' }), fallback: true },
    ]);
    await throttle.close();
  });
});

describe('a storage that is blocked or missing', () => {
  const blocked = () => {
    throw new DOMException('Access is denied.', 'SecurityError');
  };
  it.each<[string, () => WebStorage, object]>([
    ['blocked', blocked, { name: 'SecurityError' }],
    ['missing', () => undefined as never, { message: 'There is no localStorage here.' }],
    ['null', () => null as never, { message: 'There is no localStorage here.' }],
  ])('%s fails no construction, and leaves the throttle to its memory', async (_, storage, error) => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, store: localStorageStore({ storage }), clock });
    const errors: unknown[] = [];
    throttle.on('store-error', (event) => errors.push(event));
    expect(await throttle.allow()).toMatchObject({ allowed: true });
    expect(await throttle.allow()).toMatchObject({ allowed: false });
    expect(errors).toEqual([{ key: 'default', error: expect.objectContaining(error), fallback: true }]);
    await throttle.close();
  });

  it('is detected in Node, which has none', async () => {
    vi.unstubAllGlobals();
    const store = localStorageStore();
    expect(store).toMatchObject({ name: 'local-storage', shared: true });
    expect(() => store.take('key', { plan, costs: [1], ahead: 0 })).toThrow('There is no localStorage here.');
    expect(() => store.close?.()).not.toThrow();
  });
});

describe('a browser without Web Locks', () => {
  it.each([[undefined], [null], [{}], [{ request() {} }]])(
    'has best effort, and is told so once: %o',
    async (locks) => {
      const { clock, browser } = openTabs(0);
      const tab = browser.openTab();
      Object.assign(tab, { locks });
      const throttle = createThrottle({ limits: even, store: storeIn(tab), clock });
      const errors: { fallback: boolean; error: unknown }[] = [];
      throttle.on('store-error', (event) => errors.push(event));
      for (const key of ['a', 'a', 'b']) await throttle.allow(key);
      expect(errors).toEqual([
        {
          key: 'a',
          error: new Error('There are no Web Locks here: tabs may overwrite what others write to localStorage.'),
          fallback: false,
        },
      ]);
      expect(tab.storage.getItem('sluice:a')).toContain('"v":3');
      await throttle.close();
    },
  );
});
