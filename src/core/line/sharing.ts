import type { Events } from '../base/events.ts';
import { type BucketStore, type LocalStore, type StoreOperations, sharing } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';
import type { GateClass } from './gate.ts';
import type { Lane, LaneHost } from './lane.ts';

/** What to do when the store fails: throttle from a local bucket until it is back, or reject. */
export type OnStoreError = 'memory' | 'reject';

/** What `watch` needs of its throttle. */
export interface WatchHost extends LaneHost {
  /** The lane of a key, if it has one. */
  find(key: string): Lane | undefined;
}

/** What a shared store adds to the throttle that uses it. */
export interface Sharing {
  /**
   * Makes a store that follows the throttle's `onStoreError` when it fails.
   * @param local the store that stands in while it is away
   */
  guard(
    store: StoreOperations,
    local: LocalStore,
    onError: OnStoreError,
    clock: Clock,
    events: Events,
  ): StoreOperations;
  lane(key: string, host: LaneHost): Lane;
  /** Passes news of the store to the lanes. Returns a function that stops it. */
  watch(host: WatchHost): (() => void) | undefined;
  readonly gate: GateClass;
}

/** What a store adds; undefined if it hands its buckets out, or does not carry it. */
export function sharingOf(store: BucketStore): Sharing | undefined {
  return (store as { readonly [sharing]?: Sharing })[sharing];
}
