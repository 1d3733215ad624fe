import { type BucketStore, createThrottle, keyValueStore, type Limit, memoryStore, type TakeAnswer } from 'sluice';
import { bucketStoreContract, type Fault, faultyStore, ManualClock, type StoreOperation } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';

const limit: Limit = { rate: 1, interval: 1000, burst: 2 };
const plan = planOf(limit, 0);
const call = { plan, costs: [1], ahead: 0 };
const receipt = { slot: 0, cost: 1, plan, after: [1000] };

const operations: [StoreOperation, (store: BucketStore) => unknown][] = [
  ['take', (store) => store.take('key', call)],
  ['giveBack', (store) => store.giveBack('key', receipt)],
  ['settle', (store) => store.settle('key', receipt, 2)],
  ['postpone', (store) => store.postpone?.('key', receipt, 5)],
  ['pause', (store) => store.pause('key', 5, plan)],
  ['sync', (store) => store.sync('key', { remaining: 0, ms: 5, isNewest: true }, plan)],
  ['peek', (store) => store.peek('key', plan)],
  ['override', (store) => store.override('key', [limit], plan)],
  ['reset', (store) => store.reset('key')],
];

describe('faultyStore', () => {
  const clock = new ManualClock();
  const contract = bucketStoreContract({
    create: () => faultyStore(memoryStore({ clock }), () => undefined),
    advance: (ms) => clock.advance(ms),
  });
  it.each(contract)('without a fault behaves like the wrapped store: $name', ({ run }) => run());

  it.each(operations)('asks before %s, with its name and key', (operation, act) => {
    const asked: [StoreOperation, string][] = [];
    const store = faultyStore(memoryStore(), (...about) => void asked.push(about));
    act(store);
    expect(asked).toEqual([[operation, 'key']]);
  });

  it.each(operations)('lets %s throw, and nothing happens', (operation, act) => {
    const error = new Error('gone');
    const inner = memoryStore({ clock: new ManualClock() });
    inner.take('key', call);
    const before = inner.peek('key', plan);
    const store = faultyStore(inner, (asked) => (asked === operation ? { error } : undefined));
    expect(() => act(store)).toThrow(error);
    expect(inner.peek('key', plan)).toEqual(before);
  });

  it('throws any given value, undefined too', () => {
    const store = faultyStore(memoryStore(), () => ({ error: undefined }));
    let thrown: unknown = 'nothing';
    try {
      store.reset('key');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(undefined);
  });

  it.each(operations)('lets %s answer only after a promise, and only then happen', async (operation, act) => {
    const inner = memoryStore({ clock: new ManualClock() });
    const direct = memoryStore({ clock: new ManualClock() });
    let release = () => {};
    const after = new Promise<void>((resolve) => {
      release = resolve;
    });
    const store = faultyStore(inner, (asked) => (asked === operation ? { after } : undefined));
    inner.take('key', call);
    direct.take('key', call);
    const before = inner.peek('key', plan);
    const answer = act(store);
    await Promise.resolve();
    expect(inner.peek('key', plan)).toEqual(before);
    release();
    expect(await answer).toEqual(act(direct));
    expect(inner.peek('key', plan)).toEqual(direct.peek('key', plan));
  });

  it('rejects if the promise does', async () => {
    const error = new Error('gone');
    const inner = memoryStore();
    const store = faultyStore(inner, () => ({ after: Promise.reject(error) }));
    await expect(store.take('key', { ...call, costs: [2] })).rejects.toBe(error);
    expect(inner.peek('key', plan)).toMatchObject({ limits: [{ remaining: 2 }] });
  });

  it('has the faults that its function returns each time', () => {
    const faults: Fault[] = [{ error: 1 }, undefined, { error: 3 }];
    const store = faultyStore(memoryStore(), () => faults.shift());
    expect(() => store.take('key', call)).toThrow();
    expect((store.take('key', call) as TakeAnswer).granted).toHaveLength(1);
    expect(() => store.take('key', call)).toThrow();
  });

  it.each([true, false, undefined])('gets news as the wrapped store does: %s', (hears) => {
    const inner = hears === undefined ? memoryStore() : Object.assign(memoryStore(), { hears });
    expect(faultyStore(inner, () => undefined).hears).toBe(hears);
  });

  it('hands out no buckets, so that a throttle asks for every call', async () => {
    const asked: StoreOperation[] = [];
    const store = faultyStore(memoryStore(), (operation) => void asked.push(operation));
    expect(store.bucket).toBe(undefined);
    const throttle = createThrottle({ limits: limit, margin: 0, store, clock: new ManualClock() });
    await throttle.wait('key');
    await throttle.wait('key');
    expect(asked).toEqual(['take', 'take']);
  });

  it('has the name of the store it wraps, and passes on what has no faults', async () => {
    const inner = keyValueStore({ name: 'map', update: (_, change) => void change('foreign') }, { shared: false });
    const store = faultyStore(inner, () => undefined);
    expect(store).toMatchObject({ name: 'map', shared: false });
    const clock = new ManualClock({ now: 5000 });
    store.useClock?.(clock);
    const keys: string[] = [];
    const stop = store.watch?.(({ key }) => keys.push(key));
    expect(await store.take('key', call)).toMatchObject({ now: 5000 });
    stop?.();
    store.take('other', call);
    expect(keys).toEqual(['key']);
    expect(faultyStore(memoryStore(), () => undefined).close).toBe(undefined);
    let closed = false;
    const close = () => {
      closed = true;
    };
    faultyStore({ ...inner, close } as BucketStore, () => undefined).close?.();
    expect(closed).toBe(true);
  });
});
