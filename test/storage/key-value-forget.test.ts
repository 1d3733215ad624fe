import {
  type BucketStore,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type Receipt,
  slidingWindow,
  type TakeAnswer,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import type { Values } from './storages.ts';

const minute = 60_000;
const limits: Limit[] = [{ rate: 1, interval: 1000, burst: 5 }, slidingWindow({ limit: 20, interval: 10_000 })];
const plan = planOf(limits, 0);

describe('keyValueStore', () => {
  it('forgets a bucket in the storage when it has been at rest for a minute, as others are used', async () => {
    const { store, clock, values, deleted, use } = make();
    use('key', 5);
    await clock.advance(10_000 + minute - 1);
    use('other');
    use('other');
    expect(values.get('key')).toBeDefined();
    await clock.advance(1);
    use('other');
    use('other');
    await clock.advance(0);
    expect(values.has('key')).toBe(false);
    expect(deleted).toEqual(['key']);
    expect(store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 5 }, { remaining: 20 }] });
  });

  it('leaves no value where the storage keeps undefined as one, if it can delete', async () => {
    const withDelete = make();
    const without = make({ delete: undefined });
    for (const { clock, use } of [withDelete, without]) {
      use('key');
      await clock.advance(3 * minute);
      use('other');
      use('other');
      await clock.advance(0);
    }
    expect(withDelete.values.has('key')).toBe(false);
    expect(without.values.has('key')).toBe(true);
    expect(without.values.get('key')).toBe(undefined);
  });

  it('keeps a bucket that others use, has limits of its own, is paused or in debt', async () => {
    const { store, clock, values, use, open } = make();
    const other = open();
    for (const key of ['used', 'own', 'paused', 'in debt', 'at rest']) use(key);
    store.override('own', limits, plan);
    store.pause('paused', 4 * minute, plan);
    const { granted } = store.take('in debt', { plan, costs: [1], ahead: 0 }) as TakeAnswer;
    store.settle('in debt', granted[0] as Receipt, 300);
    await clock.advance(3 * minute);
    other.take('used', { plan, costs: [1], ahead: 0 });
    for (let call = 0; call < 9; call++) use('other');
    await clock.advance(0);
    expect([...values.keys()].sort()).toEqual(['in debt', 'other', 'own', 'paused', 'used']);
  });

  it('forgets a bucket that another process used last, which may be gone', async () => {
    const { clock, values, use, open } = make();
    use('key');
    await clock.advance(1000);
    open().take('key', { plan, costs: [1], ahead: 0 });
    await clock.advance(3 * minute);
    use('other');
    use('other');
    await clock.advance(0);
    expect(values.has('key')).toBe(false);
  });

  it('keeps a bucket that another process gave limits of its own', async () => {
    const { clock, values, use, open } = make();
    use('key');
    open().override('key', limits, plan);
    await clock.advance(3 * minute);
    use('other');
    use('other');
    await clock.advance(0);
    expect(values.get('key')).toMatchObject({ own: [{ rate: 1 }, { rate: 20 }] });
  });

  it('keeps a reset bucket as long as any other, for processes that knew it before', async () => {
    const { store, clock, values, use } = make();
    store.pause('key', 2 * minute, plan);
    store.reset('key');
    await clock.advance(3 * minute - 1);
    for (let call = 0; call < 5; call++) use('other');
    expect(values.get('key')).toBeDefined();
    await clock.advance(1);
    for (let call = 0; call < 5; call++) use('other');
    await clock.advance(0);
    expect(values.has('key')).toBe(false);
  });

  it('leaves a foreign value alone that came in place of a bucket', async () => {
    const { clock, values, use } = make();
    use('key');
    values.set('key', 'foreign');
    await clock.advance(3 * minute);
    use('other');
    use('other');
    await clock.advance(0);
    expect(values.get('key')).toBe('foreign');
  });

  it('accepts a storage that cannot forget', async () => {
    let broken = false;
    const { store, clock, use } = make({
      update: (values) => (key, change) => {
        if (broken && key === 'key') throw new Error('gone');
        values.set(key, change(values.get(key)));
      },
    });
    store.watch?.(() => expect.unreachable());
    use('key');
    await clock.advance(3 * minute);
    broken = true;
    expect(use('other')).toBe(1);
    expect(use('other')).toBe(1);
    await clock.advance(0);
  });

  it('keeps only the values in use, over a stream of keys that are each used once', async () => {
    const { clock, values, use } = make();
    let most = 0;
    for (let key = 0; key < 20_000; key++) {
      use(`key ${key}`);
      if (key % 20 === 0) await clock.advance(1000);
      most = Math.max(most, values.size);
    }
    // 20 a second, each kept for 10 seconds of its window, a minute of rest, and until the walk comes by.
    expect(most).toBeLessThan(20 * 2 * 70 + 20);
    expect(most).toBeGreaterThan(20 * 70);
  });

  it('counts a debt of a call whose bucket was forgotten meanwhile', async () => {
    const { store, clock, values, use } = make();
    const { granted } = await store.take('key', { plan, costs: [1], ahead: 0 });
    await clock.advance(3 * minute);
    for (let call = 0; call < 5; call++) use('other');
    await clock.advance(0);
    expect(values.has('key')).toBe(false);
    // One call leaks per second: 5 minutes' worth, of which 3 have gone by.
    store.settle('key', granted[0] as Receipt, 300);
    const { wait } = await store.take('key', { plan, costs: [1], ahead: 0 });
    expect(wait).toBe(300_000 - 180_000 + 1000 - 5000);
  });

  it('writes no value for a refund of a bucket that was forgotten meanwhile', async () => {
    const { store, clock, values, use } = make();
    const { granted } = await store.take('key', { plan, costs: [4], ahead: 0 });
    await clock.advance(3 * minute);
    for (let call = 0; call < 5; call++) use('other');
    await clock.advance(0);
    store.settle('key', granted[0] as Receipt, 1);
    expect(values.get('key')).toBe(undefined);
  });
});

interface Parts {
  readonly delete?: undefined;
  readonly update?: (values: Values) => KeyValueStorage['update'];
}

function make(parts: Parts = {}) {
  const clock = new ManualClock();
  const values: Values = new Map();
  const deleted: string[] = [];
  const storage: KeyValueStorage = {
    name: 'map',
    update: parts.update?.(values) ?? ((key, change) => void values.set(key, change(values.get(key)))),
    ...('delete' in parts
      ? undefined
      : {
          delete: (key) => {
            values.delete(key);
            deleted.push(key);
          },
        }),
  };
  const open = (): BucketStore => keyValueStore(storage, { clock });
  const store = open();
  const use = (key: string, calls = 1): number => {
    const answer = store.take(key, { plan, costs: Array.from({ length: calls }, () => 1), ahead: 0 });
    return (answer as TakeAnswer).granted.length;
  };
  return { store, open, clock, values, deleted, use };
}
