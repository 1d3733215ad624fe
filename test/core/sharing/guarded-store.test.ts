import { memoryStore, type Receipt, type StoreOperations } from 'sluice';
import { describe, expect, test } from 'vitest';
import { Events } from '../../../src/core/base/events.ts';
import type { Answer, TakeAnswer } from '../../../src/core/base/store.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { GuardedStore } from '../../../src/core/sharing/guarded-store.ts';
import { wholeStore } from '../../../src/testing/whole-store.ts';
import { outcomeOf } from '../line/outcome.ts';
import { FreezingClock } from './shared-line.ts';
import { operations } from './slow-store.ts';

const T = 1_000;
const plan = planOf({ rate: 1, interval: T, burst: 4 }, 0);
/** How long a store that failed is not asked. */
const rest = 1_000;

/**
 * A guarded store on a store that can be taken down. `asked` is what that store was asked.
 * @param own replaces operations of the store; undefined removes one
 */
function guarded(own: { readonly [Name in keyof StoreOperations]?: unknown } = {}) {
  const clock = new FreezingClock();
  const inner = memoryStore({ clock });
  const local = memoryStore({ clock });
  const whole = { ...wholeStore(inner), ...own } as unknown as Record<string, (...args: unknown[]) => unknown>;
  const state = { isDown: false };
  const asked: unknown[][] = [];
  const wrapped: Record<string, unknown> = { ...whole, name: 'fragile', shared: true };
  for (const operation of operations) {
    if (whole[operation] === undefined) continue;
    wrapped[operation] = (...args: unknown[]) => {
      asked.push([operation, ...args]);
      if (state.isDown) throw new Error('down');
      return whole[operation]?.(...args);
    };
  }
  const events = new Events();
  const failures: unknown[] = [];
  events.on('store-error', ({ error }) => failures.push((error as Error).message));
  const store = new GuardedStore(wrapped as unknown as StoreOperations, local, 'memory', clock, events);
  const take = (costs: number[], ahead = 0, instead?: Receipt) =>
    store.take('key', { plan, costs, ahead, instead }) as TakeAnswer;
  /** What each bucket says of the key now. */
  const peek = () => ({ inner: inner.peek('key', plan), local: local.peek('key', plan) });
  return { clock, inner, local, state, asked, failures, store, take, peek };
}

describe('a correction', () => {
  test('of a call that the local bucket granted stays there, also when the store is back', async () => {
    const { clock, state, asked, store, take, peek } = guarded();
    state.isDown = true;
    const { granted, reserved } = take([4, 1], Infinity);
    await clock.advance(rest);
    state.isDown = false;
    asked.length = 0;
    await store.giveBack('key', reserved as Receipt);
    await store.settle('key', granted[0] as Receipt, 3);
    expect(asked).toEqual([]);
    // Of 4 calls 3 count, and one has leaked.
    expect((await peek().local).limits).toEqual([{ remaining: 2, resetAfter: 2 * T }]);
    await store.postpone('key', granted[0] as Receipt, 500);
    expect(asked).toEqual([]);
    expect((await peek().local).limits).toEqual([{ remaining: 1, resetAfter: 2.5 * T }]);
  });

  test('of a call that the store granted is lost while the store is away', async () => {
    const { state, store, take, peek } = guarded();
    const [receipt] = take([4]).granted as [Receipt];
    state.isDown = true;
    await store.settle('key', receipt, 0);
    await store.giveBack('key', { ...receipt, before: [0] });
    await store.postpone('key', receipt, 500);
    const used = { limits: [{ remaining: 0, resetAfter: 4 * T }] };
    expect(await peek()).toMatchObject({ inner: used, local: used });
  });

  test('to a later time is left out where the store has no such operation', async () => {
    const { failures, store, take } = guarded({ postpone: undefined });
    await store.postpone('key', take([1]).granted[0] as Receipt, 100);
    expect(failures).toEqual([]);
  });
});

test('the local bucket counts what others had taken before a call of this process', async () => {
  const { inner, state, take, peek } = guarded();
  await inner.take('key', { plan, costs: [1, 1, 1], ahead: 0 });
  take([1, 1], Infinity);
  state.isDown = true;
  const used = { limits: [{ remaining: 0, resetAfter: 5 * T }] };
  expect(await peek()).toMatchObject({ inner: used, local: used });
});

test('a reservation of one bucket is not shown to the other', async () => {
  const { clock, state, asked, store, take } = guarded();
  const ofStore = take([4, 1], Infinity).reserved as Receipt;
  await store.peek('key', plan, ofStore);
  expect(asked.at(-1)).toEqual(['peek', 'key', plan, ofStore]);
  state.isDown = true;
  const { reserved } = take([1], Infinity, ofStore);
  expect(reserved).toMatchObject({ standIn: true });
  // The local bucket knows the reservation as a call that went.
  expect((await store.peek('key', plan, ofStore)).wait).toBe(3 * T);
  expect((await store.peek('key', plan, reserved)).wait).toBe(2 * T);
  await clock.advance(rest);
  state.isDown = false;
  await store.peek('key', plan, reserved);
  expect(asked.at(-1)).toEqual(['peek', 'key', plan, undefined]);
  take([1], 0, reserved);
  expect(asked.at(-1)).toMatchObject(['take', 'key', { instead: undefined }]);
});

