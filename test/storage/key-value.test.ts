import {
  createThrottle,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type StoreNews,
  slidingWindow,
  type TakeRequest,
  type ThrottleEvents,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { type Plan, planOf } from '../../src/core/limits/plan.ts';
import { asClones, onMap, type Values } from './storages.ts';

const hour = 3_600_000;
const limit: Limit = { rate: 1, interval: hour, burst: 3 };
const plan: Plan = planOf(limit, 0);
const call: TakeRequest = { plan, costs: [1], ahead: 0 };

describe('keyValueStore', () => {
  it.each<[string, unknown, unknown, string]>([
    ['no storage', undefined, undefined, 'Expected `storage` to be an object with update, got `undefined`.'],
    ['no update', { name: 'x' }, undefined, 'Expected `storage.update` to be a function, got `undefined`.'],
    ['no name', { update() {} }, undefined, 'Expected `storage.name` to be a string, got `undefined`.'],
    [
      'a delete',
      { name: 'x', update() {}, delete: 5 },
      undefined,
      'Expected `storage.delete` to be a function, got `5`.',
    ],
    ['options', { name: 'x', update() {} }, 5, 'Expected `options` to be an object, got `5`.'],
    ['shared', { name: 'x', update() {} }, { shared: 1 }, 'Expected `shared` to be true or false, got `1`.'],
    [
      'a clock',
      { name: 'x', update() {} },
      { clock: { now: () => 0 } },
      'Expected `clock.monotonic` to be a function, got `undefined`.',
    ],
  ])('refuses %s of the wrong type', (_, storage, options, message) => {
    const make = () => keyValueStore(storage as KeyValueStorage, options as undefined);
    expect(make).toThrow(new TypeError(message));
  });

  it('has the name of its storage and is shared by default', () => {
    expect(keyValueStore(onMap(new Map()))).toMatchObject({ name: 'map', shared: true });
    expect(keyValueStore(onMap(new Map()), { shared: false })).toMatchObject({ shared: false });
  });

  it('uses the given clock, else that of the first throttle, else that of the machine', async () => {
    const given = new ManualClock({ now: 1_000 });
    const later = new ManualClock({ now: 2_000 });
    const withOwn = keyValueStore(onMap(new Map()), { clock: given });
    withOwn.useClock?.(later);
    expect(withOwn.take('key', call)).toMatchObject({ now: 1_000 });
    const withFirst = keyValueStore(onMap(new Map()));
    withFirst.useClock?.(later);
    withFirst.useClock?.(given);
    expect(withFirst.take('key', call)).toMatchObject({ now: 2_000 });
    const before = Date.now();
    const { now } = await keyValueStore(onMap(new Map())).take('key', call);
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('answers on the spot if the storage does', () => {
    const { store } = make();
    expect(store.take('key', call)).toMatchObject({ granted: [{ cost: 1 }] });
    expect(store.pause('key', 5, plan)).toBe(undefined);
  });

  it('shares its buckets between throttles, and between restarts', async () => {
    const clock = new ManualClock();
    const values: Values = new Map();
    const throttleOn = () => createThrottle({ limits: limit, clock, store: keyValueStore(asClones(values)) });
    const allowed: boolean[] = [];
    for (const throttle of [throttleOn(), throttleOn(), throttleOn(), throttleOn()]) {
      allowed.push((await throttle.allow('key')).allowed);
      await throttle.close();
    }
    expect(allowed).toEqual([true, true, true, false]);
  });

  describe('what it writes', () => {
    it('is plain data, whatever else the limits carry', () => {
      const { store, values } = make();
      const limits = [
        { ...limit, name: 'calls', note: () => {} },
        { ...slidingWindow({ limit: 5, interval: hour, margin: 'auto' }), note: () => {} },
      ];
      store.override('key', limits, plan);
      store.take('key', { plan: planOf(limits, 0), costs: [1, { calls: 0.5 }], ahead: 0 });
      const value = values.get('key');
      expect(structuredClone(value)).toEqual(value);
      expect(JSON.parse(JSON.stringify(value))).toEqual(value);
      expect(value).toMatchObject({ own: [{ rate: 1, interval: hour, burst: 3, name: 'calls' }, { margin: 'auto' }] });
    });

    it('does not change when the limits of the caller do', () => {
      const { store, values } = make();
      const mine = { rate: 1, interval: hour, burst: 3 };
      store.take('key', { ...call, plan: planOf(mine, 0) });
      mine.rate = 1000;
      expect(values.get('key')).toMatchObject({ limits: [{ rate: 1 }] });
    });

    it('counts its writes', () => {
      const { store, values } = make();
      for (const seq of [1, 2, 3]) {
        store.take('key', call);
        expect(values.get('key')).toMatchObject({ v: 3, seq });
      }
    });

    it('is the same object that it found, after everything that changes nothing', async () => {
      const { store, values, writes } = make();
      const { granted } = await store.take('key', { ...call, costs: [1, 1] });
      const { reserved } = await store.take('key', { ...call, costs: [2], ahead: Infinity });
      await store.take('key', { ...call, costs: [1], ahead: Infinity });
      await store.pause('key', 10, plan);
      const value = values.get('key');
      writes.length = 0;
      store.take('key', call);
      store.take('key', { ...call, costs: [9], ahead: Infinity });
      store.take('key', { ...call, costs: [] });
      store.peek('key', plan);
      store.peek('key', planOf({ rate: 9, interval: 1 }, 0));
      store.giveBack('key', reserved as NonNullable<typeof reserved>);
      store.settle('key', granted[0] as (typeof granted)[0], 1);
      store.pause('key', 5, plan);
      store.override('key', undefined, plan);
      expect(writes.map(({ next }) => next === value)).toEqual(Array.from({ length: 9 }, () => true));
    });

    it('is nothing when a key without a bucket is read, refused, reset or refunded', async () => {
      const { store, values } = make();
      const { granted } = await store.take('other', call);
      store.peek('key', plan);
      store.take('key', { ...call, costs: [9] });
      store.reset('key');
      store.giveBack('key', { ...(granted[0] as (typeof granted)[0]), before: [0] });
      expect(values.get('key')).toBe(undefined);
    });
  });

  describe('a step that is repeated or fails', () => {
    it('counts once, if its change is called again', () => {
      const { store, values } = make((storage) => ({
        name: 'again',
        update: (key, change) => {
          for (let time = 0; time < 5; time++) change(values.get(key));
          return storage.update(key, change);
        },
      }));
      expect(store.take('key', { ...call, costs: [1, 1, 1, 1] })).toMatchObject({ granted: { length: 3 } });
      store.pause('key', 10, plan);
      expect(values.get('key')).toMatchObject({ seq: 2 });
    });

    it('does not count, if the storage fails after its change', async () => {
      let full = true;
      const { store } = make((storage) => ({
        name: 'full',
        update: async (key, change) => {
          if (!full) return storage.update(key, change);
          change(undefined);
          throw new Error('quota exceeded');
        },
      }));
      await expect(store.take('key', { ...call, costs: [1, 1, 1] })).rejects.toThrow('quota exceeded');
      full = false;
      expect(await store.take('key', { ...call, costs: [1, 1, 1] })).toMatchObject({ granted: { length: 3 } });
    });

    it.each<[string, KeyValueStorage['update'], string]>([
      [
        'throws',
        () => {
          throw new Error('gone');
        },
        'gone',
      ],
      [
        'rejects',
        async () => {
          throw new Error('gone');
        },
        'gone',
      ],
      ['does nothing', () => {}, 'The storage broken did not call the change it was given.'],
      ['does nothing for a while', async () => {}, 'The storage broken did not call the change it was given.'],
    ])('is a StoreError of the throttle, or a local bucket, if update %s', async (_, update, message) => {
      const clock = new ManualClock();
      const open = () => keyValueStore({ name: 'broken', update });
      const strict = createThrottle({ limits: limit, clock, store: open(), onStoreError: 'reject' });
      await expect(strict.allow('key')).rejects.toMatchObject({
        name: 'StoreError',
        store: 'broken',
        cause: { message },
      });

      const events: ThrottleEvents['store-error'][] = [];
      const throttle = createThrottle({ limits: limit, clock, store: open() });
      throttle.on('store-error', (event) => events.push(event));
      const decisions = [];
      for (let calls = 0; calls < 4; calls++) decisions.push((await throttle.allow('key')).allowed);
      expect(decisions).toEqual([true, true, true, false]);
      expect(events).toMatchObject([{ key: 'key', error: { message }, fallback: true }]);
    });
  });

  it('counts what is left of a wait from when it answers', async () => {
    const clock = new ManualClock();
    const values: Values = new Map();
    const slow: KeyValueStorage = {
      name: 'slow',
      update: async (key, change) => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 100));
        onMap(values).update(key, change);
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 400));
      },
    };
    const store = keyValueStore(slow, { clock });
    const answered = async <T>(answer: T | Promise<T>) => {
      await clock.advance(500);
      return answer;
    };
    const first = await answered(store.take('key', { ...call, costs: [3, 1], ahead: Infinity, report: true }));
    expect(first).toMatchObject({ wait: hour - 400, limits: [{ resetAfter: 4 * hour - 400 }] });
    expect(first.reserved?.slot).toBe(first.now + hour);
    await answered(store.pause('key', 2 * hour, plan));
    // The pause was asked for at 500, this look is answered at 1500.
    expect(await answered(store.peek('key', plan))).toMatchObject({
      wait: 2 * hour - 1000,
      pausedFor: 2 * hour - 1000,
      limits: [{ resetAfter: 4 * hour - 1400 }],
    });
  });

  it('returns no negative wait, however late it answers, and reports how long ago a slot has passed', async () => {
    const clock = new ManualClock();
    const slow: KeyValueStorage = {
      name: 'slow',
      update: async (_, change) => {
        change(undefined);
        await clock.advance(500);
      },
    };
    const store = keyValueStore(slow, { clock });
    const short = planOf({ rate: 1, interval: 100 }, 0);
    expect(await store.take('key', { plan: short, costs: [1, 1], ahead: 0 })).toMatchObject({ wait: 0 });
    expect(await store.take('other', { plan: short, costs: [1, 1], ahead: Infinity })).toMatchObject({ wait: -400 });
  });

  describe('a value that is no bucket', () => {
    const sound = sample();
    const wrong: readonly (readonly [string, unknown])[] = [
      ['text', 'not json'],
      ['a number', 5],
      ['NaN', Number.NaN],
      ['true', true],
      ['a list', []],
      ['an empty object', {}],
      ['a foreign object', { count: 3, resetAt: 5 }],
      ['one of the version before', { ...sound, v: 2 }],
      ['one of a version to come', { ...sound, v: 4 }],
      ['one without a sequence', { ...sound, seq: undefined }],
      ['a huge sequence', { ...sound, seq: 1e300 }],
      ['a tat that is NaN', { ...sound, states: [Number.NaN] }],
      ['a tat that JSON made null', { ...sound, states: [null] }],
      ['a tat that is text', { ...sound, states: ['5'] }],
      ['a huge tat', { ...sound, states: [1e300] }],
      ['an infinite gate', { ...sound, gate: Infinity }],
      ['a huge gate', { ...sound, gate: 2 ** 50 }],
      ['a huge instant of writing', { ...sound, seen: 1e300 }],
      ['too many tats', { ...sound, states: [0, 0] }],
      ['no limits', { ...sound, limits: [], states: [] }],
      ['a limit that is none', { ...sound, limits: [{ rate: -1, interval: 5 }] }],
      [
        'limits of one name',
        {
          ...sound,
          limits: [
            { ...limit, name: 'a' },
            { ...limit, name: 'a' },
          ],
          states: [0, 0],
        },
      ],
      ['wrong limits of its own', { ...sound, own: [{ rate: 'many' }] }],
    ];

    it.each(wrong)('is ignored and reported: %s', (_, value) => {
      const { store, values } = make();
      const news: StoreNews[] = [];
      store.watch?.((item) => news.push(item));
      values.set('key', value);
      expect(store.take('key', { ...call, costs: [1, 1, 1, 1] })).toMatchObject({ granted: { length: 3 } });
      expect(news).toMatchObject([{ key: 'key', trouble: expect.any(Error) }]);
      expect(store.take('key', call)).toMatchObject({ granted: [] });
      expect(news).toHaveLength(1);
    });

    it('is reported by the store-error event of the throttle, which goes on', async () => {
      const values: Values = new Map([['key', 'foreign']]);
      const throttle = createThrottle({ limits: limit, clock: new ManualClock(), store: keyValueStore(onMap(values)) });
      const events: ThrottleEvents['store-error'][] = [];
      throttle.on('store-error', (event) => events.push(event));
      await throttle.wait('key');
      expect(events).toEqual([{ key: 'key', error: expect.any(Error), fallback: false }]);
      expect(String(events[0]?.error)).toBe(
        'Error: The value at key "key" is not a bucket of this version; it is ignored.',
      );
      await throttle.close();
      values.set('key', 'foreign again');
      await createThrottle({ limits: limit, clock: new ManualClock(), store: keyValueStore(onMap(values)) }).allow(
        'key',
      );
      expect(events).toHaveLength(1);
    });

    it('is reported with the beginning of a long key', () => {
      const { store, values } = make();
      const key = 'k'.repeat(100_000);
      values.set(key, 'foreign');
      store.watch?.(({ trouble }) => expect(String(trouble).length).toBeLessThan(250));
      store.take(key, call);
      expect.assertions(1);
    });

    it.each([[undefined], [null]])('is not reported if it is %s, which is not a value', (value) => {
      const { store, values } = make();
      const news: StoreNews[] = [];
      store.watch?.((item) => news.push(item));
      values.set('key', value);
      store.take('key', call);
      expect(news).toEqual([]);
    });

    it('keeps what this process knows was used', () => {
      const { store, values } = make();
      store.take('key', { ...call, costs: [1, 1] });
      for (const [, value] of wrong) {
        values.set('key', value);
        expect(store.peek('key', plan)).toMatchObject({ limits: [{ remaining: 1 }] });
      }
      expect(store.take('key', { ...call, costs: [1, 1] })).toMatchObject({ granted: { length: 1 } });
    });
  });
});

/** A store on a Map, with what it wrote. */
function make(wrap: (storage: KeyValueStorage) => KeyValueStorage = (storage) => storage) {
  const clock = new ManualClock();
  const values: Values = new Map();
  const writes: { key: string; next: unknown }[] = [];
  const storage: KeyValueStorage = {
    name: 'map',
    update: (key, change) => {
      const next = change(values.get(key));
      values.set(key, next);
      writes.push({ key, next });
    },
  };
  return { store: keyValueStore(wrap(storage), { clock }), clock, values, writes };
}

function sample(): Record<string, unknown> {
  const { store, values } = make();
  store.take('key', call);
  return values.get('key') as Record<string, unknown>;
}
