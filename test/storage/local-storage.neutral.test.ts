import { createThrottle, type Limit, perSecond } from 'sluice';
import { localStorageStore } from 'sluice/local-storage';
import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { useWebStorages } from './web-storages.ts';

const even: Limit = { rate: 1, interval: 1000 };

useWebStorages();
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe('localStorageStore in a page', () => {
  it('keeps a bucket across reloads, under its prefix', async () => {
    const clock = new ManualClock();
    const open = () => createThrottle({ limits: { ...even, burst: 3 }, store: localStorageStore(), clock });
    const before = open();
    await before.allow('key');
    await before.allow('key');
    await before.close();
    expect(Object.keys(localStorage)).toEqual(['sluice:key']);
    const after = open();
    expect((await after.status('key')).limits).toMatchObject([{ remaining: 1 }]);
    await after.close();
  });

  it('shares buckets with stores of the same prefix only', async () => {
    const clock = new ManualClock();
    const open = (prefix?: string) =>
      createThrottle({ limits: even, store: localStorageStore(prefix === undefined ? {} : { prefix }), clock });
    expect(await open().allow()).toMatchObject({ allowed: true });
    expect(await open('sluice:').allow()).toMatchObject({ allowed: false });
    expect(await open('other:').allow()).toMatchObject({ allowed: true });
    expect(Object.keys(localStorage).sort()).toEqual(['other:default', 'sluice:default']);
  });

  it.each([
    ['as it is', () => sessionStorage],
    ['by a function', () => () => sessionStorage],
  ])('keeps a bucket to its tab in the sessionStorage, given %s, and warns of nothing', async (_, given) => {
    const store = localStorageStore({ storage: given() });
    expect(store).toMatchObject({ name: 'session-storage', shared: false });
    const throttle = createThrottle({ limits: perSecond(1), store });
    const errors: unknown[] = [];
    throttle.on('store-error', (event) => errors.push(event));
    await throttle.allow();
    expect(errors).toEqual([]);
    expect(Object.keys(sessionStorage)).toEqual(['sluice:default']);
    expect(localStorage.length).toBe(0);
    await throttle.close();
  });

  it('has its name and is shared', () => {
    expect(localStorageStore()).toMatchObject({ name: 'local-storage', shared: true });
    expect(localStorageStore({ storage: localStorage })).toMatchObject({ name: 'local-storage', shared: true });
  });

  it.each([
    [null, 'Expected `options` to be an object, got `null`.'],
    [{ prefix: 1 }, 'Expected `prefix` to be a string, got `1`.'],
    [{ storage: {} }, 'Expected `storage.getItem` to be a function, got `undefined`.'],
    [{ storage: null }, 'Expected `storage` to be an object with getItem, setItem, removeItem, got `null`.'],
    [{ clock: { now: Date.now } }, 'Expected `clock.monotonic` to be a function, got `undefined`.'],
  ])('refuses a wrong option: %o', (options, message) => {
    expect(() => localStorageStore(options as never)).toThrow(new TypeError(message));
  });
});
