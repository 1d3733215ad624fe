import type { Quota } from './quotas.ts';
import { never, type Pause } from './retry-time.ts';
import type { ServerSignal } from './signal.ts';

/** The longest pause that a server may cause, in ms: an hourly quota, and five minutes for clocks that differ. */
const defaultMaxPause = 65 * 60_000;

/**
 * Until when a used-up quota stays used up, if known. If it may have refused a call and does not state what is left,
 * its reset counts too. A quota with something left did not refuse the call.
 */
export function pauseOf(quota: Quota | undefined, now: number, isRefused: boolean): Pause | undefined {
  if (quota === undefined) return undefined;
  const { remaining, window } = quota.bucket;
  if (remaining ?? !isRefused) return undefined;
  if (quota.reset !== undefined) return quota.reset;
  return remaining === 0 && window !== undefined ? { until: now + window, field: quota.field } : undefined;
}

/** Cuts a pause to the longest allowed, in ms. */
export function clamp(
  { until, field }: Pause,
  now: number,
  maxPause: number = defaultMaxPause,
): Pick<ServerSignal, 'retryAt' | 'clamped' | 'source'> {
  const longest = now + Math.min(maxPause > 0 ? maxPause : defaultMaxPause, never);
  return { retryAt: Math.min(until, longest), ...(until > longest && { clamped: true }), source: field };
}
