import { wrongType } from '../base/check.ts';
import { linkedOf } from './adapter-link.ts';
import type { Throttle } from './throttle.ts';
import type { CombinedThrottle } from './throttle-all.ts';

/**
 * Waits until no call of a throttle waits and none is in flight, in this process; calls of `wait` alone are never in
 * flight. It also resolves when a closed throttle comes to rest. It does not wait for later calls: a program that makes
 * a call only after an earlier one has ended is idle in between.
 * @param key names the bucket; all keys, if it is undefined
 * @throws TypeError if `throttle` is not one that `createThrottle` or `throttleAll` made, or `key` is not a string
 * @example
 * await whenIdle(throttle);
 * await whenIdle(throttle, 'user:amy');
 */
export async function whenIdle(throttle: Throttle | CombinedThrottle, key?: string): Promise<void> {
  if (key !== undefined && typeof key !== 'string') wrongType('key', 'a string', key);
  await linkedOf(throttle).lanes.whenIdle(key);
}