describe('a pause', () => {
  test('after a refusal slows down the local bucket too', async () => {
    const { store, peek } = guarded();
    await store.pause('key', 100, plan);
    expect((await peek().local).learned).toBeUndefined();
    await store.pause('key', 100, plan, 0);
    expect(await peek()).toMatchObject({
      inner: { learned: expect.anything() },
      local: { learned: expect.anything() },
    });
  });

  test('that began while the store was away holds until its end, whatever the store says, or until a reset', async () => {
    const { clock, state, store } = guarded();
    const pausedFor = async (key: string) => (await store.peek(key, plan)).pausedFor;
    expect(await pausedFor('key')).toBe(0);
    state.isDown = true;
    await store.pause('key', 5_000, plan);
    await store.pause('key', 2_000, plan);
    await store.pause('other', 3_000, plan);
    await store.pause('soon over', 500, plan);
    await store.pause('reset', 9_000, plan);
    await clock.advance(rest);
    state.isDown = false;
    await store.reset('reset');
    const keys = ['key', 'other', 'soon over', 'reset', 'never paused'];
    expect(await Promise.all(keys.map(pausedFor))).toEqual([4_000, 2_000, 0, 0, 0]);
    await store.pause('other', 6_000, plan);
    expect(await pausedFor('other')).toBe(6_000);
    await clock.advance(4_500);
    expect(await Promise.all(keys.map(pausedFor))).toEqual([0, 1_500, 0, 0, 0]);
  });

  test('that is longer replaces a shorter one that the store does not know either', async () => {
    const { clock, state, store } = guarded();
    state.isDown = true;
    await store.pause('key', 2_000, plan);
    await store.pause('key', 5_000, plan);
    await clock.advance(rest);
    state.isDown = false;
    expect((await store.peek('key', plan)).pausedFor).toBe(4_000);
  });
});

test('a statement of a server is answered by the bucket that holds', async () => {
  const { state, store, take } = guarded();
  take([2]);
  const explained = {
    remaining: 2,
    ms: 500,
    isNewest: true,
    told: { limit: 4, remaining: 2, roundTrip: 0, keptBack: 0 },
  };
  const strict = { ...explained, remaining: 0, told: { ...explained.told, remaining: 0, keptBack: 1 } };
  expect(await store.sync('key', explained, plan)).toBe(0);
  expect(await store.sync('key', strict, plan)).toBe(T);
  state.isDown = true;
  await store.reset('key');
  take([2]);
  expect(await store.sync('key', explained, plan)).toBe(0);
  expect(await store.sync('key', strict, plan)).toBe(T);
});

test('a store that failed is asked again after a rest, not before', async () => {
  const { clock, state, asked, take } = guarded();
  state.isDown = true;
  take([1]);
  await clock.advance(rest - 1);
  take([1]);
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  take([1]);
  expect(asked).toHaveLength(2);
});

test('a store that cannot be watched accepts a listener that hears nothing', () => {
  expect(guarded().store.watch(() => {})()).toBeUndefined();
});

describe('an operation during which the process was frozen', () => {
  /** An operation of a slow store, and what answers it. */
  function slow() {
    let answer = () => {};
    const peek = (): Answer<unknown> => {
      return new Promise((resolve) => {
        answer = () => resolve({ pausedFor: 0 });
      });
    };
    const { clock, store, failures } = guarded({ peek });
    const asking = outcomeOf(store.peek('key', plan) as Promise<unknown>, clock);
    return { clock, failures, asking, answer: () => answer() };
  }

  test.each([1_000, 60_000])('has its whole time once more after it: %i ms', async (frozenFor) => {
    const { clock, failures, asking, answer } = slow();
    clock.frozenFor = frozenFor;
    await clock.advance(9_999);
    expect(asking.state).toBe('pending');
    answer();
    await clock.advance(0);
    expect([asking.value, failures]).toEqual([{ pausedFor: 0 }, []]);
    await clock.advance(10_000);
    expect([failures, clock.timers]).toEqual([[], 0]);
  });

  test('has no more time after a delay that any timer may have', async () => {
    const { clock, failures } = slow();
    clock.frozenFor = 999;
    await clock.advance(5_000);
    expect(failures).toEqual(['No answer within 5000 ms.']);
  });

  test('fails if the process was frozen a second time', async () => {
    const { clock, failures } = slow();
    clock.frozenFor = 2_000;
    await clock.advance(5_000);
    clock.frozenFor = 8_000;
    await clock.advance(4_999);
    expect(failures).toEqual([]);
    await clock.advance(1);
    expect([failures, clock.timers]).toEqual([['No answer within 5000 ms.'], 0]);
  });
});
