import type { Quota } from './quotas.ts';
import { never, type RetryTime } from './retry-time.ts';
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

/** An instant that the server named is past by its own clock's rounding only a second later. */
const roundingOfInstants = 1_000;

/** Makes a pause of a time that a field named. */
export function pauseUntil({ at, absolute, field }: RetryTime): Pause {
  return { at: absolute ? at + roundingOfInstants : at, source: field };
}

/**
 * Until when a quota that is used up stays so, as far as is known. If it may have refused a call and does not say what is left, its
 * reset counts too. One that has something left is not what refused the call.
 */
export function pauseOf(quota: Quota | undefined, now: number, isRefused: boolean): Pause | undefined {
  const { bucket: { remaining, window } = {}, reset, field } = quota ?? {};
  if (remaining !== 0 && !(isRefused && remaining === undefined)) return undefined;
  if (reset !== undefined) return pauseUntil(reset);
  return remaining === 0 && window !== undefined ? { at: now + window, source: field } : undefined;
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
    ...(isClamped && { clamped: true }),
    ...(source !== undefined && { source }),
  };
}
