import { type SharedStore, type StoreOperations, sharing } from '../base/store.ts';
import { GoAloneGate } from '../line/go-alone-gate.ts';
import type { Sharing } from '../line/sharing.ts';
import { GuardedStore } from './guarded-store.ts';
import { SharedLane } from './shared-lane.ts';
import { watch } from './watch.ts';

const brought: Sharing = {
  guard: (...given) => new GuardedStore(...given),
  lane: (key, host) => new SharedLane(key, host),
  watch,
  gate: GoAloneGate,
};

/**
 * Makes a hand-written store usable by a throttle. `keyValueStore` and the stores of this package are ready as they
 * are.
 * @returns the same object
 * @example
 * const throttle = createThrottle({ limits: perMinute(100), store: sharedStore(myStore()) });
 */
export function sharedStore<Store extends StoreOperations>(store: Store): Store & SharedStore {
  // It can be copied by `{ ...store }`, for instance to change one operation.
  return Object.assign(store, { [sharing]: brought });
}
