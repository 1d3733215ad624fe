import type { Events } from '../base/events.ts';
import { type BucketStore, type LocalStore, type StoreOperations, sharing } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';
import type { GateClass } from './gate.ts';
import type { Lane, LaneHost } from './lane.ts';

/** What to do when the store fails: throttle from a local bucket until it is back, or tell the caller. */
export type OnStoreError = 'memory' | 'reject';

/** What a lane of a shared store needs of its throttle. */
export interface SharedLaneHost extends LaneHost {
  readonly store: StoreOperations;
}

/** What a shared store brings to the throttle that uses it. */
export interface Sharing {
  /**
   * Makes a store that fails as the throttle's user wants it to.
   * @param local the store that stands in while it is away
   */
  guard(
    store: StoreOperations,
    local: LocalStore,
    onError: OnStoreError,
    clock: Clock,
    events: Events,
  ): StoreOperations;
  lane(key: string, host: SharedLaneHost): Lane;
  readonly gate: GateClass;
}

/** What a store brings; undefined if it hands its buckets out, or does not say that it is shared. */
export function sharingOf(store: BucketStore): Sharing | undefined {
  return (store as { readonly [sharing]?: Sharing })[sharing];
}
