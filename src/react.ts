import { useCallback, useSyncExternalStore } from 'react';
import { latestStatus, watchStatus } from './core/throttle/status-watch.ts';
import type { Status, Throttle } from './core/throttle/throttle.ts';

const onServer = (): undefined => undefined;

/**
 * Returns the status of a key, and renders again when it changes: at most 60 times a second, never while nothing
 * changes. All components that show one key show the same status. It is read when `subscribe` reads it.
 * @param throttle created outside of the component, or kept by `useState`
 * @param key names the bucket
 * @returns undefined on the server and until the first reading, soon after the first render
 * @example
 * import { useThrottleStatus } from 'sluice/react';
 *
 * function Line() {
 *   const status = useThrottleStatus(throttle);
 *   return status === undefined ? '…' : `${status.waiting} calls wait`;
 * }
 */
export function useThrottleStatus(throttle: Throttle, key: string = 'default'): Status | undefined {
  const follow = useCallback((onChange: () => void) => watchStatus(throttle, key, onChange), [throttle, key]);
  return useSyncExternalStore(follow, () => latestStatus(throttle, key), onServer);
}
