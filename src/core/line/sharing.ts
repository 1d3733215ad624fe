import type { Events } from '../base/events.ts';
import { type BucketStore, type LocalStore, type StoreOperations, sharing } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';
import type { GateClass } from './gate.ts';
import type { Lane, LaneHost } from './lane.ts';

/** What to do when the store fails: throttle from a local bucket until it is back, or tell the caller. */
export type OnStoreError = 'memory' | 'reject';

/** What passing on the news of a store needs of its throttle. */
export interface WatchHost extends LaneHost {
  /** The lane of a key, if it has one. */
  find(key: string): Lane | undefined;
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
  lane(key: string, host: LaneHost): Lane;
  /** Passes what the store says unasked to the lanes. Returns how to stop. */
  watch(host: WatchHost): (() => void) | undefined;
  readonly gate: GateClass;
}

/** What a store brings; undefined if it hands its buckets out, or does not say that it is shared. */
export function sharingOf(store: BucketStore): Sharing | undefined {
  return (store as { readonly [sharing]?: Sharing })[sharing];
}
