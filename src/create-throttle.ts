import { checkMethods, checkOptions, wrongType } from './core/base/check.ts';
import { sharingOf } from './core/line/sharing.ts';
import type { ThrottleOptions } from './core/throttle/options.ts';
import type { Throttle } from './core/throttle/throttle.ts';
import { ThrottleCore } from './core/throttle/throttle-core.ts';
import { systemClock } from './core/time/clock.ts';
import { memoryStore } from './storage/memory.ts';

const clockMethods = ['now', 'monotonic', 'setTimeout', 'clearTimeout'];
const storeMethods = ['take', 'giveBack', 'settle', 'pause', 'sync', 'peek', 'override', 'reset'];

/**
 * Creates a throttle: it holds calls back just long enough that every key keeps its limits.
 * @throws TypeError, RangeError if an option is missing, of the wrong type or out of range
 * @example
 * const throttle = createThrottle({ limits: perMinute(100) });
 * await throttle.wait();
 */
export function createThrottle(options: ThrottleOptions): Throttle {
  checkOptions('options', options);
  const { clock = systemClock, store = memoryStore() } = options;
  checkMethods('clock', clock, clockMethods);
  // Calls of a store that hands its buckets out are postponed on the bucket itself.
  checkMethods('store', store, store?.bucket === undefined ? [...storeMethods, 'postpone'] : storeMethods);
  if (store.bucket === undefined && sharingOf(store) === undefined)
    wrongType('store', 'a store of this package, or one that went through `sharedStore`', store);
  store.useClock?.(clock);
  return new ThrottleCore(options, clock, store, memoryStore({ clock }));
}
