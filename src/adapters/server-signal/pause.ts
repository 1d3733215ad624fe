import type { Quota } from './quotas.ts';
import { never, type Pause } from './retry-time.ts';
import type { ServerSignal } from './signal.ts';

/** The longest that a server may stop us, in ms: a quota by the hour, and five minutes for clocks that differ. */
const defaultMaxPause = 65 * 60_000;

/**
 * Until when a quota that is used up stays so, as far as is known. If it may have refused a call and does not say what is left, its
 * reset counts too. One that has something left is not what refused the call.
 */
export function pauseOf(quota: Quota | undefined, now: number, isRefused: boolean): Pause | undefined {
  if (quota === undefined) return undefined;
  const { remaining, window } = quota.bucket;
  if (remaining ?? !isRefused) return undefined;
  if (quota.reset !== undefined) return quota.reset;
  return remaining === 0 && window !== undefined ? { until: now + window, field: quota.field } : undefined;
}

/** Cuts a pause to the longest that it may be, in ms. */
export function clamp(
  { until, field }: Pause,
  now: number,
  maxPause: number = defaultMaxPause,
): Pick<ServerSignal, 'retryAt' | 'clamped' | 'source'> {
  const longest = now + Math.min(maxPause > 0 ? maxPause : defaultMaxPause, never);
  return { retryAt: Math.min(until, longest), ...(until > longest && { clamped: true }), source: field };
}
