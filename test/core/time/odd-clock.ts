import type { Clock } from 'sluice';
import type { ManualClock } from 'sluice/testing';

/** A clock whose timers come at other times than they were set for. `delay` tells after how many ms one set for `ms` comes. */
export function oddClock(clock: ManualClock, delay: (ms: number) => number): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (callback, ms) => clock.setTimeout(callback, delay(ms)),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

/** A leaky bucket by the book: says whether calls of cost 1 at these instants keep it. `slack` forgives this many ms. */
export function keepsBucket(
  instants: readonly number[],
  { rate, interval, burst = 1 }: { rate: number; interval: number; burst?: number },
  slack = 0,
): boolean {
  const step = interval / rate;
  let level = 0;
  let last = -Infinity;
  return instants.every((at) => {
    level = Math.max(0, level - (at - last) / step) + 1;
    last = at;
    return level <= burst + slack / step + 1e-6;
  });
}

/** The most of these instants in any half-open window of `length` ms. */
export function mostInWindow(instants: readonly number[], length: number): number {
  let most = 0;
  let from = 0;
  instants.forEach((at, index) => {
    while ((instants[from] as number) <= at - length) from++;
    most = Math.max(most, index - from + 1);
  });
  return most;
}
