import {
  type BucketStore,
  type KeyValueStorage,
  keyValueStore,
  type Limit,
  type Receipt,
  type TakeAnswer,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/core/limits/plan.ts';
import { onMap, type Values } from './storages.ts';

const minute = 60_000;
const hour = 60 * minute;
const limit: Limit = { rate: 1, interval: hour, burst: 3 };
const plan = planOf(limit, 0);
const rest = 3 * hour;

function make(parts: (values: Values) => Partial<KeyValueStorage> = () => ({})) {
  const clock = new ManualClock();
  const values: Values = new Map();
  const announced: string[] = [];
  const storage: KeyValueStorage = {
    ...onMap(values),
    announce: (key) => void announced.push(key),
    ...parts(values),
  };
  const open = (): BucketStore => keyValueStore(storage, { clock });
  return { clock, values, storage, announced, open };
}

const go = (store: BucketStore, key: string, calls: number, of = plan): number => {
  const answer = store.take(key, { plan: of, costs: Array.from({ length: calls }, () => 1), ahead: 0 });
  return (answer as TakeAnswer).granted.length;
};

describe('a store', () => {
  it('hears of others if its storage can watch them, or if there are none', () => {
    const hears = (parts: object, shared: boolean) =>
      keyValueStore({ ...onMap(new Map()), ...parts }, { shared }).hears;
    expect([hears({}, true), hears({ watch: () => () => {} }, true)]).toEqual([false, true]);
    expect([hears({}, false), hears({ watch: () => () => {} }, false)]).toEqual([true, true]);
  });

  it('hands its storage each clock that it takes itself, and no other', () => {
    const taken: unknown[] = [];
    const storage = { ...onMap(new Map()), useClock: (clock: unknown) => void taken.push(clock) };
    const clocks = [new ManualClock(), new ManualClock()] as const;
    keyValueStore(storage, { clock: clocks[0] }).useClock?.(clocks[1]);
    expect(taken).toEqual([clocks[0]]);
    const store = keyValueStore(storage);
    expect(taken).toEqual([clocks[0]]);
    store.useClock?.(clocks[1]);
    store.useClock?.(clocks[0]);
    expect(taken).toEqual(clocks);
  });
});

describe('a step', () => {
  it('that is repeated on another value announces only what that changed', () => {
    const { values, announced, open } = make((values) => ({
      update: (key, change) => {
        change(undefined);
        values.set(key, change(values.get(key)));
      },
    }));
    open().pause('key', 2 * hour, plan);
    expect(announced).toEqual(['key']);
    const kept = values.get('key');
    open().pause('key', hour, plan);
    expect(values.get('key')).toBe(kept);
    expect(announced).toEqual(['key']);
  });

  it('that only looks tells its process what there is', () => {
    const { values, open } = make();
    const mine = open();
    go(open(), 'key', 2);
    mine.peek('key', plan);
    values.clear();
    expect(go(mine, 'key', 9)).toBe(1);
  });

  it('that has no bucket to work on leaves a foreign value as it is', () => {
    const { values, open } = make();
    const store = open();
    const { granted } = store.take('other', { plan, costs: [1], ahead: 0 }) as TakeAnswer;
    values.set('key', 'foreign');
    store.reset('key');
    store.giveBack('key', granted[0] as Receipt);
    expect(values.get('key')).toBe('foreign');
  });

  it('that gives a slot back makes no bucket that was lost before this process saw it', () => {
    const { values, open } = make();
    const answer = open().take('key', { plan, costs: [3, 1], ahead: Infinity }) as TakeAnswer;
    values.clear();
    open().giveBack('key', answer.reserved as Receipt);
    open().giveBack('key', answer.granted[0] as Receipt);
    expect(values.get('key')).toBe(undefined);
  });

  it('that corrects a call reads the bucket under the margin of the call', () => {
    const { open } = make();
    const store = open();
    const wide = planOf({ rate: 1, interval: 1000 }, 50);
    const look = () => store.peek('key', wide);
    const { granted } = store.take('key', { plan: wide, costs: [1], ahead: 0 }) as TakeAnswer;
    const before = look();
    const { reserved } = store.take('key', { plan: wide, costs: [1], ahead: Infinity }) as TakeAnswer;
    expect(look()).not.toEqual(before);
    store.giveBack('key', reserved as Receipt);
    expect(look()).toEqual(before);
    store.settle('key', granted[0] as Receipt, 3);
    expect(look()).toMatchObject({ wait: 3 * 1050 });
  });

  it('that slows calls down counts from when the refused call was sent, and from the end of its pause', async () => {
    const [late, onTime] = [make((values) => slow(values, 40)), make((values) => slow(values, 0))];
    function slow(values: Values, ms: number): Partial<KeyValueStorage> {
      return {
        update: async (key, change) => {
          await new Promise<void>((resolve) => void late.clock.setTimeout(resolve, ms));
          values.set(key, change(values.get(key)));
        },
      };
    }
    const [first, second] = [keyValueStore(late.storage, late), keyValueStore(onTime.storage, late)];
    for (const store of [first, second]) store.take('key', { plan, costs: [1], ahead: 0 });
    await late.clock.advance(1000);
    const told = first.pause('key', 300, plan, 100);
    await late.clock.advance(40);
    second.pause('key', 260, plan, 140);
    await late.clock.advance(0);
    await told;
    const paceIn = ({ values }: typeof late) => (values.get('key') as { pace: object }).pace;
    expect(paceIn(late)).toMatchObject({ most: expect.any(Number) });
    expect(paceIn(late)).toEqual(paceIn(onTime));
    const before = paceIn(late);
    await late.clock.advance(460);
    // Sent 10 ms before the end of that pause: the rate stays, and the pause becomes longer.
    const again = first.pause('key', 300, plan, 210);
    await late.clock.advance(40);
    second.pause('key', 260, plan, 250);
    await late.clock.advance(0);
    await again;
    const from = late.clock.now();
    const after = { ...before, from, since: from + 260, tat: from + 260 };
    expect([paceIn(late), paceIn(onTime)]).toEqual([after, after]);
    const gateIn = ({ values }: typeof late) => (values.get('key') as { gate: number }).gate;
    expect(gateIn(late)).toBe(gateIn(onTime));
  });
});

describe('limits that this process changed a while ago', () => {
  const after = planOf({ rate: 10, interval: hour, burst: 3 }, 0);

  /** Uses the key up, and looks 20 minutes later. The limits changed at 10 minutes. */
  async function lookAfter(amid: (store: BucketStore, minutes: number) => void, since?: number) {
    const { clock, open } = make();
    const [mine, theirs] = [open(), open()];
    go(theirs, 'key', 3);
    mine.peek('key', plan);
    for (const minutes of [10, 15]) {
      await clock.advance(minutes * minute - clock.monotonic());
      amid(theirs, minutes);
    }
    await clock.advance(5 * minute);
    return mine.peek('key', since === undefined ? after : { ...after, since });
  }

  it('hold since then', async () => {
    const whole = ({ limits, wait }: Awaited<ReturnType<typeof lookAfter>>) => ({ limits, wait });
    const told = whole(await lookAfter(() => {}, 10 * minute));
    const reference = make();
    const store = reference.open();
    go(store, 'key', 3);
    await reference.clock.advance(10 * minute);
    store.override('key', after.limits, plan);
    await reference.clock.advance(10 * minute);
    expect(told).toEqual(whole(await store.peek('key', after)));
    expect(told).not.toEqual(whole(await lookAfter(() => {})));
  });

  it('hold since others last used the key under the limits before, if that was later', async () => {
    const use = (store: BucketStore, minutes: number) => {
      if (minutes === 15) store.pause('key', 1, plan);
    };
    const told = await lookAfter(use, 10 * minute);
    expect(told.limits).toEqual((await lookAfter(use, 15 * minute)).limits);
    expect(told.limits).not.toEqual((await lookAfter(() => {}, 10 * minute)).limits);
  });
});

describe('a bucket at rest', () => {
  const quick = planOf({ rate: 1, interval: 1000, burst: 5 }, 0);

  it('is looked at by the next operations on other keys, two by each', async () => {
    const { clock, values, open } = make((values) => ({ delete: (key) => void values.delete(key) }));
    const store = open();
    for (let key = 0; key < 9; key++) go(store, `key ${key}`, 1, quick);
    await clock.advance(3 * minute);
    for (let call = 0; call < 5; call++) go(store, 'other', 1, quick);
    await clock.advance(0);
    expect([...values.keys()]).toEqual(['other']);
  });

  it.each([
    [-1, true],
    [0, false],
  ])('that another process used last is kept, %d ms after a minute at rest: %s', async (ms, isKept) => {
    const { clock, values, open } = make((values) => ({ delete: (key) => void values.delete(key) }));
    const mine = open();
    go(mine, 'key', 1, quick);
    await clock.advance(1000);
    go(open(), 'key', 1, quick);
    const { rests } = values.get('key') as { rests: number };
    await clock.advance(rests + minute - clock.now() + ms);
    for (let call = 0; call < 3; call++) go(mine, 'other', 1, quick);
    await clock.advance(0);
    expect(values.has('key')).toBe(isKept);
  });

  it('is kept until then by those whose wall clock was set back before it was used', async () => {
    const { clock, values, open } = make((values) => ({ delete: (key) => void values.delete(key) }));
    const [mine, theirs] = [open(), open()];
    for (const store of [mine, theirs]) store.peek('unused', quick);
    clock.jump(-hour);
    go(mine, 'key', 1, quick);
    go(theirs, 'key', 1, quick);
    await clock.advance(1000 + minute);
    for (let call = 0; call < 3; call++) go(mine, 'other', 1, quick);
    await clock.advance(0);
    expect(values.has('key')).toBe(true);
  });

  it('is deleted only where the storage ran the step, and no step of a storage throws', async () => {
    const deleted: string[] = [];
    const thrown: unknown[] = [];
    let isBroken = false;
    const { clock, values, open } = make((values) => ({
      delete: (key) => void deleted.push(key),
      update: (key, change) => {
        if (isBroken && key === 'key') return;
        try {
          values.set(key, change(values.get(key)));
        } catch (error) {
          thrown.push(error);
          throw error;
        }
      },
    }));
    const store = open();
    for (const key of ['key', 'foreign', 'gone']) go(store, key, 1, quick);
    values.set('foreign', 'foreign');
    values.delete('gone');
    await clock.advance(3 * minute);
    isBroken = true;
    for (let call = 0; call < 5; call++) go(store, 'other', 1, quick);
    await clock.advance(0);
    expect([deleted, thrown]).toEqual([[], []]);
  });
});

it('a wall clock that was set back is told to later processes by one that first reads the record then', async () => {
  const { clock, open } = make();
  const [writer, reader] = [open(), open()];
  reader.peek('unused', plan);
  go(writer, 'key', 3);
  await clock.advance(minute);
  clock.jump(-10 * minute);
  expect(go(reader, 'key', 1)).toBe(0);
  await clock.advance(rest / 100);
  expect(await open().peek('key', plan)).toMatchObject({ wait: hour - minute - rest / 100 });
});
