import { localStorageStore } from 'sluice/local-storage';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { numberOf } from '../../src/storage/envelope.ts';
import { openTabs, plan, useTabGlobals } from './tab-stores.ts';
import { useWebStorages } from './web-storages.ts';

/** Replaces a global by one that counts how often it is made. */
function countMade(name: 'BroadcastChannel'): () => number {
  let open = 0;
  vi.stubGlobal(
    name,
    class extends BroadcastChannel {
      constructor(channel: string) {
        super(channel);
        open++;
      }
      override close() {
        open--;
        super.close();
      }
    },
  );
  return () => open;
}

const call = { plan, costs: [1], ahead: 0 };

describe('the items of a page without Web Locks', () => {
  useWebStorages();

  it('are numbered from the wall clock on, whatever was deleted', () => {
    const now = 1_767_225_600_000.5;
    let ahead = 0;
    const clock = { now: () => now + ahead, monotonic: () => ahead, setTimeout() {}, clearTimeout() {} };
    const store = localStorageStore({ clock });
    const written = () => numberOf(localStorage.getItem('sluice:key')) - Math.floor(now);
    const numbers: number[] = [];
    for (const ms of [0, 50, 50]) {
      ahead += ms;
      store.take('key', call);
      numbers.push(written());
    }
    store.pause('key', 1, plan);
    store.pause('key', 2, plan);
    numbers.push(written());
    localStorage.clear();
    store.take('key', call);
    numbers.push(written());
    expect(numbers).toEqual([1, 51, 101, 103, 101]);
  });

  it('are written only when they change, and removed when they are forgotten', async () => {
    const clock = new ManualClock();
    const store = localStorageStore({ clock });
    store.take('key', call);
    const text = localStorage.getItem('sluice:key');
    store.take('key', call);
    store.peek('key', plan);
    expect(localStorage.getItem('sluice:key')).toBe(text);
    await clock.advance(120_000);
    for (let look = 0; look < 3; look++) store.peek('other', plan);
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it('are told to be unsafe to the first who listens, and to nobody who has stopped', () => {
    const store = localStorageStore({ clock: new ManualClock() });
    store.peek('key', plan);
    const gone = vi.fn();
    store.watch?.(gone)();
    store.peek('key', plan);
    const heard = vi.fn();
    onTestFinished(store.watch?.(heard) ?? (() => {}));
    for (const key of ['a', 'b']) store.peek(key, plan);
    expect(heard.mock.calls).toEqual([[{ key: 'a', trouble: expect.any(Error) }]]);
    expect(gone).not.toHaveBeenCalled();
  });

  it('are listened for on one channel until nobody does', () => {
    const open = countMade('BroadcastChannel');
    const stop = localStorageStore().watch?.(() => {});
    expect(open()).toBe(1);
    stop?.();
    expect(open()).toBe(0);
  });
});

describe('the items of a sessionStorage', () => {
  useWebStorages();

  it('need no lock and no channel, though the page has both', () => {
    const request = vi.fn();
    vi.stubGlobal('navigator', { locks: { request, query: request } });
    const open = countMade('BroadcastChannel');
    const announced = vi.spyOn(BroadcastChannel.prototype, 'postMessage');
    const store = localStorageStore({ storage: sessionStorage, clock: new ManualClock() });
    const stop = store.watch?.(() => expect.unreachable());
    expect(store.take('key', call)).toMatchObject({ granted: { length: 1 } });
    store.pause('key', 5, plan);
    expect([open(), announced.mock.calls.length, request.mock.calls.length]).toEqual([0, 0, 0]);
    stop?.();
    announced.mockRestore();
  });

  it('are not looked for where the browser blocks it', () => {
    const blocked = () => {
      throw new DOMException('Access is denied.', 'SecurityError');
    };
    const before = Object.getOwnPropertyDescriptor(globalThis, 'sessionStorage') as PropertyDescriptor;
    Object.defineProperty(globalThis, 'sessionStorage', { get: blocked, configurable: true });
    onTestFinished(() => void Object.defineProperty(globalThis, 'sessionStorage', before));
    expect(localStorageStore({ storage: localStorage })).toMatchObject({ name: 'local-storage', shared: true });
  });
});

describe('the items of tabs with Web Locks', () => {
  useTabGlobals();

  it('are numbered on from the latest write, though it was deleted', async () => {
    const { clock, callers } = openTabs(1);
    const [{ tab, take }] = callers as [(typeof callers)[0]];
    for (let call = 0; call < 30; call++) take();
    await clock.advance(5);
    const before = numberOf(tab.storage.getItem('sluice:key'));
    expect(before).toBeGreaterThan(clock.now());
    tab.storage.removeItem('sluice:key');
    take();
    await clock.advance(5);
    expect(numberOf(tab.storage.getItem('sluice:key'))).toBe(before + 1);
  });

  it('have locks of names that browsers accept, each its own, however long their keys', async () => {
    const { clock, browser, callers } = openTabs(1);
    const start = 'k'.repeat(960 - 'sluice:'.length);
    const long = 'k'.repeat(2000);
    const keys = [start, `${start}k`, `${long}a`, `${long}b`, `a${long}`];
    const taken = keys.flatMap((key) => callers.map(({ take }) => take(key)));
    const names = new Set<string>();
    for (let turn = 0; turn < 50; turn++) {
      await clock.advance(0.1);
      for (const name of browser.heldNames) names.add(name);
    }
    expect(taken.map(({ state }) => state)).toEqual(taken.map(() => 'fulfilled'));
    const locks = [...names].filter((name) => !name.startsWith('sluice written'));
    const ends = locks.map((name) => name.slice('sluice '.length + 960)).sort();
    // Other versions of this library in other tabs use the same names: the sum never changes.
    const sumOf = (item: string) =>
      [...item].reduce((sum, letter) => BigInt.asIntN(32, (sum ^ BigInt(letter.charCodeAt(0))) * 0x01000193n), 0n);
    expect(ends).toEqual(['', ...keys.slice(1).map((key) => ` ${sumOf(`sluice:${key}`)}`)].sort());
    expect(locks.every((name) => name.length < 1000)).toBe(true);
  });

  it('are left to others once the store is closed, which may be used again', async () => {
    const { clock, browser, callers } = openTabs(1);
    const [{ tab, store, take }] = callers as [(typeof callers)[0]];
    await store.close?.();
    const { timers } = clock;
    take();
    await clock.advance(20);
    // The check on the lock, and the fence.
    expect(clock.timers).toBe(timers + 2);
    await store.close?.();
    await store.close?.();
    expect(clock.timers).toBe(timers + 1);
    // Nobody follows the page now.
    const { request } = browser.asked;
    tab.page.dispatchEvent(new Event('freeze'));
    await clock.advance(20);
    expect(browser.asked.request).toBe(request);
    tab.page.dispatchEvent(new Event('resume'));
    const taken = take();
    await clock.advance(20);
    expect(taken.state).toBe('fulfilled');
    tab.page.dispatchEvent(new Event('freeze'));
    await clock.advance(20);
    expect(browser.heldNames).toContain('sluice-frozen');
    await store.close?.();
    await clock.advance(20);
    expect(browser.heldNames).not.toContain('sluice-frozen');
  });
});
