import type { Quota } from './quotas.ts';
import type { RetryTime } from './retry-time.ts';
import type { ServerSignal } from './signal.ts';

/** Until when a server wants no calls. */
export interface Pause {
  /** In ms since the epoch; Infinity for more than 400 days ahead. */
  readonly at: number;
  /** Which field said so. */
  readonly source: string | undefined;
}

/** The longest that a server may stop us, in ms: a quota by the hour, and five minutes for clocks that differ. */
const defaultMaxPause = 65 * 60_000;

const never = 400 * 86_400_000;

/** An instant that the server named is past by its own clock's rounding only a second later. */
const roundingOfInstants = 1_000;

/** Makes a pause of a time that a field named. */
export function pauseUntil({ at, absolute }: RetryTime, source: string): Pause {
  return { at: absolute ? at + roundingOfInstants : at, source };
}

/** Until when a quota that is used up stays so, as far as is known. */
export function pauseWhenUsedUp(quota: Quota | undefined, now: number): Pause | undefined {
  if (quota?.bucket.remaining !== 0) return undefined;
  if (quota.reset !== undefined) return pauseUntil(quota.reset, quota.reset.field);
  const { window } = quota.bucket;
  return window === undefined ? undefined : { at: now + window, source: quota.windowField };
}

/** Until when a quota refuses calls. One that has something left is not what refused them, so its reset says nothing. */
export function pauseWhenRefused(quota: Quota | undefined, now: number): Pause | undefined {
  if (quota?.bucket.remaining === undefined && quota?.reset !== undefined)
    return pauseUntil(quota.reset, quota.reset.field);
  return pauseWhenUsedUp(quota, now);
}

/** Cuts a pause to the longest that it may be, in ms. */
export function clamp(
  { at, source }: Pause,
  now: number,
  maxPause: number = defaultMaxPause,
): Pick<ServerSignal, 'retryAt' | 'clamped' | 'source'> {
  const longest = Math.min(maxPause > 0 ? maxPause : defaultMaxPause, never);
  const isClamped = at - now > longest;
  return {
    retryAt: isClamped ? now + longest : at,
    ...(isClamped ? { clamped: true } : undefined),
    ...(source === undefined ? undefined : { source }),
  };
}
