import { type BucketStore, type StoreOperations, sharedStore, type TakeAnswer } from 'sluice';
import type { ManualClock, StoreOperation } from 'sluice/testing';
import type { Answer } from '../../../src/core/base/store.ts';
import { wholeStore } from '../../../src/testing/whole-store.ts';

/** What becomes of one operation of a slow store. */
export interface Slowness {
  /** Milliseconds from the question to the answer; Infinity for never. */
  readonly delay: number;
  /** The part of them that goes by before the store decides. */
  readonly decidesAfter?: number;
}

/** A store whose answers are promises, and how many of them are on their way. */
export interface SlowStore {
  readonly store: BucketStore;
  /** Timers of the clock that are this store's own. */
  readonly timers: number;
  /** Operations that were asked for, by name. */
  readonly asked: Record<string, number>;
}

// A record, so that an operation that the contract gains shows here too.
const all: Record<StoreOperation, true> = {
  take: true,
  giveBack: true,
  settle: true,
  postpone: true,
  pause: true,
  sync: true,
  peek: true,
  override: true,
  reset: true,
};

/** The operations of a store. */
export const operations = Object.keys(all) as readonly StoreOperation[];

/** Wraps a store so that it answers by promises, after `slowness` on the clock. */
export function slowStore(
  of: StoreOperations,
  clock: ManualClock,
  slowness: (operation: string, key: string) => Slowness | number = () => 0,
  shared = true,
): SlowStore {
  const inner = wholeStore(of);
  let timers = 0;
  const asked: Record<string, number> = {};
  const sleep = async (ms: number) => {
    if (ms === 0) return;
    timers++;
    await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    timers--;
  };
  const wrapped: Record<string, unknown> = { name: 'slow', shared };
  for (const operation of operations) {
    wrapped[operation] = async (key: string, ...rest: unknown[]) => {
      asked[operation] = (asked[operation] ?? 0) + 1;
      const how = slowness(operation, key);
      const { delay, decidesAfter = 0 } = typeof how === 'number' ? { delay: how, decidesAfter: how } : how;
      if (delay === Infinity) return new Promise(() => {});
      await sleep(decidesAfter);
      const answer = await (inner[operation] as (...args: unknown[]) => Answer<unknown>)(key, ...rest);
      await sleep(delay - decidesAfter);
      return operation === 'take' ? sooner(answer as TakeAnswer, delay - decidesAfter) : answer;
    };
  }
  of.useClock?.(clock);
  return {
    store: sharedStore(wrapped as unknown as StoreOperations),
    get timers() {
      return timers;
    },
    asked,
  };
}

/** Waits are counted from the answer on. */
const sooner = (answer: TakeAnswer, ms: number): TakeAnswer => ({ ...answer, wait: Math.max(0, answer.wait - ms) });
