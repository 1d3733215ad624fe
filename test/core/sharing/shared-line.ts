import {
  type BucketStore,
  createThrottle,
  memoryStore,
  type StoreNews,
  type TakeRequest,
  type ThrottleOptions,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { type Outcome, outcomeOf } from '../line/outcome.ts';
import { oddClock } from '../time/odd-clock.ts';
import { type SlowStore, slowStore } from './slow-store.ts';

export const T = 400;

/** A clock of a process that can be frozen: time goes on, but timers fire as if it did not. */
export class FreezingClock extends ManualClock {
  frozenFor = 0;

  override monotonic(): number {
    return super.monotonic() + this.frozenFor;
  }

  override now(): number {
    return super.now() + this.frozenFor;
  }
}

export interface SharedLineOptions extends Partial<Omit<ThrottleOptions, 'clock' | 'store'>> {
  /** How long each operation of the store takes, in ms; 0 for a store that answers at once. */
  readonly answersAfter?: number;
  /** More properties of the store. */
  readonly store?: Partial<BucketStore>;
  readonly shared?: boolean;
}

/** A throttle on a slow store, and what its store was asked. A call leaks in `T` if the options say nothing else. */
export function sharedLine({ answersAfter = 1, store: more, shared = true, ...options }: SharedLineOptions = {}) {
  const clock = new FreezingClock();
  const timers = { late: 0 };
  const own = oddClock(clock, (ms) => ms + timers.late);
  const inner = memoryStore({ clock });
  const { store: slow, asked }: SlowStore = slowStore(inner, clock, () => answersAfter, shared);
  const requests: (TakeRequest & { readonly at: number })[] = [];
  let tell: (news: StoreNews) => void = () => {};
  const store = {
    ...slow,
    watch: (listener: (news: StoreNews) => void) => {
      tell = listener;
      return () => {};
    },
    ...more,
    take: (key: string, request: TakeRequest) => {
      requests.push({ ...request, at: clock.monotonic() });
      return slow.take(key, request);
    },
  } as BucketStore;
  const settings = { margin: 0, limits: { rate: 1, interval: T }, ...options };
  const throttle = createThrottle({ ...settings, clock: own, store });
  const wait = (options?: Parameters<typeof throttle.wait>[1]): Outcome<unknown> =>
    outcomeOf(throttle.wait('default', options), clock);
  return {
    clock,
    /** How late the timers of the throttle come, in ms. */
    timers,
    inner,
    store,
    asked,
    requests,
    throttle,
    wait,
    /** Tells the throttle that others have changed the key. */
    tell: () => tell({ key: 'default' }),
    /** A throttle of another process on the same buckets. */
    other: () => createThrottle({ ...settings, clock, store: slow }),
  };
}
